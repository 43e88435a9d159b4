"""The screen that puts this run beside the last good one."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from aibtui.history import EarlierRun
from aibtui.tui.app import WatchApp
from aibtui.tui.commands import commands
from aibtui.tui.screens.build import BuildScreen
from aibtui.tui.screens.compare import Compare
from tests.tui.builders import TEMPLATE_ID, UTC, Clock, Feed, at, build, phases, steps, update, watched
from tests.tui.test_screens import settle

DAY = timedelta(days=1)


def good() -> EarlierRun:
    """Yesterday's run: without the restart after the updates, and with a step that is gone today."""
    plan = [step for step in steps(running=10) if step.index != 4]
    plan[6] = replace(plan[6], name="old optimisation")
    earlier = build(steps=tuple(plan), phases=phases(None), outcome="succeeded", started_at=at(2) - DAY)
    return EarlierRun(replace(earlier, ended_at=at(60) - DAY), TEMPLATE_ID.replace("prod", "prod-0321"))


def compared(earlier: EarlierRun | None) -> tuple[WatchApp, Feed, Clock]:
    feed, clock = Feed(update()), Clock()
    one = replace(watched(feed), last_good=lambda: earlier)
    return WatchApp([one], clock=clock, zone=UTC), feed, clock


async def test_d_puts_the_last_good_run_beside_this_one_and_escape_comes_back() -> None:
    watch, _, _ = compared(good())
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        shown = await settle(pilot)
        assert isinstance(watch.screen, Compare)
        assert "windows-update Updates" in shown
        assert [word in shown for word in ("new", "missing", "old optimisation", "the whole log")] == [True] * 4
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(watch.screen, BuildScreen)


async def test_what_still_runs_goes_on_while_it_is_compared() -> None:
    watch, feed, clock = compared(good())
    async with watch.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        before = await settle(pilot)
        clock.now = at(70)
        feed.send(update(70))
        await pilot.pause(1.1)
        after = await settle(pilot)
    assert ("33:00" in before, "41:00" in before) == (True, False)
    assert "41:00" in after


async def test_without_a_good_run_a_word_says_so() -> None:
    watch, _, _ = compared(None)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(watch.screen, BuildScreen)
        assert [note.message.startswith("No good run") for note in watch._notifications] == [True]


async def test_every_line_can_be_reached_on_a_small_screen() -> None:
    watch, _, _ = compared(good())
    async with watch.run_test(size=(60, 15)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        shown = await settle(pilot)
        for _ in range(3):
            await pilot.press("space")
            shown += await settle(pilot)
        known = {command.name for command in commands(watch.screen)}
    assert "Close" in shown
    assert [word in shown for word in ("this run", "last good", "the whole log")] == [True] * 3
    assert "Back to the build" in known
