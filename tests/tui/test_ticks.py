"""When the screen is drawn: every second, seldom at rest, and no oftener than a film where much comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aibtui.tui.screens.build import BuildScreen
from aibtui.tui.ticks import FRAME, REST_AFTER, SELDOM, TICK, Frames, Ticks
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


class Film:
    """A node with one timer and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.drawn: list[float] = []
        self.due: tuple[float, Callable[[], None]] | None = None
        node: Any = self
        self.frames = Frames(node, lambda: self.drawn.append(self.now), lambda: self.now)

    def set_timer(self, seconds: float, go: Callable[[], None]) -> Film:
        assert self.due is None
        self.due = (self.now + seconds, go)
        return self

    def turn(self, seconds: float) -> None:
        """Let time pass, and the timer with it."""
        self.now += seconds
        if self.due and self.now >= self.due[0]:
            go, self.due = self.due[1], None
            go()


def test_of_what_comes_without_end_ten_a_second_are_drawn_and_the_last_always() -> None:
    film = Film()
    for _ in range(1000):
        film.frames.came()
        film.turn(0.01)
    last = film.now
    film.turn(1)
    assert 10 / FRAME <= len(film.drawn) <= 10 / FRAME + 6
    assert film.drawn[-1] >= last


def test_what_comes_now_and_then_is_drawn_at_once_and_no_timer_runs() -> None:
    film = Film()
    for _ in range(20):
        film.frames.came()
        assert film.drawn[-1] == film.now
        assert film.due is None
        film.turn(1)


async def test_of_many_updates_the_last_one_is_drawn() -> None:
    feed = Feed()
    async with app(feed).run_test() as pilot:
        many = [update(build=build(lines=number)) for number in range(200)]
        for each in many:
            feed.send(each)
        screen = pilot.app.screen
        assert isinstance(screen, BuildScreen)
        async with asyncio.timeout(60):
            while screen.update is not many[-1]:
                await asyncio.sleep(FRAME)
