"""The line index: any chunking gives the same lines, and every line is found again from its span."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aibtui.core.index import ERROR, LONGEST, NOISE, OUTPUT, REACH, WARNING, LineIndex, classify
from aibtui.core.lines import parse_line

GUID = "[0c6e1a52-7b1d-4a8e-9a43-5d0f4c8e2b17]"
STAMP = "2026/03/22 13:04:38"

KINDS = [
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Installing the agent", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui:     azure-arm: text of the second generation", OUTPUT),
    (f"{GUID} PACKER OUT     azure-arm: text of the first generation", OUTPUT),
    (f"{GUID} PACKER ERR {STAMP} packer: Waiting for connection...", NOISE),
    (f"{GUID} PACKER {STAMP} [INFO] 0 bytes written for 'stderr'", NOISE),
    (f"{GUID} PACKER {STAMP} packer-provisioner-powershell plugin: Found command: throw 'ERROR: no'", NOISE),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: ", NOISE),
    (f"{GUID} PACKER ==> azure-arm: Deleting KeyVault created during build", OUTPUT),
    ("a line that has no prefix", OUTPUT),
    ("", NOISE),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: WARNING: restart pending", WARNING),
    (f"{GUID} PACKER {STAMP} ui error: ==> azure-arm: something on stderr", ERROR),
    (f"{GUID} PACKER {STAMP} ui error: ==> azure-arm: A system shutdown is in progress.(1115)", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: ERROR: no such share", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Get-Item : Cannot find path 'C:\\x'", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm:     + CategoryInfo          : NotSpecified: (:) [], X", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: System.IO.IOException: disk full", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Error code: 0", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: 0 errors, 3 files copied", OUTPUT),
]


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_a_line_is_judged_by_its_looks(text: str, kind: int) -> None:
    assert classify(text.encode()) == kind


@pytest.mark.parametrize("text", [text for text, _ in KINDS])
def test_what_the_grammar_calls_log_is_noise(text: str) -> None:
    if parse_line(text.encode(), 1).stream == "log":
        assert classify(text.encode()) == NOISE


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
    assert (index.lines, index.rows, index.size) == (expected.lines, expected.rows, expected.size)
    assert [index.kind(line) for line in range(index.lines)] == [expected.kind(n) for n in range(expected.lines)]
    assert [index.locate(line) for line in range(index.lines)] == [expected.locate(n) for n in range(expected.lines)]


def test_every_line_is_found_from_its_span() -> None:
    chooser = random.Random(7)
    lines = [b"%d " % number + b"x" * chooser.choice([0, 5, 90, 700, REACH + 9]) for number in range(1000)]
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
    assert index.locate(1).length <= REACH + LONGEST
    assert index.locate(2) == (6_400_007, 5, 0)


def test_rows_are_the_lines_that_are_not_noise() -> None:
    quiet = f"{GUID} PACKER {STAMP} [INFO] debug\n".encode()
    loud = f"{GUID} PACKER {STAMP} ui: ==> azure-arm: seen\n".encode()
    chooser = random.Random(11)
    pattern = [chooser.random() < 0.3 for _ in range(500)]
    index = whole(b"".join(loud if shown else quiet for shown in pattern))
    expected = [line for line, shown in enumerate(pattern) if shown]
    assert [index.line(row) for row in range(index.rows)] == expected
    assert [index.row(line) for line in expected] == list(range(index.rows))
    assert index.row(len(pattern)) == index.rows


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
    with pytest.raises(IndexError):
        index.line(1)
