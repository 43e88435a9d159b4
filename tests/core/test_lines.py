"""Bytes become the same lines whatever the chunks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.lines import MAX_LINE, Lines, gaps, next_stamp, parse_line
from tests.core.logs import GUID, Log


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def lines_of(pieces: list[bytes]) -> list[tuple[int, bytes]]:
    lines, found = Lines(), []
    for block in [*(lines.feed(piece) for piece in pieces), lines.finish()]:
        if block:
            whole = block.data.removesuffix(b"\n").split(b"\n")
            found += [(block.first_line + place, line[:MAX_LINE]) for place, line in enumerate(whole)]
    return found


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["", "plain", "crlf\r", "tab\there", "zażółć gęślą jaźń", "日本語 🙂", "\x0bvt\x85nel\u2028ls", "x" * 500]
        ),
        st.text(max_size=40).map(lambda text: text.replace("\n", " ")),
    ),
    max_size=30,
)


@given(TEXTS, st.booleans(), st.lists(st.integers(0, 60), max_size=60))
def test_any_chunking_gives_the_same_lines(texts: list[str], ends: bool, sizes: list[int]) -> None:
    data = "\n".join(texts).encode("utf-8", "replace") + (b"\n" if ends else b"")
    assert lines_of(cut(data, sizes)) == lines_of([data])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3 * MAX_LINE), st.lists(st.integers(0, MAX_LINE), max_size=8))
def test_a_line_of_any_length_is_cut_and_the_next_one_survives(length: int, sizes: list[int]) -> None:
    data = b"first\n" + b"x" * length + b"\nlast\n"
    assert lines_of(cut(data, sizes)) == [(1, b"first"), (2, b"x" * min(length, MAX_LINE)), (3, b"last")]


def test_a_line_without_an_end_is_held_within_bounds() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"y" * MAX_LINE) is None
    assert lines.finish() is not None
    assert lines.count == 1


def test_a_split_code_point_survives() -> None:
    raw = "größe\n".encode()
    lines = Lines()
    blocks = [lines.feed(bytes([byte])) for byte in raw]
    block = blocks[-1]
    assert block is not None
    assert parse_line(block.data, 1).text == "größe"


def test_only_a_line_feed_ends_a_line() -> None:
    assert [line for _, line in lines_of([b"a\rb\x0bc\x85\xe2\x80\xa8d\n"])] == [b"a\rb\x0bc\x85\xe2\x80\xa8d"]


STAMP = datetime(2026, 5, 4, 8, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "stream", "text", "at"),
    [
        (f"[{GUID}] PACKER OUT ==> azure-arm: Running builder ...", "ui", "Running builder ...", None),
        (f"[{GUID}] PACKER OUT     azure-arm: hello", "ui", "hello", None),
        (f"[{GUID}] PACKER OUT ", "ui", "", None),
        (f"[{GUID}] PACKER ERR 2026/05/04 08:02:11 packer: 2026/05/04 08:02:11 closing", "log", "closing", STAMP),
        (f"[{GUID}] PACKER ERR ==> Some builds didn't complete", "log", "==> Some builds didn't complete", None),
        (f"[{GUID}] PACKER ERR 2026/05/04 08:02:11 ui error: a copy", "log", "a copy", STAMP),
        (f"[{GUID}] PACKER 2026/05/04 08:02:11 ui:     azure-arm: hello", "ui", "hello", STAMP),
        (f"[{GUID}] PACKER 2026/05/04 08:02:11 ui: ==> azure-arm: hello", "ui", "hello", STAMP),
        (f"[{GUID}] PACKER 2026/05/04 08:02:11 ui error: ==> azure-arm: oh", "error", "oh", STAMP),
        (f"[{GUID}] PACKER 2026/05/04 08:02:11 ui: ==> azure-arm: ", "ui", "", STAMP),
        (f"[{GUID}] PACKER ==> azure-arm: Deleting KeyVault", "ui", "Deleting KeyVault", None),
        (f"[{GUID}] PACKER Done exporting Packer logs", "log", "Done exporting Packer logs", None),
        ("*PACKER ERR 2026/05/04 08:02:11 closing", "log", "closing", STAMP),
        ("PACKER OUT ==> azure-arm: quoted", "ui", "quoted", None),
        (f"2026-05-04T08:02:12.1234567Z [{GUID}] PACKER 2026/05/04 08:02:11 ui: ==> azure-arm: hi", "ui", "hi", STAMP),
        ("data.iso 1 MB / 2 MB 50.00%", "raw", "data.iso 1 MB / 2 MB 50.00%", None),
        (f"[{GUID}] PACKER 9999/99/99 99:99:99 ui: ==> azure-arm: odd", "ui", "odd", None),
        ("", "raw", "", None),
    ],
)
def test_a_prefix_of_any_generation_is_understood(raw: str, stream: str, text: str, at: datetime | None) -> None:
    line = parse_line(raw.encode(), 7)
    assert (line.stream, line.text, line.at, line.number) == (stream, text, at, 7)


def test_invalid_utf_8_does_not_stop_anything() -> None:
    assert parse_line(b"PACKER OUT     azure-arm: \xff\xfe caf\xc3", 1).text == "�� caf�"


def test_the_plug_in_that_speaks_is_known_without_its_version() -> None:
    log = Log().plugin("azure", "VMSize=Standard_D2s_v5")
    line = parse_line(log.data, 1)
    assert (line.process, line.text) == ("packer-plugin-azure", "VMSize=Standard_D2s_v5")


def test_a_gap_between_stamps_is_found_at_its_line() -> None:
    log = Log().out("before").wait(2000).out("after").out("after").wait(10).out("soon").wait(300).out("late")
    block = Lines().feed(log.data)
    assert block is not None
    found = [(gap.until - gap.since, gap.silent, gap.line) for gap in gaps(block, None, timedelta(seconds=30))]
    assert found == [(timedelta(seconds=2000), True, 2), (timedelta(seconds=300), True, 5)]


@pytest.mark.parametrize("between", [b"", b"PACKER OUT no stamp\n"])
def test_a_gap_where_a_block_begins_is_silent_where_the_line_before_is_stamped(between: bytes) -> None:
    early, late = Log().out("early"), Log().wait(2000).out("late")
    lines = Lines()
    before, block = lines.feed(early.data + between), lines.feed(late.data)
    assert before is not None
    assert block is not None
    since = next_stamp(before.data, 0)
    assert since is not None
    assert [gap.silent for gap in gaps(block, since[1], timedelta(seconds=30))] == [between == b""]
