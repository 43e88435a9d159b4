"""What watching costs: `python -m tests.bench.watching [--quick]`.

The emulator runs in a process of its own and in real time; `aibtui watch` is started as anybody would, on a terminal
or as lines, and left alone until it has drawn what there is. Told are the CPU it takes from then on, what it asks the
emulator for, and its memory: while a build is silent, while it prints 2,000 lines a second, and for 20 builds at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from msgspec.structs import replace

from aibtui.emulator import Emulator, Scenario, ScenarioClock, load_scenario
from aibtui.emulator.scenario import Beat, Step
from tests.bench.rows import Row, table
from tests.bench.terminal import Terminal, python

POLL = 5
AGO = timedelta(seconds=90)  # the builds began before the watch does
SILENT = timedelta(minutes=5)  # and a silent one so long ago that nothing is to be told of its silence meanwhile
_LOG = "customization.log"
_SAID = "Copying /opt/toolchain-{n}/setup-{hex:8}.tar to the image, part {n} of {times}"
_SETTLES = 30  # until all that was printed before is read, and a screen that nobody touches is at rest


def scenario(number: int, rate: float, seconds: float) -> Scenario:
    """A build whose script prints `rate` lines a second for so long; for 0 it says one line and waits."""
    linux = load_scenario("linux")
    talk = Beat(lines=(_SAID,), times=max(1, round(rate * seconds)), over=f"{seconds:.0f}s")
    play = (talk, Beat(lines=("done",), wait="2h"))
    step = Step({"type": "Shell", "name": "talk", "scriptUri": "https://a.example/talk.sh"}, play)
    return replace(
        linux,
        name=f"bench-{number}",
        template=f"bench-{number}",
        steps=(step,),
        packer_starts=1,
        vm=2,
        connect=1,
        earlier=0,
    )


async def serve(builds: int, rate: float, seconds: float) -> None:
    """Play the builds in real time; name their templates, then answer each line of stdin with what was asked since."""
    shift, ago = 0.0, AGO if rate else SILENT
    clock = ScenarioClock(1, datetime.now(UTC) - ago, monotonic=lambda: time.monotonic() + shift)
    shift = ago.total_seconds()
    first, *others = (scenario(number, rate, seconds) for number in range(1, builds + 1))
    async with Emulator(first, clock, others=others) as emulator:
        print(json.dumps([emulator.endpoint, *emulator.template_ids]), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            asked = [request for request in emulator.requests if _LOG in request.path and request.method == "GET"]
            sizes = [request.body_bytes for request in asked]
            quiet = [request.body_bytes for request in asked if request.status in (304, 416)]
            print(json.dumps([len(emulator.requests), len(sizes), sum(sizes), len(quiet), sum(quiet)]), flush=True)
            emulator.requests.clear()


class Served:
    """The emulator in a process of its own."""

    def __init__(self, builds: int, rate: float, seconds: float) -> None:
        words = python("-m", "tests.bench.watching", "--serve", str(builds), str(rate), str(seconds))
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint, *self.templates = self._answer()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def asked(self) -> Asked:
        """What was asked since the last time."""
        assert self._process.stdin
        print(file=self._process.stdin, flush=True)
        return Asked(*self._answer())

    def _answer(self) -> list:  # type: ignore[type-arg]  # whatever JSON says
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests, those for the log's blob among them and their bodies, and the quiet ones of these."""

    requests: int
    looks: int
    bytes: int
    quiet: int
    quiet_bytes: int


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watch took: percent of a core, MiB that are no file's, and what it asked for in so many seconds."""

    cpu: float
    memory: float
    asked: Asked
    seconds: float


@contextmanager
def watching(served: Served, *words: str) -> Iterator[Terminal]:
    """A watch of all that is served."""
    with tempfile.TemporaryDirectory(prefix="aibtui-bench-") as state:
        config = Path(state) / "config.toml"
        config.touch()
        os.environ |= {"AIBTUI_STATE_DIR": state, "AIBTUI_CONFIG": str(config)}
        command = python("-m", "aibtui", "watch", *served.templates, "--arm-endpoint", served.endpoint, *words)
        with Terminal(command) as terminal:
            yield terminal


Watch = tuple[int, float, tuple[str, ...]]
"""How many builds, how many lines each prints a second, and the words of the command."""


def watched(builds: int, rate: float, seconds: float, *words: str) -> Watched:
    """Watch so many builds for so long, after they were caught up with."""
    return at_once([(builds, rate, words)], seconds)[0]


def at_once(watches: Sequence[Watch], seconds: float) -> list[Watched]:
    """Several such watches beside each other, each with an emulator of its own."""
    with ExitStack() as stack:
        running = []
        for builds, rate, words in watches:
            talks = 1 if rate == 0 else AGO.total_seconds() + seconds + 3 * _SETTLES
            served = stack.enter_context(Served(builds, rate, talks))
            running.append((served, stack.enter_context(watching(served, *words))))
        time.sleep(_SETTLES + max(builds for builds, _, _ in watches) / 4)
        for served, _ in running:
            served.asked()
        before, began = [terminal.cpu() for _, terminal in running], time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        return [
            Watched(100 * (terminal.cpu() - was) / took, terminal.anonymous(), served.asked(), took)
            for (served, terminal), was in zip(running, before, strict=True)
        ]


def measure(quick: bool) -> list[Row]:
    """A silent build, a talkative one, twenty at once; the three beside each other where it is to be quick."""
    screen, lines = ("--output", "tui", "--poll", str(POLL)), ("--output", "plain", "--poll", str(POLL))
    watches: list[Watch] = [(1, 0, screen), (1, 500 if quick else 2_000, screen), (20, 1, lines)]
    if quick:
        idle, busy, many = ([one] for one in at_once(watches, 10))
    else:
        idle, busy, many = ([at_once([watch], 30)[0] for _ in range(3)] for watch in watches)
    asked = idle[0].asked
    return [
        Row("idle and left alone, looking every 5 s: CPU", "%", tuple(each.cpu for each in idle), goal=0.5),
        Row("idle: looks at the log's blob per 5 s", "", (asked.looks * POLL / idle[0].seconds,), goal=1),
        Row("idle: body of a quiet look", "bytes", (asked.quiet_bytes / max(1, asked.quiet),), goal=500),
        Row(f"{500 if quick else 2_000:,} lines a second: CPU", "%", tuple(each.cpu for each in busy), goal=15),
        Row("its log per second", "kB", tuple(each.asked.bytes / 1e3 / each.seconds for each in busy)),
        Row("20 builds in one process: CPU", "%", tuple(each.cpu for each in many), goal=15),
        Row("20 builds in one process: memory", "MiB", tuple(each.memory for each in many), goal=200),
    ]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.watching", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, once, with fewer lines")
    parser.add_argument("--serve", nargs=3, type=float, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        builds, rate, seconds = chosen.serve
        asyncio.run(serve(int(builds), rate, seconds))
    else:
        print(table(measure(chosen.quick)))


if __name__ == "__main__":
    main()
