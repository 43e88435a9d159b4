"""When the screen is drawn: every second, seldom at rest, and no oftener than a film where much comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aibtui.tui.screens.build import BuildScreen
from aibtui.tui.ticks import FRAME, REST_AFTER, SELDOM, TICK, Ticks
from tests.tui.builders import Feed, app, build, update


class Timers:
    """A node whose timers beat when the test says so."""

    def __init__(self) -> None:
        self.every: list[float] = []
        self.beat: Callable[[], None] = lambda: None
        self.resets = 0

    def set_interval(self, seconds: float, beat: Callable[[], None]) -> Timers:
        self.every.append(seconds)
        self.beat = beat
        return self

    def stop(self) -> None:
        self.beat = lambda: None

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def timers() -> Timers:
    return Timers()


def ticking(timers: Timers, beats: int) -> tuple[Ticks, list[None]]:
    drawn: list[None] = []
    node: Any = timers
    ticks = Ticks(node, lambda: drawn.append(None))
    for _ in range(beats):
        timers.beat()
    return ticks, drawn


def test_every_second_is_drawn_while_somebody_may_look(timers: Timers) -> None:
    _, drawn = ticking(timers, REST_AFTER)
    assert (timers.every, len(drawn)) == ([TICK], REST_AFTER)


def test_at_rest_it_is_drawn_seldom(timers: Timers) -> None:
    ticks, _ = ticking(timers, REST_AFTER + 5)
    assert (timers.every, ticks.at_rest) == ([TICK, SELDOM], True)


def test_what_stirs_it_is_drawn_at_once_and_every_second_from_then_on(timers: Timers) -> None:
    ticks, drawn = ticking(timers, REST_AFTER + 1)
    ticks.stir()
    assert (timers.every, len(drawn)) == ([TICK, SELDOM, TICK], REST_AFTER + 2)


def test_what_stirs_it_again_and_again_keeps_it_from_resting(timers: Timers) -> None:
    ticks, _ = ticking(timers, REST_AFTER)
    ticks.stir()
    for _ in range(REST_AFTER):
        timers.beat()
    assert timers.every == [TICK]


def test_at_rest_a_look_at_the_build_is_the_time_to_draw(timers: Timers) -> None:
    ticks, drawn = ticking(timers, REST_AFTER + 1)
    ticks.looked()
    assert (timers.resets, len(drawn)) == (1, REST_AFTER + 2)


def test_else_a_look_changes_nothing_about_the_seconds(timers: Timers) -> None:
    ticks, drawn = ticking(timers, 3)
    ticks.looked()
    assert (timers.resets, len(drawn)) == (0, 3)


async def test_of_many_updates_few_are_drawn_and_the_last_one_always(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(BuildScreen, "watch_update", lambda screen, before, now: drawn.append(now))
    feed = Feed()
    async with app(feed).run_test() as pilot:
        drawn.clear()
        many = [update(build=build(lines=number)) for number in range(200)]
        for each in many:
            feed.send(each)
        while not drawn or drawn[-1] is not many[-1]:
            await asyncio.sleep(FRAME)
        assert pilot.app.last_update is many[-1]  # type: ignore[attr-defined]
        assert len(drawn) < len(many) / 4
