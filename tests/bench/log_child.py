"""The log view on a terminal, for `tests.bench.log_view`: it tells on a pipe what happened when.

`python -m tests.bench.log_child LOG PIPE [RATE]`. Nothing but the view is real here that it is measured for: the build
is made up, the clock stands still, so that only keys, growth and the search draw anything. The log is there as soon as
the screen is at rest, so that its indexing is not the start of the program.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from rich.console import RenderableType
from textual.screen import Screen

from aibtui.tui import app as tui
from aibtui.tui.log_view import LogView
from aibtui.tui.watched import Watched
from tests.tui.builders import UTC, Clock, Feed, update

LOOKS = 2
"""Updates a second, which is oftener than any source looks."""
_PROBE = 0.002
_AT_REST = 0.5


class FileLog:
    """A LogReader over a file that grows; empty at first, then another one."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.generation = 0
        self.size = 0

    def appear(self) -> None:
        self.generation = 1
        self.grown()

    def grown(self) -> None:
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)


class Child(tui.WatchApp):
    """Tells `painted SECONDS` when what a key did was written, and `late P99 MAX` (in ms) when it is asked to.

    Late is the event loop as far as it was held up by computing of its own; what other programs take does not count.
    """

    CSS_PATH = Path(tui.__file__).with_name("app.tcss")

    def __init__(self, path: Path, pipe: int, rate: int) -> None:
        self._log, self._feed = FileLog(path), Feed(update())
        super().__init__([Watched("bench", self._feed, self._log)], clock=Clock(), zone=UTC)
        self._path, self._pipe, self._rate = path, pipe, rate
        self._acted = False
        self._displayed = 0.0
        self._late: list[float] = []

    def tell(self, *words: object) -> None:
        os.write(self._pipe, (" ".join(map(str, words)) + "\n").encode())

    async def run_action(self, *arguments: object, **more: object) -> bool:  # type: ignore[override]
        done = await super().run_action(*arguments, **more)  # type: ignore[arg-type]
        self._acted = True
        return done

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        self._displayed = time.monotonic()
        if self._acted and renderable is not None:
            self._acted = False
            self.tell("painted", time.monotonic())

    async def play(self) -> None:
        while not self._displayed or time.monotonic() < self._displayed + _AT_REST:
            await asyncio.sleep(0.05)
        probe = asyncio.create_task(self._probe())
        view, began = self.screen.query_one(LogView), time.monotonic()
        self._log.appear()
        self._feed.send(update())
        while not (view._text.index.lines and view._text.complete):
            await asyncio.sleep(0.001)
        self.tell("indexed", time.monotonic() - began, *self._lateness())
        growth = asyncio.create_task(self._grow()) if self._rate else None
        asking = asyncio.get_running_loop().add_signal_handler
        asking(signal.SIGUSR1, lambda: self.tell("late", *self._lateness()))
        await asyncio.gather(probe, *([growth] if growth else []))

    def _lateness(self) -> tuple[float, float]:
        """The loop's lateness since the last asking, in ms: 99th percentile and longest."""
        late, self._late = sorted(self._late), []
        return (late[len(late) * 99 // 100] * 1000, late[-1] * 1000) if late else (0.0, 0.0)

    async def _probe(self) -> None:
        while True:
            before, computed = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_PROBE)
            late = time.perf_counter() - before - _PROBE
            self._late.append(max(0.0, min(late, time.thread_time() - computed)))

    async def _grow(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._log.size // 2)
            lines = file.read(1 << 18).splitlines(keepends=True)[1:-1]
        place = 0
        with self._path.open("ab") as file:
            while True:
                for _ in range(self._rate // LOOKS):
                    file.write(lines[place % len(lines)])
                    place += 1
                file.flush()
                self._log.grown()
                self._feed.send(update())
                await asyncio.sleep(1 / LOOKS)


async def main() -> None:
    """Show it until it is killed."""
    path, pipe, rate = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    child = Child(path, pipe, rate)
    playing = asyncio.create_task(child.play())
    await child.show()
    playing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
