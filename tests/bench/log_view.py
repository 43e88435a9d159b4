"""How the log view answers: `python -m tests.bench.log_view [--quick] [--size 100M] [--lnav lnav] [--toolong tl]`.

The view runs on a terminal of its own, keys are typed into it, and what is told is the time until the page with their
effect was written; at rest, and while 1,000 lines a second are appended. Then come the indexing, a search for a word on
the last line beside lnav's on the same file, a regular expression, a filter, how late the event loop was meanwhile, and
the memory. Peers are measured by turns with us and marked where they are not installed. `--size 1G` takes some minutes
and as much room on the disk.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.generator import portions, size_of
from tests.bench.rows import Row, table
from tests.bench.terminal import Gone, Terminal, python

_TYPED = {"up": b"\x1b[A", "down": b"\x1b[B", "pageup": b"\x1b[5~", "pagedown": b"\x1b[6~"}
KEYS = ("up", "pageup", "pageup", "down", "pagedown", "k", "b", "up", "pagedown", "+", "-", "g", "pagedown", "G")
PEER_KEYS = ("up", "pageup", "pageup", "down", "pagedown")
RATE = 1000
WORD, PROOF = "the needle in it", "zq81x"
"""What is searched for, and what stands behind it and is not typed."""


class View:
    """The log view on a terminal, and what it tells of itself."""

    def __init__(self, log: Path, rate: int = 0) -> None:
        read, write = os.pipe()
        self.terminal = Terminal(
            python("-m", "tests.bench.log_child", str(log), str(write), str(rate)), pass_on=[write]
        )
        os.close(write)
        self._told = os.fdopen(read)
        indexed = self._next("indexed")
        self.seconds, self.late = indexed[0], indexed[1:]
        self.terminal.rest(0.5)

    def close(self) -> None:
        self.terminal.__exit__(None, None, None)
        self._told.close()

    def press(self, key: str) -> float:
        """Milliseconds from the key to its effect on the terminal."""
        pressed = self.terminal.press(_TYPED.get(key, key.encode()))
        return (self._next("painted")[0] - pressed) * 1000

    def lateness(self) -> list[float]:
        """Milliseconds, 99th percentile and longest, since the last asking."""
        os.kill(self.terminal.pid, signal.SIGUSR1)
        return self._next("late")

    def idle(self) -> float:
        """Seconds that it computes in a second when nothing happens: asking the loop how late it is."""
        began, before = time.monotonic(), self.terminal.cpu()
        time.sleep(2)
        return (self.terminal.cpu() - before) / (time.monotonic() - began)

    def _next(self, what: str) -> list[float]:
        for line in self._told:
            word, *figures = line.split()
            if word == what:
                return [float(figure) for figure in figures]
        raise Gone("the view ended")


@contextmanager
def viewing(log: Path, rate: int = 0) -> Iterator[View]:
    view = View(log, rate)
    try:
        yield view
    finally:
        view.close()


def write(path: Path, size: int) -> None:
    """A log of about that size that is not over, with the searched word on its last line."""
    *parts, last = _but_last(portions(size))
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        prefix = last.splitlines()[-1][:66]
        file.write(last + prefix + f"ui: ==> azure-arm: {WORD} {PROOF}\n".encode())


def _but_last(parts: Iterator[bytes]) -> Iterator[bytes]:
    held = next(parts)
    for part in parts:
        yield held
        held = part


def keys(view: View, count: int) -> list[float]:
    """Milliseconds from each of so many keys to the terminal; they come at any distance, as a person's do."""
    chance = random.Random(11)
    times = []
    for number in range(count):
        times.append(view.press(KEYS[number % len(KEYS)]))
        time.sleep(chance.uniform(0.03, 0.12))
    return times


def peer_keys(words: Sequence[str], count: int) -> list[float]:
    """The same of another program, to the first byte that it draws; none where that is not installed."""
    if shutil.which(words[0]) is None:
        return []
    with Terminal(words) as peer:
        peer.rest(1.0, 120)
        times = []
        for number in range(count):
            pressed = peer.press(_TYPED[PEER_KEYS[number % len(PEER_KEYS)]])
            times.append((peer.wait_for_anything() - pressed) * 1000)
            peer.rest(0.1)
        return times


def lnav_search(lnav: str, log: Path) -> list[float]:
    """Milliseconds of lnav from Enter to the hit on the last line; none where it is not installed."""
    if shutil.which(lnav) is None:
        return []
    with Terminal([lnav, "-q", str(log)]) as peer:
        peer.rest(1.0, 120)
        # Its screen library writes only those letters of the line that differ from what stood there; this comes whole.
        return [_search(peer, b"1 hits for")]


def _search(terminal: Terminal, proof: bytes, typed: str = f"/{WORD}") -> float:
    terminal.press(b"g")
    terminal.rest(0.5)
    pressed = terminal.press(typed.encode() + b"\r")
    return (terminal.wait_for(proof, 120) - pressed) * 1000


def percentile(times: Sequence[float], share: int) -> float:
    """So many percent of the times are not longer."""
    return sorted(times)[math.ceil(len(times) * share / 100) - 1]


