"""A build that sleeps by plan, watched whole: the hold in every front end, and what is collected meanwhile."""

from __future__ import annotations

import asyncio
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui.cli.holding import Grabs
from aibtui.cli.rulefiles import LiveRules, built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.updates import HoldBegan, HoldEnded, Update
from aibtui.emulator import Emulator, Generation, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.file import FileSource
from aibtui.sources.target import Target
from tests.core.logs import Log
from tests.test_cli import aibtui, clear, events

PACE = timedelta(seconds=15)
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


async def looks(generation: Generation, state: Path) -> list[Update]:
    clock, kept = ScenarioClock(None, START), Recordings(state)
    async with Emulator(load_scenario("sleep-hold"), clock, generation=generation) as emulator:
        target = Target(emulator.subscription, emulator.group, emulator.template)
        access = Access({}, arm_endpoint=emulator.endpoint)
        source = AzureSource(target, access, cursor=kept.cursor, poll=PACE)
        rules = built_in_rules()
        async with Watch(source, lambda: Monitor(rules), kept, clock) as watched:
            return [update async for update in watched.updates()]


@pytest.mark.parametrize("generation", ["g1", "g2", "g3"])
async def test_the_hold_of_a_build_is_found_with_its_marker(generation: Generation, tmp_path: Path) -> None:
    updates = await looks(generation, tmp_path)
    changes = [(update.at, change) for update in updates for change in update.changes]
    (seen_at, began), (_, ended) = [each for each in changes if isinstance(each[1], HoldBegan | HoldEnded)]
    assert isinstance(began, HoldBegan)
    assert isinstance(ended, HoldEnded)
    assert (began.hold.step, began.hold.seconds, began.hold.planned) == (3, 1200.0, True)
    assert seen_at - began.at <= 2 * PACE
    assert timedelta(minutes=19) <= ended.at - began.at <= timedelta(minutes=20, seconds=15)


async def test_it_is_planned_before_packer_has_begun(tmp_path: Path) -> None:
    updates = await looks("g3", tmp_path)
    first = next(update for update in updates if update.planned_holds)
    assert first.build.bytes == 0
    assert [(each.step, each.seconds) for each in first.planned_holds] == [(3, 1200.0)]
    assert updates[-1].planned_holds == ()


def test_jsonl_tells_when_it_begins_and_ends(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "sleep-hold", "--speed", "max", "--output", "jsonl")
    told = [event for event in events(played.stdout) if event["type"].startswith("hold_")]
    assert [event["type"] for event in told] == ["hold_start", "hold_end"]
    assert told[0]["until"] == told[1]["until"]
    length = datetime.fromisoformat(told[0]["until"]) - datetime.fromisoformat(told[0]["at"])
    assert length == timedelta(minutes=20)


def test_plain_lines_tell_of_it_in_time(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "sleep-hold", "--speed", "max", "--output", "plain")
    said = played.stdout.decode()
    for words in (
        "Step 3 will sleep for 20 min",
        "Hold: step 3 sleeps",
        "ends in 5 min",
        "ends in 1 min",
        "step 3 is over",
    ):
        assert said.count(words) == 1


def test_a_marker_of_nobody_is_refused(tmp_path: Path) -> None:
    refused = aibtui(tmp_path, "demo", "sleep-hold", "--hold-marker", " ")
    assert refused.returncode == 2
    assert "--hold-marker" in clear(refused)


async def collected(tmp_path: Path, *, reachable: bool = True) -> tuple[list[str], list[Path]]:
    clock, kept = ScenarioClock(None, START), Recordings(tmp_path / "state")
    said: list[str] = []
    async with Emulator(load_scenario("sleep-hold"), clock) as emulator:
        target = Target(emulator.subscription, emulator.group, emulator.template)
        access = Access({}, arm_endpoint=emulator.endpoint)
        source = AzureSource(target, access, cursor=kept.cursor, poll=PACE)
        rules = LiveRules(())
        out = tmp_path / "out"
        async with Watch(source, rules.monitor, kept, clock) as watch:
            place = (target, access) if reachable else None
            grabs = Grabs(place, kept, lambda: rules.current, watch, clock, on_hold=True, parent=out)
            grabs.say = said.append
            async for update in watch.updates():
                grabs.see(update)
                await asyncio.sleep(0)
            await grabs.finish(wait=True)
    return said, sorted(out.glob("*.zip"))


async def test_a_hold_is_collected_once_without_anyone_there(tmp_path: Path) -> None:
    said, archives = await collected(tmp_path)
    assert len(archives) == 1
    assert len(said) == 2
    assert said[0].startswith("Step 3 holds: collecting")
    assert str(archives[0]) in said[1]


async def test_what_cannot_be_collected_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file stands where the folder should be")
    said, archives = await collected(tmp_path)
    assert archives == []
    assert "broke off" in said[1]
    said, _ = await collected(tmp_path / "again", reachable=False)
    assert said[1].startswith("Nothing was grabbed")


async def test_of_a_local_log_the_log_itself_is_collected(tmp_path: Path) -> None:
    log, out = tmp_path / "image" / "customization.log", tmp_path / "out"
    log.parent.mkdir()
    written = Log().prepare("file", "powershell", "powershell").hidden_upload()
    log.write_bytes(written.powershell(dump=("Write-Host 'Sleep'; Start-Sleep -Seconds 1200",)).out("Sleep").data)
    kept, clock = Recordings.temporary(), ScenarioClock(None, written.at)
    said: list[str] = []
    rules = LiveRules(())
    async with Watch(FileSource(log), rules.monitor, kept, clock) as watch:
        grabs = Grabs(None, kept, lambda: rules.current, watch, clock, on_hold=True, parent=out, file=log)
        grabs.say = said.append
        async with asyncio.timeout(30):
            async for update in watch.updates():
                grabs.see(update)
                if update.hold:
                    break
        await grabs.finish(wait=True)
    (archive,) = out.glob("*.zip")
    assert str(archive) in said[-1]
    assert (archive.with_suffix("") / "raw" / "customization.log").read_bytes() == log.read_bytes()
    with zipfile.ZipFile(archive) as packed:
        names = {Path(name).name for name in packed.namelist()}
    assert {"customization.log", "report.json", "report.txt", "manifest.json"} <= names
