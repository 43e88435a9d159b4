"""The lines of the recorded log: read where they are looked at, never held. It knows no widget and no clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from aibtui.core.index import BLOCK, LONGEST, LineIndex, Stretch
from aibtui.core.lines import MAX_LINE, Line, parse_line
from aibtui.safetext import LINE_LIMIT, SafeText, clean

TAIL: Final = 64 * 1024
"""A longer log is shown from its end first, from about this many bytes before it: some pages, in a few milliseconds."""
SLICE: Final = 32 * 1024
"""As much as is indexed in one step: less than a millisecond's work."""
_BLOCKS: Final = 16


class LogReader(Protocol):
    """The bytes of one run's customization.log, on disk.

    `generation` grows when the log was replaced by another one; `size` and `read` then speak of the new one.
    """

    @property
    def size(self) -> int:
        """Bytes that may be read now."""

    @property
    def generation(self) -> int:
        """Which log this is, from 0."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; fewer at the end, none behind it."""


class CurrentLog:
    """Whatever log is recorded now, as one LogReader: a new run's recording counts as a new generation."""

    def __init__(self, current: Callable[[], LogReader]) -> None:
        self._current = current
        self._seen: tuple[LogReader, int] | None = None
        self._generation = -1

    @property
    def size(self) -> int:
        return self._current().size

    @property
    def generation(self) -> int:
        reader = self._current()
        generation = reader.generation
        if self._seen is None or self._seen[0] is not reader or self._seen[1] != generation:
            self._seen = reader, generation
            self._generation += 1
        return self._generation

    def read(self, offset: int, length: int) -> bytes:
        return self._current().read(offset, length)


class Drawable(Struct, frozen=True):
    """One line, safe to draw: `at` from its stamp or the one before it (UTC), `text` without Packer's prefix."""

    number: int
    at: datetime | None
    text: SafeText
    size: int
    """Bytes of the line as it was recorded, as far as they were read."""


class LogText:
    """The lines of a LogReader: where they are, and each of them when it is asked for. Lines count from 0.

    The end is there at once: the last TAIL bytes are indexed when it is opened, the whole of a longer log behind them,
    slice by slice. When that is known `step` moves to it, and says by how many lines what was known has moved down.
    """

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._open()

    def _open(self) -> None:
        self._generation = self._reader.generation
        self._finished = False
        self.unreadable = False
        """The last read brought nothing where there should be something."""
        self._blocks: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._whole: LineIndex | None = None
        self._lines_above = 0
        size = self._reader.size
        beyond = max(0, size - TAIL)
        tail = self._read(beyond, size - beyond)
        first = tail.find(b"\n") + 1 if beyond else 0
        self.index = LineIndex(beyond + first)
        self.index.feed(tail[first:])
        if beyond:
            self._whole = LineIndex()

    @property
    def complete(self) -> bool:
        """The whole log is indexed, not only its end."""
        return self._whole is None

    @property
    def progress(self) -> float:
        """How much of the log is indexed, from 0 to 1."""
        return self._whole.size / max(1, self._reader.size) if self._whole else 1.0

    @property
    def behind(self) -> bool:
        """There is something left to index, and it could be read."""
        return not self.unreadable and (self.index.size < self._reader.size or self._whole is not None)

    def restarted(self) -> bool:
        """Begin anew if the log was replaced, or became shorter, since the last look."""
        self.unreadable = False
        if self._reader.generation == self._generation and self._reader.size >= self.index.size:
            return False
        self._open()
        return True

    def step(self) -> int:
        """Index one slice, what is on screen first. Returns by how many lines the shown ones moved down."""
        if self.index.size < self._reader.size:
            self._feed(self.index, self._reader.size)
            return 0
        whole = self._whole
        if whole is None:
            return 0
        if whole.size < self.index.start:
            self._feed(whole, self.index.start)
            self._lines_above = whole.lines
            return 0
        self._feed(whole, self.index.size)
        if whole.size < self.index.size:
            return 0
        if self._finished:
            whole.finish()
        self.index, self._whole = whole, None
        self._blocks.clear()
        return self._lines_above

    def finish(self) -> bool:
        """Nothing will be appended: a last line without newline is a line. True where that made one more."""
        before = self.index.lines
        if not self._finished and self.index.size >= self._reader.size:
            self._finished = True
            self.index.finish()
            self._blocks.clear()
        return self.index.lines != before

    def line(self, line: int, limit: int | None = LINE_LIMIT) -> Drawable:
        """A line, cut at `limit` characters; raises IndexError when there is none such."""
        raw = self._raw(line)
        return self._drawable(raw, line, limit)

    def whole_line(self, line: int) -> Drawable:
        """All of a line, up to MAX_LINE bytes of it."""
        offset, length, skip = self.index.locate(line)
        block = self._read(offset, length + MAX_LINE).split(b"\n")
        return self._drawable(block[skip] if skip < len(block) else b"", line, None)

    def stretch(self, line: int, length: int) -> tuple[Stretch, bytes]:
        """About `length` bytes of whole lines that begin with `line` or a little before it, and where they lie."""
        stretch = self.index.stretch(line, length)
        return stretch, self._read(stretch.offset, min(stretch.length, length + MAX_LINE))

    def first_stamp(self) -> datetime | None:
        """The first stamp of the log, where it is among its first lines."""
        stamps = (parse_line(self._raw(line), 0).at for line in range(min(BLOCK, self.index.lines)))
        return next((stamp for stamp in stamps if stamp is not None), None)

    def _drawable(self, raw: bytes, line: int, limit: int | None) -> Drawable:
        parsed = parse_line(raw, line + 1)
        text = displayed(parsed)
        return Drawable(line + 1, parsed.at or self._stamp_before(line), clean(text, limit), len(raw))

    def _stamp_before(self, line: int) -> datetime | None:
        """For a line that has none of its own; the index knows one up to 64 lines before it."""
        for before in range(line - 1, max(-1, line - BLOCK), -1):
            found = parse_line(self._raw(before), 0).at
            if found is not None:
                return found
        return self.index.stamp_before(line)

    def _feed(self, index: LineIndex, until: int) -> None:
        index.feed(self._read(index.size, min(SLICE, until - index.size)))

    def _read(self, offset: int, length: int) -> bytes:
        """Nothing where the disk fails, or the file became shorter meanwhile: tried again at the next look."""
        try:
            data = self._reader.read(offset, length)
        except OSError:
            data = b""
        self.unreadable = length > 0 and not data
        return data

    def _raw(self, line: int) -> bytes:
        offset, length, skip = self.index.locate(line)
        block = self._blocks.get((offset, length))
        if block is None:
            block = self._read(offset, length).split(b"\n")
            if not self.unreadable:
                self._blocks[(offset, length)] = block
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return block[skip][:LONGEST] if skip < len(block) else b""


def displayed(line: Line) -> str:
    """A line's text as it is shown: a debug line without the second stamp that a plug-in puts into it."""
    if line.stream != "log":
        return line.text
    return f"{line.process}: {line.text}" if line.process else line.text
