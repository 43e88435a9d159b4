"""One run of a template and no other: who comes back to it must not be shown the next one in its place."""

from __future__ import annotations

from datetime import datetime, timedelta

from aibtui.core.polls import Poll
from aibtui.sources import CannotWatch, Source
from aibtui.wording import iso

_SAME = timedelta(seconds=1)


class PinnedSource:
    """What `source` sees of the run that began at `started_at`; raises CannotWatch (3) at the first word of another."""

    def __init__(self, source: Source, started_at: datetime, name: str) -> None:
        self._source = source
        self._started_at = started_at
        self._name = name

    async def look(self, at: datetime) -> Poll:
        poll = await self._source.look(at)
        status = poll.status
        if status is None or status.deleted:
            return poll
        if status.started_at is None or abs(status.started_at - self._started_at) >= _SAME:
            last = f"its last run began at {iso(status.started_at)}" if status.started_at else "it has not run"
            raise CannotWatch(
                f"{self._name} is at no run that began at {iso(self._started_at)}; {last}.",
                f"What it does now: aibtui watch {self._name}; earlier runs: aibtui runs {self._name} --remote",
                3,
            )
        return poll

    async def close(self) -> None:
        await self._source.close()
