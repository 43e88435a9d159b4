"""Progress becomes transfers: one Download each, kept up line by line."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, takewhile

from msgspec import Struct, field

from aibtui.core.build import Download
from aibtui.core.events import DownloadMoved

MOST_KEPT = 40
_RECENT = 20
_MOST_MARKS = 30
MARK_EVERY = timedelta(seconds=20)


class Transfer(Struct):
    """One under way. Bars move thousands of times, and somebody looks now and then: its Download is made when asked."""

    newest: DownloadMoved
    began: DownloadMoved
    moved: DownloadMoved
    marks: list[tuple[datetime, float]] = field(default_factory=list)
    made: Download | None = None

    @classmethod
    def begun(cls, event: DownloadMoved) -> Transfer:
        """One that is seen for the first time."""
        return cls(event, event, event, [(event.at, amount(event))] if event.at else [])

    def is_like(self, event: DownloadMoved) -> bool:
        """Whether a line may tell of this one."""
        known = self.newest
        return known.name == event.name and known.total == event.total and known.operation == event.operation

    def goes_on(self, event: DownloadMoved) -> bool:
        """Whether a line tells of this one, as far or further."""
        known = self.newest
        if not self.is_like(event):
            return False
        if event.bytes is not None and known.bytes is not None:
            return event.bytes >= known.bytes
        return (event.percent or 0) >= (known.percent or 0)

    def move(self, event: DownloadMoved) -> None:
        """Take its next line."""
        if event.bytes != self.newest.bytes or event.percent != self.newest.percent:
            self.moved = event
            if event.at and (not self.marks or event.at - self.marks[-1][0] >= MARK_EVERY):
                self.marks.append((event.at, amount(event)))
                if len(self.marks) > _MOST_MARKS:
                    del self.marks[1]
        self.newest, self.made = event, None

    @property
    def lasted(self) -> timedelta:
        """From its first line to the last one that moved it."""
        return self.moved.at - self.began.at if self.moved.at and self.began.at else timedelta()

    @property
    def download(self) -> Download:
        """As it stands."""
        if self.made is None:
            newest = self.newest
            self.made = Download(
                newest.name,
                newest.bytes,
                newest.total,
                newest.percent,
                self.began.line,
                newest.line,
                self.began.at,
                self.moved.at,
                moved_line=self.moved.line,
                text=newest.text,
                operation=newest.operation,
                marks=tuple(self.marks),
            )
        return self.made


class Transfers:
    """The transfers of one run, in the order of their first lines.

    At most MOST_KEPT are kept: beyond that the one that was through in the shortest time goes, the oldest of equals, so
    that the hundred small ones of an installer cannot push out what took long.
    """

    def __init__(self) -> None:
        self._all: list[Transfer] = []
        self._hint: Transfer | None = None
        self._moved: Transfer | None = None

    @property
    def steady_until(self) -> datetime | None:
        """Until when further lines of the transfer that moved last change only how far it is; None where one of them
        may tell of a newer transfer that is like it.
        """
        moved = self._moved
        if moved is None or not moved.marks:
            return None
        newer = takewhile(lambda each: each is not moved, reversed(self._all))
        return None if any(each.is_like(moved.newest) for each in newer) else moved.marks[-1][0] + MARK_EVERY

    @property
    def all(self) -> tuple[Download, ...]:
        """All that are kept, as they stand."""
        return tuple(transfer.download for transfer in self._all)

    def take(self, event: DownloadMoved) -> bool:
        """Fold a progress line in; false while nothing proves that it is one."""
        for transfer in islice(reversed(self._all), _RECENT):
            if transfer.goes_on(event):
                transfer.move(event)
                self._moved = transfer
                return True
        new = Transfer.begun(event)
        if not event.sure:
            hint, self._hint = self._hint, new
            if hint is None or not hint.goes_on(event) or (event.bytes or 0) <= (hint.newest.bytes or 0):
                return False
            hint.move(event)
            new, self._hint = hint, None
        self._all.append(new)
        self._moved = new
        if len(self._all) > MOST_KEPT:
            through = [
                each for each in self._all[:-1] if each.newest.percent is not None and each.newest.percent >= 100
            ]
            gone = min(through, key=lambda each: each.lasted) if through else self._all[0]
            self._all = [each for each in self._all if each is not gone]
        return True


def amount(known: Download | DownloadMoved) -> float:
    """How far it is: bytes, or percent where it shows no bytes."""
    return float(known.bytes if known.bytes is not None else known.percent or 0)
