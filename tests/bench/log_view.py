"""How the log view answers while a log grows: `python -m tests.bench.log_view [--lines N] [--rate N] [--keys N]`.

A thousand lines a second are appended to a log of a million; an Update comes twice a second, which is oftener than any
source looks, and keys are pressed meanwhile. Told are the times from a key to the page with its effect being drawn
(median and 95th percentile, and against the same keys on a log that does not grow), the search for a word on the last
line, the longest stall of the event loop, and the memory of the process. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from textual import events
from textual.keys import KEY_DISPLAY_ALIASES

from aibtui.tui.log_view import LogView
from tests.tui.builders import Feed, app, debug, ui, update

KEYS = ("up", "pageup", "pageup", "down", "pagedown", "k", "b", "ctrl+u", "e", "E", "t", "plus", "minus", "g", "G")


class FileLog:
    """A LogReader over a file that grows."""

    generation = 0

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size

    def grown(self) -> None:
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)


def write(path: Path, lines: int) -> bytes:
    """A log of that many lines; returns what it is made of, for more of it."""
    parts = [debug(f"[INFO] polling the deployment, attempt {number}") for number in range(40)]
    parts += [ui(f"Copying C:\\\\apps\\\\package-{number:03}\\\\setup.exe to the image") for number in range(45)]
    parts += [ui(f"data.iso  {number} / 4198 MB  {number / 42:.1f} %") for number in range(14)]
    parts += [ui("ERROR: the mirror does not answer")]
    block = b"".join(parts)
    with path.open("wb") as file:
        for _ in range(lines // 100):
            file.write(block)
        file.write(ui("the needle"))
    return block


def rss() -> float:
    """MiB of memory that is not a file's."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith(("Anonymous:",))) / 1024


class Bench:
    """Presses keys and measures until the log view has drawn."""

    def __init__(self, lines: int, rate: int, looks: int, keys: int) -> None:
        self.lines, self.rate, self.looks, self.keys = lines, rate, looks, keys
        self.stall = 0.0

    async def watch_loop(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.002)
            self.stall = max(self.stall, time.perf_counter() - before - 0.002)

    async def grow(self, path: Path, block: bytes, log: FileLog, feed: Feed) -> None:
        lines = block.splitlines(keepends=True)
        place = 0
        with path.open("ab") as file:
            while True:
                for _ in range(self.rate // self.looks):
                    file.write(lines[place % len(lines)])
                    place += 1
                file.flush()
                log.grown()
                feed.send(update())
                await asyncio.sleep(1 / self.looks)

    async def press(self, watch: object, view: LogView, key: str) -> float:
        drawn = asyncio.Event()
        original = watch._display  # type: ignore[attr-defined]

        def display(screen: object, renderable: object) -> None:
            original(screen, renderable)
            if handled:
                drawn.set()

        handled = False
        watch._display = display  # type: ignore[attr-defined]
        before = time.perf_counter()
        character = key if len(key) == 1 else None
        view.post_message(events.Key(KEY_DISPLAY_ALIASES.get(key, key) if len(key) == 1 else key, character))

        def done() -> None:
            nonlocal handled
            handled = True
            view.refresh()

        view.call_later(done)
        await asyncio.wait_for(drawn.wait(), 10)
        took = time.perf_counter() - before
        watch._display = original  # type: ignore[attr-defined]
        return took

    async def run(self, *, growing: bool) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "customization.log"
            block = write(path, self.lines)
            log, feed = FileLog(path), Feed(update())
            began = time.perf_counter()
            watch = app(feed, log)  # type: ignore[arg-type]
            async with watch.run_test(size=(120, 36)):
                view = watch.screen.query_one(LogView)
                while not view._page.strips:
                    await asyncio.sleep(0.001)
                first = time.perf_counter() - began
                while not view._text.complete:
                    await asyncio.sleep(0.05)
                indexed = time.perf_counter() - began
                tasks = [asyncio.create_task(self.watch_loop())]
                if growing:
                    tasks.append(asyncio.create_task(self.grow(path, block, log, feed)))
                await asyncio.sleep(1)
                self.stall, at_first = 0.0, rss()
                times = []
                for number in range(self.keys):
                    times.append(await self.press(watch, view, KEYS[number % len(KEYS)]))
                    await asyncio.sleep(0.02)
                keys_stall, self.stall = self.stall, 0.0
                began = time.perf_counter()
                view._look_for("find", "the needle", False)
                while view._search.found is None or not view._search.found.hits:
                    await asyncio.sleep(0.01)
                searched = time.perf_counter() - began
                for task in tasks:
                    task.cancel()
                return {
                    "start to first page, ms": first * 1000,
                    "all indexed, s": indexed,
                    "key, median ms": statistics.median(times) * 1000,
                    "key, p95 ms": statistics.quantiles(times, n=20)[18] * 1000,
                    "longest stall at keys, ms": keys_stall * 1000,
                    "search to the last line, ms": searched * 1000,
                    "longest stall at search, ms": self.stall * 1000,
                    "memory after indexing, MiB": at_first,
                    "memory at the end, MiB": rss(),
                }


def main() -> None:
    """Measure once at rest and once while it grows, and print both."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log_view", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=1_000, help="lines a second")
    parser.add_argument("--looks", type=int, default=2, help="Updates a second")
    parser.add_argument("--keys", type=int, default=150)
    chosen = parser.parse_args()
    bench = Bench(chosen.lines, chosen.rate, chosen.looks, chosen.keys)
    still = asyncio.run(bench.run(growing=False))
    growing = asyncio.run(bench.run(growing=True))
    print(f"{chosen.lines:,} lines; {chosen.rate:,} lines a second; {chosen.keys} keys; {os.cpu_count()} processors")
    print(f"{'':<30}{'at rest':>10}{'growing':>10}{'ratio':>8}")
    for name, value in still.items():
        print(f"{name:<30}{value:>10.1f}{growing[name]:>10.1f}{growing[name] / max(value, 1e-9):>8.2f}")
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
