"""On a real terminal: whatever a build says, no sequence of its own, no bidi, no C1 gets there; ours are cleared."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.tui.terminal import MARK, SCREENS

_SEQUENCE = re.compile(
    r"\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
)
_OURS = re.compile(r"9;4;\d;\d+|9;aibtui: .*|52;c;Y29waWVk|22;[a-z-]*")
"""Taskbar progress, a notification, what the user copied (`copied`), and the shape that Textual gives the pointer."""


def shown(screen: str) -> str:
    """What a terminal got of one of the hostile screens."""
    return on_terminal("-m", "tests.tui.terminal", screen)[0]


def on_terminal(
    *command: str, stop: str | None = None, answer: tuple[str, bytes] | None = None, **environ: str
) -> tuple[str, int]:
    """What a terminal got, and the exit code.

    `stop` sends SIGTERM once the terminal got a text; `answer` types something then.
    """
    here, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TMUX", "TERM", "NO_COLOR", "CI"))
    }
    child = subprocess.Popen(
        [sys.executable, *command],
        stdin=there,
        stdout=there,
        stderr=there,
        env=kept | {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", "PYTHONUTF8": "1"} | environ,
        start_new_session=True,
    )
    os.close(there)
    written, began = bytearray(), time.monotonic()
    try:
        while time.monotonic() - began < 60:
            if stop is not None and stop.encode() in written:
                child.send_signal(signal.SIGTERM)
                stop = None
            ready, _, _ = select.select([here], [], [], 0.2)
            if ready:
                try:
                    data = os.read(here, 65536)
                except OSError:
                    break
                if not data:
                    break
                written += data
                if answer is not None and answer[0].encode() in written:
                    os.write(here, answer[1])
                    answer = None
    finally:
        child.kill()
        os.close(here)
    return written.decode("utf-8", "surrogateescape"), child.wait(10)


@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_hostile_reaches_the_terminal(screen: str) -> None:
    written = shown(screen)
    assert MARK in written
    for found in _SEQUENCE.finditer(written):
        if (said := found["osc"]) is not None:
            assert _OURS.fullmatch(said), said
        assert not found[0].startswith("\x1bP")
    rest = _SEQUENCE.sub("", written)
    strange = {char for char in rest if not char.isprintable() and char not in "\r\n\x07"}
    assert not strange
    assert "evil.example" not in written or "]8;" not in written


def test_the_taskbar_is_cleared_on_the_way_out() -> None:
    written = shown("log")
    assert "\x1b]9;4;2;44\x1b\\" in written
    assert written.rindex("\x1b]9;4;0;0\x1b\\") > written.rindex("\x1b]9;4;2;44\x1b\\")


@pytest.mark.parametrize("screen", ["crash", "broken"])
def test_the_taskbar_is_cleared_after_a_bug(screen: str) -> None:
    written = shown(screen)
    assert written.rindex("\x1b]9;4;0;0\x1b\\") > written.rindex("\x1b]9;4;2;44\x1b\\")


@pytest.mark.parametrize("key", [b" ", b"\x1b[A", b"\x03"])
def test_the_log_as_text_stays_on_the_normal_screen_until_a_key(key: bytes) -> None:
    written = on_terminal("-m", "tests.tui.terminal", "plain", answer=("came meanwhile", key))[0]
    aside = written.index("any key leads back")
    back = written.index("\x1b[?1049h", aside)
    assert "\x1b[?1049l" in written[:aside]
    assert "came meanwhile" in written[aside:back]
    plain = _SEQUENCE.sub("", written[aside:back])
    assert plain.count("\n") > 10
    assert " Alerts " in written[back:]


def test_a_bug_shows_where_it_is_and_no_values() -> None:
    written = shown("crash")
    assert "RuntimeError" in written
    assert "locals" not in written


def test_sigterm_clears_the_taskbar_and_says_how_to_come_back(tmp_path: Path) -> None:
    command = ["-m", "aibtui", "demo", "windows", "--speed", "120"]
    written, code = on_terminal(*command, stop="\x1b]9;4;1;", AIBTUI_STATE_DIR=str(tmp_path))
    assert code == 130
    begun = written.rindex("\x1b]9;4;1;")
    assert written.index("\x1b]9;4;0;0\x1b\\", begun)
    assert "aibtui demo windows" in written[written.rindex("\x1b[?1049l") :]
