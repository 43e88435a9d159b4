"""The container's log where the blob cannot be had: told once, and never in customization.log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.polls import Poll
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.container import GAP
from tests.sources.fake_azure import (
    LAST_LINE,
    START,
    TARGET,
    Blob,
    FakeAzure,
    StepClock,
    answering,
    arm_error,
    blob_error,
    reset,
)
from tests.sources.looks import LOG, TEXT, Heard, Looks, read, troubled


@pytest.fixture
async def azure() -> AsyncIterator[FakeAzure]:
    async with FakeAzure() as fake:
        fake.run("Running", runSubState="Customizing")
        yield fake


def refuse(azure: FakeAzure) -> None:
    refusal = answering(lambda: blob_error(403, "AuthorizationPermissionMismatch"))
    azure.fail("/logs/packerlogs", refusal, times=100_000)


def said(polls: list[Poll]) -> bytes:
    """What came from the container; asserts that it came once."""
    data = b""
    for chunk in (chunk for poll in polls for chunk in poll.chunks if chunk.log == "container.log"):
        assert (chunk.generation, chunk.offset) == (0, len(data))
        data += chunk.data
    return data


def container_looks(azure: FakeAzure) -> list[str]:
    return [request for request in azure.requests if "/logs?" in request]


async def test_storage_refuses_and_the_container_tells(azure: FakeAzure) -> None:
    refuse(azure)
    azure.container = TEXT
    async with Looks(azure) as looks:
        poll = await looks.until(read)
        assert [(note.kind, note.text) for note in poll.troubles] == [
            ("detour", "Read from the container's log. You may not read the log in the storage account logs.")
        ]
        azure.container = TEXT + LAST_LINE
        azure.run("Succeeded", endTime=START.isoformat())
        await looks.end()
    assert said(looks.polls) == TEXT + LAST_LINE
    assert looks.log_of("customization.log") == b""


async def test_a_refusal_of_the_container_too_leaves_the_run_state(azure: FakeAzure) -> None:
    refuse(azure)
    azure.fail("containerGroups", answering(lambda: arm_error(403, "AuthorizationFailed")), times=1000)
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
    assert [(trouble.kind, trouble.text) for trouble in poll.troubles] == [
        ("forbidden", "You may not read the log in the storage account logs.")
    ]


async def test_a_blob_that_is_not_there_is_told_by_the_container_and_read_when_it_comes(azure: FakeAzure) -> None:
    azure.blobs = {}
    azure.container = TEXT
    async with Looks(azure) as looks:
        poll = await looks.until(lambda poll: bool(poll.chunks))
        assert poll.troubles[0].text.startswith("Read from the container's log. There is no log of this run in the")
        azure.blobs = {LOG: Blob(TEXT + b"more\n")}
        poll = await looks.until(lambda poll: poll.log_read and not poll.troubles)
    assert looks.log_of("customization.log") == TEXT + b"more\n"


async def test_a_blob_that_is_not_there_before_the_customizers_is_waited_for(azure: FakeAzure) -> None:
    azure.run("Running", runSubState="Building")
    azure.blobs = {}
    azure.container = TEXT
    async with Looks(azure) as looks:
        for _ in range(20):
            await looks.next()
    assert container_looks(azure) == []


async def test_the_container_is_asked_when_the_blob_stands_still_and_not_oftener_than_its_log_is_large(
    azure: FakeAzure,
) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    azure.container = TEXT
    times = []
    async with Looks(azure) as looks:
        await looks.until(read)
        assert container_looks(azure) == []
        while looks.clock.now() - START < timedelta(minutes=5):
            before = len(container_looks(azure))
            poll = await looks.next()
            if len(container_looks(azure)) > before:
                times.append(poll.at)
                azure.container += b"[op] PACKER 2026/03/01 10:09:00 line %d\n" % len(times)
            if poll.troubles:
                assert poll.troubles[0].text == "Read from the container's log. The blob does not grow."
    gaps = [after - before for before, after in pairwise(times)]
    assert times[0] - START >= timedelta(seconds=30)
    assert min(gaps) >= timedelta(seconds=15)
    assert max(gaps) <= timedelta(seconds=45)
    assert said(looks.polls) == b"".join(azure.container.splitlines(keepends=True)[:-1])
    assert re.search(r"tail=\d+$", container_looks(azure)[-1])


async def test_a_blob_that_grows_needs_no_container(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    azure.container = TEXT
    async with Looks(azure) as looks:
        for number in range(60):
            azure.blobs[LOG].put(TEXT + b"more\n" * number)
            await looks.next()
    assert container_looks(azure) == []


async def test_stamps_of_the_container_service_are_no_part_of_the_log(azure: FakeAzure) -> None:
    refuse(azure)
    lines = TEXT.splitlines(keepends=True)
    azure.container = b"".join(
        b"2026-03-01T10:00:%02d.123456789Z " % number + line for number, line in enumerate(lines)
    )
    async with Looks(azure) as looks:
        await looks.until(read)
    assert said(looks.polls) == TEXT


async def test_what_was_missed_between_two_looks_is_marked(azure: FakeAzure) -> None:
    refuse(azure)
    azure.container, azure.container_shows = TEXT, len(TEXT)
    later = b"".join(b"[op] PACKER 2026/03/01 11:00:00 later %d\n" % number for number in range(3000))
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.container = TEXT + later
        await looks.until(lambda poll: bool(poll.chunks))
        azure.container += b"and on\n"
        await looks.until(lambda poll: bool(poll.chunks))
    told = said(looks.polls)
    assert told.startswith(TEXT + GAP)
    assert told.endswith(b"later 2999\nand on\n")
    assert told.count(b"later 2999\n") == 1


async def test_a_line_that_is_not_whole_is_left_for_the_next_look(azure: FakeAzure) -> None:
    refuse(azure)
    azure.container = TEXT + "[op] PACKER prüf".encode()[:-2]
    async with Looks(azure) as looks:
        await looks.until(read)
        assert said(looks.polls) == TEXT
        azure.container = TEXT + "[op] PACKER prüft\n".encode()
        await looks.until(lambda poll: bool(poll.chunks))
    assert said(looks.polls) == TEXT + "[op] PACKER prüft\n".encode()


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 40)),
        st.tuples(st.just("flush"), st.integers(1, 40)),
        st.tuples(st.just("refuse"), st.booleans()),
        st.tuples(st.just("fault"), st.sampled_from(["blob", "container", "list", "template"])),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("look"), st.integers(1, 8)),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=6, deadline=None)
@given(actions=ACTIONS, seed=st.integers(1, 9))
def test_whatever_comes_when_every_line_is_told_once_and_customization_log_is_the_blob(
    actions: list[tuple[str, int]], seed: int
) -> None:
    asyncio.run(_play(actions, seed))


async def _play(actions: list[tuple[str, int]], seed: int) -> None:
    truth = [b"[op] PACKER 2026/03/01 10:%02d:00 line %d\n" % (n // 9, n % (seed + 2)) for n in range(700)]
    spoken = flushed = 0
    clock = StepClock()
    with TemporaryDirectory() as folder:
        async with FakeAzure() as azure:
            azure.run("Running", runSubState="Customizing")
            azure.blobs, azure.container = {}, b""

            def open_watch() -> Watch:
                recordings = Recordings(Path(folder))
                access = Access({}, arm_endpoint=azure.endpoint)
                source = AzureSource(TARGET, access, cursor=recordings.cursor, random=Random(seed))
                return Watch(source, Heard, recordings, clock)

            watch = open_watch()
            updates = watch.updates()
            for action, size in [*actions, ("look", 3), ("end", 0)]:
                match action:
                    case "say":
                        spoken = min(spoken + size, len(truth))
                        azure.container = b"".join(truth[:spoken])
                    case "flush":
                        flushed = min(max(flushed, min(flushed + size, spoken)), len(truth))
                        if flushed:
                            azure.blobs.setdefault(LOG, Blob(b"")).put(b"".join(truth[:flushed]))
                    case "refuse":
                        azure.faults.clear()
                        if size:
                            refuse(azure)
                    case "fault":
                        part = {"blob": LOG, "container": "/logs?", "list": "containerGroups"}.get(str(size))
                        azure.fail(part or "/imageTemplates/", reset, times=2)
                    case "restart":
                        await watch.close()
                        watch = open_watch()
                        updates = watch.updates()
                    case "look":
                        for _ in range(size):
                            await anext(updates)
                            data = watch.run.read(0, watch.run.size)
                            assert data == b"".join(truth)[: len(data)]
                            assert data == _fed(watch)
                            log = watch.run.path.read_bytes() if watch.run.path.exists() else b""
                            assert log == b"".join(truth[:flushed])[: len(log)]
                    case _:
                        azure.faults.clear()
                        azure.blobs = {LOG: Blob(b"".join(truth[:spoken]) + LAST_LINE)}
                        azure.run("Succeeded", endTime=START.isoformat())
                        async for _ in updates:
                            pass
                        whole = b"".join(truth[:spoken]) + LAST_LINE
                        assert watch.run.path.read_bytes() == whole
                        assert watch.run.read(0, watch.run.size) == _fed(watch) == whole
            await watch.close()


def _fed(watch: Watch) -> bytes:
    """All that the monitor of this watch was fed with; asserts that it came once, and in one generation."""
    data = b""
    for chunk in (chunk for poll in watch._monitor.polls for chunk in poll.chunks):  # type: ignore[attr-defined]
        assert (chunk.log, chunk.generation, chunk.offset) == ("customization.log", 0, len(data))
        data += chunk.data
    return data
