"""The whole way, from the emulator over the real SDK clients to a recording."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.emulator import BlobMode, Emulator, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import ExitCode, Watch, exit_code
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.replay import ReplaySource
from aibtui.sources.target import parse_target
from tests.sources.fake_azure import TARGET, FakeAzure, silence

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def monitor() -> Monitor:
    return Monitor(())


def watch_of(emulator: Emulator, recordings: Recordings) -> Watch:
    target = parse_target(emulator.template_id)
    source = AzureSource(target, Access({}, arm_endpoint=emulator.endpoint), cursor=recordings.cursor)
    return Watch(source, monitor, recordings, emulator.clock)


def clock() -> ScenarioClock:
    return ScenarioClock(None, START)


@pytest.mark.parametrize("mode", ["append", "rewrite", "replace-shorter", "only-at-end"])
async def test_the_recording_is_the_blob_byte_for_byte(mode: BlobMode, tmp_path: Path) -> None:
    async with Emulator(load_scenario("script-failed"), clock(), blob_mode=mode) as emulator:
        async with watch_of(emulator, Recordings(tmp_path)) as watch:
            updates = [update async for update in watch.updates()]
            recorded = watch.run.read(0, 1 << 30)
        assert recorded == emulator.log_bytes()
        fetched = sum(served.body_bytes for served in emulator.requests if "customization.log" in served.path)
    assert exit_code(updates[-1].build) is ExitCode.FAILED
    assert updates[-1].build.bytes == len(recorded)
    if mode != "replace-shorter":
        assert fetched <= 1.1 * len(recorded)


async def test_a_staging_group_that_vanishes_leaves_what_was_read(tmp_path: Path) -> None:
    async with (
        Emulator(load_scenario("script-failed"), clock(), blob_mode="vanish") as emulator,
        watch_of(emulator, Recordings(tmp_path)) as watch,
    ):
        updates = [update async for update in watch.updates()]
        recorded = watch.run.read(0, 1 << 30)
    assert recorded
    assert exit_code(updates[-1].build) is ExitCode.FAILED
    assert any("gone" in (update.transport.reason or "") for update in updates)


async def test_a_template_that_is_deleted_while_it_runs_leaves_the_state_unknown(tmp_path: Path) -> None:
    deleted = timedelta(minutes=8)
    async with (
        Emulator(load_scenario("script-failed"), clock(), template_deleted_after=deleted) as emulator,
        watch_of(emulator, Recordings(tmp_path)) as watch,
    ):
        updates = [update async for update in watch.updates()]
    assert exit_code(updates[-1].build) is ExitCode.UNKNOWN


async def test_faults_and_a_restart_change_no_byte(tmp_path: Path) -> None:
    async with Emulator(load_scenario("script-failed"), clock()) as emulator:
        builds = []
        for looks in (60, 120, 10_000):
            emulator.fail_next("reset", matching="customization.log", times=2)
            emulator.fail_next("status", matching="imageTemplates", times=2)
            watch = watch_of(emulator, Recordings(tmp_path))
            async with watch, aclosing(watch.updates()) as updates:
                seen: list[Update] = []
                async for update in updates:
                    seen.append(update)
                    if len(seen) == looks:
                        break
                builds.append((seen[-1], watch.run.read(0, 1 << 30)))
        last, recorded = builds[-1]
        assert recorded == emulator.log_bytes()
        assert [len(data) for _, data in builds] == sorted({len(data) for _, data in builds})
    assert last.build.steps == (await _replayed(tmp_path))[-1].build.steps


async def _replayed(state: Path) -> list[Update]:
    kept = Recordings(state)
    source = ReplaySource(kept.load(kept.list()[0]))
    async with Watch(source, monitor, Recordings.temporary(), clock()) as watch:
        return [update async for update in watch.updates()]


async def test_quitting_waits_for_no_request_in_flight() -> None:
    async with FakeAzure() as azure:
        azure.fail("/imageTemplates/", silence)
        source = AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint))

        async def play() -> None:
            async with Watch(source, monitor, Recordings.temporary(), clock()) as watch:
                async for _ in watch.updates():
                    pass

        task = asyncio.create_task(play())
        while not azure.requests:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.3


def test_the_sources_load_no_sdk_before_they_look() -> None:
    code = (
        "import sys, aibtui.session, aibtui.sources.azure, aibtui.sources.arm, aibtui.sources.run_log, "
        "aibtui.sources.file, aibtui.sources.replay, aibtui.sources.template_status\n"
        "print([name for name in ('azure', 'aiohttp', 'watchfiles', 'textual') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
