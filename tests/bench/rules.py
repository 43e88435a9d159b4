"""What the rules cost: `python -m tests.bench.rules` explains made-up logs with all rules, and with none.

Ratios of one run, interleaved, because the machine is noisy: the one scan of the bytes for all needles against
the rest of an explain, and a whole explain with all rules against one without any.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import sub
from uuid import UUID

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.holds import MARKER
from aibtui.core.interest import Interests
from aibtui.core.lines import Block
from aibtui.core.monitor import Monitor
from aibtui.core.rulebook import Rule
from aibtui.emulator import load_scenario
from aibtui.emulator.story import timeline
from aibtui.sources.whole import whole_of
from tests.bench.progress import say
from tests.bench.rows import Row, table

ROUNDS = 7
SCENARIOS = ("windows", "linux", "script-failed")
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def timed(work: Callable[[], object]) -> float:
    """Seconds of this process that `work` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def explain(data: bytes, rules: tuple[Rule, ...]) -> None:
    """What `aibtui explain` does between reading and printing."""
    monitor = Monitor(rules)
    for poll in whole_of(data, "a log").polls():
        monitor.feed(poll)


def rounds(data: bytes, times: int) -> Iterator[tuple[float, float, float]]:
    """Seconds of the scan alone, of an explain with all rules, and with none."""
    rules = built_in_rules()
    scanner = Interests(rules, MARKER).scanner
    block = Block(data, 1)
    for _ in range(times):
        scan = timed(lambda: sum(1 for _ in scanner.candidates(block)))
        yield scan, timed(lambda: explain(data, rules)), timed(lambda: explain(data, ()))


def measure(quick: bool) -> Iterator[Row]:
    """The ratios of each log, of the last one where it is to be quick."""
    for name in SCENARIOS[-1:] if quick else SCENARIOS:
        say(f"rules, the log of {name}")
        lines = timeline(load_scenario(name), "g3", START, UUID(int=1)).lines
        data = b"".join(line for _, line in lines)
        scans, wholes, bare = zip(*rounds(data, 3 if quick else ROUNDS), strict=True)
        log, rest = f"{name} ({len(data) / 1e3:.0f} kB)", tuple(map(sub, wholes, scans))
        yield Row(f"{log}: the scan", "s", scans, "the rest of explain", rest)
        yield Row(f"{log}: all rules", "s", wholes, "no rules", bare)


def main() -> None:
    """Measure and print the table."""
    print(table(measure(quick=False)))


if __name__ == "__main__":
    main()
