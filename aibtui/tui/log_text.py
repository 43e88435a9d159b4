"""The recorded log as rows to draw: read where it is looked at, never held. It knows no widget and no clock."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from aibtui.core.index import LONGEST, NOISE, LineIndex
from aibtui.core.lines import parse_line
from aibtui.safetext import SafeText, clean

TAIL: Final = 256 * 1024
"""A longer log is shown from its end first, from about this many bytes before it."""
SLICE: Final = 32 * 1024
"""As much as is indexed between two turns of the event loop."""
_BLOCKS: Final = 16
_SECOND_STAMP = re.compile(r"plugin: \d{4}/\d\d/\d\d \d\d:\d\d:\d\d ")


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


@dataclass(frozen=True, slots=True)
class Drawable:
    """One line, safe to draw: `at` from its stamp (UTC), `kind` from the index, `text` without Packer's prefix."""

    number: int
    at: datetime | None
    kind: int
    text: SafeText


class LogText:
    """Rows over a LogReader. A row is a line; unless `everything`, lines of debug noise have no row.

    The end is there at once: of a long log the last TAIL bytes are indexed first, and the whole behind them, slice by
    slice. When the whole is known `step` moves to it, and says by how many rows what is shown has moved down.
    """

    def __init__(self, reader: LogReader) -> None:
        self.everything = False
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
        self._rows_above = 0
        size = self._reader.size
        if size <= TAIL:
            self._index = LineIndex()
            return
        head = self._read(size - TAIL, TAIL)
        self._index = LineIndex(size - TAIL + head.find(b"\n") + 1)
        self._whole = LineIndex()

    @property
    def complete(self) -> bool:
        """The whole log has rows, not only its end."""
        return self._whole is None

    @property
    def progress(self) -> float:
        """How much of the log is indexed, from 0 to 1."""
        return self._whole.size / max(1, self._reader.size) if self._whole else 1.0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._index.lines if self.everything else self._index.rows

    @property
    def lines(self) -> int:
        """How many lines there are, noise included."""
        return self._index.lines

    @property
    def hidden(self) -> int:
        """How many lines have no row."""
        return self._index.lines - self.rows

    @property
    def behind(self) -> bool:
        """There is something left to index, and it could be read."""
        return not self.unreadable and (self._index.size < self._reader.size or self._whole is not None)

    def restarted(self) -> bool:
        """Begin anew if the log was replaced, or became shorter, since the last look."""
        self.unreadable = False
        if self._reader.generation == self._generation and self._reader.size >= self._index.size:
            return False
        self._open()
        return True

    def step(self) -> int:
        """Index one slice, what is on screen first. Returns by how many rows the shown ones moved down."""
        if self._index.size < self._reader.size:
            self._feed(self._index, self._reader.size)
            return 0
        whole = self._whole
        if whole is None:
            return 0
        if whole.size < self._index.start:
            self._feed(whole, self._index.start)
            self._lines_above, self._rows_above = whole.lines, whole.rows
            return 0
        self._feed(whole, self._index.size)
        if whole.size < self._index.size:
            return 0
        if self._finished:
            whole.finish()
        self._index, self._whole = whole, None
        self._blocks.clear()
        return self._lines_above if self.everything else self._rows_above

    def finish(self) -> None:
        """Nothing will be appended: a last line without newline is a line."""
        if not self._finished and self._index.size >= self._reader.size:
            self._finished = True
            self._index.finish()

    def row_of(self, number: int) -> int | None:
        """The row of a line (numbers count from 1), or the one after it; None while that part is not indexed."""
        line = number - 1
        if self._whole is not None or line >= self._index.lines:
            return None
        return line if self.everything else self._index.row(line)

    def is_noise(self, number: int) -> bool:
        """A line that has a row only when everything is shown (numbers count from 1)."""
        return number <= self._index.lines and self._index.kind(number - 1) == NOISE

    def number(self, row: int) -> int:
        """The number of the line in a row, from 1; while only the end is indexed, counted from there."""
        return (row if self.everything else self._index.line(row)) + 1

    def row(self, row: int) -> Drawable:
        """What stands in a row; raises IndexError when there is none such."""
        line = row if self.everything else self._index.line(row)
        parsed = parse_line(self._raw(line), line + 1)
        text = _SECOND_STAMP.sub("plugin: ", parsed.text, count=1) if parsed.stream == "log" else parsed.text
        return Drawable(line + 1, parsed.at, self._index.kind(line), clean(text))

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
        offset, length, skip = self._index.locate(line)
        block = self._blocks.get((offset, length))
        if block is None:
            block = self._read(offset, length).split(b"\n")
            if not self.unreadable:
                self._blocks[(offset, length)] = block
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return block[skip][:LONGEST] if skip < len(block) else b""
