from __future__ import annotations

from datetime import timedelta

import pytest

from aibtui.emulator import ScenarioClock
from tests.emulator.clients import START


async def test_at_no_speed_time_stands_still_until_somebody_sleeps() -> None:
    clock = ScenarioClock(None, START)
    assert clock.now() == START
    await clock.sleep(timedelta(hours=2))
    assert clock.now() == START + timedelta(hours=2)


async def test_at_speed_60_a_second_is_a_minute() -> None:
    ticks = iter([100.0, 101.5])
    clock = ScenarioClock(60, START, monotonic=lambda: next(ticks))
    assert clock.now() == START + timedelta(seconds=90)


async def test_a_sleep_is_shorter_in_real_time_by_the_speed() -> None:
    clock = ScenarioClock(36_000, START)
    await clock.sleep(timedelta(hours=1))
    assert clock.now() >= START + timedelta(hours=1)


@pytest.mark.parametrize("speed", [0, -1])
def test_a_clock_runs_forward(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScenarioClock(speed, START)
