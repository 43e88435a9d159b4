"""The log on the screen: it follows, or it holds still; it reads little; a line is shown as time and text."""

from __future__ import annotations

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from aibtui.tui.app import WatchApp
from aibtui.tui.log_text import SLICE, TAIL, CurrentLog, LogText
from aibtui.tui.log_view import LogView
from tests.tui.builders import Feed, MemoryLog, app, debug, ended, steps, ui, update


def lines(first: int, count: int) -> bytes:
    return b"".join(ui(f"entry {number}.") for number in range(first, first + count))


def shown(watch: WatchApp) -> list[str]:
    """What stands in the rows of the log, from the top."""
    view = watch.query_one(LogView)
    return [view.render_line(y).text for y in range(view.scrollable_content_region.height)]


async def settle(pilot: Pilot[None]) -> list[str]:
    await pilot.pause()
    await pilot.pause(0.05)
    assert isinstance(pilot.app, WatchApp)
    return shown(pilot.app)


def title(watch: WatchApp) -> str:
    shown = watch.screen_stack[0].query_one(LogView)._border_title
    return shown.plain if shown is not None else ""


async def test_a_line_is_shown_as_time_and_text() -> None:
    log = MemoryLog(ui("Installing the agent") + ui("no such share", error=True) + ui("WARNING: restart pending"))
    async with app(Feed(update()), log).run_test(size=(120, 36)) as pilot:
        rows = [row.rstrip(" ─━") for row in await settle(pilot)]
    assert rows[:3] == [
        " 12:30:00   Installing the agent",
        " 12:30:00 E no such share",
        " 12:30:00 W WARNING: restart pending",
    ]


async def test_a_step_has_a_headline_above_its_first_line() -> None:
    assert steps()[0].first_line == 20
    async with app(Feed(update()), MemoryLog(lines(1, 25))).run_test(size=(120, 36)) as pilot:
        rows = await settle(pilot)
    place = next(place for place, row in enumerate(rows) if "▾" in row)
    assert rows[place].startswith(" ▾ ✓ 1 upload of the deprovisioning script")
    assert rows[place + 1].startswith(" 12:30:00   entry 20.")


async def test_the_end_is_followed() -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 100))
    watch = app(feed, log)
    async with watch.run_test(size=(120, 36)) as pilot:
        assert "entry 100." in (await settle(pilot))[-1]
        log.appended(lines(101, 50))
        feed.send(update())
        assert "entry 150." in (await settle(pilot))[-1]
        assert "following" in title(watch)


