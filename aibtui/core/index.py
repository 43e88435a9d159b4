"""Where the lines of a log lie and of what kind each is, without the text: a byte per line, and a few per 4 KiB."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aibtui.core.lines import stamp_before
from aibtui.core.looks import ERROR, NOISE, OUTPUT, WARNING, WORDS
from aibtui.core.skim import GAP, HEAD, SAME, Skim

__all__ = ["ERROR", "GAP", "NOISE", "OUTPUT", "SAME", "WARNING", "WORDS"]

BLOCK: Final = 4 * 1024
"""The offset of the first line behind this many bytes is kept, its number, and the stamp before it; and so on."""
LONGEST: Final = 16 * 1024
"""As much of a line as anybody draws."""

KIND: Final = 0b0000_0111
EVIDENCE: Final = 0b0010_0000
"""Set from outside: an alert names this line."""
MATCH: Final = 0b0100_0000
"""Set from outside: the filter's pattern is in this line."""
HIT: Final = 0b1000_0000
"""Set from outside: the searched pattern is in this line."""

_FIRST_LOOK: Final = 256
_SHIFT: Final = 14
GROUP: Final = 1 << _SHIFT
"""Of this many lines together it is kept what was counted among them, so that a count or a search over a log of
millions of lines looks at few of them again."""
_TABLES: Final = 24
"""Of so many tables at most that is kept."""
_RANKS: Final = range(1, 9)


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


def ranking(*tables: bytes) -> bytes:
    """What `LineIndex.best` looks for: each line has the place, from 1 to 8, of the first table that wants it."""
    return bytes(next((rank for rank, wanted in enumerate(tables, 1) if wanted[byte]), 0) for byte in range(256))


def _wanted(answers: bytearray) -> int:
    return answers.count(1)


def _lowest(ranks: bytearray) -> int:
    return next((rank for rank in _RANKS if rank in ranks), 0)


