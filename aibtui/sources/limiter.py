"""One budget of requests for all that a process asks of Azure Resource Manager, per subscription."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace

from msgspec import Struct

BURST = 50.0
PER_SECOND = 10.0
# ARM gives a principal 250 at once and 25 a second for reads of a subscription: others of its kind need some of it.
_PATIENCE = 2.0


class Throttled(Exception):
    """Azure has asked all who share this subscription to wait; the answer would be 429, so the request is not sent."""

    status_code = 429

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Azure asked to wait for another {seconds:.0f} s")
        self.response = SimpleNamespace(headers={"Retry-After": f"{seconds:.1f}"})


class _Bucket(Struct):
    tokens: float
    at: float
    held_until: float = 0.0


class Limiter:
    """A token bucket for each subscription: `burst` requests at once, then `per_second`. Seconds are real ones."""

    def __init__(
        self,
        burst: float = BURST,
        per_second: float = PER_SECOND,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._buckets: dict[str, _Bucket] = {}

    async def turn(self, subscription: str) -> None:
        """Wait until a request may go out. Raises Throttled where Azure has asked for more than a moment."""
        bucket = self._bucket(subscription)
        now = self._monotonic()
        held = bucket.held_until - now
        if held > _PATIENCE:
            raise Throttled(held)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second) - 1
        bucket.at = now
        wait = max(held, -bucket.tokens / self._per_second)
        if wait > 0:
            await self._sleep(wait)

    def hold(self, subscription: str, wait: timedelta) -> None:
        """Azure asked to wait: nobody asks for this subscription before."""
        bucket = self._bucket(subscription)
        bucket.held_until = max(bucket.held_until, self._monotonic() + wait.total_seconds())

    def _bucket(self, subscription: str) -> _Bucket:
        key = subscription.lower()
        if key not in self._buckets:
            self._buckets[key] = _Bucket(self._burst, self._monotonic())
        return self._buckets[key]
