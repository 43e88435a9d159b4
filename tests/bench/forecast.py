"""How far the forecast is off: `python -m tests.bench.forecast` simulates builds and prints the error of the end.

What is simulated: 200 series of one template with nine steps of 0.1 to 40 minutes at their middle. A series has its
own speed (normal, 10 % deviation, the region's day); each step of each run varies around its middle (log-normal, 8 %
deviation), and one run in ten has a step that takes half as long again. Three finished runs are the history; the fourth
is forecast at a quarter, half and three quarters of its time. Seeded, so every run of this is alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import fmean

from aibtui.core.build import Build, Phase, Step
from aibtui.core.forecast import Baseline, forecast, step_keys
from tests.bench.rows import Row, table

SERIES = 200
HISTORY = 3
MINUTES = (0.1, 3, 12, 1.5, 40, 25, 1.5, 18, 2.5)
LOOKS = (0.25, 0.5, 0.75)
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def durations(chance: random.Random, speed: float) -> list[timedelta]:
    """One run: how long each of its steps takes."""
    taken = [minutes * speed * chance.lognormvariate(0, 0.08) for minutes in MINUTES]
    if chance.random() < 0.1:
        slow = chance.randrange(len(taken))
        taken[slow] *= 1.5
    return [timedelta(minutes=minutes) for minutes in taken]


def build_at(taken: list[timedelta], at: timedelta) -> Build:
    """The build of these durations as it stands `at` after its start."""
    steps, begun = [], timedelta()
    for index, took in enumerate(taken, start=1):
        ended = begun + took
        state = "done" if ended <= at else "running" if begun <= at else "planned"
        steps.append(
            Step(
                index,
                "powershell",
                f"step-{'abcdefghi'[index - 1]}",
                state=state,  # type: ignore[arg-type]  # one of three states
                started_at=START + begun if begun <= at else None,
                ended_at=START + ended if ended <= at else None,
            )
        )
        begun = ended
    phases = (Phase("prepare", "done", START), *Build().phases[1:])
    return Build(steps=tuple(steps), phases=phases, started_at=START)


def errors() -> Iterator[tuple[float, float, bool]]:
    """For each look: (share of the run, error of the rest as a share of it, whether the range held the end)."""
    chance = random.Random(20260504)
    for _ in range(SERIES):
        speed = chance.normalvariate(1, 0.1)
        runs = [durations(chance, speed) for _ in range(HISTORY + 1)]
        keys = step_keys(build_at(runs[0], timedelta()).steps)
        known = Baseline(runs=HISTORY, steps={key: tuple(run[i] for run in runs[:-1]) for i, key in enumerate(keys)})
        total = sum(runs[-1], timedelta())
        for look in LOOKS:
            at = total * look
            told = forecast(build_at(runs[-1], at), known, START + at)
            if told is None:
                raise AssertionError("a running build with history has a forecast")
            off = abs((told.ends_at - (START + total)) / (total - at))
            yield look, off, told.low <= START + total <= told.high


def measure() -> Iterator[Row]:
    """The errors at each look and at all of them, and how often the range held the end."""
    found = list(errors())
    for look in LOOKS:
        here = [(off, held) for at, off, held in found if at == look]
        yield Row(f"at {look:.0%} of the run: off by, of the rest", "%", tuple(100 * off for off, _ in here))
        yield Row(f"at {look:.0%} of the run: the range held the end", "%", (100 * fmean(held for _, held in here),))
    yield Row("at all looks: off by, of the rest", "%", tuple(100 * off for _, off, _ in found), goal=10)


def main() -> None:
    """Print the table."""
    print(f"{SERIES} simulated builds, {HISTORY} earlier runs each")
    print(table(measure()))


if __name__ == "__main__":
    main()
