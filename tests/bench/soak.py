"""A build of a working day, watched through a bad network: `python -m tests.bench.soak [--quick]`.

Time is virtual, everything else is real: the emulator answers on loopback, one request in twenty fails at random (the
same ones for the same seed), ARM answers nothing but 500 for minutes, and the sources, the monitor and the recording
are those of `aibtui watch`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from msgspec.structs import replace

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.updates import TransportState
from aibtui.emulator import Emulator, Fault, Scenario, ScenarioClock, load_scenario
from aibtui.emulator.scenario import Beat, Step
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access, load
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import parse_target
from tests.bench.rows import Row, table

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SHARE = 0.05
_LOG = "customization.log"
_STEPS = 4
_SAID = (
    "Copying /opt/toolchain-{n}/setup-{hex:8}.tar to the image, part {n} of {times}",
    "Unpacking fonts-{hex:6} ({number:1-9}.{number:1-99}-1) over the one that was there before ...",
    "tests/test_{hex:6}.py::test_{n} PASSED [ {percent} % ] in {decimal:0.1-4.5} s on {computer}",
    "runtime-{hex:4}.iso  {number:1-500} MB of 500 MB, {decimal:0.1-99.9} MB/s",
)
_LINE = 148  # bytes that each of these has on the average, as Packer writes it down
_OUTAGES = ((0.2, timedelta(minutes=4)), (0.6, timedelta(minutes=9)))
"""When ARM fails, as a share of the build, and for how long."""


@dataclass(frozen=True, slots=True)
class Size:
    """How long a build lasts, and how many bytes its log has, about."""

    lasts: timedelta
    log: int


FULL = Size(timedelta(hours=8), 50 * 10**6)
QUICK = Size(timedelta(minutes=10), 10**6)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a watch came to. Bytes are those of lines, `grown` is resident memory over that before the watch."""

    log: int
    lost: int
    repeated: int
    looks: int
    requests: int
    failed: int
    fetched: int
    grown: int
    blind: timedelta
    seconds: float
    outcome: str

    def rows(self) -> tuple[Row, ...]:
        """What is measured, and how much it may be."""
        return (
            Row("log", "MB", (self.log / 1e6,)),
            Row("bytes lost", "bytes", (self.lost,), goal=0),
            Row("bytes repeated", "bytes", (self.repeated,), goal=0),
            Row("peak memory over the start", "MB", (self.grown / 1e6,)),
            Row("looks", "", (self.looks,)),
            Row("requests per look", "", (self.requests / self.looks,)),
            Row("requests that were spoiled", "%", (100 * self.failed / self.requests,)),
            Row("body bytes per byte of log", "", (self.fetched / self.log,), goal=1.05),
            Row("longest BLIND that recovered", "s", (self.blind.total_seconds(),)),
            Row("CPU", "s", (self.seconds,)),
        )


def build(size: Size) -> Scenario:
    """An Ubuntu build whose scripts talk all the time."""
    linux = load_scenario("linux")
    times = max(1, size.log // _LINE // len(_SAID) // _STEPS)
    lasts = f"{size.lasts.total_seconds() / _STEPS:.0f}s"
    play = (Beat(lines=_SAID, times=times, over=lasts),)
    steps = tuple(
        Step({"type": "Shell", "name": f"part {number}", "scriptUri": f"https://a.example/{number}.sh"}, play)
        for number in range(1, _STEPS + 1)
    )
    return replace(linux, name="soak", steps=steps, properties={**linux.properties, "buildTimeoutInMinutes": 900})


class Weather:
    """Which request fails, and how; the same for the same seed, whatever the machine does."""

    def __init__(self, clock: ScenarioClock, lasts: timedelta, seed: int) -> None:
        self._clock = clock
        self._chance = Random(seed)
        self.failed = 0
        self._outages = [(START + lasts * share, START + lasts * share + least) for share, least in _OUTAGES]

    def choose(self, request: str) -> Fault | None:
        """The fault of this request, if it has one."""
        fault = self._fault(request)
        self.failed += fault is not None
        return fault

    def _fault(self, request: str) -> Fault | None:
        arm = "/providers/" in request
        if arm and any(begins <= self._clock.now() < ends for begins, ends in self._outages):
            return Fault("status", code=500, error="InternalServerError")
        if self._chance.random() >= SHARE:
            return None
        return self._chance.choice(tuple(self._faults(arm=arm)))

    def _faults(self, *, arm: bool) -> Iterator[Fault]:
        after = self._chance.randint(1, 2000)
        yield Fault("status", code=503)
        yield Fault("status", code=429, error="TooManyRequests", retry_after=self._chance.randint(1, 60))
        yield Fault("reset")
        yield Fault("html")
        yield Fault("truncated-json" if arm else "wrong-range")
        yield Fault("reset", after=after)
        yield Fault("stall", after=after, seconds=0.1)


async def soak(size: Size, state: Path, seed: int = 1) -> Soaked:
    """Watch one build to its end."""
    clock = ScenarioClock(None, START)
    recordings = Recordings(state)
    rules = built_in_rules()
    looks, blind_since, longest = 0, None, timedelta()
    async with Emulator(build(size), clock) as emulator:
        whole = emulator.log_bytes(emulator.run_ends_at())  # made now: what the emulator holds is no growth of ours
        weather = Weather(clock, size.lasts, seed)
        emulator.fail_by(weather.choose)
        source = AzureSource(
            parse_target(emulator.template_id),
            Access({}, arm_endpoint=emulator.endpoint),
            cursor=recordings.cursor,
            random=Random(seed),
        )
        await load()
        before = peak = resident()
        began = time.process_time()
        was: TransportState = "waiting"
        async with Watch(source, lambda: Monitor(rules), recordings, clock) as watch:
            async for update in watch.updates():
                looks += 1
                if update.transport.state == "blind" and was != "blind":
                    blind_since = update.at
                elif was == "blind" and update.transport.state not in ("blind", "ended") and blind_since:
                    longest = max(longest, update.at - blind_since)
                was = update.transport.state
                if looks % 100 == 0:
                    peak = max(peak, resident())
            peak = max(peak, resident())
            took = time.process_time() - began
            lost, repeated = compared(whole, watch.run.read(0, watch.run.size))
            outcome = watch.last.build.outcome if watch.last else "unknown"
        served = emulator.requests
    return Soaked(
        log=len(whole),
        lost=lost,
        repeated=repeated,
        looks=looks,
        requests=len(served),
        failed=weather.failed,
        fetched=sum(request.body_bytes for request in served if _LOG in request.path),
        grown=peak - before,
        blind=longest,
        seconds=took,
        outcome=outcome,
    )


def compared(written: bytes, recorded: bytes) -> tuple[int, int]:
    """Bytes of lines that are missing in the record, and of those that are there too often."""
    if written == recorded:
        return 0, 0
    right, found = (Counter(data.splitlines(keepends=True)) for data in (written, recorded))
    return tuple(sum(len(line) * count for line, count in each.items()) for each in (right - found, found - right))  # type: ignore[return-value]


def resident() -> int:
    """Bytes of memory that this process holds now; the most that it ever held where that is not told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def measure(quick: bool) -> tuple[Row, ...]:
    """A soak in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="aibtui-soak-") as state:
        return asyncio.run(soak(QUICK if quick else FULL, Path(state))).rows()


def main() -> None:
    """Print a soak."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 minutes and 1 MB instead of 8 h and 50 MB")
    print(table(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
