"""Every key of the log, pressed; and that what a log says reaches the screen and the clipboard only cleaned."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from aibtui.core.build import Step
from aibtui.core.updates import Update
from aibtui.tui.app import WatchApp
from aibtui.tui.log_find import BadPattern, Query
from aibtui.tui.log_line import WholeLine
from aibtui.tui.log_marks import Bookmarks
from aibtui.tui.log_prompt import LogPrompt
from aibtui.tui.log_view import LogView
from tests.tui.builders import RECORDED, Feed, MemoryLog, alert, app, at, build, debug, ended, ui, update

HOSTILE = "see [/x] [@click=app.quit]go[/] \x1b]52;c;Y2xpcA==\x07 \x9b31m \u202eevil\u2066 \x00\r"


def plan(*firsts: int, running: int | None = None) -> tuple[Step, ...]:
    """Steps that begin on these lines, the last one running, or the one that is named."""
    made = []
    for place, first in enumerate(firsts, start=1):
        step = Step(place, "powershell", f"script-{place}.ps1", started_at=at(10 + place), first_line=first)
        if place == (running or len(firsts)):
            made.append(replace(step, state="running"))
        else:
            made.append(replace(step, state="done", ended_at=at(11 + place), last_line=firsts[place] - 1))
    return tuple(made)


def log_update(*firsts: int, **more: object) -> Update:
    return update(build=build(steps=plan(*firsts), phases=()), **more)


def numbered(first: int, count: int) -> bytes:
    return b"".join(ui(f"entry {number}.") for number in range(first, first + count))


async def settle(pilot: Pilot[None]) -> list[str]:
    """Let everything be done and drawn; the rows then."""
    await pilot.pause()
    view = log(pilot)
    while view._text.behind or view._search.behind:
        await pilot.pause(0.02)
    await pilot.pause(0.02)
    return [view.render_line(y).text.rstrip(" ─━•▲") for y in range(view._page.height)]


def log(pilot: Pilot[None]) -> LogView:
    return pilot.app.screen_stack[0].query_one(LogView)


async def press(pilot: Pilot[None], *keys: str) -> list[str]:
    while log(pilot).update is None:
        await pilot.pause(0.01)
    await pilot.press(*keys)
    return await settle(pilot)


def cursor(pilot: Pilot[None]) -> str:
    """The text of the line that the cursor is on."""
    row = log(pilot)._page.cursor
    assert row is not None
    return str(log(pilot)._text.line(row.line).text)


def below(pilot: Pilot[None]) -> str:
    """What the line at the bottom says."""
    prompt = log(pilot).query_one(LogPrompt)
    return " ".join(str(part.render()) for part in prompt.query(Static)).strip() if prompt.display else ""


def title(pilot: Pilot[None]) -> str:
    shown = log(pilot)._border_title
    return shown.plain if shown is not None else ""


@pytest.fixture
def errors() -> MemoryLog:
    """100 lines in three steps; errors on 31, 32 and 81, a warning on 51, a silence before 91."""
    lines = [ui(f"entry {number}.", 30 if number < 91 else 64) for number in range(1, 101)]
    for number, said in ((31, "ERROR: first"), (32, "ERROR: its echo"), (81, "ERROR: second"), (51, "WARNING: low")):
        lines[number - 1] = ui(said)
    return MemoryLog(b"".join(lines))


def shown(memory: MemoryLog, *firsts: int, **more: object) -> WatchApp:
    return app(Feed(log_update(*(firsts or (1, 41, 71)), **more)), memory)


async def test_the_cursor_moves_and_the_page_follows_it() -> None:
    async with shown(MemoryLog(numbered(1, 200))).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g")
        await press(pilot, "j", "down", "j")
        assert cursor(pilot) == "entry 3."
        await press(pilot, "k")
        assert cursor(pilot) == "entry 2."
        before = await settle(pilot)
        after = await press(pilot, *["j"] * len(before))
        assert cursor(pilot) in after[-1]


async def test_pages_and_half_pages() -> None:
    async with shown(MemoryLog(numbered(1, 500)), 1).run_test(size=(120, 36)) as pilot:
        top = await press(pilot, "g")
        height = len(top)
        assert (await press(pilot, "pagedown"))[0].endswith(f"entry {height - 1}.")
        assert await press(pilot, "pageup") == top
        assert (await press(pilot, "ctrl+d"))[0].endswith(f"entry {height // 2}.")
        assert await press(pilot, "ctrl+u") == top
        assert (await press(pilot, "j", "space"))[0].endswith(f"entry {height - 1}.")
        assert await press(pilot, "b") == top


@pytest.mark.parametrize(("key", "said"), [("e", "ERROR: first"), ("w", "WARNING: low"), ("s", "entry 91.")])
async def test_jumps_go_to_the_next_of_their_kind(errors: MemoryLog, key: str, said: str) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", key)
        assert cursor(pilot) == said


async def test_a_block_of_errors_is_one_jump_and_the_end_leads_back_to_the_top(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", "e", "e")
        assert cursor(pilot) == "ERROR: second"
        await press(pilot, "e")
        assert cursor(pilot) == "ERROR: first"
        await press(pilot, "E")
        assert cursor(pilot) == "ERROR: second"


async def test_from_the_end_e_finds_the_first_error_and_shift_e_the_last(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "E")
        assert cursor(pilot) == "ERROR: second"
        await press(pilot, "G", "e")
        assert cursor(pilot) == "ERROR: first"


@pytest.mark.parametrize(("key", "said"), [("W", "WARNING: low"), ("S", "entry 91.")])
async def test_jumps_go_back(errors: MemoryLog, key: str, said: str) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, key)
        assert cursor(pilot) == said


async def test_a_jump_opens_what_hides_its_line(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        rows = await press(pilot, "left_square_bracket")
        assert len([row for row in rows if row]) == 3
        rows = await press(pilot, "E")
        assert cursor(pilot) == "ERROR: second"
        assert [row for row in rows if "ERROR: second" in row]
        assert not [row for row in rows if "entry 35." in row]


async def test_braces_go_from_headline_to_headline(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "left_curly_bracket")
        assert cursor(pilot) == "entry 71."
        await press(pilot, "left_curly_bracket")
        assert cursor(pilot) == "entry 41."
        await press(pilot, "right_curly_bracket")
        assert cursor(pilot) == "entry 71."


async def test_a_headline_counts_and_folds(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        rows = await press(pilot, "g")
        assert rows[0].startswith(" ▾ ✓ 1 powershell script-1.ps1 ")
        assert "40 lines  2 E  " in rows[0]
        assert rows[0].endswith("1:00")
        rows = await press(pilot, "enter")
        assert rows[0].startswith(" ▸ ✓ 1 powershell script-1.ps1 ")
        assert rows[1].startswith(" ▾ ✓ 2 powershell script-2.ps1 ")
        assert "1 W" in rows[1]
        rows = await press(pilot, "space")
        assert rows[1].endswith("entry 1.")


async def test_folding_what_one_reads_keeps_the_top_line(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        before = await press(pilot, "g", *["j"] * 30, "right_curly_bracket")
        assert (await press(pilot, "enter"))[0] == before[0]
        assert await press(pilot, "enter") == before


async def test_unfolding_all_comes_back_to_the_place(errors: MemoryLog) -> None:
    async with shown(errors).run_test(size=(80, 24)) as pilot:
        before = await press(pilot, "g", "ctrl+d")
        await press(pilot, "left_square_bracket")
        assert await press(pilot, "right_square_bracket") == before


async def test_a_long_finished_step_is_folded_when_the_log_is_first_seen() -> None:
    memory = MemoryLog(numbered(1, 505))
    async with shown(memory, 1, 501).run_test(size=(120, 36)) as pilot:
        rows = await settle(pilot)
        assert rows[0].startswith(" ▸ ✓ 1")
        assert rows[1].startswith(" ▾ ▸ 2")


async def test_a_step_that_ends_before_ones_eyes_stays_open() -> None:
    memory = MemoryLog(numbered(1, 450))
    feed = Feed(log_update(1))
    async with app(feed, memory).run_test(size=(120, 36)) as pilot:
        before = await press(pilot, "pageup")
        memory.appended(numbered(451, 50))
        feed.send(log_update(1, 451))
        assert await settle(pilot) == before


async def test_noise_has_four_levels_and_what_matters_is_seen_on_each() -> None:
    lines = [ui("Provisioning with Powershell..."), ui("said"), debug("plumbing"), ui("ERROR: no"), ui("WARNING: low")]
    lines += [debug("proof")]
    named = alert(line=6, evidence=())
    async with shown(MemoryLog(b"".join(lines)), 1, alerts=(named,)).run_test(size=(120, 36)) as pilot:
        seen = {}
        await press(pilot, "plus", "plus")
        for level in (3, 2, 1, 0):
            seen[level] = [row[12:] for row in await settle(pilot) if row[:1] == " " and row[1:3].isdigit()]
            await press(pilot, "minus")
    assert seen[0] == ["ERROR: no", "WARNING: low", "proof"]
    assert seen[1] == ["said", *seen[0]]
    assert seen[2] == ["Provisioning with Powershell...", *seen[1]]
    assert seen[3] == ["Provisioning with Powershell...", "said", "plumbing", "ERROR: no", "WARNING: low", "proof"]


async def test_progress_is_one_row_and_the_newest_and_opens() -> None:
    memory = MemoryLog(b"".join(ui(f"data.iso {share} %") for share in range(1, 41)))
    feed = Feed(log_update(1))
    async with app(feed, memory).run_test(size=(120, 36)) as pilot:
        rows = [row for row in await settle(pilot) if row]
        assert [row[10:] for row in rows[1:]] == ["  data.iso 1 %", "· 38 progress updates folded", "  data.iso 40 %"]
        memory.appended(ui("data.iso 41 %"))
        feed.send(log_update(1))
        rows = [row for row in await settle(pilot) if row]
        assert [row[10:] for row in rows[2:]] == ["· 39 progress updates folded", "  data.iso 41 %"]
        rows = await press(pilot, "k", "enter")
        assert len([row for row in rows if "data.iso" in row]) > 20
        rows = [row for row in await press(pilot, "space") if row]
        assert rows[2][10:] == "· 39 progress updates folded"


async def test_a_silence_is_said_between_the_lines() -> None:
    memory = MemoryLog(ui("before", 30) + ui("after", 64.25))
    async with shown(memory, 1).run_test(size=(120, 36)) as pilot:
        rows = await settle(pilot)
    assert rows[2] == "          ┆ 34:15 without output"


async def test_evidence_and_cause_have_a_sign(errors: MemoryLog) -> None:
    over = ended("failed")
    over = replace(over, build=replace(over.build, steps=(), phases=()), alerts=(alert(line=42, evidence=()),))
    async with app(Feed(over), errors).run_test(size=(120, 36)) as pilot:
        rows = await press(pilot, "r")
        assert next(row for row in rows if "entry 40." in row)[10] == "✗"
        assert next(row for row in rows if "entry 42." in row)[10] == "!"


async def test_times_are_of_day_since_the_start_since_the_step_or_none() -> None:
    async with shown(MemoryLog(ui("said", 30)), 1).run_test(size=(120, 36)) as pilot:
        seen = [(await settle(pilot))[1], *[(await press(pilot, "t"))[1] for _ in range(4)]]
    assert [row[: row.index("said")] for row in seen] == [
        " 12:30:00   ",
        "    30:00   ",
        "    19:00   ",
        "   ",
        " 12:30:00   ",
    ]


async def test_wrapped_lines_are_shown_whole_and_the_column_is_kept_meanwhile() -> None:
    text = "".join(f"{number:03}-" for number in range(60))
    async with shown(MemoryLog(ui(text)), 1).run_test(size=(80, 24)) as pilot:
        cut = await press(pilot, "right")
        wrapped = await press(pilot, "ctrl+w")
        assert "".join(row[12:] for row in wrapped[1:5]) == text
        assert await press(pilot, "ctrl+w") == cut
        assert (await press(pilot, "l"))[1] != cut[1]
        assert await press(pilot, "h") == cut


async def test_reading_wrapped_lines_does_not_jump_either() -> None:
    memory = MemoryLog(b"".join(ui(f"{number} " + "long " * 60) for number in range(200)))
    feed = Feed(log_update(1))
    async with app(feed, memory).run_test(size=(80, 24)) as pilot:
        before = await press(pilot, "ctrl+w", "pageup", "k")
        memory.appended(numbered(1, 500))
        feed.send(log_update(1))
        assert await settle(pilot) == before
        assert (await press(pilot, "G"))[-1].endswith("entry 500.")


async def test_enter_shows_a_line_whole() -> None:
    text = "x" * 9000 + "the end"
    async with shown(MemoryLog(ui("first") + ui(text)), 1).run_test(size=(80, 24)) as pilot:
        await press(pilot, "g", "down", "down", "enter")
        opened = pilot.app.screen
        assert isinstance(opened, WholeLine)
        assert str(opened.query_one("Static", Static).render()).endswith("the end")
        await press(pilot, "down", "pagedown", "c")
        assert pilot.app.clipboard == text
        assert not isinstance(pilot.app.screen, WholeLine)


async def test_find_goes_to_the_first_hit_while_one_types_and_escape_comes_back() -> None:
    async with shown(MemoryLog(numbered(1, 3000)), 1).run_test(size=(120, 36)) as pilot:
        before = await press(pilot, "g", "pagedown")
        await press(pilot, "slash", *"2500")
        assert cursor(pilot) == "entry 2500."
        assert await press(pilot, "escape") == before
        assert below(pilot) == ""


async def test_what_is_typed_in_one_breath_goes_to_the_prompt() -> None:
    async with shown(MemoryLog(numbered(1, 300)), 1).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key in ("slash", *"y 29"):
            character = "/" if key == "slash" else key
            pilot.app.post_message(events.Key("space" if key == " " else key, character))
        await settle(pilot)
        assert "find /" in below(pilot)
        await press(pilot, "enter")
        assert "/y 29" in below(pilot)


async def test_find_counts_and_goes_on() -> None:
    async with shown(MemoryLog(numbered(1, 1000)), 1).run_test(size=(120, 36)) as pilot:
        await settle(pilot)  # the first line is the log's only when all lines are known
        await press(pilot, "g", "slash", *"y 99", "enter")
        assert cursor(pilot) == "entry 99."
        assert "1 of 11" in below(pilot)
        await press(pilot, "n")
        assert cursor(pilot) == "entry 990."
        await press(pilot, "N", "N")
        assert cursor(pilot) == "entry 999."
        assert "11 of 11" in below(pilot)
        await press(pilot, "escape")
        assert below(pilot) == ""


async def test_find_finds_what_is_appended_later() -> None:
    feed, memory = Feed(log_update(1)), MemoryLog(numbered(1, 50))
    async with app(feed, memory).run_test(size=(120, 36)) as pilot:
        await press(pilot, "slash", *"Entry", "enter")
        assert "nothing found" in below(pilot)
        memory.appended(ui("Entry"))
        feed.send(log_update(1))
        await settle(pilot)
        await press(pilot, "n")
        assert "1 of 1" in below(pilot)


async def test_find_does_not_see_packers_prefix() -> None:
    async with shown(MemoryLog(numbered(1, 50)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "slash", *"azure", "enter")
        assert "nothing found" in below(pilot)


async def test_a_hit_that_noise_hides_is_shown_alone() -> None:
    memory = MemoryLog(numbered(1, 10) + debug("needle one") + debug("plumbing") + numbered(11, 10))
    async with shown(memory, 1).run_test(size=(120, 36)) as pilot:
        rows = await press(pilot, "slash", *"needle", "enter")
        assert [row for row in rows if "needle one" in row]
        assert not [row for row in rows if "plumbing" in row]


async def test_a_wrong_pattern_is_told_in_words_and_can_be_taken_as_text() -> None:
    memory = MemoryLog(numbered(1, 10) + ui("call f(x"))
    async with shown(memory, 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "slash", "f", "left_parenthesis", "enter")
        assert "no regular expression: missing )" in below(pilot)
        await press(pilot, "ctrl+t", "enter")
        assert cursor(pilot) == "call f(x"
        assert "1 of 1" in below(pilot)


async def test_filter_and_its_inverse_show_only_what_they_say() -> None:
    async with shown(MemoryLog(numbered(1, 30)), 1, 16).run_test(size=(120, 36)) as pilot:
        before = await press(pilot, "g")
        rows = await press(pilot, "ampersand", *"entry 2", "enter")
        assert [row[12:] for row in rows if "entry" in row][:2] == ["entry 2.", "entry 20."]
        assert "11 lines shown" in below(pilot)
        assert len([row for row in rows if "▾" in row]) == 2
        rows = await press(pilot, "ampersand", "exclamation_mark", *"entry 2", "enter")
        assert len([row for row in rows if "entry" in row]) == 19
        assert await press(pilot, "escape") == before


async def test_filters_and_finds_together() -> None:
    async with shown(MemoryLog(numbered(1, 200)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "ampersand", *"5", "enter", "g", "slash", *"10", "enter")
        assert cursor(pilot) == "entry 105."
        await press(pilot, "n")
        assert cursor(pilot) == "entry 105."


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("33", "entry 33."),
        ("s2", "entry 41."),
        ("50%", "WARNING: low"),
        ("13:04", "entry 91."),
        ("+40:00", "entry 91."),
    ],
)
async def test_goto_takes_a_line_a_step_a_part_or_a_time(errors: MemoryLog, said: str, line: str) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "colon", *said, "enter")
        assert cursor(pilot) == line
        assert below(pilot) == ""


@pytest.mark.parametrize("said", ["4711", "s9", "23:59", "nowhere", "99:99"])
async def test_goto_says_where_there_is_no_such_place(errors: MemoryLog, said: str) -> None:
    async with shown(errors).run_test(size=(120, 36)) as pilot:
        await press(pilot, "ctrl+g", *said, "enter")
        assert len(below(pilot).split(":", 1)[1]) > 10
        await press(pilot, "escape")
        assert "following" in title(pilot)


async def test_copy_takes_the_text_without_time_and_masks_what_is_secret() -> None:
    secret = "AccountKey=abcdefghijklmnopqrstuvwxyz0123456789=="
    async with shown(MemoryLog(ui("  indented, and kept") + ui(secret)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", "j", "c")
        assert pilot.app.clipboard == "  indented, and kept"
        await press(pilot, "j", "c")
        assert "abcdef" not in pilot.app.clipboard
        said = [notice.message for notice in pilot.app._notifications]
        assert any(f"line 1 of {RECORDED}" in notice for notice in said)
        assert any("1 possible secret masked" in notice for notice in said)


async def test_without_masking_a_secret_is_copied_as_it_is() -> None:
    secret = "AccountKey=abcdefghijklmnopqrstuvwxyz0123456789=="
    watch = app(Feed(log_update(1)), MemoryLog(ui(secret)), mask=False)
    async with watch.run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", "j", "c")
        assert pilot.app.clipboard == secret


async def test_selected_lines_are_copied_together() -> None:
    async with shown(MemoryLog(numbered(1, 30)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", "j", "j", "v", "j", "j", "c")
        assert pilot.app.clipboard == "entry 2.\nentry 3.\nentry 4."
        await press(pilot, "v", "j", "escape", "c")
        assert pilot.app.clipboard == "entry 5."


async def test_m_marks_a_line_and_u_goes_from_mark_to_mark() -> None:
    async with shown(MemoryLog(numbered(1, 90)), 1).run_test(size=(120, 36)) as pilot:
        rows = await press(pilot, "g", "j", "m", *["j"] * 40, "m", "g")
        assert [row[12:] for row in rows if row.startswith("◆")] == ["entry 1."]
        seen = []
        for key in ("u", "u", "u", "U", "U"):
            await press(pilot, key)
            seen.append(cursor(pilot))
        assert seen == ["entry 1.", "entry 41.", "entry 1.", "entry 41.", "entry 1."]
        rows = await press(pilot, "m", "U")
        assert cursor(pilot) == "entry 41."
        assert not [row for row in await press(pilot, "g") if row.startswith("◆")]


async def test_marks_from_the_end_and_of_what_is_hidden() -> None:
    lines = [debug("plumbing")] + [ui(f"entry {number}.") for number in range(1, 60)]
    async with shown(MemoryLog(b"".join(lines)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "plus", "g", "j", "m", "minus", "minus", "G")
        rows = await press(pilot, "U")
        assert cursor(pilot) == "plumbing"
        assert [row for row in rows if row.startswith("◆") and row.endswith("plumbing")]


async def test_the_marked_lines_are_copied_together() -> None:
    async with shown(MemoryLog(numbered(1, 90)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "C", "u")
        assert "No line is marked" in [notice.message for notice in pilot.app._notifications][-1]
        await press(pilot, "g", "j", "m", "j", "j", "m", "C")
        assert pilot.app.clipboard == "entry 1.\nentry 3."


async def test_marks_stay_on_their_lines_when_the_whole_log_is_known() -> None:
    marks = Bookmarks()
    for line in (5, 2, 9, 5):
        marks.toggle(line)
    marks.renew(100)
    assert marks.lines == [102, 109]
    marks.renew(None)
    assert marks.lines == []


async def test_a_headline_copies_its_step() -> None:
    async with shown(MemoryLog(numbered(1, 6)), 1, 4).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g", "enter", "c")
        assert pilot.app.clipboard == "entry 1.\nentry 2.\nentry 3."


async def test_the_mouse_selects_text_without_time_and_copies_it() -> None:
    async with shown(MemoryLog(numbered(1, 30)), 1).run_test(size=(120, 36)) as pilot:
        await press(pilot, "g")
        view = log(pilot)
        await pilot.mouse_down(view, offset=(14, 2))
        await pilot.hover(view, offset=(17, 4))
        await pilot.mouse_up(view, offset=(17, 4))
        await settle(pilot)
        assert pilot.app.clipboard.split("\n")[1] == "entry 2."
        assert pilot.app.clipboard.startswith("try 1.")
        assert "12:30" not in pilot.app.clipboard


async def test_the_mouse_wheel_scrolls_and_a_click_folds() -> None:
    async with shown(MemoryLog(numbered(1, 300)), 1, 290).run_test(size=(120, 36)) as pilot:
        before = await settle(pilot)
        view = log(pilot)
        view.post_message(events.MouseScrollUp(view, 5, 5, 0, 0, 0, False, False, False))
        rows = await settle(pilot)
        assert rows[3] == before[0]
        place = next(y for y, row in enumerate(rows) if "▾" in row)
        await pilot.click(view, offset=(20, place + 1))
        assert [row for row in await settle(pilot) if row.startswith(" ▸ ▸ 2")]


async def test_what_is_new_is_counted_until_the_end_is_followed_again() -> None:
    feed, memory = Feed(log_update(1)), MemoryLog(numbered(1, 100))
    async with app(feed, memory).run_test(size=(120, 36)) as pilot:
        await press(pilot, "k")
        memory.appended(numbered(101, 40) + debug("unseen"))
        feed.send(log_update(1))
        await settle(pilot)
        assert "+40 new" in title(pilot)
        await press(pilot, "F")
        assert "following" in title(pilot)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 15)])
async def test_what_a_log_says_is_harmless_wherever_it_is_shown(size: tuple[int, int]) -> None:
    step = replace(plan(1)[0], name=HOSTILE)
    hostile = update(build=build(steps=(step,), phases=()), alerts=(alert(line=1, evidence=()),))
    memory = MemoryLog(ui(HOSTILE) + ui(f"{HOSTILE} 4 %") * 5 + ui(HOSTILE, error=True))
    async with app(Feed(hostile), memory).run_test(size=size) as pilot:
        for keys in (
            ["g"],
            ["j", "j"],
            ["enter"],
            ["c"],
            ["plus"],
            ["ctrl+w"],
            ["t"],
            ["m", "j", "c"],
            ["slash", *"go"],
        ):
            rows = await press(pilot, *keys)
            strips = pilot.app.screen._compositor.render_strips()
            everything = "".join(segment.text for strip in strips for segment in strip) + "".join(rows)
            assert all(char.isprintable() for char in everything)
            assert all(char == "\n" or char.isprintable() for char in pilot.app.clipboard)
            assert pilot.app.is_running
            if isinstance(pilot.app.screen, WholeLine):
                await press(pilot, "escape")


def test_a_query_without_capitals_finds_both_cases() -> None:
    assert Query("copy").any_case
    assert not Query("Copy").any_case
    assert Query(r"copy\S").any_case


@pytest.mark.parametrize("text", ["a(", "[", "a{2,1}", "(?=x)"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        Query(text)


async def test_what_is_typed_at_one_go_is_found_and_enter_closes_the_prompt() -> None:
    watch = app(Feed(update()), MemoryLog(numbered(1, 200)))
    async with watch.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for key, character in (("slash", "/"), ("1", "1"), ("7", "7"), ("enter", "\r")):
            watch.post_message(events.Key(key, character))
        await settle(pilot)
        assert log(pilot).has_focus
        assert not log(pilot).query_one(LogPrompt).opened
        assert log(pilot)._search.standing() == "/17"
