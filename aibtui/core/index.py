"""Where the lines of a log lie and of what kind each is, without the text: a byte per line, and a few per 64 lines."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aibtui.core.looks import ERROR, NOISE, OUTPUT, WARNING, WORDS, judge, signature

__all__ = ["ERROR", "NOISE", "OUTPUT", "WARNING", "WORDS"]

BLOCK: Final = 64
"""Every 64th line's offset is kept, and the stamp before it."""
REACH: Final = 64 * 1024
"""An offset is also kept where the last kept one is this many bytes back, so that long lines make no look-up slow."""
HEAD: Final = 512
"""As much of a line as its kind is judged by."""
LONGEST: Final = 16 * 1024
"""As much of a line as anybody draws."""
SILENCE: Final = timedelta(minutes=3)
"""The build is said to have been silent where two lines that it showed are this far apart."""

KIND: Final = 0b0000_0111
SAME: Final = 0b0000_1000
"""The line says what one of the few before it said already, or is newer progress of the same thing."""
GAP: Final = 0b0001_0000
"""The first line after a silence."""
EVIDENCE: Final = 0b0010_0000
"""Set from outside: an alert names this line."""
MATCH: Final = 0b0100_0000
"""Set from outside: the filter's pattern is in this line."""
HIT: Final = 0b1000_0000
"""Set from outside: the searched pattern is in this line."""

_NEAR: Final = 6
"""As many different lines back a line may repeat one: loops print a few lines a round."""
_FIRST_LOOK: Final = 256
_LONGEST_LOOK: Final = 64 * 1024


class Span(NamedTuple):
    """What to read to see a line: it follows `skip` newlines in `length` bytes at `offset`, LONGEST of it."""

    offset: int
    length: int
    skip: int


class Stretch(NamedTuple):
    """Whole lines in a row: those from `first` up to, not with, `last` are the `length` bytes at `offset`."""

    offset: int
    length: int
    first: int
    last: int


def table(*wanted: int) -> bytes:
    """What `LineIndex.next` and its like look for: lines with one of these kinds, or any of these bits set."""
    kinds = {value for value in wanted if value <= KIND}
    bits = sum(value for value in wanted if value > KIND)
    return bytes(byte & KIND in kinds or bool(byte & bits) for byte in range(256))


