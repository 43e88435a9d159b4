"""When somebody is to be called about a hold: at its start, and 5 and 1 minutes before its end. Each call once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from aibtui.core.updates import Hold, Update

BEFORE_END: Final = (timedelta(minutes=5), timedelta(minutes=1))


class HoldCall(Struct, frozen=True):
    """A word about `hold`; `left` is None at its start, else about how long it still lasts."""

    hold: Hold
    left: timedelta | None = None


class HoldCalls:
    """The calls of one build; it remembers which were made."""

    def __init__(self) -> None:
        self._began_at: datetime | None = None
        self._made: set[timedelta] = set()

    def due(self, update: Update) -> HoldCall | None:
        """The call that this look asks for. Of a hold that is over when it is seen first nothing is said."""
        hold = update.hold
        if hold is None or update.ended:
            return None
        left = hold.until - update.at if hold.until else None
        new = hold.began_at != self._began_at
        if new:
            self._began_at, self._made = hold.began_at, set()
        if left is not None and left <= timedelta():
            return None
        near = [before for before in BEFORE_END if left is not None and left <= before and before not in self._made]
        self._made.update(near)
        if new:
            return HoldCall(hold)
        return HoldCall(hold, min(near)) if near else None
