"""How soon something is seen: `python -m tests.bench.start [--quick]`.

`aibtui --help`; `aibtui watch --file` from being started until the log's last line is on the terminal, beside the
smallest program with Textual, by turns; how late the event loop is while Azure's libraries are imported behind the
first page.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.log_view import PROOF, write
from tests.bench.rows import Row, table
from tests.bench.terminal import Terminal, python

_MINIMAL = """
from textual.app import App
from textual.widgets import Static
class Minimal(App):
    def compose(self):
        yield Static("zq81x")
Minimal().run()
"""
_HELP = """
import sys
from aibtui.cli import main
try:
    main(["--help"])
except SystemExit:
    print(sum(name.partition(".")[0] in ("textual", "rich", "azure", "msal", "aiohttp") for name in sys.modules))
"""
_PROBE = 0.001


def seen(words: Sequence[str]) -> float:
    """Milliseconds from the start of a program until it shows the proof."""
    with Terminal(words) as terminal:
        return (terminal.wait_for(PROOF.encode(), 300) - terminal.began) * 1000


def ran(words: Sequence[str]) -> float:
    """Milliseconds that a program takes as a whole."""
    began = time.monotonic()
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return (time.monotonic() - began) * 1000


async def late_at_import() -> list[float]:
    """Milliseconds by which the loop is late while Azure's libraries are imported: 99th percentile and longest."""
    import textual.app  # noqa: F401 - it is there when Azure comes

    from aibtui.sources.arm import load

    late: list[float] = []

    async def probe() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_PROBE)
            late.append((time.perf_counter() - before - _PROBE) * 1000)

    probing = asyncio.create_task(probe())
    await load()
    await asyncio.sleep(_PROBE)
    probing.cancel()
    late.sort()
    return [late[len(late) * 99 // 100], late[-1]]


def measure(quick: bool) -> list[Row]:
    """All of it; with large logs unless it is to be quick."""
    rounds = 3 if quick else 7
    helps = tuple(ran(python("-m", "aibtui", "--help")) for _ in range(rounds))
    bare = tuple(ran(python("-c", "import click")) for _ in range(rounds))
    loaded = subprocess.run(python("-c", _HELP), capture_output=True, text=True, check=True).stdout.split()[-1]
    rows = [
        Row("aibtui --help", "ms", helps, goal=100),
        Row("aibtui --help", "ms", helps, "import click", bare),
        Row("modules of Textual and Azure in it", "", (float(loaded),), goal=0),
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIBTUI_STATE_DIR"] = folder
        for size in (1_000_000,) if quick else (1_000_000, 10_000_000, 100_000_000):
            rows.append(_first_page(Path(folder) / "customization.log", size, rounds))
    told = subprocess.check_output(python("-m", "tests.bench.start", "--azure")).split()
    for what, late in zip(("99th percentile", "longest"), told, strict=True):
        rows.append(Row(f"loop late while Azure is imported, {what}", "ms", (float(late),), goal=20))
    return rows


def _first_page(log: Path, size: int, rounds: int) -> Row:
    write(log, size)
    minimal, ours = [], []
    for _ in range(rounds):
        minimal.append(seen(python("-c", _MINIMAL)))
        ours.append(seen(python("-m", "aibtui", "watch", "--file", str(log))))
    return Row(f"log of {size / 1e6:g} MB to its last line", "ms", tuple(ours), "minimal Textual", tuple(minimal), 1.3)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.start", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small log only")
    parser.add_argument("--azure", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.azure:
        print(*asyncio.run(late_at_import()))
        sys.exit()
    print(table(measure(chosen.quick)))


if __name__ == "__main__":
    main()
