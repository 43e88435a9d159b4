"""How long to wait after a failure: ours and visible, instead of the SDK's out of sight."""

from __future__ import annotations

from datetime import timedelta
from random import Random

SHORTEST = timedelta(milliseconds=500)
LONGEST = timedelta(seconds=30)
_RETRY_AFTER_MAX = timedelta(minutes=15)


class Backoff:
    """1 to 30 s with full jitter, doubled at each failure in a row; a longer Retry-After is honoured."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def fail(self, retry_after: timedelta | None = None) -> timedelta:
        """One more failure; how long to wait now."""
        cap = min(timedelta(seconds=2 ** min(self._failures, 10)), LONGEST)
        self._failures += 1
        wait = max(SHORTEST, self._random.random() * cap)
        return max(wait, min(retry_after, _RETRY_AFTER_MAX)) if retry_after else wait

    def reset(self) -> None:
        """It worked."""
        self._failures = 0
