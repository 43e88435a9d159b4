"""A program on a terminal of its own: what is typed into it, what it draws, and when."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

ROWS, COLUMNS = 40, 120
_SEQUENCE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x1b[=>78]")
_ASKS_FOR_SYNC = b"\x1b[?2026$p"


class Gone(Exception):
    """The program ended, or did not show in time what was waited for."""


class Terminal:
    """`words` run on a terminal of 120 by 40; `began` is when it was started, in seconds of the monotonic clock."""

    def __init__(self, words: Sequence[str], *, pass_on: Sequence[int] = ()) -> None:
        self.began = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                for descriptor in pass_on:
                    os.set_inheritable(descriptor, True)
                os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8")
                os.execvp(words[0], list(words))
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._drawn = b""
        self._over = False
        self._news = threading.Condition()
        # What nobody reads would stop the program as soon as the terminal is full.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._reader.join(1)
        os.close(self._fd)

    def press(self, keys: bytes) -> float:
        """Type; returns when."""
        with self._news:
            self._drawn = b""
        at = time.monotonic()
        os.write(self._fd, keys)
        return at

    def wait_for(self, text: bytes, seconds: float = 60) -> float:
        """When the text, without any colours in it, was on the screen. Raises Gone."""
        return self._wait(lambda: text in _SEQUENCE.sub(b"", self._drawn), seconds)

    def wait_for_anything(self, seconds: float = 10) -> float:
        """When the first byte came since the last key. Raises Gone."""
        return self._wait(lambda: bool(self._drawn), seconds)

    def rest(self, quiet: float = 0.2, seconds: float = 10) -> None:
        """Wait until nothing was drawn for a while."""
        until = time.monotonic() + seconds
        with self._news:
            while time.monotonic() < until and self._news.wait(quiet):
                pass

    def anonymous(self) -> float:
        """MiB of the program's memory that is not a file's."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:")) / 1024

    def cpu(self) -> float:
        """Seconds that the program has computed so far; a busy machine makes that longer too, but by less."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            figures = stat.read().rpartition(")")[2].split()
        return (int(figures[11]) + int(figures[12])) / os.sysconf("SC_CLK_TCK")

    def _wait(self, come: Callable[[], bool], seconds: float) -> float:
        with self._news:
            if not self._news.wait_for(lambda: come() or self._over, seconds):
                raise Gone("it did not come in time")
            if not come():
                raise Gone(f"the program ended: {_SEQUENCE.sub(b'', self._drawn)[-300:].decode(errors='replace')}")
            return time.monotonic()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except OSError:
                data = b""
            with self._news:
                self._over = not data
                self._drawn = (self._drawn + data)[-(1 << 17) :]
                self._news.notify_all()
            if not data:
                return
            if _ASKS_FOR_SYNC in data:
                os.write(self._fd, b"\x1b[?2026;2$y")


def python(*words: str) -> list[str]:
    """This interpreter with these words."""
    return [sys.executable, *words]
