"""`ls`, `watch --all|--tag`, `run`, `cancel`, `--cancel-on`: in this process, the emulator in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from aibtui.cli.watch import watch
from aibtui.emulator import Emulator, ScenarioClock, load_scenario


@contextmanager
def served(*scenarios: str, speed: float = 60, **options: Any) -> Iterator[Emulator]:
    """An emulator on its own loop."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    made: list[Emulator] = []
    stop = asyncio.Event()

    async def serve() -> None:
        first, *others = [load_scenario(name) for name in scenarios]
        clock = ScenarioClock(speed, datetime.now(UTC).replace(microsecond=0))
        async with Emulator(first, clock, others=others, **options) as emulator:
            made.append(emulator)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    """Three templates in as many subscriptions, of which all run."""
    with served("windows", "linux", "sysprep-loop") as emulator:
        yield emulator


def aibtui(emulator: Emulator, state: Path, words: str) -> Result:
    """The command as it is typed."""
    environ = {
        "AIBTUI_STATE_DIR": str(state),
        "AZURE_CONFIG_DIR": str(state / "az"),
        "AIBTUI_ARM_ENDPOINT": emulator.endpoint,
        "AZURE_SUBSCRIPTION_ID": emulator.subscription,
        "CI": None,
        "AZURE_DEFAULTS_GROUP": None,
    }
    return CliRunner().invoke(main, shlex.split(words), env=environ)


def journal(emulator: Emulator, since: int) -> list[str]:
    return [f"{each.method} {each.path.rpartition('/')[2]}" for each in emulator.requests[since:]]


def posts(emulator: Emulator, since: int = 0) -> list[str]:
    return [line.removeprefix("POST ") for line in journal(emulator, since) if line.startswith("POST")]


def test_all_subscriptions_are_one_query_and_each_that_runs_is_asked_itself(running: Emulator, tmp_path: Path) -> None:
    before = len(running.requests)
    result = aibtui(running, tmp_path, "ls --all-subscriptions --output json")
    listed = json.loads(result.stdout)
    names = ["ubuntu-build-agent", "win11-avd-golden", "win11-kiosk"]
    assert result.exit_code == 0
    assert listed["schema"] == "aibtui.templates/1"
    assert sorted(each["name"] for each in listed["templates"]) == names
    assert [each["confirmed"] for each in listed["templates"]] == [True, True, True]
    assert sorted(journal(running, before)) == sorted(["POST resources", *(f"GET {name}" for name in names)])


def test_a_subscription_and_a_group_are_listed_without_a_post(running: Emulator, tmp_path: Path) -> None:
    before = len(running.requests)
    whole = aibtui(running, tmp_path, "ls --output json")
    table = aibtui(running, tmp_path, f"ls -g {running.group}")
    assert [each["name"] for each in json.loads(whole.stdout)["templates"]] == [running.template]
    head, row = table.stdout.splitlines()
    assert head.split() == ["TEMPLATE", "STATE", "SUB-STATE", "AGE", "LAST", "OUTCOME"]
    assert row.split()[:2] == [running.template, "Running"]
    assert posts(running, before) == []


def test_a_list_is_asked_for_again_where_the_fault_may_pass(running: Emulator, tmp_path: Path) -> None:
    running.fail_next("status", matching=r"imageTemplates\?", code=503)
    listed = aibtui(running, tmp_path, f"ls -g {running.group}")
    assert (listed.exit_code, len(listed.stdout.splitlines())) == (0, 2)


def test_an_interruption_before_a_watch_begins_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "callback", interrupted)
    assert CliRunner().invoke(main, ["watch", "any"]).exit_code == 130


def test_a_group_that_is_not_there_is_3_and_says_where_to_look(running: Emulator, tmp_path: Path) -> None:
    refused = aibtui(running, tmp_path, "ls -g no-such")
    assert refused.exit_code == 3
    assert "There is no resource group no-such" in refused.stderr
    assert "az group list" in refused.stderr


