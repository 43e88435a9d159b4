"""A recorded run once more: the same Polls at the same times, at any speed."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from aibtui.core.polls import Poll
from aibtui.recording import Run
from aibtui.sources import CannotWatch


class ReplaySource:
    """The Polls of a recording, with the times they had. `speed` times as fast as then; None: without any pause.

    Takes over `run` and closes it. Raises CannotWatch (3) where nothing was recorded.
    """

    def __init__(self, run: Run, speed: float | None = None) -> None:
        self._run = run
        self._speed = speed
        self._polls = run.polls()
        self._next = next(self._polls, None)

    async def look(self, at: datetime) -> Poll:
        """The next recorded look, with its own time; where `at` is later, the one after it comes the sooner."""
        poll = self._next
        if poll is None:
            raise CannotWatch(f"Nothing was recorded of the run {self._run.id}.", "Show the runs with: aibtui runs", 3)
        self._next = next(self._polls, None)
        return replace(poll, pause=self._pause(max(poll.at, at)), ended=self._next is None)

    async def close(self) -> None:
        self._run.close()

    def _pause(self, since: datetime) -> timedelta:
        if self._next is None or self._speed is None:
            return timedelta()
        return max(self._next.at - since, timedelta()) / self._speed
