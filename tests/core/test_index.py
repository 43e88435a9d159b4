"""The line index: any chunking gives the same lines, and every line is found again from its span."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.index import (
    BLOCK,
    ERROR,
    EVIDENCE,
    GAP,
    GROUP,
    HIT,
    LONGEST,
    MATCH,
    NOISE,
    OUTPUT,
    SAME,
    WARNING,
    LineIndex,
    ranking,
    table,
)

GUID = "[0c6e1a52-7b1d-4a8e-9a43-5d0f4c8e2b17]"
STAMP = "2026/03/22 13:04:38"


MANY = LineIndex()
"""So many lines that some of them are counted together."""
MANY.feed(f"{GUID} PACKER {STAMP} ui: ==> azure-arm: fine\n".encode() * (3 * GROUP + 100))


def read(index: LineIndex, data: bytes, line: int) -> bytes:
    offset, length, skip = index.locate(line)
    return data[offset : offset + length].split(b"\n")[skip]


def whole(data: bytes) -> LineIndex:
    index = LineIndex()
    index.feed(data)
    index.finish()
    return index


@given(st.binary(max_size=400).map(lambda data: data.replace(b"\x00", b"\n")), st.lists(st.integers(0, 400)))
def test_any_chunking_gives_the_same_index(data: bytes, cuts: list[int]) -> None:
    index = LineIndex()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for begin, end in pairwise(edges):
        index.feed(data[begin:end])
    index.finish()
    expected = whole(data)
    assert (index.lines, index.size) == (expected.lines, expected.size)
    assert [index.byte(line) for line in range(index.lines)] == [expected.byte(n) for n in range(expected.lines)]
    assert [index.locate(line) for line in range(index.lines)] == [expected.locate(n) for n in range(expected.lines)]


def test_every_line_is_found_from_its_span() -> None:
    chooser = random.Random(7)
    lines = [b"%d " % number + b"x" * chooser.choice([0, 5, 90, 700, BLOCK + 9]) for number in range(1000)]
    data = b"\n".join(lines) + b"\n"
    index = whole(data)
    assert index.lines == len(lines)
    for number, line in enumerate(lines):
        found = read(index, data, number)
        assert found[:LONGEST] == line[:LONGEST]


def test_a_line_longer_than_memory_should_hold_costs_one_short_read() -> None:
    index = LineIndex()
    index.feed(b"first\n")
    for _ in range(64):
        index.feed(b"x" * 100_000)
    index.feed(b"\nlast\n")
    assert index.lines == 3
    assert index.locate(1).length <= BLOCK + LONGEST
    assert index.locate(2) == (6_400_007, 5, 0)


def shown(text: str, second: int = 0, minute: int = 4) -> bytes:
    return f"{GUID} PACKER 2026/03/22 13:{minute:02}:{second:02} ui: ==> azure-arm: {text}\n".encode()


def bits(data: bytes, bit: int) -> list[int]:
    index = whole(data)
    return [line for line in range(index.lines) if index.byte(line) & bit]


@given(st.lists(st.sampled_from([NOISE, OUTPUT, WARNING, ERROR]), max_size=900), st.data())
def test_lines_of_a_kind_are_found_from_both_sides_and_counted(pattern: list[int], data: st.DataObject) -> None:
    texts = {
        NOISE: f"{GUID} PACKER {STAMP} [INFO] debug\n".encode(),
        OUTPUT: shown("said"),
        WARNING: shown("WARNING: low"),
        ERROR: shown("ERROR: no"),
    }
    index = whole(b"".join(texts[kind] for kind in pattern))
    wanted = table(data.draw(st.sampled_from([NOISE, OUTPUT, WARNING, ERROR])), ERROR)
    places = [line for line, kind in enumerate(pattern) if wanted[kind]]
    here = data.draw(st.integers(0, len(pattern)))
    stop = data.draw(st.integers(0, len(pattern)))
    assert index.next(wanted, here, stop) == next((line for line in places if here <= line < stop), None)
    assert index.last(wanted, here, stop) == next((line for line in reversed(places) if stop <= line <= here), None)
    assert index.count(wanted, here, stop) == sum(here <= line < stop for line in places)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_best_of_some_lines_is_that_of_each(data: st.DataObject) -> None:
    index, lines = MANY, MANY.lines
    marked = data.draw(st.dictionaries(st.integers(0, lines - 1), st.sampled_from((EVIDENCE, HIT)), max_size=4))
    first = data.draw(st.integers(0, lines - 1))
    stop = data.draw(st.integers(first + 1, lines + 1))
    found = {bit for line, bit in marked.items() if first <= line < stop}
    ranks = ranking(table(EVIDENCE), table(HIT))
    for line, bit in marked.items():
        index.set(line, bit)
    assert index.best(ranks, first, stop) == (1 if EVIDENCE in found else 2 if HIT in found else 0)
    index.clear(HIT)
    assert index.best(ranks, first, stop) == (1 if EVIDENCE in found else 0)
    index.clear(EVIDENCE)
    assert index.best(ranks, first, stop) == 0


def test_bits_from_outside_are_set_and_cleared_without_touching_others() -> None:
    index = whole(shown("ERROR: no") + shown("said"))
    index.set(0, HIT)
    index.set(0, EVIDENCE)
    index.set(1, HIT)
    index.clear(HIT)
    assert (index.kind(0), index.kind(1)) == (ERROR, OUTPUT)
    assert index.next(table(HIT), 0) is None
    assert index.next(table(EVIDENCE), 0) == 0
    assert index.next(table(MATCH), 0) is None


def test_what_was_said_shortly_before_is_the_same() -> None:
    loop = shown("Retrying...") + shown("Joined: NO") + shown("Waiting")
    assert bits(loop * 3, SAME) == [3, 4, 5, 6, 7, 8]


def test_progress_is_the_same_though_its_figures_differ() -> None:
    data = b"".join(shown(f"data.iso  {share} / 400 MB  {share / 4:.1f} %") for share in (1, 20, 300))
    assert bits(data, SAME) == [1, 2]


def test_a_loop_that_prints_its_own_time_is_the_same() -> None:
    data = b"".join(shown(f"2026-03-22 13:04:{second:02} - not joined yet", second) for second in (1, 11, 21))
    assert bits(data, SAME) == [1, 2]


def test_lines_that_differ_by_a_number_are_not_the_same() -> None:
    assert bits(b"".join(shown(f"Installing package {number}") for number in range(9)), SAME) == []


def test_errors_are_the_same_only_word_for_word() -> None:
    assert bits(shown("ERROR: 10 % free") + shown("ERROR: 11 % free") + shown("ERROR: 11 % free"), SAME) == [2]


def test_a_silence_is_measured_between_lines_that_the_build_showed() -> None:
    debug = f"{GUID} PACKER 2026/03/22 13:20:00 [INFO] polling\n".encode()
    data = shown("begin", minute=4) + debug + shown("end", 13, minute=38) + shown("soon after", minute=40)
    index = whole(data)
    assert bits(data, GAP) == [2]
    assert index.gap(2) == timedelta(minutes=34, seconds=13)


def test_a_run_of_repeated_lines_does_not_span_a_silence() -> None:
    data = shown("waiting", minute=4) + shown("waiting", minute=5) + shown("waiting", minute=30)
    assert bits(data, SAME) == [1]


def test_a_line_is_found_by_its_time() -> None:
    data = b"".join(shown(f"line {number}", number % 60, number // 60) for number in range(900))
    index = whole(data)
    for number in (0, 1, 500, 899):
        line = index.line_at(datetime(2026, 3, 22, 13, number // 60, number % 60, tzinfo=UTC))
        assert number - 64 <= line <= number


def test_stretches_are_whole_lines_and_cover_the_log() -> None:
    data = b"".join(shown("x" * (number % 700)) for number in range(2000))
    index = whole(data)
    line, seen = 0, b""
    while line < index.lines:
        stretch = index.stretch(line, 10_000)
        assert stretch.first == line
        seen += data[stretch.offset : stretch.offset + stretch.length]
        line = stretch.last
    assert seen == data


def test_a_line_without_newline_counts_when_the_log_is_over() -> None:
    index = LineIndex()
    index.feed(b"one\ntwo")
    assert index.lines == 1
    index.finish()
    assert index.lines == 2
    assert read(index, b"one\ntwo", 1) == b"two"


def test_an_index_may_begin_in_the_middle() -> None:
    data = b"skipped\none\ntwo\n"
    index = LineIndex(start=8)
    index.feed(data[8:])
    assert [read(index, data, line) for line in range(index.lines)] == [b"one", b"two"]


def test_there_is_no_line_behind_the_last() -> None:
    index = whole(b"one\n")
    with pytest.raises(IndexError):
        index.locate(1)
