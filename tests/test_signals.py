"""What befalls a watch from outside: a laptop that sleeps, a process that is stopped, a terminal that is closed."""

from __future__ import annotations

import asyncio
import logging
import os
import pty
import signal
import stat
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui import session
from aibtui.cli.library_log import library_log
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import SystemClock


class Sleeper(SystemClock):
    """A machine whose clock leaps, as it does when a lid is opened: the event loop's own time stood still."""

    leap = timedelta()

    def now(self) -> datetime:
        return super().now() + self.leap


async def test_after_a_laptop_has_slept_the_next_look_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_NAP", 0.02)
    clock = Sleeper()
    pause = asyncio.create_task(clock.sleep(timedelta(minutes=5)))
    await asyncio.sleep(0.05)
    assert not pause.done()
    clock.leap = timedelta(hours=8)
    await asyncio.wait_for(pause, 2)


async def test_a_clock_that_is_set_back_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_NAP", 0.02)
    clock = Sleeper()
    pause = asyncio.create_task(clock.sleep(timedelta(seconds=0.1)))
    await asyncio.sleep(0.05)
    clock.leap = timedelta(hours=-8)
    await asyncio.wait_for(pause, 2)


def environment(state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "TERM", "NO_COLOR")}
    return kept | {"AIBTUI_STATE_DIR": str(state), "TERM": "xterm-256color", "PYTHONUTF8": "1"}


async def test_a_watch_that_was_stopped_for_a_while_loses_nothing_and_says_nothing_else(tmp_path: Path) -> None:
    clock = ScenarioClock(300, datetime.now(UTC).replace(microsecond=0))
    async with Emulator(load_scenario("apt-locked"), clock) as emulator:
        words = ("watch", emulator.template_id, "--arm-endpoint", emulator.endpoint, "--poll", "0.1")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "aibtui", *words, "--output", "jsonl"),
            env=environment(tmp_path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stderr is not None
        said = [await child.stdout.readline() for _ in range(4)]
        child.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1)
        child.send_signal(signal.SIGCONT)
        rest, errors = await asyncio.wait_for(asyncio.gather(child.stdout.read(), child.stderr.read()), 60)
        code = await child.wait()
        kept = Recordings(tmp_path)
        recorded = kept.load(kept.list()[0])
        assert recorded.read(0, recorded.size) == emulator.log_bytes()
        recorded.close()
    assert said[0].startswith(b'{"type": "version"')
    assert b'"summary"' in rest
    assert (code, errors) == (1, b"")


@pytest.mark.parametrize("output", ["plain", "tui"])
def test_a_terminal_that_is_closed_ends_the_watch_and_keeps_the_log(output: str, tmp_path: Path) -> None:
    here, there = pty.openpty()
    words = ("demo", "apt-locked", "--speed", "60", "--output", output)
    child = subprocess.Popen(
        [sys.executable, "-m", "aibtui", *words],
        env=environment(tmp_path),
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
    )
    os.close(there)
    try:
        until = time.monotonic() + 30
        log = b""
        while not log and time.monotonic() < until:
            os.set_blocking(here, False)
            try:
                os.read(here, 1 << 16)
            except BlockingIOError:
                time.sleep(0.05)
            log = b"".join(path.read_bytes() for path in tmp_path.glob("runs/*/customization.log"))
        child.send_signal(signal.SIGHUP)
        os.close(here)
        assert child.wait(10) == 130
    finally:
        child.kill()
        child.wait()
    (recorded,) = tmp_path.glob("runs/*/customization.log")
    assert recorded.read_bytes().startswith(log)


def test_what_libraries_say_goes_to_a_file_without_secrets(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with library_log(tmp_path / "state"):
        for name in ("azure.core.pipeline", "msal.oauth2", "aiohttp.client", "asyncio"):
            logging.getLogger(name).error("%s failed: Authorization: Bearer eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", name)
        warnings.showwarning("a connection was left open", ResourceWarning, "x.py", 1)
    path = tmp_path / "state" / "aibtui.log"
    text = path.read_text()
    assert capfd.readouterr().err == ""
    assert [name in text for name in ("azure.core", "msal", "aiohttp", "asyncio", "left open")] == [True] * 5
    assert "eyJzdWIiOi" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_of_the_libraries_does_not_grow_for_ever(tmp_path: Path) -> None:
    with library_log(tmp_path):
        for _ in range(300):
            logging.getLogger("azure.x").warning("w" * 10_000)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["aibtui.log", "aibtui.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2.2 * (1 << 20)


def test_a_file_that_cannot_be_written_costs_no_word(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").write_text("in the way")
    with library_log(tmp_path / "state"):
        logging.getLogger("azure").error("nobody hears this")
    assert capfd.readouterr().err == ""
