"""One budget for all that a process asks: bursts, the pace after them, and a Retry-After that holds for all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web

from aibtui.sources.arm import Access, Arm
from aibtui.sources.faults import Place, retry_after, trouble_of
from aibtui.sources.limiter import Limiter, Throttled
from tests.sources.fake_azure import TARGET, FakeAzure

PLACE = Place("template", "the image template", "the group", "Reader")


class Time:
    """A clock that sleeping alone moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def limiter(self, burst: float = 3, per_second: float = 2) -> Limiter:
        return Limiter(burst, per_second, monotonic=self.monotonic, sleep=self.sleep)


async def test_a_burst_goes_out_at_once_and_the_rest_at_the_pace() -> None:
    time = Time()
    limiter = time.limiter()
    for _ in range(5):
        await limiter.turn("s")
    assert time.slept == [0.5, 0.5]


async def test_what_was_not_used_is_there_again_later_and_no_more_than_a_burst() -> None:
    time = Time()
    limiter = time.limiter()
    for _ in range(3):
        await limiter.turn("s")
    time.now += 3600
    for _ in range(4):
        await limiter.turn("s")
    assert time.slept == [0.5]


async def test_a_subscription_has_a_budget_of_its_own() -> None:
    time = Time()
    limiter = time.limiter(burst=1)
    for name in ("one", "two", "ONE"):
        await limiter.turn(name)
    assert time.slept == [0.5]


async def test_a_short_wait_is_waited_and_a_long_one_is_told() -> None:
    time = Time()
    limiter = time.limiter()
    limiter.hold("s", timedelta(seconds=1))
    await limiter.turn("s")
    assert time.slept == [1.0]
    limiter.hold("s", timedelta(seconds=60))
    with pytest.raises(Throttled) as raised:
        await limiter.turn("s")
    assert trouble_of(raised.value, PLACE).kind == "throttled"
    assert retry_after(raised.value) == timedelta(seconds=60)
    await limiter.turn("another")


async def test_when_azure_asks_one_to_wait_the_others_ask_nothing() -> None:
    async def busy(request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "TooManyRequests"}}, status=429, headers={"Retry-After": "90"})

    async with FakeAzure() as azure:
        azure.run("Running")
        azure.fail("/imageTemplates/", busy)
        access = Access({}, arm_endpoint=azure.endpoint, limiter=Limiter())
        one, two = Arm(access, TARGET.subscription), Arm(access, TARGET.subscription)
        with pytest.raises(Exception, match="TooManyRequests"):
            await one.template(TARGET)
        with pytest.raises(Throttled):
            await two.template(TARGET)
        with pytest.raises(Throttled):
            await two.get(TARGET.id, "1")
        await one.close()
        await two.close()
    assert len(azure.requests) == 1
