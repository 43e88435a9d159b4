"""How far this machine's clock is from Azure's, by the Date header of its answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from aibtui.core.polls import Trouble

TOLERATED = timedelta(minutes=2)


class DateHeader:
    """Hears every answer; `skew` is how far this machine was ahead at the last one that had a date."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.skew = timedelta()
        self._now = now

    def see(self, response: Any) -> None:
        """Take an answer of an SDK pipeline."""
        try:
            date = parsedate_to_datetime(str(response.http_response.headers.get("Date", "")))
        except ValueError:
            return
        if date.tzinfo is not None:
            self.skew = self._now() - date


def skew_note(skew: timedelta) -> Trouble | None:
    """What to say of it, where times would be shown wrong."""
    if abs(skew) <= TOLERATED:
        return None
    minutes = round(abs(skew).total_seconds() / 60)
    text = f"This machine's clock is {minutes} min {'ahead of' if skew > timedelta() else 'behind'} Azure's."
    return Trouble("template", "clock", text, "Set the clock: ages and remaining times are shown wrong by as much.")
