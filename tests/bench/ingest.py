"""How fast a log is read: `python -m tests.bench.ingest [--quick]`.

`aibtui explain` as a whole process, all rules on, beside ripgrep with the same signatures on the same file, by turns:
the time that one waits, and the computing, which a busy machine spoils less. Then the logs that could be slow (nothing
but progress; an alarm on every line), a log of the usual size beside the start of the same process, and, in this
process, what the next 64 KiB of a log take until their alerts are known. Goals for large logs are left out when quick:
on a small one the start of the process is nearly all of it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aibtui.core.build import LogFormat
from tests.bench.generator import portions, write
from tests.bench.process import RIPGREP, Ran, explain, run, warm
from tests.bench.progress import say
from tests.bench.rows import Row, table

FORMATS: tuple[LogFormat, ...] = ("g1", "g2", "g3")
USUAL = 600_000
INCREMENT = 64 * 1024
_BEFORE = 4_000_000
_LARGE, _SLOW = 100_000_000, 20_000_000
_LARGE_QUICK, _SLOW_QUICK = 5_000_000, 2_000_000


def signatures() -> list[str]:
    """What the built-in rules look for in a log, in the syntax that ripgrep shares with RE2: no anchors, no groups."""
    from aibtui.cli.rulefiles import built_in_rules
    from aibtui.core.pattern import needle_of
    from aibtui.core.rulebook import LOG_PLACES

    patterns = (pattern for rule in built_in_rules() if rule.where & LOG_PLACES for pattern in rule.patterns)
    return list(dict.fromkeys(needle_of(pattern).block or "" for pattern in patterns))


def measure(quick: bool) -> Iterator[Row]:
    """All of it, on logs of up to 100 MB; up to 5 where it is to be quick."""
    with tempfile.TemporaryDirectory(prefix="aibtui-bench-") as folder:
        yield from _beside_ripgrep(Path(folder), _LARGE_QUICK if quick else _LARGE, 2 if quick else 5, quick)
        yield from _slow_ones(Path(folder), _SLOW_QUICK if quick else _SLOW, 2 if quick else 3, quick)
        yield from _usual(Path(folder), 3 if quick else 11)
    yield from _increments(40 if quick else 400)


def _beside_ripgrep(folder: Path, size: int, rounds: int, quick: bool) -> Iterator[Row]:
    log, rules = folder / "customization.log", folder / "rules.rg"
    rules.write_text("".join(f"{signature}\n" for signature in signatures()))
    peer = [*RIPGREP, "-f", str(rules), str(log)] if shutil.which("rg") else None
    for kind in FORMATS:
        what = f"explain {size / 1e6:g} MB, {kind}"
        say(f"{what}, beside ripgrep")
        write(log, size, kind)
        warm(log)
        ours, theirs = by_turns(rounds, explain(log), peer)
        yield Row(what, "s", waited(ours), "ripgrep", waited(theirs), None if quick else 2.5)
        yield Row(f"{what}: computing", "s", computed(ours), "ripgrep", computed(theirs))


def _slow_ones(folder: Path, size: int, rounds: int, quick: bool) -> Iterator[Row]:
    log, chatty = folder / "slow.log", folder / "chatty.log"
    megabytes = size / 1e6
    formats = FORMATS[-1:] if quick else FORMATS
    for kind in formats:
        say(f"explain {megabytes:g} MB of alarms, {kind}")
        write(log, size, kind, "alarms")
        ours, _ = by_turns(rounds, explain(log))
        rates = tuple(megabytes / ran.wall for ran in ours)
        goal = None if quick else 20.0
        yield Row(f"explain {megabytes:g} MB, {kind}, an alarm on every line", "MB/s", rates, goal=goal, at_least=True)
    for kind in formats:
        say(f"explain {megabytes:g} MB of progress, {kind}")
        write(log, size, kind, "bars")
        write(chatty, size, kind)
        ours, theirs = by_turns(rounds, explain(log), explain(chatty))
        what = f"explain {megabytes:g} MB, {kind}, nothing but progress"
        yield Row(what, "s", waited(ours), "a chatty log", waited(theirs), None if quick else 3)


def _usual(folder: Path, rounds: int) -> Iterator[Row]:
    log, lines = folder / "usual.log", folder / "lines.log"
    write(log, USUAL)
    say("explain 600 kB, beside three lines")
    with log.open("rb") as whole:
        lines.write_bytes(b"".join(whole.readline() for _ in range(3)))
    ours, theirs = by_turns(rounds, explain(log), explain(lines))
    yield Row("explain 600 kB, the usual size", "ms", waited(ours, 1e3), "three lines", waited(theirs, 1e3), 1.5)
    yield Row("explain 600 kB: computing", "ms", computed(ours, 1e3), "three lines", computed(theirs, 1e3))


def _increments(count: int) -> Iterator[Row]:
    for kind in ("chatty", "alarms"):
        say(f"the next 64 KiB, {kind}")
        alone, in_all = increments(count, kind)
        for figures, how in ((in_all, ""), (alone, ", computing")):
            what = f"64 KiB more to alerts, {kind}{how}"
            yield Row(what, "ms", tuple(figures), goal=5)
            yield Row(f"{what}: p99", "ms", (sorted(figures)[len(figures) * 99 // 100],), goal=5)


def increments(count: int, kind: str) -> tuple[list[float], list[float]]:
    """Milliseconds that each 64 KiB take until their alerts are known, behind some MB: of computing, and in all."""
    from aibtui.cli.rulefiles import built_in_rules
    from aibtui.core.monitor import Monitor
    from aibtui.core.polls import Chunk, Poll

    data = b"".join(portions(_BEFORE + count * INCREMENT, "g3", kind))  # type: ignore[arg-type]  # a kind's name
    monitor, at = Monitor(built_in_rules()), datetime(2026, 5, 4, 9, tzinfo=UTC)
    alone, in_all = [], []
    for start in (0, *range(_BEFORE, _BEFORE + count * INCREMENT, INCREMENT)):
        part = data[start : start + (INCREMENT if start else _BEFORE)]
        poll = Poll(at, chunks=(Chunk("customization.log", 0, start, part),), log_read=True)
        began, used = time.perf_counter(), time.process_time()
        monitor.feed(poll)
        alone.append((time.process_time() - used) * 1e3)
        in_all.append((time.perf_counter() - began) * 1e3)
    return alone[1:], in_all[1:]


def by_turns(rounds: int, ours: Sequence[str], theirs: Sequence[str] | None = None) -> tuple[list[Ran], list[Ran]]:
    """What both took, first ours; nothing of theirs where they are not installed."""
    pairs = [(run(ours), run(theirs) if theirs else None) for _ in range(rounds)]
    return [mine for mine, _ in pairs], [peer for _, peer in pairs if peer]


def waited(runs: Sequence[Ran], unit: float = 1) -> tuple[float, ...]:
    """The time of each, in seconds or a part of them."""
    return tuple(ran.wall * unit for ran in runs)


def computed(runs: Sequence[Ran], unit: float = 1) -> tuple[float, ...]:
    """The computing of each, likewise."""
    return tuple(ran.cpu * unit for ran in runs)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small logs, few rounds")
    print(table(measure(parser.parse_args().quick)))


if __name__ == "__main__":
    main()
