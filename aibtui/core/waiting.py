"""Progress lines that nobody needs yet.

A bar tells ten times a second how far it is. A line that differs from the one before only in that, and goes on from it,
can wait: of all that wait the last one tells what they did, and one of them may have moved the transfer last. What
comes of it is the same as if each had been read, stamps that go backwards aside.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import datetime

from aibtui.core.events import DownloadMoved
from aibtui.core.lines import first_since
from aibtui.core.scan import Kind, Scanned
from aibtui.core.shape import Course

Read = Callable[[Scanned, int, Kind], DownloadMoved | None]
"""Reads a line of a block, by its place there and its kind."""


class _Bar:
    """The lines that wait: of one transfer, one block and one kind, all before the offset `stop`."""

    def __init__(self, scanned: Scanned, place: int, kind: Kind, course: Course, stop: int) -> None:
        self.scanned, self.kind = scanned, kind
        self.places: list[int] = []
        self._course = course
        self._block, self._length, self._stop = scanned.block, course.length, stop
        said = self._said(place)
        self._stays, self._moved = course.stays(said), course.moves(said)

    def add(self, place: int) -> bool:
        """Take a line of the kind, if it goes on from the last one."""
        begin = self._block.offset(place)
        if begin >= self._stop:
            return False
        begin += self.kind.column
        said = self._block.data[begin : begin + self._length]
        moved = self._course.moves(said)
        if moved < self._moved or self._course.stays(said) != self._stays:
            return False
        self._moved = moved
        self.places.append(place)
        return True

    @property
    def moved_at(self) -> int:
        """The first line that is as far as the last one."""
        return self.places[bisect_left(self.places, self._moved, key=self._moves)]

    def _moves(self, place: int) -> tuple[bytes, ...]:
        return self._course.moves(self._said(place))

    def _said(self, place: int) -> bytes:
        begin = self._block.offset(place) + self.kind.column
        return self._block.data[begin : begin + self._length]


class Waiting:
    """Lines that wait; `read` reads one of them."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._bar: _Bar | None = None
        self._stop: tuple[Scanned, datetime, int] | None = None

    def begin(self, scanned: Scanned, place: int, kind: Kind, course: Course, until: datetime) -> None:
        """A line was read; those that go on from it may wait as long as the log's clock is before `until`."""
        if self._stop is None or self._stop[0] is not scanned or self._stop[1] != until:
            data = scanned.block.data
            later = first_since(data, scanned.block.offset(place), until)
            self._stop = scanned, until, len(data) if later is None else later
        self._bar = _Bar(scanned, place, kind, course, self._stop[2])

    def add(self, place: int, kind: Kind) -> bool:
        """Whether a line of the same block can wait."""
        bar = self._bar
        return bar is not None and kind is bar.kind and bar.add(place)

    def forget(self) -> None:
        """The block is over."""
        self._bar = self._stop = None

    def end(self) -> Iterator[DownloadMoved]:
        """Nothing waits any more: what the lines that make a difference tell."""
        bar, self._bar = self._bar, None
        if bar is None or not bar.places:
            return
        places = sorted({bar.moved_at, bar.places[-1]})
        events = [self._read(bar.scanned, place, bar.kind) for place in places]
        if events[-1] is None:  # what is too far to be true is no progress, and that may be so from some line on
            events = [self._read(bar.scanned, place, bar.kind) for place in bar.places]
        yield from filter(None, events)
