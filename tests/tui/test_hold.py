"""The banner of a planned sleep: what it says at every size, its keys, and who is called."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from aibtui.core.forecast import Forecast
from aibtui.core.updates import Hold, PlannedHold, Update
from aibtui.tui.app import WatchApp
from aibtui.tui.log_view import LogView
from aibtui.tui.notices import Notices
from aibtui.tui.watched import Watched
from tests.tui.builders import UTC, Clock, Feed, MemoryLog, app, at, build, ui, update
from tests.tui.test_app import SIZES, settle
from tests.tui.test_notices import ITERM, NAME, opened

HOLD = Hold(5, at(60), at(80), 1200.0, 12_340, True)


def holding(minutes: float = 62, hold: Hold = HOLD) -> Update:
    return update(minutes, hold=hold)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_banner_counts_down(size: tuple[int, int]) -> None:
    clock = Clock(62.3)
    watch = app(Feed(holding()), clock=clock)
    async with watch.run_test(size=size) as pilot:
        shown = await settle(pilot)
        assert "HOLD" in shown
        assert "17:42 left" in shown
        assert "^s" in shown
        assert "= freeze" in shown
        clock.now = at(63.3)
        watch._tick()
        assert "16:42 left" in await settle(pilot)


async def test_it_says_until_when_in_local_time() -> None:
    async with app(Feed(holding())).run_test(size=(120, 36)) as pilot:
        assert "step 5 sleeps for 20 min, until 13:20:00 UTC" in await settle(pilot)


async def test_a_hold_of_unknown_length_counts_up() -> None:
    hold = replace(HOLD, until=None, seconds=None, planned=False)
    async with app(Feed(holding(hold=hold))).run_test(size=(120, 36)) as pilot:
        assert "2:00 so far" in await settle(pilot)


async def test_it_takes_no_room_before_and_after() -> None:
    feed = Feed(update())
    async with app(feed).run_test(size=(80, 24)) as pilot:
        before = await settle(pilot)
        assert "HOLD" not in before
        feed.send(holding())
        assert "HOLD" in await settle(pilot)
        feed.send(update(81))
        assert len((await settle(pilot)).splitlines()) == len(before.splitlines())
        assert not pilot.app.screen.query_one("#hold").display


async def test_a_step_that_will_sleep_is_announced() -> None:
    planned = (PlannedHold(5, 1200.0, "Start-Sleep 1200"), PlannedHold(8, 600.0, "Start-Sleep 600"))
    async with app(Feed(update(planned_holds=planned))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
        assert "Step 5 will sleep for 20 min; you will be called" in shown
        assert "Step 8" not in shown


async def test_its_countdown_goes_on_while_the_view_is_frozen() -> None:
    clock = Clock(62.3)
    watch = app(Feed(holding()), clock=clock)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("equals_sign")
        clock.now = at(63.3)
        watch._tick()
        assert "16:42 left" in await settle(pilot)


async def test_its_keys_grab_copy_the_group_and_pause_the_log() -> None:
    grabbed: list[str] = []

    def grab() -> bool:
        grabbed.append("once")
        return True

    base = holding()
    facts = replace(base.build.facts, staging_group="IT_rg-images_win11_1234")
    watched = Watched("win11", Feed(replace(base, build=build(facts=facts))), MemoryLog(ui("Sleep")), grab=grab)
    watch = WatchApp([watched], clock=Clock(), zone=UTC)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+s", "y")
        await settle(pilot)
        assert grabbed == ["once"]
        assert watch.clipboard == "IT_rg-images_win11_1234"
        log = watch.screen.query_one(LogView)
        await pilot.press("F")
        assert not log.follow
        await pilot.press("F")
        assert log.follow


async def test_a_planned_sleep_is_no_part_of_what_a_step_takes_more_than_usual() -> None:
    slept, held = timedelta(minutes=20), timedelta(minutes=3)
    steps = tuple(replace(step, held=held if step.index == 3 else timedelta()) for step in build().steps)
    told = Forecast(at(200), at(188), at(212), 3, (None, None, timedelta(minutes=1), None, timedelta(minutes=1)))
    shown = {}
    for hold in (None, replace(HOLD, began_at=at(62) - slept)):
        now = replace(holding(), build=build(steps=steps), forecast=told, hold=hold)
        async with app(Feed(now), clock=Clock(62)).run_test(size=(120, 36)) as pilot:
            lines = [line[:46].split() for line in (await settle(pilot)).splitlines()]
        shown[hold is None] = {line[1]: line[-1] for line in lines if len(line) > 2 and line[0] in ("✓", "▸")}
    assert (shown[True]["3"], shown[True]["5"]) == ("+1m", "+32m")
    assert (shown[False]["3"], shown[False]["5"]) == ("+1m", "+12m")


def test_somebody_is_called_at_the_start_and_before_the_end() -> None:
    notices, terminal = opened(ITERM)
    for minutes in (60, 61, 74.9, 75, 76, 79.1, 79.5, 80):
        notices.update(NAME, holding(minutes))
    told = [line for line in terminal.written if "hold" in line.lower()]
    assert len(told) == 3
    assert "sleeps for 20 min" in told[0]
    assert "ends in 5 min" in told[1]
    assert "ends in 1 min" in told[2]


def test_nobody_is_called_where_holds_are_ignored() -> None:
    written: list[str] = []
    notices = Notices(ITERM, bell=True, notify=True, holds=False)
    notices.open(written.append)
    notices.update(NAME, holding(60))
    assert written == []


def test_a_hold_that_was_over_long_ago_is_no_news() -> None:
    notices, terminal = opened(ITERM)
    notices.update(NAME, update(200, hold=replace(HOLD, until=HOLD.began_at + timedelta(minutes=20))))
    assert terminal.written == []
