"""When a run was told to stop, and by whom: the template does not say, the Activity Log does, minutes later."""

from __future__ import annotations

from datetime import datetime, timedelta

from aibtui.core.polls import Cancel, Status
from aibtui.core.status import time_of
from aibtui.sources.arm import Arm
from aibtui.sources.collect import activity, who
from aibtui.sources.faults import status_of
from aibtui.sources.target import Target

_AGAIN = timedelta(minutes=5)
_TRIES = 4


class CancelAsked:
    """Asks while a run is in Canceling, a few times at most. A refusal is silent: the watch has its own time."""

    def __init__(self, arm: Arm, target: Target, due: datetime) -> None:
        self._arm = arm
        self._target = target
        self._due = due
        self._left = _TRIES

    async def look(self, at: datetime, status: Status) -> Cancel | None:
        """The cancel, once it is known."""
        if status.run_state != "Canceling" or status.started_at is None or at < self._due or not self._left:
            return None
        self._due = at + _AGAIN
        self._left -= 1
        try:
            events = await activity(self._arm, self._target, status.started_at, None, at)
        except Exception as error:  # one boundary for what SDK and proxies may raise
            if status_of(error) == 401:
                self._arm.refused()
            return None
        event = who(events, "cancel/action")
        asked_at = time_of(event["at"]) if event else None
        if event is None or asked_at is None or asked_at < status.started_at:
            return None
        self._left = 0
        return Cancel(asked_at, event["caller"] if isinstance(event["caller"], str) else None)
