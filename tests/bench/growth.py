"""How time and memory grow: `python -m tests.bench.growth [--quick]`.

`aibtui explain`, and the index of the log view, of 1, 10, 100 and 1,000 MB, and a watch of 1, 5 and 20 builds. What the
smallest costs is the base, start-up and all; from what the others cost more follow the cost of each further MB and the
exponent of the size: 1 is linear, 2 is quadratic, 0 is no growth. Up to 1.05 is linear within the noise of a machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from math import log as ln
from pathlib import Path
from statistics import linear_regression, median

from tests.bench.generator import write
from tests.bench.process import Ran, explain, run, warm
from tests.bench.progress import say
from tests.bench.rows import Row, table
from tests.bench.terminal import python

LINEAR = 1.05
SIZES, SIZES_QUICK = (1, 10, 100, 1000), (1, 4, 16)
BUILDS = {"1 build": 1, "5 builds": 5, "20 builds": 20}
ENOUGH = 100.0
"""Seconds after which no further round over all sizes begins."""
_SECONDS, _MIB = 0.01, 1.0
"""Less than this is nothing."""
_SHORT = 2.0
"""Seconds below which a run is repeated within its round."""
_RATE = 20
"""Lines a second that each of the watched builds prints."""
_SLICE = 32 * 1024


def exponent(sizes: Sequence[float], costs: Sequence[float], least: float) -> float:
    """Of the cost over that of the smallest by the size over the smallest; a difference below `least` is nothing."""
    more = [ln(size - sizes[0]) for size in sizes[1:]]
    return linear_regression(more, [ln(max(cost - costs[0], least)) for cost in costs[1:]]).slope


def verdict(
    cost: str,
    unit: str,
    sizes: Mapping[str, float],
    rounds: Sequence[Sequence[float]],
    least: float,
    goal: float | None,
) -> Iterator[Row]:
    """Rows of what each size cost, of each further one, and of the exponent."""
    for size, costs in zip(sizes, zip(*rounds, strict=True), strict=True):
        yield Row(f"{cost} of {size}", unit, costs)
    spread = [*sizes.values()]
    further = tuple((costs[-1] - costs[0]) / (spread[-1] - spread[0]) for costs in rounds)
    yield Row(f"{cost} of each further {next(iter(sizes)).removeprefix('1 ')}", unit, further)
    exponents = tuple(exponent(spread, costs, least) for costs in rounds)
    yield Row(f"{cost}: exponent", _name(median(exponents)) if goal else "", exponents, goal=goal)


def _name(slope: float) -> str:
    return (
        "no growth" if slope < 0.1 else "below linear" if slope < 0.95 else "linear" if slope <= LINEAR else "steeper"
    )


def measure(quick: bool) -> Iterator[Row]:
    """All of it; up to 16 MB and without the builds where it is to be quick."""
    sizes = {f"{size:,} MB": float(size) for size in (SIZES_QUICK if quick else SIZES)}
    times, again, goal = (2, 1, None) if quick else (3, 4, LINEAR)
    with tempfile.TemporaryDirectory(prefix="aibtui-bench-") as folder:
        logs = {}
        for name, size in sizes.items():
            say(f"a log of {name} is written")
            logs[name] = Path(folder) / f"{size:g}.log"
            write(logs[name], round(size * 1e6))
            warm(logs[name])
        for what, words in (("explain", explain), ("log view's index", _index)):
            rounds = _rounds(what, times, again, {name: words(log) for name, log in logs.items()})
            cpu, memory = ([[getattr(ran, told) for ran in runs] for runs in rounds] for told in ("cpu", "peak"))
            yield from verdict(f"{what}: CPU", "s", sizes, cpu, _SECONDS, goal)
            yield from verdict(f"{what}: memory", "MiB", sizes, memory, _MIB, goal)
    if not quick:
        yield from _of_builds()


def _rounds(what: str, times: int, again: int, commands: Mapping[str, Sequence[str]]) -> list[list[Ran]]:
    """What each command took at the least, round by round; no further round begins when it took long enough.

    A short one runs up to `again` times a round: what disturbs it is a larger part of it.
    """
    rounds: list[list[Ran]] = []
    began = time.monotonic()
    while len(rounds) < times and (not rounds or time.monotonic() - began < ENOUGH):
        rounds.append([])
        for name, words in commands.items():
            say(f"{what}, {name}, round {len(rounds)} of {times}")
            runs = [run(words)]
            while len(runs) < again and runs[-1].wall < _SHORT:
                runs.append(run(words))
            rounds[-1].append(min(runs, key=lambda ran: ran.cpu))
    return rounds


def _of_builds() -> Iterator[Row]:
    from tests.bench.watching import watched

    rounds = []
    for number in (1, 2):
        rounds.append([])
        for name, builds in BUILDS.items():
            say(f"a watch of {name}, round {number} of 2")
            rounds[-1].append(watched(builds, _RATE, 20, "--output", "plain", "--poll", "5"))
    cpu, memory = ([[getattr(one, told) for one in seen] for seen in rounds] for told in ("cpu", "memory"))
    yield from verdict("watch: CPU", "%", BUILDS, cpu, 0.1, LINEAR)
    yield from verdict("watch: memory", "MiB", BUILDS, memory, _MIB, LINEAR)


def _index(log: Path) -> list[str]:
    return python("-m", "tests.bench.growth", "--index", str(log))


def index(log: Path) -> None:
    """Index all lines of it, as the log view does."""
    from aibtui.core.index import LineIndex

    lines = LineIndex()
    with log.open("rb", buffering=0) as file:
        while data := file.read(_SLICE):
            lines.feed(data)
    lines.finish()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 16 MB, and no builds")
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.index:
        index(chosen.index)
    else:
        print(table(measure(chosen.quick)))


if __name__ == "__main__":
    main()
