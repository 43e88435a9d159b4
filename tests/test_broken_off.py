"""A watch as a real process: killed at any point and begun again; on a disk that is full."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from aibtui.cli import main
from aibtui.core.polls import Status, Template
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.history import earlier_runs
from aibtui.recording import Recordings

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
PROGRAM = (sys.executable, "-m", "aibtui")
FULL = 60_000  # bytes that a file may have on the full disk


@contextmanager
def served(speed: float) -> Iterator[Emulator]:
    """An emulator in a thread of its own; its build of some hours plays in seconds."""
    ready, over = threading.Event(), asyncio.Event()
    held: list[tuple[Emulator, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        clock = ScenarioClock(speed, START)
        async with Emulator(load_scenario("script-failed"), clock) as emulator:
            held.append((emulator, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    try:
        yield held[0][0]
    finally:
        held[0][1].call_soon_threadsafe(over.set)
        thread.join()


def environment(state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AIBTUI_"))}
    return {**kept, "AIBTUI_STATE_DIR": str(state), "AZURE_CONFIG_DIR": str(state / "azure")}


def command(server: Emulator, *words: str) -> list[str]:
    where = ["--arm-endpoint", server.endpoint]
    return ["watch", server.template_id, *where, "--poll", "0.1", *words]


def begun_again(server: Emulator, state: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The same command in this process, which has loaded everything by now; its exit code."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "AIBTUI_"))]:
        monkeypatch.delenv(name)
    for name in ("AIBTUI_STATE_DIR", "AZURE_CONFIG_DIR"):
        monkeypatch.setenv(name, environment(state)[name])
    return CliRunner().invoke(main, command(server, "--output", "jsonl")).exit_code


def recorded(state: Path) -> int:
    """Bytes of the log on disk."""
    return sum(path.stat().st_size for path in state.glob("runs/*/customization.log"))


def wait_for(state: Path, more_than: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while recorded(state) <= more_than and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_watch_that_is_killed_anywhere_and_begun_again_has_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(speed=400) as server:
        words = [*PROGRAM, *command(server, "--output", "jsonl")]
        for more in (0, 60_000):
            with subprocess.Popen(words, env=environment(tmp_path), stdout=subprocess.DEVNULL, text=True) as process:
                wait_for(tmp_path, recorded(tmp_path) + more, process)
                process.send_signal(signal.SIGKILL)
        code = begun_again(server, tmp_path, monkeypatch)
        log = server.log_bytes()
    (folder,) = (tmp_path / "runs").iterdir()
    assert code == 1
    assert (folder / "customization.log").read_bytes() == log
    report = json.loads((folder / "report.json").read_bytes())
    assert (report["outcome"], report["bytes"]) == ("failed", len(log))
    kept = Recordings(tmp_path)
    (info,) = kept.list()
    run = kept.load(info)
    chunks = [chunk.data for poll in run.polls() for chunk in poll.chunks if chunk.log == "customization.log"]
    run.close()
    assert (info.run_state, info.bytes, b"".join(chunks)) == ("Failed", len(log), log)
    (told,) = [each for each in earlier_runs(kept.reports(), later(info.template_id))]
    assert told["outcome"] == "failed"


def later(template_id: str) -> Status:
    """A run that begins long after all others."""
    template = Template(template_id, template_id.rpartition("/")[2])
    return Status("Running", started_at=START + timedelta(days=9), template=template)


@pytest.mark.skipif(sys.platform == "win32", reason="a limit for the size of files is a matter of POSIX")
def test_a_full_disk_costs_one_warning_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails, as it does on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))

    with served(speed=2000) as server:
        words = [*PROGRAM, *command(server, "--output", "plain")]
        done = subprocess.run(
            words, env=environment(tmp_path), capture_output=True, text=True, timeout=120, preexec_fn=fill
        )
        log = server.log_bytes()
        (folder,) = (tmp_path / "runs").iterdir()
        kept = (folder / "customization.log").read_bytes()
        again = begun_again(server, tmp_path, monkeypatch)
    assert done.returncode == 1
    assert "Failed" in done.stdout.splitlines()[-1] or "What to do" in done.stdout
    assert done.stdout.count("cannot be written") + done.stderr.count("cannot be written") == 1
    assert "Traceback" not in done.stderr
    assert (len(kept) <= FULL, log.startswith(kept)) == (True, True)
    assert again == 1
    assert (folder / "customization.log").read_bytes() == log
