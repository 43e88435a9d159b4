"""Tailing one blob, on real Azurite and on a blob service that is stricter at its end."""

from __future__ import annotations

import asyncio
import random

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.polls import Chunk
from aibtui.recording import Cursor
from aibtui.sources import blob as blob_module
from aibtui.sources.blob import BlobTail
from aibtui.sources.cloud import EMULATOR_KEY
from aibtui.sources.faults import Foreign
from tests.conftest import BlobStore
from tests.sources.fake_azure import LAST_LINE, Blob, FakeAzure, answering, blob_error, broken_off, read_range

LINE = b"[8f1c] PACKER 2026/03/01 10:00:%02d ui:     azure-arm: step %d of the image\n"


def lines(first: int, last: int) -> bytes:
    return b"".join(LINE % (number % 60, number) for number in range(first, last))


async def read_all(tail: BlobTail) -> list[Chunk]:
    chunks: list[Chunk] = []
    while True:
        look = await tail.look()
        chunks += look.chunks
        if look.caught_up:
            return chunks


def newest(chunks: list[Chunk]) -> bytes:
    """What a recording of the chunks holds; asserts that they are contiguous."""
    data, generation = b"", 0
    for chunk in chunks:
        if chunk.generation > generation:
            data, generation = b"", chunk.generation
        assert chunk.offset == len(data)
        data += chunk.data
    return data


async def test_what_is_appended_is_read_once(blob_store: BlobStore) -> None:
    tail = BlobTail(blob_store.client)
    chunks: list[Chunk] = []
    for last in (3, 4, 40):
        await blob_store.put(lines(0, last))
        chunks += await read_all(tail)
    assert newest(chunks) == lines(0, 40)
    assert {chunk.generation for chunk in chunks} == {0}


async def test_an_unchanged_blob_brings_nothing(blob_store: BlobStore) -> None:
    await blob_store.put(lines(0, 5))
    tail = BlobTail(blob_store.client)
    await read_all(tail)
    look = await tail.look()
    assert look.chunks == ()
    assert look.caught_up


async def test_a_blob_written_anew_with_the_same_beginning_is_read_on(blob_store: BlobStore) -> None:
    await blob_store.put(lines(0, 5))
    tail = BlobTail(blob_store.client)
    chunks = await read_all(tail)
    await blob_store.delete()
    await blob_store.put(lines(0, 9))
    chunks += await read_all(tail)
    assert newest(chunks) == lines(0, 9)
    assert tail.generation == 0


async def test_a_blob_that_appears_late_is_read_from_its_beginning(blob_store: BlobStore) -> None:
    tail = BlobTail(blob_store.client)
    with pytest.raises(ResourceNotFoundError):
        await tail.look()
    await blob_store.put(lines(0, 5))
    assert newest(await read_all(tail)) == lines(0, 5)


@pytest.mark.parametrize(
    "replacement",
    [lines(70, 73), lines(0, 5), lines(70, 200), b"", b"x", lines(70, 80)],
    ids=["shorter", "cut off", "longer", "empty", "tiny", "same size"],
)
async def test_a_replaced_blob_is_another_generation(blob_store: BlobStore, replacement: bytes) -> None:
    await blob_store.put(lines(60, 70))
    tail = BlobTail(blob_store.client)
    chunks = await read_all(tail)
    await blob_store.put(replacement)
    chunks += await read_all(tail)
    assert tail.generation == 1
    assert newest(chunks) == replacement


async def test_an_empty_blob_is_read_without_a_byte(blob_store: BlobStore) -> None:
    await blob_store.put(b"")
    tail = BlobTail(blob_store.client)
    look = await tail.look()
    assert (look.chunks, look.caught_up) == ((), True)
    await blob_store.put(lines(0, 2))
    assert newest(await read_all(tail)) == lines(0, 2)


async def test_a_vanished_blob_leaves_the_cursor_where_it_was(blob_store: BlobStore) -> None:
    await blob_store.put(lines(0, 5))
    tail = BlobTail(blob_store.client)
    chunks = await read_all(tail)
    await blob_store.delete()
    with pytest.raises(ResourceNotFoundError):
        await tail.look()
    await blob_store.put(lines(0, 6))
    assert newest(chunks + await read_all(tail)) == lines(0, 6)


async def test_a_long_log_is_caught_up_with_in_steps(blob_store: BlobStore) -> None:
    data = lines(0, 120_000)
    await blob_store.put(data)
    tail = BlobTail(blob_store.client)
    chunks = await read_all(tail)
    assert newest(chunks) == data
    assert len(chunks) > 1
    assert max(len(chunk.data) for chunk in chunks) <= blob_module.STEP


async def test_a_recording_is_gone_on_with(blob_store: BlobStore) -> None:
    await blob_store.put(lines(0, 9))
    tail = BlobTail(blob_store.client, Cursor(len(lines(0, 5)), lines(0, 5)[-512:], 2))
    (chunk,) = await read_all(tail)
    assert (chunk.generation, chunk.offset, chunk.data) == (2, len(lines(0, 5)), lines(5, 9))


async def test_a_recording_of_another_log_is_not_gone_on_with(blob_store: BlobStore) -> None:
    await blob_store.put(lines(20, 90))
    tail = BlobTail(blob_store.client, Cursor(len(lines(0, 5)), lines(0, 5)[-512:], 0))
    chunks = await read_all(tail)
    assert (chunks[0].generation, newest(chunks)) == (1, lines(20, 90))