class LineIndex:
    """Grows with the bytes of one log generation. Lines count from 0 here.

    `start` is the offset of the first byte fed, which must begin a line. `size` is the offset behind the last one fed.
    A byte per line holds its kind and its bits; what looks for lines takes a table of 256 bytes, 1 for every byte that
    is looked for.
    """

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.size = start
        self.lines = 0
        self._changes = dict.fromkeys((EVIDENCE, MATCH, HIT), 0)
        self._head = bytearray()
        self._offsets = array("Q", [start])
        self._firsts = array("Q", [0])
        self._stamps = array("q", [-1])
        self._bytes = bytearray()
        self._counted: list[dict[bytes, int]] = []
        self._stamp = -1
        self._skim = Skim()

    def feed(self, data: bytes) -> None:
        """Take the bytes that follow. What has no newline yet counts once its newline comes, or at `finish`."""
        first, end = 0, data.rfind(b"\n") + 1
        if end and self._head:
            first = data.find(b"\n") + 1
            self._hold(data, 0, first - 1)
            self._take_held(self.size + first)
        if first < end:
            self._take(data[first:end], self.size + end)
        self._hold(data, end, len(data))
        self.size += len(data)

    def finish(self) -> None:
        """The log is over: what is left without a newline is its last line."""
        if self._head:
            self._take_held(self.size)

    def kind(self, line: int) -> int:
        """NOISE, WORDS, OUTPUT, WARNING or ERROR."""
        return self._bytes[line] & KIND

    def byte(self, line: int) -> int:
        """Its kind and all its bits."""
        return self._bytes[line]

    def gap(self, line: int) -> timedelta | None:
        """How long the build had shown nothing before this line, where it has the bit GAP."""
        return self._skim.gaps.get(line)

    def changes(self, *bits: int) -> int:
        """Grows whenever one of these bits, or any where none is named, is set or cleared from outside."""
        return sum(self._changes[bit] for bit in bits or self._changes)

    def set(self, line: int, bit: int) -> bool:
        """Set a bit of a line from outside; False where it was set."""
        if self._bytes[line] & bit:
            return False
        self._bytes[line] |= bit
        self._changed(line >> _SHIFT, bit)
        return True

    def unset(self, line: int, bit: int) -> None:
        """Clear a bit of a line."""
        if self._bytes[line] & bit:
            self._bytes[line] &= ~bit
            self._changed(line >> _SHIFT, bit)

    def clear(self, bit: int) -> None:
        """Clear a bit of every line."""
        wanted, without, line = table(bit), bytes(byte & ~bit for byte in range(256)), 0
        while (found := self.next(wanted, line)) is not None:
            group = found >> _SHIFT
            line = (group + 1) << _SHIFT
            self._bytes[found:line] = self._bytes[found:line].translate(without)
            self._changed(group, bit)

    def next(self, wanted: bytes, line: int, stop: int | None = None) -> int | None:
        """The first line from `line` on, and before `stop`, that the table wants."""
        stop = self.lines if stop is None else min(stop, self.lines)
        reach = _FIRST_LOOK
        while line < stop:
            border = (line | GROUP - 1) + 1
            if line % GROUP == 0 and border <= stop and not self._in_group(line >> _SHIFT, wanted):
                line = border
                continue
            end = min(line + reach, border, stop)
            found = self._bytes[line:end].translate(wanted).find(1)
            if found >= 0:
                return line + found
            line, reach = end, reach * 4
        return None

    def last(self, wanted: bytes, line: int, start: int = 0) -> int | None:
        """The last line up to and with `line`, from `start` on, that the table wants."""
        end = min(line + 1, self.lines)
        reach = _FIRST_LOOK
        while end > start:
            border = (end - 1) & -GROUP
            if end % GROUP == 0 and border >= start and not self._in_group(border >> _SHIFT, wanted):
                end = border
                continue
            begin = max(end - reach, border, start)
            found = self._bytes[begin:end].translate(wanted).rfind(1)
            if found >= 0:
                return begin + found
            end, reach = begin, reach * 4
        return None

    def count(self, wanted: bytes, first: int = 0, stop: int | None = None) -> int:
        """How many lines from `first` on, and before `stop`, the table wants."""
        return sum(self._answers(wanted, _wanted, first, stop))

    def best(self, ranks: bytes, first: int = 0, stop: int | None = None) -> int:
        """The lowest rank, but for 0, that the table gives to lines from `first` on, and before `stop`; 0 for none."""
        return min(filter(None, self._answers(ranks, _lowest, first, stop)), default=0)

    def locate(self, line: int) -> Span:
        """Where to read a line; raises IndexError when there is none such."""
        if not 0 <= line < self.lines:
            raise IndexError(line)
        at = bisect_right(self._firsts, line) - 1
        offset = self._offsets[at]
        return Span(offset, min(self._end(at) - offset, BLOCK + LONGEST), line - self._firsts[at])

    def stretch(self, line: int, length: int) -> Stretch:
        """About `length` bytes of whole lines that begin with `line` or a little before it."""
        at = bisect_right(self._firsts, line) - 1
        offset = self._offsets[at]
        end = max(at + 1, bisect_left(self._offsets, offset + length))
        last = self._firsts[end] if end < len(self._firsts) else self.lines
        return Stretch(offset, self._end(end - 1) - offset, self._firsts[at], last)

    def stamp_before(self, line: int) -> datetime | None:
        """A stamp that stands a little before a line, in UTC; None where none was seen yet."""
        stamp = self._stamps[bisect_right(self._firsts, line) - 1]
        return None if stamp < 0 else datetime.fromtimestamp(stamp, UTC)

    def line_at(self, at: datetime) -> int:
        """A line a little before the first one that is stamped `at` or later."""
        # Where no stamp was seen yet it is -1, which sorts below every other; stamps never go backwards.
        return self._firsts[max(0, bisect_right(self._stamps, int(at.timestamp()) - 1) - 1)]

    def _answers(self, asked: bytes, answer: Callable[[bytearray], int], first: int, stop: int | None) -> list[int]:
        """What is to be known by a table of lines from `first` on, and before `stop`, part by part."""
        first, stop = max(0, first), self.lines if stop is None else min(stop, self.lines)
        groups = range(-(-first // GROUP), stop >> _SHIFT)
        if not groups:
            return [answer(self._bytes[first:stop].translate(asked))]
        ends = slice(first, groups[0] << _SHIFT), slice((groups[-1] + 1) << _SHIFT, stop)
        return [
            *(self._of_group(group, asked, answer) for group in groups),
            *(answer(self._bytes[end].translate(asked)) for end in ends),
        ]

    def _in_group(self, group: int, wanted: bytes) -> int:
        """How many lines of a whole group the table wants."""
        return self._of_group(group, wanted, _wanted)

    def _of_group(self, group: int, asked: bytes, answer: Callable[[bytearray], int]) -> int:
        """What is to be known of a whole group by a table."""
        counted = self._counted[group]
        found = counted.get(asked)
        if found is None:
            found = answer(self._bytes[group << _SHIFT : (group + 1) << _SHIFT].translate(asked))
            if len(counted) >= _TABLES:
                counted.clear()
            counted[asked] = found
        return found

    def _changed(self, group: int, bit: int) -> None:
        """What was counted in a group holds no longer."""
        self._changes[bit] += 1
        if group < len(self._counted):
            self._counted[group].clear()

    def _end(self, at: int) -> int:
        return self._offsets[at + 1] if at + 1 < len(self._offsets) else self.size

    def _hold(self, data: bytes, begin: int, end: int) -> None:
        self._head += data[begin : min(end, begin + HEAD - len(self._head))]

    def _take_held(self, end: int) -> None:
        """Take the line whose beginning is held, and that ends at an offset."""
        head = bytes(self._head)
        self._head.clear()
        self._take(head + b"\n", end)

    def _take(self, lines: bytes, end: int) -> None:
        """Take whole lines, the last of which ends at an offset."""
        begin, first = end - len(lines), self.lines
        self._bytes += self._skim.take(lines)
        self.lines = self._skim.lines
        while len(self._counted) < self.lines >> _SHIFT:
            self._counted.append({})
        counted = 0
        while (newline := lines.find(b"\n", max(counted, self._offsets[-1] + BLOCK - begin - 1))) >= 0:
            behind = newline + 1
            first += lines.count(b"\n", counted, behind)
            self._see_stamp(lines, counted, behind)
            counted = behind
            self._offsets.append(begin + behind)
            self._firsts.append(first)
            self._stamps.append(self._stamp)
        self._see_stamp(lines, counted, len(lines))

    def _see_stamp(self, lines: bytes, begin: int, end: int) -> None:
        found = stamp_before(lines, begin, end)
        if found is not None:
            self._stamp = max(self._stamp, int(found.timestamp()))