class LineIndex:
    """Grows with the bytes of one log generation. Lines count from 0 here.

    `start` is the offset of the first byte fed, which must begin a line. `size` is the offset behind the last one fed.
    A byte per line holds its kind and its bits; what looks for lines takes a table of 256 bytes, 1 for every byte that
    is looked for. `changes` grows whenever a bit is set or cleared from outside.
    """

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.size = start
        self.lines = 0
        self.changes = 0
        self._head = bytearray()
        self._offsets = array("Q", [start])
        self._firsts = array("Q", [0])
        self._stamps = array("q", [-1])
        self._bytes = bytearray()
        self._gaps: dict[int, timedelta] = {}
        self._recent: list[int] = []
        self._stamp = b""
        self._shown_stamp = b""

    def feed(self, data: bytes) -> None:
        """Take the bytes that follow. What has no newline yet counts once its newline comes, or at `finish`."""
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            if self._head:
                self._hold(data, position, end)
                head = bytes(self._head)
                self._head.clear()
            else:
                head = data[position : min(end, position + HEAD)]
            position = end + 1
            if head[65:67] == b" [" and head[37:47] == b"] PACKER 2":
                # Nearly all of Packer's debug log looks so; to judge it any further would double the time it takes.
                self._stamp = head[46:65]
                self._add(NOISE, self.size + position)
            else:
                self._end_line(head, self.size + position)
        self._hold(data, position, len(data))
        self.size += len(data)

    def finish(self) -> None:
        """The log is over: what is left without a newline is its last line."""
        if self._head:
            head = bytes(self._head)
            self._head.clear()
            self._end_line(head, self.size)

    def kind(self, line: int) -> int:
        """NOISE, WORDS, OUTPUT, WARNING or ERROR."""
        return self._bytes[line] & KIND

    def byte(self, line: int) -> int:
        """Its kind and all its bits."""
        return self._bytes[line]

    def gap(self, line: int) -> timedelta | None:
        """How long the build had shown nothing before this line, where it has the bit GAP."""
        return self._gaps.get(line)

    def set(self, line: int, bit: int) -> None:
        """Set a bit of a line from outside."""
        if not self._bytes[line] & bit:
            self._bytes[line] |= bit
            self.changes += 1

    def unset(self, line: int, bit: int) -> None:
        """Clear a bit of a line."""
        if self._bytes[line] & bit:
            self._bytes[line] &= ~bit
            self.changes += 1

    def clear(self, bit: int) -> None:
        """Clear a bit of every line."""
        if self.next(table(bit), 0) is not None:
            self._bytes = bytearray(self._bytes.translate(bytes(byte & ~bit for byte in range(256))))
            self.changes += 1

    def next(self, wanted: bytes, line: int, stop: int | None = None) -> int | None:
        """The first line from `line` on, and before `stop`, that the table wants."""
        stop = self.lines if stop is None else min(stop, self.lines)
        reach = _FIRST_LOOK
        while line < stop:
            end = min(line + reach, stop)
            found = self._bytes[line:end].translate(wanted).find(1)
            if found >= 0:
                return line + found
            line, reach = end, min(reach * 4, _LONGEST_LOOK)
        return None

    def last(self, wanted: bytes, line: int, start: int = 0) -> int | None:
        """The last line up to and with `line`, from `start` on, that the table wants."""
        end = min(line + 1, self.lines)
        reach = _FIRST_LOOK
        while end > start:
            begin = max(end - reach, start)
            found = self._bytes[begin:end].translate(wanted).rfind(1)
            if found >= 0:
                return begin + found
            end, reach = begin, min(reach * 4, _LONGEST_LOOK)
        return None

    def count(self, wanted: bytes, first: int = 0, stop: int | None = None) -> int:
        """How many lines from `first` on, and before `stop`, the table wants."""
        stop = self.lines if stop is None else min(stop, self.lines)
        return sum(
            self._bytes[begin : min(begin + _LONGEST_LOOK, stop)].translate(wanted).count(1)
            for begin in range(max(0, first), stop, _LONGEST_LOOK)
        )

    def highest(self, ranks: bytes, first: int, stop: int) -> int:
        """The highest rank, of a table with ranks from 0 to 9, among the lines from `first` on, and before `stop`."""
        found = self._bytes[first:stop].translate(ranks)
        return next((rank for rank in range(9, 0, -1) if rank in found), 0)

    def locate(self, line: int) -> Span:
        """Where to read a line; raises IndexError when there is none such."""
        if not 0 <= line < self.lines:
            raise IndexError(line)
        at = bisect_right(self._firsts, line) - 1
        offset = self._offsets[at]
        return Span(offset, min(self._end(at) - offset, REACH + LONGEST), line - self._firsts[at])

    def stretch(self, line: int, length: int) -> Stretch:
        """About `length` bytes of whole lines that begin with `line` or a little before it."""
        at = bisect_right(self._firsts, line) - 1
        offset, end = self._offsets[at], at + 1
        while end < len(self._offsets) and self._offsets[end] - offset < length:
            end += 1
        last = self._firsts[end] if end < len(self._firsts) else self.lines
        return Stretch(offset, self._end(end - 1) - offset, self._firsts[at], last)

    def stamp_before(self, line: int) -> datetime | None:
        """A stamp that stands up to 64 lines before a line, in UTC; None where none was seen yet."""
        stamp = self._stamps[min(line, self.lines) // BLOCK]
        return None if stamp < 0 else datetime.fromtimestamp(stamp, UTC)

    def line_at(self, at: datetime) -> int:
        """A line up to 64 lines before the first one that is stamped `at` or later."""
        # Where no stamp was seen yet it is -1, which sorts below every other; stamps never go backwards.
        return max(0, bisect_right(self._stamps, int(at.timestamp()) - 1) - 1) * BLOCK

    def _end(self, at: int) -> int:
        return self._offsets[at + 1] if at + 1 < len(self._offsets) else self.size

    def _hold(self, data: bytes, begin: int, end: int) -> None:
        self._head += data[begin : min(end, begin + HEAD - len(self._head))]

    def _end_line(self, head: bytes, next_begin: int) -> None:
        kind, stamp, text = judge(head)
        if stamp:
            self._stamp = stamp
        self._add(kind | self._judge_among_others(kind, text) if kind else kind, next_begin)

    def _add(self, byte: int, next_begin: int) -> None:
        self._bytes.append(byte)
        self.lines += 1
        if self.lines % BLOCK == 0:
            moment = _moment(self._stamp)
            self._stamps.append(max(self._stamps[-1], int(moment.timestamp()) if moment else -1))
        if self.lines % BLOCK == 0 or next_begin - self._offsets[-1] >= REACH:
            self._offsets.append(next_begin)
            self._firsts.append(self.lines)

    def _judge_among_others(self, kind: int, text: bytes) -> int:
        """GAP or SAME, for a line that is not NOISE."""
        if self._stamp[:16] != self._shown_stamp[:16]:
            gap = self._gap_to_now()
            self._shown_stamp = self._stamp
            if gap is not None:
                self._gaps[self.lines] = gap
                self._recent = [hash(signature(text, kind))]
                return GAP
        mark = hash(signature(text, kind))
        if mark in self._recent:
            return SAME
        self._recent.append(mark)
        if len(self._recent) > _NEAR:
            del self._recent[0]
        return 0

    def _gap_to_now(self) -> timedelta | None:
        now, before = _moment(self._stamp), _moment(self._shown_stamp)
        return now - before if now and before and now - before >= SILENCE else None


def _moment(stamp: bytes) -> datetime | None:
    """`2026/03/22 13:04:38` as a time."""
    try:
        return datetime.strptime(stamp.decode("ascii"), "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
