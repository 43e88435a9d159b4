"""How fast it goes: lines of the log in each of the last minutes, and the pace of the transfer under way.

Minutes are those of the log's own stamps, so that a replay and any chunking of the bytes give the same numbers.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from aibtui.core.build import Build, Download
from aibtui.core.lines import Block, stamp_before

MINUTES: Final = 20
_MINUTE = timedelta(minutes=1)
_LEAST_SPAN = timedelta(seconds=10)


class Tempo(Struct, frozen=True):
    """`lines` are those of each of the last MINUTES whole minutes, the newest last; empty before a minute is over.

    `transfer` is the one under way in the running step; `rates` its bytes per second between the moments that are
    known of its course, the newest last, `rate` the newest of them. A transfer that shows no bytes has no rates.
    """

    lines: tuple[int, ...] = ()
    transfer: Download | None = None
    rates: tuple[float, ...] = ()

    @property
    def rate(self) -> float | None:
        """Bytes per second now, as far as known."""
        return self.rates[-1] if self.rates else None


class Pace:
    """Counts lines by the minute; only the last MINUTES are looked at, however much comes at once."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[datetime, int]] = deque()
        self._newest: datetime | None = None

    def read(self, block: Block) -> None:
        """Take the lines that follow. Lines without a stamp belong to the minute of the one before them."""
        data, end, below = block.data, len(block.data), block.first_line + block.lines
        counts: list[tuple[datetime, int]] = []
        while end > 0:
            minute = _minute(stamp_before(data, 0, end))
            begin = 0
            if minute is None or (self._newest is not None and minute <= self._newest):
                minute = self._newest
            else:
                begin = _begin_of(minute, data, end)
            if minute is None or (counts and minute < counts[0][0] - MINUTES * _MINUTE):
                break
            number = block.number_at(begin)
            counts.append((minute, below - number))
            end, below = begin, number
        for minute, number in reversed(counts):
            self._add(minute, number)

    def _add(self, minute: datetime, number: int) -> None:
        if self._minutes and self._minutes[-1][0] == minute:
            number += self._minutes.pop()[1]
        self._minutes.append((minute, number))
        self._newest = minute
        while self._minutes[0][0] < minute - MINUTES * _MINUTE:
            self._minutes.popleft()

    def tempo(self, build: Build, now: datetime | None) -> Tempo:
        """The tempo at a moment of the log's own time; the minute that is not over yet does not count."""
        transfer = _transfer(build)
        rates = _rates(transfer) if transfer else ()
        this = _minute(now)
        if this is None or not self._minutes:
            return Tempo((), transfer, rates)
        first = max(self._minutes[0][0], this - MINUTES * _MINUTE)
        known = dict(self._minutes)
        whole = max(0, (this - first) // _MINUTE)
        return Tempo(tuple(known.get(first + place * _MINUTE, 0) for place in range(whole)), transfer, rates)


def _minute(at: datetime | None) -> datetime | None:
    return at.replace(second=0, microsecond=0) if at else None


def _begin_of(minute: datetime, data: bytes, end: int) -> int:
    """Where the first line of a minute begins; the last stamp before `end` is of that minute. Stamps never go back."""
    low, high = 0, end
    while True:
        half = (low + high) // 2
        middle = data.rfind(b"\n", low, half) + 1
        if middle <= low:
            middle = data.find(b"\n", half, high) + 1
            if middle == 0 or middle >= high:
                return low
        stamp = stamp_before(data, low, middle)
        if stamp is not None and stamp >= minute:
            high = middle
        else:
            low = middle


def _transfer(build: Build) -> Download | None:
    """The newest transfer of the running step that is not through."""
    step = build.step
    if step is None or step.state != "running":
        return None
    since = step.first_line or 1
    going = [item for item in build.downloads if item.last_line >= since and (item.percent or 0) < 100]
    going = [item for item in going if item.bytes is None or item.total is None or item.bytes < item.total]
    return max(going, key=lambda item: item.last_line) if going else None


def _rates(transfer: Download) -> tuple[float, ...]:
    if transfer.bytes is None:
        return ()
    course = [*transfer.marks]
    if not course and transfer.started_at:
        course.append((transfer.started_at, 0.0))
    if transfer.at:
        course.append((transfer.at, float(transfer.bytes)))
    rates, since = [], course[0] if course else None
    for mark in course[1:]:
        if since is not None and mark[0] - since[0] >= _LEAST_SPAN:
            rates.append(max(0.0, mark[1] - since[1]) / (mark[0] - since[0]).total_seconds())
            since = mark
    return tuple(rates[-MINUTES:])
