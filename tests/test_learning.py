"""A watch learns from earlier runs: from what lies here at once, from older run folders behind its back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui.cli import learning
from aibtui.cli.learning import Earlier
from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import LogCache, Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access, Arm
from aibtui.sources.azure import AzureSource
from aibtui.sources.run_list import list_runs
from aibtui.sources.target import Target

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
HALF = timedelta(minutes=17)  # of the build
STEP = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(learning, "_LOOKS_FIRST", 0.0)
    monkeypatch.setattr(learning, "_PAUSE", 0.0)
    return tmp_path


@asynccontextmanager
async def emulator(*earlier: str, start: datetime = START) -> AsyncIterator[Emulator]:
    older = [load_scenario(name) for name in earlier]
    async with Emulator(load_scenario("linux"), ScenarioClock(None, start), earlier_runs=older) as server:
        yield server


async def watched(
    server: Emulator, state: Path, until: Callable[[Update], bool] = lambda update: False
) -> tuple[list[Update], Earlier]:
    """The looks of a watch with all that it learns from, `STEP` apart; to the end, or until something is so."""
    target = Target(server.subscription, server.group, server.template)
    access = Access({}, arm_endpoint=server.endpoint)
    recordings = Recordings(state)
    earlier = Earlier(recordings, built_in_rules, (target, access))
    source = AzureSource(target, access, cursor=recordings.cursor, poll=STEP)
    updates: list[Update] = []
    async with (
        Watch(source, lambda: Monitor(()), recordings, server.clock, STEP, earlier.baseline) as watch,
        earlier.behind(watch),
    ):
        async for update in watch.updates():
            updates.append(update)
            if until(update):
                break
            await asyncio.sleep(0)
    return updates, earlier


def forecast_by(runs: int) -> Callable[[Update], bool]:
    return lambda update: update.forecast is not None and update.forecast.n >= runs


def after(span: timedelta) -> Callable[[Update], bool]:
    return lambda update: update.at - START >= span


async def older_folders(server: Emulator) -> list[str]:
    arm = Arm(Access({}, arm_endpoint=server.endpoint), server.subscription)
    try:
        runs = await list_runs(arm, Target(server.subscription, server.group, server.template))
    finally:
        await arm.close()
    return [folder.folder for folder in runs.folders]


def logs_asked(server: Emulator) -> list[str]:
    return [each.path for each in server.requests if each.path.endswith("customization.log")]


async def test_a_watch_forecasts_by_older_run_folders_once_they_have_arrived(state: Path) -> None:
    async with emulator("linux", "apt-locked", "linux") as server:
        updates, earlier = await watched(server, state, forecast_by(1))
        asked = [path for path in logs_asked(server) if not path.endswith(server.log_name or "")]
    assert updates[0].forecast is None
    assert updates[-1].forecast is not None
    assert updates[-1].forecast.n in (1, 2)
    assert len(asked) >= 1
    good = earlier.last_good()
    assert good is not None
    assert good.build.outcome == "succeeded"


async def test_what_was_learned_once_is_there_at_the_next_watchs_first_look(state: Path) -> None:
    async with emulator("linux", "linux") as server:
        await watched(server, state, forecast_by(2))
        before = len(logs_asked(server))
    kept = [report["outcome"] for report in LogCache(state).reports()]
    async with emulator("linux", "linux", start=START + timedelta(minutes=1)) as server:
        updates, _ = await watched(server, state, forecast_by(1))
        older = {str(path.name)[:8] for path in (state / "cache").iterdir()}
        again = [path for path in logs_asked(server) if path.split("/")[-2][:8] in older]
    assert before > 2
    assert kept == ["succeeded", "succeeded"]
    assert again == []
    assert updates[-1].forecast is not None
    assert updates[-1].forecast.n == 2


async def test_a_refusal_ends_no_watch_and_says_nothing(state: Path) -> None:
    async with emulator("linux", "linux") as server:
        for folder in await older_folders(server):
            server.fail_next("status", matching=folder, times=99, code=403, error="AuthorizationPermissionMismatch")
        updates, earlier = await watched(server, state, after(HALF))
    assert updates[-1].transport.state in ("live", "quiet")
    assert {path.split("/")[-2] for path in logs_asked(server)} > {(server.log_name or "").split("/")[0]}
    assert earlier.last_good() is None


async def test_a_run_is_no_part_of_its_own_history(state: Path) -> None:
    async with emulator() as server:
        updates, _ = await watched(server, state)
        assert updates[-1].ended
        (info,) = Recordings(state).list()
        folder = state / "runs" / info.id
        assert not (folder / "report.json").exists()
        again, _ = await watched(server, state)
    assert all(update.forecast is None for update in again)


async def test_a_watch_that_was_broken_off_is_learned_from_when_the_next_one_begins(state: Path) -> None:
    async with emulator() as server:
        await watched(server, state, after(HALF))
    (info,) = Recordings(state).list()
    assert not (info.path / "report.json").exists()
    async with emulator(start=START + timedelta(days=1)) as server:
        updates, _ = await watched(server, state, forecast_by(1))
    assert updates[-1].forecast is not None
    assert updates[-1].forecast.n == 1
    kept = json.loads((info.path / "report.json").read_bytes())
    assert (kept["outcome"], kept["bytes"]) == ("running", info.bytes)
    assert [step["state"] for step in kept["steps"]].count("done") >= 3