async def test_the_end_marker_is_seen(blob_store: BlobStore) -> None:
    await blob_store.put(lines(0, 5))
    tail = BlobTail(blob_store.client)
    await read_all(tail)
    assert not tail.marked
    await blob_store.put(lines(0, 5) + LAST_LINE)
    await read_all(tail)
    assert tail.marked


@pytest.fixture
async def azure() -> object:
    async with FakeAzure(blobs={"run/customization.log": Blob(lines(0, 50))}) as fake:
        yield fake


def service_of(azure: FakeAzure) -> BlobServiceClient:
    key = {"account_name": "logs", "account_key": EMULATOR_KEY}
    return BlobServiceClient(f"{azure.endpoint}/logs", credential=key, retry_total=0, permit_redirects=False)


async def test_a_blob_that_changes_under_the_request_is_asked_once_more(azure: FakeAzure) -> None:
    azure.fail("customization.log", answering(lambda: blob_error(412, "ConditionNotMet")))
    async with service_of(azure) as service:
        tail = BlobTail(service.get_blob_client("packerlogs", "run/customization.log"))
        assert newest(await read_all(tail)) == lines(0, 50)


async def test_a_log_that_trickles_costs_little_more_than_its_bytes(azure: FakeAzure) -> None:
    assert azure.blobs is not None
    blob = azure.blobs["run/customization.log"]
    data = lines(0, 600)
    async with service_of(azure) as service:
        tail = BlobTail(service.get_blob_client("packerlogs", "run/customization.log"))
        for last in range(300, len(data) + 300, 300):
            blob.put(data[:last])
            await read_all(tail)
            await tail.look()
    assert azure.blob_body_bytes <= 1.05 * len(data)


def _spoiled(**headers: str) -> object:
    async def fault(request: object) -> object:
        response = read_range(Blob(lines(0, 50)), request)  # type: ignore[arg-type]
        response.headers.update(headers)
        return response

    return fault


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (_spoiled(**{"Content-Encoding": "gzip"}), Foreign),
        (_spoiled(**{"Content-Range": "bytes 7-9/10"}), Foreign),
        (_spoiled(**{"Content-Range": "junk"}), IndexError),
        (answering(lambda: blob_error(302, "x", {"Location": "http://127.0.0.1:1/"})), HttpResponseError),
        (broken_off, HttpResponseError),
    ],
    ids=["packed", "another range", "no range", "redirect", "broken off"],
)
async def test_a_bad_answer_moves_no_cursor(azure: FakeAzure, fault: object, raised: type[Exception]) -> None:
    azure.fail("customization.log", fault, times=3)  # type: ignore[arg-type]
    async with service_of(azure) as service:
        tail = BlobTail(service.get_blob_client("packerlogs", "run/customization.log"))
        with pytest.raises(raised):
            await tail.look()
        azure.faults.clear()
        assert newest(await read_all(tail)) == lines(0, 50)


async def test_a_slow_line_gets_smaller_steps(azure: FakeAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(request: object) -> object:
        await asyncio.sleep(5)
        raise AssertionError

    monkeypatch.setattr(blob_module, "_DEADLINE", 0.1)
    azure.fail("customization.log", silent)  # type: ignore[arg-type]
    async with service_of(azure) as service:
        tail = BlobTail(service.get_blob_client("packerlogs", "run/customization.log"), step=1 << 20)
        with pytest.raises(TimeoutError):
            await tail.look()
        monkeypatch.setattr(blob_module, "_DEADLINE", 30.0)
        assert newest(await read_all(tail)) == lines(0, 50)


def text(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 400)),
        st.tuples(st.just("replace"), st.integers(0, 400)),
        st.tuples(st.just("vanish"), st.just(0)),
        st.tuples(st.just("fault"), st.sampled_from([412, 404, 500, 503, 416, 0])),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("look"), st.integers(1, 3)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(actions=ACTIONS, seed=st.integers(0, 1 << 30))
def test_whatever_happens_the_newest_generation_is_the_blob(actions: list[tuple[str, int]], seed: int) -> None:
    asyncio.run(_play(actions, seed))


async def _play(actions: list[tuple[str, int]], seed: int) -> None:
    number = iter(range(seed, seed + 10_000))
    blob = Blob(text(next(number), 50))
    chunks: list[Chunk] = []
    async with FakeAzure(blobs={"run/customization.log": blob}) as azure, service_of(azure) as service:
        client = service.get_blob_client("packerlogs", "run/customization.log")
        tail = BlobTail(client, step=128)
        for action, size in [*actions, ("look", 1)]:
            match action:
                case "append":
                    blob.put(blob.data + text(next(number), size))
                case "replace":
                    blob.put(text(next(number), size))
                case "vanish":
                    azure.blobs = {} if azure.blobs else {"run/customization.log": blob}
                case "fault" if size == 0:
                    azure.fail("customization.log", broken_off, times=3)
                case "fault" if size != 416:
                    azure.fail("customization.log", answering(lambda size=size: blob_error(size, "Fault")))
                case "restart":
                    tail = BlobTail(client, tail.cursor(), step=128)
                case "look":
                    for _ in range(size):
                        try:
                            chunks += (await tail.look()).chunks
                        except HttpResponseError:
                            azure.faults.clear()
        azure.faults.clear()
        azure.blobs = {"run/customization.log": blob}
        chunks += await read_all(tail)
    assert newest(chunks) == blob.data
