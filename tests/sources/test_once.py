"""Every byte of a log once, through the whole way to the disk: faults, appends, rewrites and restarts in any order."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aibtui.core.polls import Poll
from aibtui.emulator import BlobMode, Emulator, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.cloud import EMULATOR_KEY
from aibtui.sources.target import Target
from tests.sources.fake_azure import LAST_LINE, START, TARGET, FakeAzure, StepClock, account, reset
from tests.sources.looks import Heard


def watch_of(target: Target, endpoint: str, folder: str, clock: Any, seed: int, poll: float = 2) -> Watch:
    recordings = Recordings(Path(folder))
    access, pace = Access({}, arm_endpoint=endpoint), timedelta(seconds=poll)
    source = AzureSource(target, access, cursor=recordings.cursor, poll=pace, random=Random(seed))
    return Watch(source, Heard, recordings, clock)


def fed(polls: list[Poll]) -> bytes:
    """What a monitor was fed with, of the newest generation; asserts that every byte came once."""
    data, generation = b"", 0
    for chunk in (chunk for poll in polls for chunk in poll.chunks if chunk.log == "customization.log"):
        if chunk.generation > generation:
            data, generation = b"", chunk.generation
        assert (chunk.generation, chunk.offset) == (generation, len(data))
        data += chunk.data
    return data


def checked(watch: Watch) -> bytes:
    """The log of a watch, the same for the monitor, for whoever reads it, and on disk."""
    data = watch.run.read(0, watch.run.size)
    assert fed(watch._monitor.polls) == data  # type: ignore[attr-defined]
    assert watch.run.path.read_bytes() == data
    return data


FAULTS = st.sampled_from(["status", "reset", "html", "wrong-range", "truncated-json"])
PLAYS = st.lists(
    st.tuples(st.integers(1, 25), FAULTS, st.sampled_from(["customization.log", "imageTemplates", "packerlogs?", ""])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=3, deadline=None)
@given(
    plays=PLAYS, mode=st.sampled_from(["append", "rewrite", "replace-shorter", "only-at-end"]), seed=st.integers(0, 9)
)
def test_on_the_emulator_the_recording_is_the_blob(
    plays: list[tuple[int, str, str]], mode: BlobMode, seed: int
) -> None:
    """A number of looks, then a fault and a restart; and so on, to the end of the build."""
    asyncio.run(_on_the_emulator(plays, mode, seed))


async def _on_the_emulator(plays: list[tuple[int, str, str]], mode: BlobMode, seed: int) -> None:
    clock = ScenarioClock(None, datetime(2026, 3, 1, 10, tzinfo=UTC))
    with TemporaryDirectory() as folder:
        async with Emulator(load_scenario("validation-failed"), clock, blob_mode=mode) as emulator:
            target = Target(emulator.subscription, emulator.group, emulator.template)
            for looks, kind, matching in [*plays, (10_000, "", "")]:
                watch = watch_of(target, emulator.endpoint, folder, clock, seed, 15)
                async with watch, aclosing(watch.updates()) as updates:
                    async for _ in updates:
                        looks -= 1
                        if looks == 0:
                            break
                    if not kind:
                        assert checked(watch) == emulator.log_bytes()
                        return
                emulator.fail_next(kind, matching=matching or "packerlogs", times=2)  # type: ignore[arg-type]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 300)),
        st.tuples(st.just("replace"), st.integers(0, 300)),
        st.tuples(st.just("vanish"), st.just(0)),
        st.tuples(st.just("fault"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("look"), st.integers(1, 4)),
    ),
    max_size=12,
)


@pytest.fixture(scope="session")
def packerlogs(azurite: str) -> str:
    """Azurite, with the container in it."""

    async def make() -> None:
        async with _service(azurite) as service:
            try:
                await service.create_container("packerlogs")
            except ResourceExistsError:
                return

    asyncio.run(make())
    return azurite


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, seed=st.integers(0, 1 << 20))
def test_on_azurite_the_recording_is_the_blob(packerlogs: str, actions: list[tuple[str, int]], seed: int) -> None:
    asyncio.run(_on_azurite(packerlogs, actions, seed))


def _service(endpoint: str) -> BlobServiceClient:
    key = {"account_name": "devstoreaccount1", "account_key": EMULATOR_KEY}
    return BlobServiceClient(endpoint, credential=key, retry_total=0)


async def _on_azurite(endpoint: str, actions: list[tuple[str, int]], seed: int) -> None:
    random, clock = Random(seed), StepClock()
    run = uuid.uuid4().hex
    said = f"Packer build logs are at location /storageAccounts/abc/containers/packerlogs/{run}/customization.log."
    data = random.randbytes(40).hex().encode()
    with TemporaryDirectory() as folder:
        async with FakeAzure(accounts=[account("devstoreaccount1", endpoint)]) as azure, _service(endpoint) as service:
            azure.run("Running", message=said)
            blob = service.get_blob_client("packerlogs", f"{run}/customization.log")

            async def put() -> None:
                await blob.upload_blob(BytesIO(data), length=len(data), overwrite=True)

            await put()
            watch = watch_of(TARGET, azure.endpoint, folder, clock, seed)
            updates = watch.updates()
            for action, size in [*actions, ("end", 0)]:
                match action:
                    case "append":
                        data += random.randbytes(size).hex().encode()
                        await put()
                    case "replace":
                        data = random.randbytes(size).hex().encode()
                        await put()
                    case "vanish":
                        try:
                            await blob.delete_blob()
                        except ResourceNotFoundError:
                            await put()
                    case "fault":
                        azure.fail("", reset, times=2)
                    case "restart":
                        await watch.close()
                        watch = watch_of(TARGET, azure.endpoint, folder, clock, seed)
                        updates = watch.updates()
                    case "look":
                        for _ in range(size):
                            await anext(updates)
                    case _:
                        azure.faults.clear()
                        data += LAST_LINE
                        await put()
                        azure.run("Succeeded", message=said, endTime=START.isoformat())
                        async for _ in updates:
                            pass
                        assert checked(watch) == data
            await watch.close()
            await blob.delete_blob()
