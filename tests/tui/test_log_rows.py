"""The rows of a log: whatever is folded, filtered and hidden, they are the same from the top and from the bottom."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aibtui.core.build import Step
from aibtui.core.index import EVIDENCE, GAP, KIND, MATCH, SAME, LineIndex
from aibtui.tui.log_map import LogMap
from aibtui.tui.log_rows import GAP_ROW, HEADLINE, LINE, RUN, RUN_ROW, LogRows, Row
from aibtui.tui.log_sections import Section, sections
from tests.tui.builders import build, debug, phases, steps, ui

TEXTS = [
    debug("plumbing"),
    ui("Provisioning with Powershell..."),
    ui("Copying one file"),
    ui("Copying another file"),
    ui("setup.exe 10 MB / 99 MB"),
    ui("setup.exe 20 MB / 99 MB"),
    ui("WARNING: low"),
    ui("ERROR: no such share"),
    ui("still there", 45),
]


def index_of(data: bytes) -> LineIndex:
    index = LineIndex()
    index.feed(data)
    return index


@st.composite
def rows(draw: st.DrawFn) -> LogRows:
    """Any log of some lines, with any mixture of steps, folds, filter, noise, evidence and opened runs."""
    picks = draw(st.lists(st.integers(0, len(TEXTS) - 1), min_size=0, max_size=60))
    made = LogRows(index_of(b"".join(TEXTS[pick] for pick in picks)))
    lines = len(picks)
    edges = sorted(draw(st.sets(st.integers(0, lines + 5), max_size=8)))
    parts = []
    for place in range(0, len(edges) - 1, draw(st.integers(1, 2))):
        last = None if place >= len(edges) - 2 and draw(st.booleans()) else edges[place + 1] - 1
        parts.append(Section(edges[place], last, Step(place + 1, "powershell")))
    made.sections = tuple(parts)
    made.fold([section.name for section in parts if draw(st.booleans())], folded=True)
    made.noise = draw(st.integers(0, 3))
    made.filtered = draw(st.sampled_from([None, None, "match", "inverse"]))
    for line in range(lines):
        for bit in (MATCH, EVIDENCE):
            if draw(st.integers(0, 3)) == 0:
                made.index.set(line, bit)
    if lines and draw(st.booleans()):
        made.open_run(draw(st.integers(0, lines - 1)))
    if lines and draw(st.booleans()):
        made.reveal(draw(st.integers(0, lines - 1)))
    return made


def expected(rows: LogRows) -> list[tuple[int, int]]:
    """The rows as they are defined, line by line, without any cleverness."""
    index, found = rows.index, []
    least = (3, 2, 1, 0)[rows.noise]
    for line in range(index.lines):
        byte, section = index.byte(line), rows.section_of(line)
        opens = section is not None and line == section.first and has_rows(rows, section, least)
        folded = section is not None and section.name in rows.folded
        if byte & GAP and rows.noise and rows.filtered is None and (opens or not folded):
            found.append((line, GAP_ROW))
        if opens:
            found.append((line, HEADLINE))
        if not folded and (seen(rows, byte, least) or line == rows.pinned):
            found.append((line, LINE))
    return found


def has_rows(rows: LogRows, section: Section, least: int) -> bool:
    stop = rows.index.lines if section.last is None else min(section.last + 1, rows.index.lines)
    lines = range(section.first, stop)
    return rows.filtered is None or any(
        seen(rows, rows.index.byte(line), least) or line == rows.pinned for line in lines
    )


def seen(rows: LogRows, byte: int, least: int) -> bool:
    passes = rows.filtered is None or bool(byte & MATCH) == (rows.filtered == "match")
    return passes and (byte & KIND >= least or bool(byte & EVIDENCE))


@given(rows())
@settings(max_examples=100, deadline=None)
def test_down_and_up_are_the_same_way(rows: LogRows) -> None:
    down = list(rows.down(rows.first()))
    assert down == list(rows.up(rows.last()))[::-1]
    assert down == sorted(set(down))


@given(rows())
@settings(max_examples=100, deadline=None)
def test_every_line_that_is_to_be_seen_has_a_row_or_is_in_a_run(rows: LogRows) -> None:
    walked = list(rows.down(rows.first()))
    shown = [row[:2] for row in walked if row.kind != RUN_ROW]
    covered = {line for row in walked if row.kind == RUN_ROW for line in range(row.line, row.until + 1)}
    wanted = expected(rows)
    assert [place for place in wanted if place in shown] == shown
    missing = [(line, kind) for line, kind in wanted if (line, kind) not in shown]
    assert all(kind == LINE and line in covered and rows.index.byte(line) & SAME for line, kind in missing)


@given(rows(), st.integers(0, 70))
@settings(max_examples=100, deadline=None)
def test_a_line_is_found_in_its_row_or_next_to_it(rows: LogRows, line: int) -> None:
    walked = list(rows.down(rows.first()))
    found = rows.at(line)
    assert (found is None) == (not walked)
    if found is None:
        return
    assert found in walked
    here = min(line, rows.index.lines - 1)
    if (here, LINE) in [row[:2] for row in walked]:
        assert found[:2] == (here, LINE)
    assert rows.settle(found) == found


@given(rows(), st.data())
@settings(max_examples=80, deadline=None)
def test_a_revealed_line_has_a_row_of_its_own(rows: LogRows, data: st.DataObject) -> None:
    if not rows.index.lines:
        return
    line = data.draw(st.integers(0, rows.index.lines - 1))
    rows.reveal(line)
    assert rows.at(line) == Row(line, LINE, line)


@given(rows())
@settings(max_examples=80, deadline=None)
def test_a_run_is_folded_from_a_number_of_lines_on(rows: LogRows) -> None:
    for row in rows.down(rows.first()):
        if row.kind == RUN_ROW:
            after = rows.after(row)
            assert after is not None
            assert rows.repeats(row) >= RUN - 1


def test_steps_and_phases_without_steps_are_sections_in_the_order_of_their_lines() -> None:
    plan = steps(running=3)
    begun = tuple(
        replace(phase, first_line=1) if phase.name == "prepare" else phase for phase in phases() if phase.started_at
    )
    made = sections(build(steps=plan, phases=begun))
    assert [(section.name, section.first, section.last) for section in made] == [
        ("prepare", 0, 18),
        ("step 1", 19, 38),
        ("step 2", 39, 58),
        ("step 3", 59, None),
    ]


def test_the_newest_of_a_run_is_seen_and_the_number_of_rows_stays() -> None:
    data = b"".join(ui(f"setup.exe {share} %") for share in range(1, 9))
    counts = []
    for upto in range(4, 9):
        rows = LogRows(index_of(b"".join(data.splitlines(keepends=True)[:upto])))
        walked = list(rows.down(rows.first()))
        counts.append(len(walked))
        assert walked[-1] == Row(upto - 1, LINE, upto - 1)
    assert counts == [3, 3, 3, 3, 3]


def test_the_bar_shows_what_came_while_it_was_drawn() -> None:
    made, bar = LogRows(index_of(ui("Copying") * 5_000)), LogMap()
    assert {cell.sign for cell in bar.cells(made, 20, 0, 30)} == {" "}
    made.index.feed(ui("ERROR: no such share"))
    made.index.feed(ui("Copying") * 5_000)
    assert [cell.sign for cell in bar.cells(made, 20, 0, 30)] == [" "] * 10 + ["━"] + [" "] * 9