def _late(while_what: str, figures: Sequence[float]) -> Iterator[Row]:
    for what, figure in zip(("99th percentile", "longest"), figures, strict=True):
        yield Row(f"loop late {while_what}, {what}", "ms", (figure,), goal=20)


def measure(quick: bool, size: int = 0, lnav: str = "lnav", toolong: str = "tl") -> list[Row]:
    """All of it, on one log of `size` bytes; 100 MB, or 5 where it is to be quick."""
    size, count, rounds = size or (5_000_000 if quick else 100_000_000), 30 if quick else 200, 2 if quick else 10
    with tempfile.TemporaryDirectory() as folder:
        log, small = Path(folder) / "customization.log", Path(folder) / "small.log"
        write(log, size)
        write(small, 100_000)
        return [*_at_rest(log, small, count, rounds, lnav, toolong), *_growing(log, count)]


def _at_rest(log: Path, small: Path, count: int, rounds: int, lnav: str, toolong: str) -> Iterator[Row]:
    megabytes = log.stat().st_size / 1e6
    with viewing(small) as little:
        base = little.terminal.anonymous()
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"lnav": [], "toolong": []}
    with viewing(log) as view:
        yield Row(f"all lines of {megabytes:,.0f} MB indexed", "s", (view.seconds,), goal=round(megabytes / 10, 1))
        yield from _late("while they are", view.late)
        memory = view.terminal.anonymous()
        yield Row("memory above that for a small log, per MB of log", "MiB", ((memory - base) / megabytes,), goal=0.1)
        idle, computed = view.idle(), 0.0
        view.lateness()
        for _ in range(rounds):
            began, before = time.monotonic(), view.terminal.cpu()
            ours += keys(view, count // rounds)
            computed += view.terminal.cpu() - before - idle * (time.monotonic() - began)
            theirs["lnav"] += peer_keys([lnav, "-q", str(log)], 10)
            theirs["toolong"] += peer_keys([toolong, str(log)], 10)
        yield Row("key to paint", "ms", tuple(ours), goal=8)
        yield Row("key to paint, 95th percentile", "ms", (percentile(ours, 95),), goal=20)
        yield Row("computing for a key", "ms", (computed * 1000 / len(ours),))
        for peer, times in theirs.items():
            goal = 0.25 if peer == "toolong" else None
            yield Row("key to paint", "ms", tuple(ours), peer, tuple(times), goal)
        yield from _late("at keys", view.lateness())
        yield from _searches(view, rounds, lnav, log)


def _searches(view: View, rounds: int, lnav: str, log: Path) -> Iterator[Row]:
    words = {"search": f"/{WORD}", "regular expression": "/need[l]e in .*zq\\d", "filter": f"&{WORD}"}
    found: dict[str, list[float]] = {what: [] for what in words}
    late: dict[str, list[float]] = {}
    peers = []
    for _ in range(rounds):
        for what, typed in words.items():
            view.lateness()
            found[what].append(_search(view.terminal, PROOF.encode(), typed))
            _note(late, f"{what}, typed at one go", view)
            view.terminal.press(b"\x1b")
            view.terminal.rest()
            view.terminal.press(b"g")
            view.terminal.rest(0.5)
            view.lateness()
            steps = ((typed[0], "prompt, opening"), (typed[1:], what), ("\r", what), ("\x1b", "prompt, closing"))
            for part, doing in steps:
                view.terminal.press(part.encode())
                _note(late, doing, view)
        peers += lnav_search(lnav, log)
    for what, times in found.items():
        beside = ("lnav", tuple(peers), 0.2) if what == "search" else ()
        yield Row(f"{what} to the last line", "ms", tuple(times), *beside)
    for doing, figures in late.items():
        yield Row(f"loop late at a {doing}, longest", "ms", tuple(figures), goal=20)


def _note(late: dict[str, list[float]], doing: str, view: View) -> None:
    """How late the loop was since the last time, once the screen is at rest."""
    view.terminal.rest(0.5, 60)
    late.setdefault(doing, []).append(view.lateness()[1])


def _growing(log: Path, count: int) -> Iterator[Row]:
    with viewing(log, RATE) as view:
        before = view.terminal.anonymous()
        view.lateness()
        times = keys(view, count)
        yield Row(f"key to paint, {RATE:,} lines a second", "ms", tuple(times))
        yield Row("the same, 95th percentile", "ms", (percentile(times, 95),), goal=50)
        yield from _late("while it grows", view.lateness())
        yield Row("memory gained meanwhile", "MiB", (view.terminal.anonymous() - before,))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log_view", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small log and few keys")
    parser.add_argument("--size", type=size_of, default=0, help="of the log: 100M, 1G")
    parser.add_argument("--lnav", default="lnav", help="how lnav is started")
    parser.add_argument("--toolong", default="tl", help="how toolong is started")
    chosen = parser.parse_args()
    print(table(measure(chosen.quick, chosen.size, chosen.lnav, chosen.toolong)))


if __name__ == "__main__":
    main()
