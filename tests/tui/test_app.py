"""The screen as a person meets it: what it shows, that it survives what it is shown, and how one leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from textual.content import Content
from textual.pilot import Pilot

from aibtui.core.build import Download, Output
from aibtui.core.updates import Evidence, Update
from aibtui.tui.app import WatchApp
from aibtui.tui.log_view import LogView
from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.steps import Steps
from aibtui.tui.watched import Watched
from tests.tui.builders import (
    START,
    Clock,
    Feed,
    MemoryLog,
    alert,
    app,
    at,
    build,
    debug,
    ended,
    phases,
    status,
    steps,
    transport,
    ui,
    update,
    watched,
)

HOSTILE = "see [/x] [@click=app.quit]go[/] \x1b]52;c;Y2xpcA==\x07 \x9b31m \u202eevil\u2066 \x00\r"
SIZES = [(120, 36), (80, 24), (60, 15)]


def screen(watch: WatchApp) -> str:
    """What stands on the screen, as text."""
    strips = watch.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def settle(pilot: Pilot[None]) -> str:
    """Let everything be drawn; the screen then."""
    await pilot.pause()
    await pilot.pause(0.05)
    assert isinstance(pilot.app, WatchApp)
    return screen(pilot.app)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("live", "LIVE"),
        ("quiet", "QUIET"),
        ("blind", "BLIND"),
        ("waiting", "WAITING"),
        ("log-done", "LOG DONE"),
        ("status-only", "STATUS ONLY"),
    ],
)
async def test_the_status_word_is_on_the_screen(state: str, word: str) -> None:
    watch = app(Feed(update(transport=transport(state, reason="somebody said why"))))  # type: ignore[arg-type]
    async with watch.run_test(size=(120, 36)) as pilot:
        assert f" {word} " in await settle(pilot) or f" {word} 0:" in screen(watch)


@pytest.mark.parametrize("size", SIZES)
async def test_a_build_is_read_at_a_glance(size: tuple[int, int]) -> None:
    async with app(Feed(update()), title="win11-avd-prod").run_test(size=size) as pilot:
        shown = await settle(pilot)
    for said in ("win11-avd-prod", "LIVE", "Customizing", "1:02:00", "2:58:00 left", "windows-update Updates", "33:00"):
        assert said in shown


async def test_steps_show_sign_place_name_and_time() -> None:
    async with app(Feed(update())).run_test(size=(120, 36)) as pilot:
        lines = [line.split("  ") for line in (await settle(pilot)).splitlines()]
    starts = [line[0].strip() for line in lines]
    assert "✓ 2 powershell prepare" in starts
    assert "▸ 5 windows-update Updates" in starts
    assert "· 9 AIB deprovision" in starts


async def test_more_steps_than_fit_are_a_window_around_the_running_one() -> None:
    plan = tuple(replace(step, index=index) for index, step in enumerate(steps(running=1)[1:2] * 60, start=1))
    plan = (*(replace(step, state="done") for step in plan[:39]), replace(plan[39], state="running"), *plan[40:])
    async with app(Feed(update(build=build(steps=plan)))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "▸ 40 powershell prepare" in shown
    assert "earlier" in shown
    assert "more" in shown


async def test_phases_show_what_is_over_and_how_long_the_running_one_takes() -> None:
    async with app(Feed(update())).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "✓ prepare 2:00" in shown
    assert "▸ customize 56:00" in shown
    assert "· distribute" in shown
    assert "validate" not in shown


async def test_now_shows_activity_and_transfer() -> None:
    busy = build(steps=tuple(replace(s, activity="Downloading updates") if s.index == 5 else s for s in steps()))
    busy = replace(busy, downloads=(Download("data.iso", 812_000_000, 4_198_000_000, None, 110, 120, at(30), at(61)),))
    async with app(Feed(update(build=busy))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "Downloading updates" in shown
    assert "812 MB of 4.2 GB" in shown
    assert "19 %" in shown
    assert "last output 0:06 ago" in shown


async def test_an_alert_says_what_why_and_what_to_do() -> None:
    async with app(Feed(update(alerts=(alert(),)))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    for said in (
        "1 open",
        "✗ Sysprep does not finish",
        "37 times",
        "line 40",
        "UNDEPLOYABLE for 12 minutes",
        "setupact",
    ):
        assert said in shown


async def test_the_worst_alert_is_seen_on_a_short_screen() -> None:
    slow = alert(rule="download-slow", severity="warning", title="A download became slow", at=at(60))
    async with app(Feed(update(alerts=(alert(), slow)))).run_test(size=(80, 24)) as pilot:
        shown = await settle(pilot)
    assert "Sysprep does not finish" in shown
    assert "setupact" in shown


async def test_without_alerts_the_screen_says_so() -> None:
    async with app(Feed(update())).run_test(size=(80, 24)) as pilot:
        assert "no alerts" in await settle(pilot)


async def test_enter_on_an_alert_shows_its_line() -> None:
    log = MemoryLog(b"".join(ui(f"entry {number}.") for number in range(1, 501)))
    watch = app(Feed(update(alerts=(alert(line=40),))), log)
    async with watch.run_test(size=(120, 36)) as pilot:
        assert "entry 40." not in await settle(pilot)
        await pilot.press("a", "enter")
        shown = await settle(pilot)
        assert "entry 40." in shown
        assert "held" in shown
        assert isinstance(watch.focused, LogView)


async def test_a_line_of_the_debug_log_is_shown_when_an_alert_points_at_it() -> None:
    log = MemoryLog(b"".join(debug(f"plumbing {number}") for number in range(1, 501)))
    proof = (Evidence(77, "plumbing 77"),)
    async with app(Feed(update(alerts=(alert(line=77, evidence=proof),))), log).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("a", "enter")
        assert "  plumbing 77 " in await settle(pilot)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "stopped", "timed-out"])
async def test_the_end_stays_on_the_screen(outcome: str, size: tuple[int, int]) -> None:
    feed = Feed(ended(outcome))  # type: ignore[arg-type]
    feed.send(None)
    async with app(feed).run_test(size=size) as pilot:
        shown = await settle(pilot)
    assert " ENDED " in shown
    assert {"succeeded": "Succeeded", "failed": "Failed", "stopped": "Stopped", "timed-out": "Timed out"}[
        outcome
    ] in shown


async def test_a_failed_build_shows_the_first_cause() -> None:
    async with app(Feed(ended("failed"))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "script-failed" in shown
    assert "Invoke-WebRequest : The remote server" in shown
    assert "exit 1" in shown


async def test_the_line_of_the_first_cause_is_one_key_away() -> None:
    log = MemoryLog(b"".join(ui(f"entry {number}.") for number in range(1, 501)))
    feed = Feed(update())
    async with app(feed, log).run_test(size=(120, 36)) as pilot:
        assert "r Cause" not in await settle(pilot)
        feed.send(ended("failed"))
        assert "r Cause" in await settle(pilot)
        await pilot.press("r")
        assert "entry 40." in await settle(pilot)


async def test_elapsed_and_ages_move_between_two_looks() -> None:
    clock = Clock(62)
    watch = app(Feed(update()), clock=clock)
    async with watch.run_test(size=(120, 36)) as pilot:
        assert "elapsed 1:02:00" in await settle(pilot)
        clock.now = at(65)
        watch._tick()
        shown = await settle(pilot)
        assert "elapsed 1:05:00" in shown
        assert "looked 3:03 ago" in shown


async def test_time_stands_still_once_the_build_ended() -> None:
    clock = Clock(500)
    async with app(Feed(ended("failed")), clock=clock).run_test(size=(120, 36)) as pilot:
        assert "elapsed 1:11:00" in await settle(pilot)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_leaving_does_not_wait_for_a_look_in_flight(key: str) -> None:
    async def never(first: Update) -> AsyncIterator[Update]:
        yield first
        await asyncio.sleep(3600)

    shown = update()
    watch = WatchApp([Watched("x", lambda: never(shown), MemoryLog())], clock=Clock())
    async with watch.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        started = time.monotonic()
        await pilot.press(key)
    assert time.monotonic() - started < 0.3
    assert watch.last_update is shown
    assert watch.failure is None


async def test_ctrl_c_says_how_to_leave() -> None:
    watch = app(Feed(update()))
    async with watch.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        assert "Press q to leave; the build goes on." in await settle(pilot)
        assert watch.is_running


@pytest.mark.parametrize("first", [(), (update(),)])
async def test_a_watch_that_breaks_off_says_so_in_a_sentence(first: tuple[Update, ...]) -> None:
    feed = Feed(*first)
    feed.send(ConnectionError("The template [/x] cannot be read"))
    watch = app(feed)
    async with watch.run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
        assert "BLIND" in shown
        assert "The watch broke off: The template [/x] cannot be read." in shown
        assert isinstance(watch.failure, ConnectionError)


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_reaches_no_widget_raw(size: tuple[int, int]) -> None:
    bad_steps = tuple(replace(s, name=HOSTILE, activity=HOSTILE, type="x[/x]" + HOSTILE) for s in steps())
    bad_status = status(HOSTILE, HOSTILE, message=HOSTILE)
    bad = build(steps=bad_steps, status=bad_status, downloads=(Download(HOSTILE, 5, 10, 50.0, 110, 120),))
    bad = replace(bad, output=Output(3, None, HOSTILE))
    bad_alert = alert(title=HOSTILE, cause=HOSTILE, remedy=HOSTILE, rule=HOSTILE, evidence=(Evidence(3, HOSTILE),))
    log = MemoryLog(
        ui(HOSTILE) + ui(HOSTILE, error=True) + debug(HOSTILE) + HOSTILE.encode() + b"\n\xff\xfe\xed\xa0\x80\n"
    )
    feed = Feed(update(build=bad, alerts=(bad_alert,)))
    watch = app(feed, log, title=HOSTILE)
    async with watch.run_test(size=size) as pilot:
        shown = await settle(pilot)
        await pilot.press("plus", "a")
        shown += await settle(pilot)
        for state in ("blind", "waiting", "status-only"):
            seen = transport(state, reason=HOSTILE, remedy=HOSTILE)
            feed.send(update(build=bad, transport=seen))
            shown += await settle(pilot)
        over = ended("failed")
        assert over.root_cause is not None
        cause = replace(over.root_cause, text=HOSTILE, rule=HOSTILE)
        feed.send(replace(over, root_cause=cause, build=replace(bad, outcome="failed", message=HOSTILE)))
        shown += await settle(pilot)
        feed.send(RuntimeError(HOSTILE))
        shown += await settle(pilot)
        assert watch.is_running
    assert "[/x]" in shown
    assert not [char for char in shown if char != "\n" and not char.isprintable()]


async def test_a_small_screen_and_a_tiny_one_are_drawn() -> None:
    watch = app(Feed(update(alerts=(alert(),))), MemoryLog(b"".join(ui(f"line {n}") for n in range(100))))
    async with watch.run_test(size=(60, 15)) as pilot:
        shown = await settle(pilot)
        assert "LIVE" in shown
        assert "line 99" in shown
        for size in ((120, 36), (20, 6), (5, 3), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        assert "line 99" in screen(watch)


async def test_the_start_says_what_is_waited_for() -> None:
    empty = build(steps=(), phases=phases("prepare"), bytes=0, lines=0, output=None, started_at=None)
    feed = Feed()
    async with app(feed).run_test(size=(120, 36)) as pilot:
        assert "for the first look at the build" in await settle(pilot)
        feed.send(update(1, build=empty, transport=transport("waiting", reason="there is no storage account yet")))
        shown = await settle(pilot)
    assert "2 to 5 minutes" in shown
    assert "there is no storage account yet" in shown
    assert "no log yet" in shown


async def test_status_only_tells_what_to_ask_for() -> None:
    seen = transport("status-only", reason="you may not read the staging group", remedy="ask its owner for Reader")
    async with app(Feed(update(transport=seen))).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "do: ask its owner for Reader" in shown


@pytest.mark.parametrize("key", ["question_mark", "escape"])
@pytest.mark.parametrize(("builds", "said"), [(1, "What the build prints"), (2, "Every build that is watched")])
async def test_help_explains_the_focused_pane_and_goes_away(key: str, builds: int, said: str) -> None:
    watch = WatchApp([watched(Feed(update())) for _ in range(builds)], clock=Clock())
    async with watch.run_test(size=(160, 36)) as pilot:
        await pilot.press("question_mark")
        assert said in await settle(pilot)
        await pilot.press(key)
        assert said not in await settle(pilot)


async def test_escape_closes_the_help_before_it_forgets_what_was_found() -> None:
    async with app(Feed(update()), MemoryLog(ui("a part") * 5)).run_test(size=(160, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"part", "enter", "question_mark")
        assert "What the build prints" in await settle(pilot)
        await pilot.press("escape")
        shown = await settle(pilot)
        assert "What the build prints" not in shown
        assert "/part" in shown


async def test_without_colours_the_theme_is_one_that_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    watch = app(Feed(update()))
    async with watch.run_test(size=(80, 24)) as pilot:
        assert "LIVE" in await settle(pilot)
        assert watch.theme == "textual-dark"


async def test_every_key_has_a_name_and_an_explanation() -> None:
    for widget in (WatchApp, LogView, Alerts):
        for binding in widget.BINDINGS:
            assert getattr(binding, "id", None), binding
            assert getattr(binding, "tooltip", None), binding


async def test_a_panel_draws_nothing_as_markup() -> None:
    panel = Steps(title="x", zone=START.tzinfo)  # type: ignore[arg-type]  # cleaned text is a str
    drawn = panel.draw(update(build=build(steps=(replace(steps()[1], name="[b]x[/b]"),))), at(62), 40, 9)
    assert all(isinstance(line, Content) for line in drawn)
    assert "[b]x[/b]" in drawn[0].plain