def test_what_runs_is_watched_by_tag_with_nothing_but_reading(running: Emulator, tmp_path: Path) -> None:
    before = len(running.requests)
    watched = aibtui(running, tmp_path, "watch --tag ring=pilot --output jsonl --timeout 1s --poll 0.2")
    assert watched.exit_code == 124
    assert json.loads(watched.stdout.splitlines()[0])["type"] == "version"
    assert running.template in watched.stderr
    assert posts(running, before) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("watch --tag ring=nobodys", 3, "Nothing runs in the subscription"),
        ("watch --all -g no-such", 3, "There is no resource group"),
        ("watch", 2, "--all or --tag"),
        ("watch a --all", 2, "instead of a TEMPLATE"),
        ("watch a -g g --cancel-on nonsense", 2, "aibtui rules list"),
        ("watch --tag =x", 2, "names no tag"),
        ("ls --all-subscriptions -g g", 2, "Leave one of them out"),
        ("cancel a -g g", 2, "--yes"),
        ("run", 2, "TEMPLATE"),
    ],
)
def test_a_mistake_is_one_clear_refusal(running: Emulator, tmp_path: Path, words: str, code: int, said: str) -> None:
    before = len(running.requests)
    refused = aibtui(running, tmp_path, words)
    assert refused.exit_code == code
    assert said in refused.stderr
    assert posts(running, before) == []


def test_runs_are_started_no_more_at_a_time_than_asked_and_the_worst_code_counts(tmp_path: Path) -> None:
    with served("linux", "quota", "policy-denied", speed=900, auto_run=False) as emulator:
        done = aibtui(
            emulator, tmp_path, f"run {' '.join(emulator.template_ids)} --max 1 --output jsonl --poll 0.1 --no-record"
        )
        asked = posts(emulator)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {event["build"]: event["exit_code"] for event in events if event["type"] == "summary"}
    assert done.exit_code == 1
    assert list(ends.values()).count(0) == 1
    assert set(ends) == set(emulator.template_ids)
    assert asked == ["run", "run", "run"]
    ended = [event["build"] for event in events if event["type"] == "summary"]
    places: dict[tuple[str, str], int] = {}
    for place, event in enumerate(events):
        places.setdefault((event["build"], event["type"]), place)
    for one, following in pairwise(ended):
        assert places[one, "summary"] < places[following, "run_state"]


def test_a_cancel_waits_until_it_is_canceled_and_a_second_finds_nothing(tmp_path: Path) -> None:
    with served("linux", speed=120) as emulator:
        words = f"cancel {emulator.template} -g {emulator.group} --yes"
        done = aibtui(emulator, tmp_path, words)
        again = aibtui(emulator, tmp_path, words)
        assert posts(emulator) == ["cancel"]
    assert (done.exit_code, again.exit_code) == (0, 3)
    assert "The service says Canceled" in done.stdout.splitlines()[-1]
    assert "The last run is Canceled" in again.stderr


def test_an_alert_cancels_the_run_where_that_was_asked_for(tmp_path: Path) -> None:
    words = "demo sleep-hold --speed max --output jsonl --no-record --cancel-on sleep-hold"
    played = CliRunner().invoke(main, shlex.split(words), env={"AIBTUI_STATE_DIR": str(tmp_path)})
    events = [json.loads(line) for line in played.stdout.splitlines()]
    states = [event["run_state"] for event in events if event["type"] == "run_state"]
    assert played.exit_code == 6
    assert states[-2:] == ["Canceling", "Canceled"]
    assert "sleep-hold was raised, so the run is cancelled" in played.stderr
    assert "the cancel was asked for" in played.stderr


def test_programs_are_told_of_a_replica_whenever_it_moves(tmp_path: Path) -> None:
    words = "demo linux --speed max --output jsonl --no-record"
    told = CliRunner().invoke(main, shlex.split(words), env={"AIBTUI_STATE_DIR": str(tmp_path)}).stdout.splitlines()
    moved = [event["replica"] for line in told if (event := json.loads(line))["type"] == "replica"]
    for region in ("northeurope", "westeurope"):
        shares = [replica["percent"] for replica in moved if replica["region"] == region]
        assert len(shares) > 3
        assert shares == sorted(shares)
        assert shares[-1] == 100
