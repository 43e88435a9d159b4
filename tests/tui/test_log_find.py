"""What is found in the whole log is what one finds who reads line by line, wherever slices and blocks begin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.index import HIT, table
from aibtui.core.lines import parse_line
from aibtui.safetext import clean
from aibtui.tui import log_find
from aibtui.tui.log_find import Query, Scan
from aibtui.tui.log_rows import LogRows
from aibtui.tui.log_search import Search
from aibtui.tui.log_text import TAIL, LogText, displayed
from tests.tui.builders import GUID, MemoryLog, debug, ui

TEXTS = [
    "the needle",
    "NEEDLE in the middle of it",
    "nee\tdle",
    "nothing",
    "nee\x1b[0mdle",
    "der n\u00e4chste Schritt, needle",
    "nee",
    "dle",
    "a " * 300 + "needle",
]
QUERIES = [
    "needle",
    "NEEDLE",
    "nee.le",
    "^the",
    "le$",
    "\\bneedle\\b",
    "\\Athe",
    "it\\z",
    "PACKER",
    "e",
    "x*",
    "nee\\s*dle",
    "\u00e4",
    "[^a]",
]

lines = st.one_of(
    st.sampled_from(TEXTS).map(ui),
    st.sampled_from(TEXTS).map(debug),
    st.sampled_from(TEXTS).map(lambda text: debug(f"[INFO] {text}")),
    st.sampled_from(TEXTS).map(lambda text: f"{GUID} PACKER OUT     azure-arm: {text}\n".encode()),
    st.sampled_from(TEXTS).map(lambda text: f"{text}\n".encode()),
)


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_find, "SLICE", 5_000)
    monkeypatch.setattr(log_find, "MOST", 7)


def made(log: list[bytes]) -> LogText:
    text = LogText(MemoryLog(b"".join(log)))
    while text.behind:
        text.step()
    return text


@given(st.lists(lines, min_size=1, max_size=30), st.sampled_from(QUERIES), st.booleans(), st.integers(0, 200))
@settings(max_examples=80, deadline=None)
def test_every_line_with_the_pattern_is_found_and_no_other(
    some: list[bytes], said: str, regex: bool, start: int
) -> None:
    log = some * (1 + 150 // len(some))
    text, query = made(log), Query(said, regex=regex)
    scan = Scan(query, text, HIT, start)
    while scan.step():
        pass
    found = [line for line in range(text.index.lines) if text.index.byte(line) & HIT]
    shown = [clean(displayed(parse_line(line.rstrip(b"\n"), 0)), None) for line in log]
    # A pattern is looked for in the bytes first: one that a terminal sequence cuts in two is not found.
    cut = {place for place, line in enumerate(log) if b"\x1b" in line or b"\t" in line}
    wanted = [place for place, line in enumerate(shown) if query.matches(line)]
    assert [line for line in found if line not in cut] == [line for line in wanted if line not in cut]
    assert set(found) <= set(wanted)
    assert scan.hits == len(found) == text.index.count(table(HIT))


def test_a_step_ends_after_some_lines_that_must_be_looked_at_one_by_one() -> None:
    text = made([b"needle, and no prefix\n"] * 100)
    scan = Scan(Query("needle"), text, HIT)
    scan.step()
    assert scan.hits == 7
    while scan.step():
        pass
    assert scan.hits == 100


def test_the_end_is_searched_before_the_whole_log_is_known() -> None:
    line = ui("nothing")
    log = MemoryLog(line * (3 * TAIL // len(line)) + ui("the needle"))
    text = LogText(log)
    while text.index.size < log.size:
        text.step()
    search = Search(text, LogRows(text.index))
    search.find(Query("needle"), 0)
    while search.step():
        pass
    assert search.first_hit(0) == text.index.lines - 1
    assert not text.complete
    assert search.behind
    assert search.said(None).startswith("1, searching ")


def test_what_the_end_does_not_hold_may_still_be_above_it() -> None:
    line = ui("nothing")
    log = MemoryLog(ui("the needle") + line * (3 * TAIL // len(line)))
    text = LogText(log)
    search = Search(text, LogRows(text.index))
    while text.index.size < log.size:
        text.step()
    search.find(Query("needle"), 0)
    while search.step():
        pass
    assert search.first_hit(0) is None
    assert "nothing found" not in search.said(None)


def test_a_text_is_found_behind_a_long_stretch_without_it() -> None:
    text = made([*[ui("nothing")] * 30_000, ui("the needle"), *[ui("nothing")] * 30_000, ui("a needle")])
    scan = Scan(Query("needle"), text, HIT, 10)
    steps = 0
    while scan.step():
        steps += 1
    assert scan.hits == 2
    assert text.index.next(table(HIT), 0) == 30_000
    assert steps < 40
