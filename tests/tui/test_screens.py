"""Panes, views and screens: every key of ours does what its explanation says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher

from aibtui.core.forecast import Forecast
from aibtui.core.polls import Replica, Resource, Surroundings
from aibtui.core.tempo import Tempo
from aibtui.core.updates import Evidence, Update
from aibtui.tui.app import WatchApp
from aibtui.tui.commands import commands
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.log_prompt import LogPrompt
from aibtui.tui.log_view import LogView
from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.listed import Listed
from aibtui.tui.panels.run import Run
from aibtui.tui.screens.build import BuildScreen
from aibtui.tui.screens.explain import Explain
from aibtui.tui.screens.runs import RunsScreen
from tests.tui.builders import (
    TEMPLATE_ID,
    UTC,
    Clock,
    Feed,
    MemoryLog,
    alert,
    app,
    at,
    build,
    ended,
    status,
    steps,
    transport,
    ui,
    update,
    watched,
)

WARNING = alert(rule="download-slow", severity="warning", title="A download became slow", at=at(50), line=77)
LOG = b"".join(ui(f"entry {number}.") for number in range(1, 501))


def screen(watch: WatchApp) -> str:
    """All that stands on the screen."""
    compositor = watch.screen._compositor
    return "\n".join("".join(segment.text for segment in strip) for strip in compositor.render_strips())


async def settle(pilot: Pilot[None]) -> str:
    await pilot.pause()
    await pilot.pause(0.05)
    assert isinstance(pilot.app, WatchApp)
    return screen(pilot.app)


def view(watch: WatchApp) -> str | None:
    return watch.screen.query_one("#views", ContentSwitcher).current


def with_alerts() -> Update:
    return update(alerts=(WARNING, alert(line=40)))


@pytest.mark.parametrize(
    ("key", "pane", "shown"),
    [
        ("1", "steps", "body"),
        ("2", "now", "body"),
        ("3", "log", "body"),
        ("4", "alerts", "body"),
        ("a", "alerts", "body"),
        ("5", "timeline", "timeline"),
        ("7", "run", "run"),
        ("i", "run", "run"),
    ],
)
async def test_a_number_goes_to_its_pane_and_escape_back_to_the_log(key: str, pane: str, shown: str) -> None:
    watch = app(Feed(with_alerts()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        assert watch.focused is not None
        assert (watch.focused.id, view(watch)) == (pane, shown)
        await pilot.press("escape")
        await settle(pilot)
        assert (watch.focused.id, view(watch)) == ("log", "body")


@pytest.mark.parametrize("key", ["1", "2"])
async def test_a_pane_of_one_line_is_not_focused(key: str) -> None:
    watch = app(Feed(update()))
    async with watch.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        assert isinstance(watch.focused, LogView)


async def test_enter_on_a_step_shows_where_it_begins() -> None:
    watch = app(Feed(update()), MemoryLog(LOG))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("1", "up", "k", "enter")
        shown = await settle(pilot)
        assert isinstance(watch.focused, LogView)
        assert "entry 60." in shown


@pytest.mark.parametrize("pane", ["1", "5"])
async def test_the_cursor_of_a_list_moves_and_stays_inside(pane: str) -> None:
    watch = app(Feed(update()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(pane)
        listed = watch.focused
        assert isinstance(listed, Listed)
        rows = len(listed.lines(update()))
        places = []
        for key in ("home", "up", "k", "j", "down", "end", "j", "g", "G", "b", "space", "pageup", "pagedown"):
            await pilot.press(key)
            places.append(listed.place(update()))
        last = rows - 1
        assert places[:9] == [0, 0, 0, 1, 2, last, last, 0, last]
        assert all(0 <= place <= last for place in places)


async def test_the_timeline_draws_phases_and_steps_on_one_axis() -> None:
    async with app(Feed(update())).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        rows = {
            row.split()[1]: row
            for row in (await settle(pilot)).splitlines()
            if row.strip() and row.strip()[0] in "✓▸·✗"
        }
        assert "█" in rows["customize"]
        assert rows["customize"].index("█") > rows["prepare"].index("█")
        assert "┊" in rows["distribute"]
        assert "time-out at 16:00 UTC" in screen(watch := pilot.app)  # type: ignore[arg-type]
        assert "█" not in rows["distribute"]
        assert watch.is_running


async def test_the_time_out_is_on_the_axis_once_it_is_in_sight() -> None:
    late = update(100)
    async with app(Feed(late), clock=Clock(100)).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        row = next(row for row in (await settle(pilot)).splitlines() if "distribute" in row and "┊" in row)
        assert row.index("!") > row.index("┊")


async def test_the_run_shows_names_ids_and_the_services_words() -> None:
    watch = app(Feed(update()), title="win11-avd-prod")
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("7")
        shown = await settle(pilot)
        for said in ("rg-images", "Standard_D4s_v5", "runSubState", "Customizing", "westeurope", "2026-03-22 12:00:00"):
            assert said in shown
        run = watch.screen.query_one(Run)
        for key, top in (("end", True), ("home", False), ("j", True), ("k", False), ("pagedown", True), ("b", False)):
            await pilot.press(key)
            await settle(pilot)
            assert (run.top > 0) == top
        await pilot.press("G")
        assert "https://portal.azure.com/#resource/subscriptions/" in (await settle(pilot)).replace("\n", "")


async def test_the_run_shows_what_stands_around_it_and_when_that_was_asked() -> None:
    stands = (Resource("pkrvm7x", "Microsoft.Compute/virtualMachines"), Resource("st01", "Microsoft.Storage/x"))
    copies = (Replica("1.0.3", "westeurope", "Replicating", 45), Replica("1.0.3", "eastus", "Failed", None, "no quota"))
    around = Surroundings("Azure CLI, as ann@contoso.com", stands, at(61), copies)
    async with app(Feed(update(around=around))).run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("7")
        shown = await settle(pilot)
    rows = [" ".join(row.split()) for row in shown.splitlines()]
    for said in (
        "virtualMachines pkrvm7x",
        "x st01",
        "asked 1:00 ago, at 13:01:00",
        "signed in Azure CLI, as ann@contoso.com",
        "westeurope 1.0.3 Replicating 45 %",
        "eastus 1.0.3 Failed no quota",
    ):
        assert said in rows


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_while_the_image_is_distributed_its_copies_are_shown_the_worst_first(size: tuple[int, int]) -> None:
    regions = [Replica("1.0.3", f"region{number:02}", "Replicating", 50 + number) for number in range(30)]
    done, bad = Replica("1.0.3", "northeurope", "Completed", 100), Replica("1.0.3", "eastus", "Failed")
    there = update(around=Surroundings(replicas=(done, *regions, bad)), transport=transport("log-done"))
    async with app(Feed(there)).run_test(size=size) as pilot:
        shown = await settle(pilot)
    assert "image replicas" in shown
    if size == (80, 24):
        assert "1 of 32 regions done, eastus Failed" in shown
    else:
        assert "1 of 32 regions done" in shown
        assert shown.index("✗ eastus") < shown.index("▸ region00") < shown.index("▸ region01")
        assert " more regions" in shown


async def test_the_portal_is_that_of_the_templates_cloud() -> None:
    gov = update()
    status = gov.build.status
    assert status is not None
    assert status.template is not None
    there = replace(status, template=replace(status.template, location="usgovvirginia"))
    async with app(Feed(update(build=build(status=there)))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("7", "G")
        assert "https://portal.azure.us/#resource" in await settle(pilot)


@pytest.mark.parametrize(("keys", "title"), [(["x"], "Sysprep"), (["a", "j", "x"], "A download became slow")])
async def test_x_explains_the_chosen_alert_else_the_worst(keys: list[str], title: str) -> None:
    async with app(Feed(with_alerts())).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        shown = await settle(pilot)
        assert isinstance(pilot.app.screen, Explain)
        for said in (title, "Why it matters", "What to do", "What the log says", "still so"):
            assert said in shown


async def test_an_alert_in_full_shows_every_line_of_evidence() -> None:
    proof = tuple(Evidence(number, f"proof {number}") for number in (40, 900, 1200))
    sure = alert(evidence=proof, doc="https://aka.ms/azvmimagebuilderts", ended_at=at(58))
    async with app(Feed(update(alerts=(sure,)))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("x")
        shown = await settle(pilot)
        for said in ("40  proof 40", "1,200  proof 1200", "https://aka.ms", "until 12:58:00", "37 times"):
            assert said in shown


@pytest.mark.parametrize("key", ["escape", "q", "x"])
async def test_the_explanation_closes(key: str) -> None:
    watch = app(Feed(with_alerts()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("x", "j", "k", "down", "up", key)
        await settle(pilot)
        assert isinstance(watch.screen, BuildScreen)
        assert watch.is_running


async def test_enter_in_the_explanation_shows_the_line() -> None:
    watch = app(Feed(with_alerts()), MemoryLog(LOG))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("x", "enter")
        assert "entry 40." in await settle(pilot)


@pytest.mark.parametrize("keys", [["a", "c"], ["x", "c"]])
async def test_c_copies_the_alert_for_a_chat(keys: list[str]) -> None:
    def chat(seen: Update) -> str:
        return "; ".join(one.title for one in seen.alerts)

    watch = app(Feed(with_alerts()), chat=chat)
    async with watch.run_test(size=(120, 36), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        assert "Copied" in await settle(pilot)
        assert watch.clipboard == "Sysprep does not finish"


async def test_a_snoozed_alert_is_quiet_until_it_is_worse() -> None:
    feed = Feed(update(alerts=(WARNING,)))
    watch = app(feed)
    async with watch.run_test(size=(120, 36)) as pilot:
        assert "1 open" in await settle(pilot)
        await pilot.press("a", "z")
        shown = await settle(pilot)
        assert "1 snoozed" in shown
        assert "1 open" not in shown
        feed.send(update(alerts=(replace(WARNING, count=99),)))
        assert "1 snoozed" in await settle(pilot)
        feed.send(update(alerts=(replace(WARNING, severity="error"),)))
        assert "1 open" in await settle(pilot)


async def test_z_again_wakes_an_alert() -> None:
    async with app(Feed(update(alerts=(WARNING,)))).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("a", "z", "z")
        assert "1 open" in await settle(pilot)


@pytest.mark.parametrize(("key", "place"), [("j", 1), ("down", 1), ("end", 1), ("G", 1), ("g", 0), ("home", 0)])
async def test_the_alerts_are_walked_through(key: str, place: int) -> None:
    watch = app(Feed(with_alerts()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("a", key)
        assert watch.screen.query_one(Alerts).highlighted == place


async def test_now_shows_the_rate_and_how_it_went() -> None:
    busy = build(steps=tuple(replace(s, activity="Downloading") if s.index == 5 else s for s in steps()))
    seen = replace(update(build=busy), tempo=Tempo((64, 48, 0, 9), None, ()))
    async with app(Feed(seen)).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "█▆·▂" in shown
    assert "9 lines/min" in shown


async def test_q_goes_back_before_it_leaves() -> None:
    several = WatchApp([watched(Feed(update()), title=name) for name in ("one", "two")], clock=Clock(), zone=UTC)
    async with several.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(several.screen, BuildScreen)
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(several.screen, RunsScreen)
        assert several.is_running
        await pilot.press("q")
        await pilot.pause()
    assert not several.is_running


async def test_several_builds_are_a_table_with_the_cause_of_the_red_ones() -> None:
    feeds = [Feed(update()), Feed(ended("failed")), Feed(with_alerts()), Feed()]
    names = ["golden", "devbox", "kiosk", "agent"]
    several = WatchApp(
        [watched(feed, title=name) for feed, name in zip(feeds, names, strict=True)], clock=Clock(), zone=UTC
    )
    async with several.run_test(size=(120, 36)) as pilot:
        lines = (await settle(pilot)).splitlines()
        row = {name: next(place for place, line in enumerate(lines) if f" {name} " in line) for name in names}
        assert "LIVE" in lines[row["golden"]]
        assert "step 5 of 9, windows-update Updates" in lines[row["golden"] + 1]
        assert "ENDED" in lines[row["devbox"]]
        assert "Failed after 1:11:00 in step 6 of 9" in lines[row["devbox"] + 1]
        assert "Invoke-WebRequest : The remote server returned" in lines[row["devbox"] + 2]
        assert "✗ 1" in lines[row["kiosk"]]
        assert "✗ Sysprep does not finish" in lines[row["kiosk"] + 2]
        assert "WAITING" in lines[row["agent"]]


async def test_a_build_of_several_opens_and_keeps_its_place() -> None:
    feeds = [Feed(update()), Feed(update())]
    logs = [MemoryLog(b""), MemoryLog(LOG)]
    several = WatchApp(
        [watched(feed, log, str(n)) for n, (feed, log) in enumerate(zip(feeds, logs, strict=True))],
        clock=Clock(),
        zone=UTC,
    )
    async with several.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("j", "enter")
        assert "entry 500." in await settle(pilot)
        await pilot.press("g")
        assert "entry 1." in await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(several.screen, RunsScreen)
        feeds[1].send(update(63))
        await settle(pilot)
        await pilot.press("enter")
        assert "entry 1." in await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        assert isinstance(several.screen, RunsScreen)


async def test_one_of_several_that_breaks_off_does_not_stop_the_others() -> None:
    feeds = [Feed(), Feed(update())]
    feeds[0].send(ConnectionError("no such template"))
    several = WatchApp([watched(feed, title="x") for feed in feeds], clock=Clock(), zone=UTC)
    async with several.run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
        assert "The watch broke off: no such template" in shown
        assert "LIVE" in shown
        assert isinstance(several.failures[0], ConnectionError)
        assert several.failures[1] is None


@pytest.mark.parametrize("view_key", ["3", "4", "5", "7"])
async def test_every_key_with_an_id_is_in_the_palette(view_key: str) -> None:
    watch = app(Feed(replace(ended("failed"), alerts=(alert(),))))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(view_key)
        await settle(pilot)
        names = {command.name for command in commands(watch.screen)}
        for said in ("Explain the worst alert in full", "Leave at once; the build goes on", "Go to the steps"):
            assert said in names
        for binding in BuildScreen.BINDINGS:
            assert binding.tooltip in names  # type: ignore[union-attr]


async def test_a_command_of_the_palette_does_what_its_key_does() -> None:
    watch = app(Feed(update()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause(0.1)
        await pilot.press(*"axis of time")
        await pilot.pause(0.5)
        await pilot.press("down", "enter")
        await pilot.pause(0.2)
        assert view(watch) == "timeline"


@pytest.mark.parametrize("key", ["question_mark", "f1"])
@pytest.mark.parametrize(
    ("pane", "said"), [("1", "What Packer"), ("5", "Every phase and step"), ("7", "What is known of this run")]
)
async def test_help_is_that_of_the_focused_pane(key: str, pane: str, said: str) -> None:
    async with app(Feed(update())).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(pane, key)
        await pilot.pause(0.2)
        words = (await settle(pilot)).split()
        assert [word for word in said.split() if word not in words] == []


async def test_keys_can_be_chosen_by_id() -> None:
    watch = app(Feed(update()), keys={"go.timeline": "ctrl+t", "app.leave": "Q"})
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("5", "q")
        assert view(watch) == "body"
        assert watch.is_running
        await pilot.press("ctrl+t")
        assert view(watch) == "timeline"


async def test_the_footer_shows_what_the_focused_pane_can_do() -> None:
    watch = app(Feed(with_alerts()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert watch.screen.query(KeyBar)
        assert "Snooze" not in (await settle(pilot)).splitlines()[-1]
        await pilot.press("a")
        assert "Snooze" in (await settle(pilot)).splitlines()[-1]


async def test_a_click_on_a_key_of_the_last_line_is_the_key() -> None:
    watch = app(Feed(with_alerts()))
    async with watch.run_test(size=(120, 36)) as pilot:
        line = (await settle(pilot)).splitlines()[-1]
        await pilot.click(KeyBar, offset=(line.index("/ Find"), 0))
        await settle(pilot)
        assert watch.screen.query_one(LogPrompt).display


async def test_in_ascii_nothing_else_is_drawn() -> None:
    watch = app(Feed(with_alerts()), MemoryLog("ünïcödé 日本 ▲\n".encode()), ascii=True)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key in ("3", "5", "7", "x"):
            await pilot.press(key)
            await settle(pilot)
            for filter in watch.get_line_filters():
                for strip in watch.screen._compositor.render_strips():
                    drawn = filter.apply(list(strip), watch.screen.background_colors[1])
                    assert "".join(segment.text for segment in drawn).isascii()
                    assert sum(segment.cell_length for segment in drawn) == strip.cell_length


async def test_a_chosen_theme_is_remembered() -> None:
    chosen: list[str] = []
    watch = app(Feed(update()), theme="nord", remember_theme=chosen.append)
    async with watch.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert watch.theme == "nord"
        watch.theme = "gruvbox"
        await settle(pilot)
    assert chosen[-1] == "gruvbox"


async def test_an_empty_no_color_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert not app(Feed()).no_color


async def test_the_noise_of_the_settings_is_that_of_the_log() -> None:
    watch = app(Feed(update()), noise=1)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log = watch.screen.query_one(LogView)
        assert log.noise == 1
        await pilot.press("a", "plus")
        assert log.noise == 2
        await pilot.press("minus", "minus")
        assert log.noise == 0
        log.follow = False
        await pilot.press("F")
        assert log.follow


def foretold(**more: object) -> Update:
    medians = (None, timedelta(minutes=5), timedelta(minutes=2), *[timedelta(minutes=12)] * 6)
    told = Forecast(at(200), at(188), at(212), 8, medians, **more)  # type: ignore[arg-type]
    return replace(update(), forecast=told)


async def test_steps_are_compared_with_the_median_of_earlier_runs() -> None:
    async with app(Feed(foretold())).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    rows = {line.split()[1]: line[:46].split() for line in shown.splitlines() if line.strip()[:1] in tuple("✓▸·")}
    assert "± median of 8" in shown
    assert rows["2"][-2:] == ["5:00", "+0m"]
    assert rows["3"][-2:] == ["5:00", "+3m"]
    assert rows["5"][-2:] == ["33:00", "+21m"]
    assert rows["6"][-1] == "~12:00"
    assert rows["1"][-1] == "5:00"


async def test_without_earlier_runs_there_is_no_such_column() -> None:
    async with app(Feed(update())).run_test(size=(120, 36)) as pilot:
        shown = await settle(pilot)
    assert "median" not in shown
    assert "ends" not in shown.splitlines()[0]


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_the_header_says_when_it_ends_and_that_it_will_time_out(size: tuple[int, int]) -> None:
    late = foretold(timeout_at=at(240), timeout_chance=0.93)
    async with app(Feed(late)).run_test(size=size) as pilot:
        shown = await settle(pilot)
    assert "ends ~15:20 ±12 min" in shown
    assert "WILL TIME OUT at 16:00 (93 %)" in shown


async def test_a_frozen_view_stands_still_while_the_header_goes_on() -> None:
    feed, log, clock = Feed(update()), MemoryLog(LOG), Clock()
    watch = app(feed, log, clock)
    async with watch.run_test(size=(120, 36)) as pilot:
        before = (await settle(pilot)).splitlines()
        await pilot.press("equals_sign")
        log.appended(ui("came meanwhile"))
        clock.now = at(90)
        feed.send(update(90, build=build(steps=steps(running=6)), alerts=(alert(),)))
        watch._tick()
        shown = (await settle(pilot)).splitlines()
        assert " FROZEN  at 13:02:00, = goes on" in shown[0]
        assert "1:30:00" in shown[0]
        assert "frozen  = goes on" in shown[4]
        assert shown[5:-2] == before[5:-2]
        await pilot.press("equals_sign")
        after = await settle(pilot)
        assert "FROZEN" not in after
        assert "came meanwhile" in after
        assert "Sysprep does not finish" in after


@pytest.mark.parametrize(
    ("opened", "said"), [(True, "Opened in the browser"), (False, "No browser can be opened here")]
)
async def test_o_opens_the_template_in_the_portal_and_shows_where(opened: bool, said: str) -> None:
    asked: list[str] = []

    async def browse(url: str) -> bool:
        asked.append(url)
        return opened

    watch = app(Feed(update()), browse=browse)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert asked == [f"https://portal.azure.com/#resource{TEMPLATE_ID}"] == [watch.clipboard]
        assert [said in notice.message and asked[0] in notice.message for notice in watch._notifications] == [True]


async def test_shift_o_opens_the_staging_group() -> None:
    group = TEMPLATE_ID[: TEMPLATE_ID.index("/providers")].replace("rg-images", "IT_rg-images_win11")
    there = status()
    assert there.template is not None
    there = replace(there, template=replace(there.template, staging_group=group, location="chinaeast2"))
    watch = app(Feed(update(build=build(status=there))))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("O")
        await settle(pilot)
        assert watch.clipboard == f"https://portal.azure.cn/#resource{group}"


@pytest.mark.parametrize(
    "id", ["/subscriptions/x@evil.example/resourceGroups/rg", "javascript:alert(1)", "//evil.example/x"]
)
async def test_no_address_is_made_of_what_is_no_id(id: str) -> None:
    bad = status()
    assert bad.template is not None
    there = build(status=replace(bad, template=replace(bad.template, id=id)))
    watch = app(Feed(update(build=there)))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle(pilot)
        assert watch.clipboard == ""
        assert "no id" in next(iter(watch._notifications)).message


async def test_a_terminal_that_cannot_be_lent_out_is_told_so() -> None:
    watch = app(Feed(update()))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+l")
        await settle(pilot)
        assert "cannot be lent out" in next(iter(watch._notifications)).message
