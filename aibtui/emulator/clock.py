"""The emulator's clock: scenario time, which runs at a multiple of real time, or jumps from one sleep to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ScenarioClock:
    """Scenario time since `start` (aware). `speed` is times real time; None means as fast as possible.

    At no speed time is virtual: it stands still until somebody sleeps, and a sleep is over at once. Only one task
    should sleep on such a clock.
    """

    def __init__(
        self, speed: float | None, start: datetime, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if speed is not None and speed <= 0:
            raise ValueError(f"a clock cannot run at speed {speed}: use a number above 0, or None for no limit")
        self.speed = speed
        self.start = start.astimezone(UTC)
        self._monotonic = monotonic
        self._began = monotonic()
        self._slept = timedelta()

    def now(self) -> datetime:
        """Scenario time, UTC."""
        if self.speed is None:
            return self.start + self._slept
        return self.start + timedelta(seconds=(self._monotonic() - self._began) * self.speed)

    async def sleep(self, duration: timedelta) -> None:
        """Let `duration` of scenario time pass; a negative one counts as none."""
        duration = max(duration, timedelta())
        if self.speed is None:
            self._slept += duration
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(duration.total_seconds() / self.speed)