@pytest.mark.parametrize("key", ["up", "pageup", "b", "ctrl+u", "g"])
async def test_reading_never_jumps(key: str) -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 1000))
    watch = app(feed, log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        before = await settle(pilot)
        log.appended(lines(1001, 10_000))
        feed.send(update())
        await settle(pilot)
        while watch.query_one(LogView)._text.behind:
            await settle(pilot)
        assert await settle(pilot) == before
        assert "+10,000 new" in title(watch)


@pytest.mark.parametrize("key", ["G", "end", "F"])
async def test_the_end_is_one_key_away(key: str) -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 100))
    watch = app(feed, log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("g")
        assert "entry 1." in (await settle(pilot))[0]
        log.appended(lines(101, 50))
        feed.send(update())
        await settle(pilot)
        await pilot.press(key)
        assert "entry 150." in (await settle(pilot))[-1]
        log.appended(lines(151, 1))
        feed.send(update())
        assert "entry 151." in (await settle(pilot))[-1]


async def test_walking_down_to_the_end_follows_again() -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 100))
    watch = app(feed, log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("pageup", "pagedown")
        log.appended(lines(101, 1))
        feed.send(update())
        assert "entry 101." in (await settle(pilot))[-1]


async def test_following_survives_another_size() -> None:
    watch = app(Feed(update()), MemoryLog(lines(1, 300)))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for size in ((80, 24), (60, 15), (140, 50)):
            await pilot.resize_terminal(*size)
            assert "entry 300." in (await settle(pilot))[-1]


async def test_noise_is_hidden_until_it_is_asked_for_and_the_place_is_kept() -> None:
    log = MemoryLog(b"".join(debug(f"plumbing {number}") + ui(f"entry {number}.") for number in range(500)))
    watch = app(Feed(update()), log)
    async with watch.run_test(size=(120, 36)) as pilot:
        rows = await settle(pilot)
        assert not [row for row in rows if "plumbing" in row]
        assert "noise 2/3: 500 hidden" in title(watch)
        await pilot.press("pageup", "pageup")
        top = (await settle(pilot))[0]
        await pilot.press("plus")
        rows = await settle(pilot)
        assert [row for row in rows if "plumbing" in row]
        assert rows[0] == top
        await pilot.press("minus")
        assert (await settle(pilot))[0] == top


async def test_a_long_line_is_cut_and_its_rest_is_reached_sideways() -> None:
    text = "".join(f"{number:03}-" for number in range(25))
    async with app(Feed(update()), MemoryLog(ui(text))).run_test(size=(80, 24)) as pilot:
        row = (await settle(pilot))[0]
        assert row.rstrip().endswith("…")
        assert "024-" not in row
        await pilot.press(*["right"] * 3)
        row = (await settle(pilot))[0]
        assert "024-" in row
        assert row.startswith(" 12:30:00")
        await pilot.press(*["h"] * 3)
        assert "000-001-" in (await settle(pilot))[0]


async def test_the_end_of_a_long_log_is_there_at_once_and_the_whole_soon() -> None:
    log = MemoryLog(lines(1, 12_000))
    assert log.size > 3 * TAIL
    watch = app(Feed(update()), log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await pilot.press("pageup")
        before = await settle(pilot)
        assert sum(length for _, length in log.asked[:3]) <= TAIL + 2 * (SLICE + 128 * 1024)
        while not watch.query_one(LogView)._text.complete:
            await settle(pilot)
        assert await settle(pilot) == before
        await pilot.press("g")
        assert "entry 1." in (await settle(pilot))[0]


async def test_drawing_reads_only_what_is_looked_at() -> None:
    log = MemoryLog(lines(1, 2000))
    watch = app(Feed(update()), log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        log.asked.clear()
        await pilot.press("g")
        await settle(pilot)
        assert sum(length for _, length in log.asked) < 64 * 1024


async def test_a_replaced_log_is_read_anew() -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 500))
    watch = app(feed, log)
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("pageup")
        log.replaced(lines(9000, 3))
        feed.send(update())
        rows = [row.strip() for row in await settle(pilot) if row.strip()]
        assert [row[-11:] for row in rows] == ["entry 9000.", "entry 9001.", "entry 9002."]


async def test_a_last_line_without_newline_is_shown_when_the_build_is_over() -> None:
    feed, log = Feed(update()), MemoryLog(lines(1, 2) + ui("cut off").rstrip(b"\n"))
    async with app(feed, log).run_test(size=(120, 36)) as pilot:
        assert not [row for row in await settle(pilot) if "cut off" in row]
        feed.send(ended("failed"))
        assert [row for row in await settle(pilot) if "cut off" in row]


async def test_an_unreadable_recording_is_a_note_not_a_crash() -> None:
    class Broken(MemoryLog):
        def read(self, offset: int, length: int) -> bytes:
            raise OSError(5, "Input/output error")

    feed = Feed(update())
    watch = app(feed, Broken(lines(1, 20_000)))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        feed.send(update())
        await settle(pilot)
        assert "cannot be read" in title(watch)


def test_a_line_that_nobody_should_have_written_costs_one_cut_line() -> None:
    text = LogText(MemoryLog(b"a\n" + b"x" * 200_000 + b"\nb\n"))
    while text.behind:
        text.step()
    assert [len(text.line(line).text) for line in range(text.index.lines)] == [1, 4000, 1]
    assert len(text.whole_line(1).text) == 65_536


def test_another_run_is_another_generation() -> None:
    first, second = MemoryLog(b"one\n"), MemoryLog(b"two two\n")
    logs = [first]
    current = CurrentLog(lambda: logs[-1])
    text = LogText(current)
    assert (current.generation, current.size) == (0, 4)
    logs.append(second)
    assert current.generation == 1
    assert text.restarted()
    second.replaced(b"three\n")
    assert current.generation == 2
    assert current.read(0, 5) == b"three"


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15)])
async def test_what_is_drawn_first_has_the_end_of_the_log_and_is_laid_out_as_it_stays(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Region, str]] = []

    def display(watch: WatchApp, screen: Screen[object], renderable: object) -> None:
        if renderable is not None:
            drawn.append((screen.query_one(LogView).region, shown(watch)[-1]))

    monkeypatch.setattr(WatchApp, "_display", display)
    async with app(Feed(update()), MemoryLog(lines(1, 12_000))).run_test(size=size) as pilot:
        await settle(pilot)
    assert "entry 12000." in drawn[0][1]
    assert {region for region, _ in drawn} == {drawn[0][0]}
