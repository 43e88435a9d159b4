"""A program that is run as a whole, and what it took: time, computing, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.terminal import python

RIPGREP = ("rg", "-c", "--no-unicode", "--dfa-size-limit", "1G", "--regex-size-limit", "1G")
"""As fast as it gets: with its usual options the same signatures take a hundred times as long."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds from the start to the end, seconds of computing on any core, and MiB of memory at the most.

    Linux hands the memory of the measuring process down to the measured one: let that be the smaller one.
    """

    wall: float
    cpu: float
    peak: float


def run(words: Sequence[str]) -> Ran:
    """Run it to its end; what it prints is thrown away. Raises CalledProcessError where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ((0, 1) if words[0] == "rg" else (0,)):  # 1: no line has any of it
        raise subprocess.CalledProcessError(process.returncode, list(words))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Ran(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / unit)


def explain(log: Path) -> list[str]:
    """The words of the command for a log."""
    return python("-m", "aibtui", "explain", str(log))


def warm(log: Path) -> None:
    """Have it in the system's cache, so that nobody's turn is the one that fetches it from the disk."""
    with log.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
