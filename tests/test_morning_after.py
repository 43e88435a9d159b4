"""The morning after, as a user types it: `explain`, `report` and `runs` on builds that are over."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import LogCache, Recordings

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
Run = Callable[..., Result]


@contextmanager
def served(
    scenario: str = "script-failed", before: Sequence[str] = ("windows", "sysprep-loop"), **options: Any
) -> Iterator[Emulator]:
    """An emulator in a thread of its own, three hours after the last run's start; two older runs lie beside it."""
    started, ready = threading.Event(), asyncio.Event()
    held: list[tuple[Emulator, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        earlier = [load_scenario(name) for name in before]
        clock = ScenarioClock(None, START)
        async with Emulator(load_scenario(scenario), clock, earlier_runs=earlier, **options) as emulator:
            await clock.sleep(timedelta(hours=3))
            held.append((emulator, asyncio.get_running_loop()))
            started.set()
            await ready.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(20)
    emulator, loop = held[0]
    try:
        yield emulator
    finally:
        loop.call_soon_threadsafe(ready.set)
        thread.join()


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in os.environ:
        if name.startswith(("AZURE_", "AIBTUI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def blocked(server: Emulator, part: str) -> None:
    """Wait until a request for `part` was served."""
    until = time.monotonic() + 60
    while not any(part in each.path for each in server.requests):
        assert time.monotonic() < until
        time.sleep(0.02)


def where(server: Emulator) -> list[str]:
    return ["-g", server.group, "--subscription", server.subscription, "--arm-endpoint", server.endpoint]


def test_a_template_is_explained_without_anyone_having_watched(typed: Run, tmp_path: Path) -> None:
    with served() as server:
        told = typed("explain", server.template, *where(server), "--output", "json")
        again = typed("explain", server.template_id, "--arm-endpoint", server.endpoint)
        log = server.log_bytes()
        fetched = [each for each in server.requests if each.path.endswith(".log")]
    report = json.loads(told.stdout)
    assert (told.exit_code, report["outcome"], report["bytes"]) == (0, "failed", len(log))
    assert report["run"]["run_state"] == "Failed"
    assert "Failed" in again.stdout.splitlines()[0]
    assert len({each.path for each in fetched}) == len(fetched) == 3  # its own log, and the older ones to compare with
    kept = {report["outcome"]: report["source"] for report in LogCache(tmp_path).reports()}
    assert kept == dict.fromkeys(("failed", "succeeded", "stopped"), server.template_id)


def test_the_run_before_is_explained_too(typed: Run) -> None:
    with served() as server:
        told = typed("explain", server.template, *where(server), "--previous", "--output", "json")
        text = typed("report", server.template, *where(server), "--previous")
    assert json.loads(told.stdout)["outcome"] == "stopped"
    assert (text.exit_code, text.stdout.splitlines()[0][:7]) == (0, "Stopped")


def test_a_run_is_put_beside_the_last_good_one_that_still_lies_on_azure(typed: Run) -> None:
    with served("windows", ("windows", "sysprep-loop")) as server:
        words = [server.template, *where(server)]
        text = typed("explain", *words)
        told = json.loads(typed("report", *words, "--output", "json").stdout)
        page = typed("report", *words, "--output", "markdown")
        previous = typed("explain", *words, "--previous", "--output", "json")
        asked = [each for each in server.requests if each.path.endswith(".log")]
        named = typed("report", *words, "--against", "win11-nothing")
    assert "Against win11-avd-golden, 2026-02-27T" in text.stdout
    against = told["against"]
    assert against["started_at"].startswith("2026-02-27")
    assert [step["difference"] for step in against["steps"]] == ["same"] * 7
    assert all(step["seconds"] == step["earlier_seconds"] for step in against["steps"])
    assert "<summary>Against win11-avd-golden" in page.stdout
    assert json.loads(previous.stdout)["outcome"] == "stopped"
    assert len(asked) == 3  # each once
    assert (named.exit_code, "win11-nothing" in named.stderr) == (3, True)


def test_remote_runs_are_listed_with_date_size_and_outcome(typed: Run) -> None:
    with served() as server:
        rows = json.loads(typed("runs", server.template, *where(server), "--remote", "--output", "json").stdout)
        table = typed("runs", server.template, *where(server), "--remote").stdout.splitlines()
    assert [row["outcome"] for row in rows] == ["failed", "stopped", "succeeded"]
    assert all(row["bytes"] > 10_000 and row["started_at"].startswith("2026-0") for row in rows)
    assert [row["run"] in line and row["outcome"] in line for row, line in zip(rows, table, strict=True)] == [True] * 3


def test_a_watch_of_a_finished_run_keeps_its_report_and_is_listed(typed: Run, tmp_path: Path) -> None:
    with served() as server:
        watched = typed("watch", server.template, *where(server), "--output", "jsonl")
        rows = json.loads(typed("runs", "--output", "json").stdout)
        none = typed("runs", "other")
    (row,) = rows
    assert watched.exit_code == 1
    assert (row["outcome"], row["started_at"], row["template"]) == (
        "failed",
        "2026-03-01T10:00:00Z",
        server.template_id,
    )
    kept = json.loads((tmp_path / "runs" / row["run"] / "report.json").read_bytes())
    assert kept == json.loads(watched.stdout.splitlines()[-1])["report"]
    assert (none.exit_code, none.stdout) == (0, "")
    table = typed("runs", server.template).stdout
    assert row["run"] in table
    assert "failed" in table
    assert json.loads(typed("report", row["run"], "--output", "json").stdout)["outcome"] == "failed"


def test_a_recording_stands_in_where_the_template_is_gone(typed: Run) -> None:
    with served() as server:
        typed("watch", server.template, *where(server), "--output", "jsonl")
    with served(template_deleted_after=timedelta(hours=1)) as server:
        told = typed("explain", server.template, *where(server), "--output", "json")
    assert json.loads(told.stdout)["outcome"] == "failed"
    assert "recorded here" in told.stderr


def test_a_grabbed_zip_is_explained_as_the_run_was(typed: Run, tmp_path: Path) -> None:
    with served() as server:
        words = [server.template, *where(server)]
        archive = Path(typed("grab", *words, "--to", tmp_path / "out").stdout.strip())
        there = json.loads(typed("explain", *words, "--output", "json").stdout)
    told = json.loads(typed("explain", archive, "--output", "json").stdout)
    assert {**told, "source": ""} == {**there, "source": ""}
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x/customization.log", bytes(80 << 20))
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("../customization.log/..", b"x")
    other_refused, bomb_refused = typed("explain", other), typed("explain", bomb)
    assert (other_refused.exit_code, "no customization.log" in other_refused.stderr) == (2, True)
    assert (bomb_refused.exit_code, "larger than any log" in bomb_refused.stderr) == (2, True)


def test_pruning_says_what_it_removed(typed: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Recordings(tmp_path)
    run = kept.open("/t/imageTemplates/old", START - timedelta(days=400))
    kept.close()
    os.utime(run.info.path / "polls.jsonl", (0, 0))
    monkeypatch.setenv("AIBTUI_KEEP_AGE", "forever")
    assert typed("runs", "--prune").stdout == ""
    monkeypatch.delenv("AIBTUI_KEEP_AGE")
    gone = typed("runs", "--prune")
    assert (gone.exit_code, run.id in gone.stdout, "age" in gone.stdout) == (0, True, True)
    nothing = typed("runs", "--prune")
    assert (nothing.exit_code, nothing.stdout, "keep_age (90d)" in nothing.stderr) == (0, "", True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_grab_that_is_stopped_goes_on_where_it_was(typed: Run, tmp_path: Path, number: signal.Signals) -> None:
    with served(more_files={"validation.log": b"checked\n" * 1000}) as server:
        words = ["grab", server.template, *where(server), "--to", str(tmp_path / "out")]
        server.fail_next("stall", matching="validation.log", after=100, seconds=60)
        command = [sys.executable, "-m", "aibtui", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            blocked(server, "validation.log")
            time.sleep(2.5 if number == signal.SIGINT else 0)
            process.send_signal(number)
            said = process.communicate(timeout=20)[1]
        asked = len(server.requests)
        done = typed(*words)
        again = [each.path.rpartition("/")[2] for each in server.requests[asked:] if each.path.endswith(".log")]
        log = server.log_bytes()
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert number == signal.SIGKILL or "go on with: aibtui grab" in said
    assert number != signal.SIGINT or "downloading validation.log" in said
    assert (done.exit_code, again) == (0, ["validation.log"])
    folder = Path(done.stdout.strip()).with_suffix("")
    assert (folder / "raw" / "customization.log").read_bytes() == log
    assert (folder / "raw" / "validation.log").read_bytes() == b"checked\n" * 1000


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["explain", "win11"], 2, "-g GROUP"),
        (["explain", "win11", "--previous"], 2, "-g GROUP"),
        (["runs", "--remote"], 2, "Name the template"),
        (["runs", "win11", "--prune"], 2, "stands alone"),
        (["runs", "win11", "--remote"], 2, "-g GROUP"),
        (["report", "win11", "-g", "rg", "--subscription", "s", "--arm-endpoint", "http://127.0.0.1:1"], 5, ""),
    ],
)
def test_a_mistake_is_one_clear_refusal(typed: Run, words: list[str], code: int, said: str) -> None:
    refused = typed(*words)
    assert (refused.exit_code, said in refused.stderr) == (code, True), refused.output
    assert "Traceback" not in refused.output
