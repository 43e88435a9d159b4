"""The beat of a step's output: whether the same few lines come over and over. Looks at a sample, never at every line.

A log may have a million lines, so each minute of log time has a budget of lines, what is left of it is saved up,
and the rest is jumped over by the stamps. The sample depends on the log's lines alone, not on how they came in pieces.
The oldest format stamps nothing that a script prints: there the time is that of arrival, and a finished log tells none.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct

from aibtui.core import progress
from aibtui.core.lines import Block, Line, first_since, next_stamp, parse_line
from aibtui.core.regex import linear, regex

_SLOT = timedelta(minutes=1)
_BUDGET = 10
_BUDGET_OF_SILENCE = 72
_MOST_SAVED = 1000
_SCREEN = b"azure-arm: "
_FEW = 8
_LEAST_LINES = 10
_LEAST_ROUNDS = 4
_LONGEST_PAUSE = timedelta(minutes=6)
_SETTLED = 0.75
_LONGEST_LINE = 300

_TIMES = linear(
    r"\d{4}-\d\d-\d\dT?|\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?[AP]M)?Z?\b"
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b|\b(?:0x)?[0-9a-fA-F]{12,}\b|\b0x[0-9a-fA-F]+\b|[.=_*#-]{2,}"
)
_RULE = ".=_*#-"
_ALL_ZERO = str.maketrans("123456789", "000000000")
_DIGITS = regex(r"\d+(?:[.,]\d+)*")
_COUNTS_TRIES = linear(
    r"\b(?:attempts?|tr(?:y|ies|ied|ying)|retr(?:y|ies|ied|ying)|checks?|checking|wait(?:s|ed|ing)?|poll(?:s|ing)?|iterations?"
    r"|loops?|elapsed|seconds?|secs?|minutes?|sleep(?:s|ing)?|again|still|not (?:yet|ready|found|available|running))\b",
    ignore_case=True,
)
_OF_ALL = regex(r"\d+(?:[.,]\d+)? ?%|\b\d+ ?(?:/|of|out of) ?\d+\b", re.IGNORECASE)


class Sampler:
    """Picks lines of the screen, about as many for a quiet log as it has, and a bounded number for any other."""

    def __init__(self) -> None:
        self._slot: datetime | None = None
        self._at: datetime | None = None
        self._left = _MOST_SAVED

    def lines(self, block: Block, clock: datetime | None) -> Iterator[tuple[int, Line]]:
        """The sampled lines of a block with their offsets.

        `clock` is the time of lines without a stamp; it moves on from block to block where nothing else tells the time.
        """
        data = block.data
        position, number = 0, block.first_line
        while position < len(data):
            if self._left <= 0 and not self._arrives(clock):
                later = self._next_slot(data, position)
                if later is None:
                    return
                position, number = later[0], block.number_at(later[0])
                self._turn(later[1])
            end = data.find(b"\n", position)
            end = len(data) if end < 0 else end
            self._left -= 1
            if data.find(_SCREEN, position, end) >= 0:
                line = parse_line(data[position:end], number, clock)
                if line.at != self._at:
                    clock = self._at = line.at
                    self._turn(line.at)
                if line.builder and line.text.strip():
                    yield position, line
            position, number = end + 1, number + 1

    def _arrives(self, clock: datetime | None) -> bool:
        """Whether lines without stamps came in a later minute than the last ones."""
        return clock is not None and self._slot is not None and clock >= self._slot + _SLOT

    def _turn(self, at: datetime | None) -> None:
        """Time went on: every minute gives more to look at, one without a line the most."""
        slot = at.replace(second=0, microsecond=0) if at else None
        if slot and (self._slot is None or slot > self._slot):
            silent = (slot - self._slot) // _SLOT - 1 if self._slot else 0
            self._left = min(max(self._left, 0) + _BUDGET + _BUDGET_OF_SILENCE * silent, _MOST_SAVED)
            self._slot = slot

    def _next_slot(self, data: bytes, position: int) -> tuple[int, datetime] | None:
        """When and where the first line of a later slot begins."""
        if self._slot is None:
            return next_stamp(data, position)
        found = first_since(data, position, self._slot + _SLOT)
        return next_stamp(data, found) if found is not None else None


class Stretch(Struct, frozen=True):
    """The end of a step's output, as far back as it is made of a few lines only.

    `first` is its first line, `lines` how many different ones it has, `rounds` how often the most frequent came.
    """

    first: Line
    last: Line
    lines: int
    rounds: int


class _Seen(Struct):
    """A line of the stretch, by what is left of it without times and counters; `next` is what followed it last."""

    first: Line
    last: Line
    next: Line | None = None
    count: int = 1


class Pulse:
    """The sampled output of one step."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._before: _Seen | None = None
        self._bound: Line | None = None

    def beat(self, line: Line) -> None:
        """Take the next sampled line, whose `at` is known."""
        key = _essence(line)
        if self._before:
            self._before.next = line
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(line, line)
            if len(self._seen) > _FEW:
                self._bound = self._seen.popitem(last=False)[1].next
        else:
            seen.last, seen.count = line, seen.count + 1
            self._seen.move_to_end(key)
        self._before = seen

    def repeats(self, over: timedelta, now: datetime, known: int | None = None) -> Stretch | None:
        """The stretch, where the same few lines have come for `over`, and no other one for most of that time.

        One that is known already, by the number of its first line, goes on although another line came between.
        """
        past = [seen.next for seen in self._seen.values() if _at(seen.last) < now - over]
        current = [seen for seen in self._seen.values() if _at(seen.last) >= now - over]
        if not current:
            return None
        bounds = [line for line in (self._bound, *past) if line is not None]
        first = max(bounds, key=_number) if bounds else min((seen.first for seen in current), key=_number)
        stretch = Stretch(first, current[-1].last, len(current), max(seen.count for seen in current))
        if now - _at(stretch.last) > _LONGEST_PAUSE:
            return None
        if known is not None and first.number <= known:
            return stretch
        newest = max(_at(seen.first) for seen in current)
        total = sum(seen.count for seen in current)
        settled = now - _at(first) >= over and now - newest >= over * _SETTLED
        return stretch if settled and total >= max(_LEAST_LINES, _LEAST_ROUNDS * len(current)) else None


def _number(line: Line) -> int:
    return line.number


def _at(line: Line) -> datetime:
    assert line.at is not None
    return line.at


def _essence(line: Line) -> str:
    """What two rounds of a loop have in common. Digits differ in a loop only where they count tries or time; where they
    tell how far something is, or what it is about, another number is another line.
    """
    text = line.text.strip()[:_LONGEST_LINE]
    if progress.read(line.number, line.at, line.stream, line.text):
        return f"{line.number}"
    kept, counts_tries = _kept(text.translate(_ALL_ZERO))
    text = "".join([text[begin:end] for begin, end in kept])
    return _DIGITS.sub("#", text) if counts_tries else text


@lru_cache(maxsize=1024)
def _kept(shape: str) -> tuple[list[tuple[int, int]], bool]:
    """Of a text with zeros for its digits: what is left of it without times and all but the first sign of a rule (each
    part's begin and end), and whether what it counts are tries or time."""
    kept, end = [], 0
    for found in _TIMES.finditer(shape):
        kept.append((end, found.start() + (shape[found.start()] in _RULE)))
        end = found.end()
    kept.append((end, len(shape)))
    rest = "".join([shape[begin:end] for begin, end in kept])
    return kept, bool(_COUNTS_TRIES.search(rest) and not _OF_ALL.search(rest))
