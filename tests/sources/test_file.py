"""A local log: followed as it grows, or read as a whole."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aibtui.core.polls import Poll
from aibtui.sources import CannotWatch
from aibtui.sources import file as file_module
from aibtui.sources.file import FileSource
from aibtui.sources.whole_file import read_whole
from tests.sources.fake_azure import LAST_LINE, START


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "customization.log"


@pytest.fixture
async def source(path: Path) -> AsyncIterator[FileSource]:
    opened = FileSource(path)
    yield opened
    await opened.close()


def chunks_of(poll: Poll) -> list[tuple[int, int, bytes]]:
    return [(chunk.generation, chunk.offset, chunk.data) for chunk in poll.chunks]


async def test_what_is_appended_is_read_once(path: Path, source: FileSource) -> None:
    path.write_bytes(b"one\n")
    first = await source.look(START)
    with path.open("ab") as log:
        log.write(b"two\n")
    second = await source.look(START)
    assert chunks_of(first) + chunks_of(second) == [(0, 0, b"one\n"), (0, 4, b"two\n")]
    assert first.status is None
    assert not second.ended


async def test_a_look_waits_for_the_file_to_change(
    path: Path, source: FileSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "_WAIT", 20.0)
    path.write_bytes(b"one\n")
    await source.look(START)
    look = asyncio.create_task(source.look(START))
    await asyncio.sleep(0.5)
    path.write_bytes(b"one\ntwo\n")
    poll = await asyncio.wait_for(look, 10)
    assert chunks_of(poll) == [(0, 4, b"two\n")]
    assert poll.at > START


async def test_a_quiet_file_gives_empty_looks(path: Path, source: FileSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "_WAIT", 0.05)
    path.write_bytes(b"one\n")
    await source.look(START)
    poll = await source.look(START)
    assert (poll.chunks, poll.log_read, poll.ended) == ((), True, False)


async def test_the_end_marker_as_the_last_line_ends_it(path: Path, source: FileSource) -> None:
    path.write_bytes(b"one\n" + LAST_LINE)
    assert (await source.look(START)).ended


async def test_an_end_marker_that_is_not_the_last_line_ends_nothing(path: Path, source: FileSource) -> None:
    path.write_bytes(LAST_LINE + b"more\n")
    assert not (await source.look(START)).ended


@pytest.mark.parametrize("other", [b"new\n", b"", b"longer than the one before, and other\n"])
async def test_a_file_that_was_replaced_is_another_generation(path: Path, source: FileSource, other: bytes) -> None:
    path.write_bytes(b"what was there first\n")
    await source.look(START)
    path.write_bytes(other)
    assert chunks_of(await source.look(START)) == [(1, 0, other)]


async def test_a_file_that_vanishes_is_told_and_may_come_back(
    path: Path, source: FileSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "_WAIT", 0.05)
    path.write_bytes(b"one\n")
    await source.look(START)
    path.unlink()
    assert (await source.look(START)).troubles[0].kind == "gone"
    path.write_bytes(b"one\ntwo\n")
    assert chunks_of(await source.look(START)) == [(0, 4, b"two\n")]


async def test_utf_16_is_turned_into_utf_8(path: Path, source: FileSource) -> None:
    text = "[op] PACKER 2026/03/01 10:00:00 grüße\r\n"
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le")[:31])
    first = await source.look(START)
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    second = await source.look(START)
    assert b"".join(chunk.data for chunk in (*first.chunks, *second.chunks)).decode("utf-8-sig") == text
    assert second.chunks[0].offset == len(first.chunks[0].data)


async def test_a_long_file_is_read_in_steps(path: Path, source: FileSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "_STEP", 10)
    path.write_bytes(b"x" * 25)
    looks = [await source.look(START) for _ in range(3)]
    assert [len(look.chunks[0].data) for look in looks] == [10, 10, 5]


async def _refused(path: Path) -> CannotWatch:
    source = FileSource(path)
    with pytest.raises(CannotWatch) as raised:
        await source.look(START)
    await source.close()
    return raised.value


async def test_what_is_no_log_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "secret").write_bytes(b"text\n")
    (tmp_path / "secret").chmod(0)
    os.mkfifo(tmp_path / "pipe")
    for name, text in (
        ("missing", "There is no file"),
        ("", "is a directory, not a log."),
        ("binary", "is not a log: it holds binary data."),
        ("pipe", "it is not a file."),
        *((("secret", "You may not read"),) if os.getuid() else ()),
    ):
        refused = await _refused(tmp_path / name)
        assert text in refused.text
        assert refused.exit_code == 2


async def test_a_log_with_a_little_binary_output_is_a_log(path: Path, source: FileSource) -> None:
    data = b"[op] PACKER 2026/03/01 10:00:00 ui:     azure-arm: W\0i\0n\0d\0o\0w\0s\0\n"
    path.write_bytes(data)
    assert chunks_of(await source.look(START)) == [(0, 0, data)]


async def test_closing_waits_for_nothing(path: Path, source: FileSource) -> None:
    path.write_bytes(b"one\n")
    await source.look(START)
    look = asyncio.create_task(source.look(START))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    look.cancel()
    await source.close()
    assert time.monotonic() - began < 0.3


def test_a_file_is_read_as_a_whole(path: Path) -> None:
    path.write_bytes(b"PACKER one\n")
    assert read_whole(path) == b"PACKER one\n"


def test_a_gzip_is_unpacked_whatever_its_name(path: Path) -> None:
    path.write_bytes(gzip.compress(b"PACKER one\n"))
    assert read_whole(str(path)) == b"PACKER one\n"


def test_stdin_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO("PACKER grüße\n".encode("utf-16"))

    monkeypatch.setattr("sys.stdin", Stdin)
    assert read_whole("-").decode("utf-8-sig") == "PACKER grüße\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (gzip.compress(random.Random(7).randbytes(5000), mtime=0)[:-100], "is a gzip file that ends too early."),
        (b"\x1f\x8b" + b"junk" * 9, "is a damaged gzip file."),
        (b"\x7fELF" + b"\0" * 50, "is not a log: it holds binary data."),
    ],
)
def test_what_cannot_be_read_as_a_whole_is_refused(path: Path, data: bytes, text: str) -> None:
    path.write_bytes(data)
    with pytest.raises(CannotWatch) as raised:
        read_whole(path)
    assert raised.value.text == f"{path} {text}"
    assert raised.value.exit_code == 2
