"""What somebody who does not look is to be told, each once: an alert that opens, a hold and its end near, the end."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from aibtui.core.hold_calls import HoldCall, HoldCalls
from aibtui.core.updates import Alert, Update


class Call(Struct, frozen=True):
    """An alert that has opened, or a word about a hold; with neither, the watch's end."""

    alert: Alert | None = None
    hold: HoldCall | None = None


class Calls:
    """The calls of one build; it remembers which were made. A build that is over when first seen makes none."""

    def __init__(self) -> None:
        self._holds = HoldCalls()
        self._made: set[tuple[str, datetime]] = set()
        self._ended: bool | None = None

    def due(self, update: Update) -> list[Call]:
        """The calls that this look asks for, in the order in which they came up."""
        over, self._ended = self._ended, update.ended
        if over or (over is None and update.ended):
            return []
        calls = []
        for alert in update.alerts:
            if alert.open and (alert.rule, alert.at) not in self._made:
                self._made.add((alert.rule, alert.at))
                calls.append(Call(alert=alert))
        if hold := self._holds.due(update):
            calls.append(Call(hold=hold))
        if update.ended:
            calls.append(Call())
        return calls
