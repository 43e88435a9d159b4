"""Runs that nobody watched: listed, told by their logs' ends, fetched once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aibtui.core.monitor import Monitor
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import LogCache
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access, Arm
from aibtui.sources.past import PastRun, post_mortem
from aibtui.sources.run_list import Runs, list_runs, outcome_of_tail, outcomes
from aibtui.sources.target import Target

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
EARLIER = ("windows", "script-failed", "sysprep-loop")


def emulator(**options: Any) -> Emulator:
    earlier = [load_scenario(name) for name in EARLIER]
    return Emulator(load_scenario("script-failed"), ScenarioClock(None, START), earlier_runs=earlier, **options)


def target_of(server: Emulator) -> Target:
    return Target(server.subscription, server.group, server.template)


async def listed(server: Emulator) -> tuple[Runs, list[str | None]]:
    arm = Arm(Access({}, arm_endpoint=server.endpoint), server.subscription)
    try:
        runs = await list_runs(arm, target_of(server))
        return runs, list(await outcomes(arm, runs.folders))
    finally:
        await arm.close()


async def fetched(server: Emulator, path: Path, *, previous: bool = False) -> PastRun:
    access = Access({}, arm_endpoint=server.endpoint)
    return await post_mortem(target_of(server), access, previous=previous, cache=LogCache(path))


async def test_run_folders_are_listed_with_date_size_and_outcome() -> None:
    async with emulator() as server:
        await server.clock.sleep(timedelta(minutes=5))
        runs, told = await listed(server)
        size = len(server.log_bytes())
        bodies = [served.body_bytes for served in server.requests if served.path.endswith(".log")]
    assert told == ["running", "stopped", "failed", "succeeded"]
    assert runs.folders[0].size == size
    assert [folder.began_at.date() for folder in runs.folders] == [START.date() - timedelta(days=n) for n in range(4)]
    assert runs.last == runs.folders[0]
    assert [runs.run_state_of(folder) for folder in runs.folders] == ["Running", None, None, None]
    assert max(bodies) <= 64 << 10


def test_a_logs_end_tells_the_outcome_whatever_it_begins_with() -> None:
    end = b"[0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0] PACKER 2026/03/01 10:00:00 ui: ==> Wait completed after 1 minute\n"
    marker = b"[0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0] PACKER Done exporting Packer logs to Azure Storage.\n"
    assert outcome_of_tail(b"", whole=True) == "running"
    assert outcome_of_tail(b"\xff\xfe\x00 half a line\n" + end, whole=False) == "running"
    assert outcome_of_tail(b"x\n" + end + marker, whole=False) == "failed"


async def test_the_last_run_is_fetched_and_judged(tmp_path: Path) -> None:
    async with emulator() as server:
        await server.clock.sleep(timedelta(hours=1))
        run = await fetched(server, tmp_path)
        log = server.log_bytes()
    assert run.log == log
    assert run.status.run_state == "Failed"
    monitor = Monitor(())
    update = [monitor.feed(poll) for poll in run.polls()][-1]
    assert (update.ended, update.build.outcome) == (True, "failed")


async def test_an_older_run_is_downloaded_once(tmp_path: Path) -> None:
    async with emulator() as server:
        await server.clock.sleep(timedelta(hours=1))
        first = await fetched(server, tmp_path, previous=True)
        asked = len(server.requests)
        second = await fetched(server, tmp_path, previous=True)
        again = [served.path for served in server.requests[asked:] if served.path.endswith(".log")]
    assert first.log == second.log
    assert again == []
    assert first.status.run_state is None
    assert first.began_at is not None
    assert first.began_at.date() == START.date() - timedelta(days=1)
    monitor = Monitor(())
    assert [monitor.feed(poll) for poll in first.polls()][-1].build.outcome == "stopped"


async def test_a_run_whose_staging_group_is_gone_is_known_by_its_state_alone(tmp_path: Path) -> None:
    async with emulator(blob_mode="vanish", moment=timedelta(minutes=10)) as server:
        await server.clock.sleep(timedelta(hours=1))
        run = await fetched(server, tmp_path)
        assert (run.log, run.status.run_state) == (b"", "Failed")
        assert "staging group" in (run.note or "")
        with pytest.raises(CannotWatch) as refused:
            await fetched(server, tmp_path, previous=True)
    assert refused.value.exit_code == 3


async def test_there_is_no_run_before_the_first(tmp_path: Path) -> None:
    async with Emulator(load_scenario("script-failed"), ScenarioClock(None, START)) as server:
        await server.clock.sleep(timedelta(hours=1))
        with pytest.raises(CannotWatch) as refused:
            await fetched(server, tmp_path, previous=True)
    assert refused.value.exit_code == 3
    assert "--remote" in refused.value.remedy


async def test_a_template_that_never_ran_has_no_post_mortem(tmp_path: Path) -> None:
    async with Emulator(load_scenario("script-failed"), ScenarioClock(None, START), auto_run=False) as server:
        with pytest.raises(CannotWatch) as refused:
            await fetched(server, tmp_path)
    assert refused.value.exit_code == 3


async def test_what_may_not_be_read_is_refused_with_the_role(tmp_path: Path) -> None:
    async with emulator() as server:
        await server.clock.sleep(timedelta(hours=1))
        server.fail_next("status", matching="customization.log", code=403, error="AuthorizationPermissionMismatch")
        with pytest.raises(CannotWatch) as refused:
            await fetched(server, tmp_path)
    assert (refused.value.exit_code, "Storage Blob Data Reader" in refused.value.remedy) == (4, True)
