"""The layout of every screen as text, at 120 x 36 and 80 x 24: a change of it is seen in the diff of a file.

Text, not SVG: a reviewer can read it, it needs no plug-in with pinned versions, and looks that text cannot show (the
meaning of a colour) are tested where they are made. `AIBTUI_SNAPSHOTS=write` writes the files anew; look at the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from aibtui.core.build import Download
from aibtui.core.polls import Replica, Surroundings
from aibtui.core.tempo import Tempo
from aibtui.core.updates import Update
from aibtui.tui.app import WatchApp
from tests.tui.builders import (
    UTC,
    Clock,
    Feed,
    MemoryLog,
    alert,
    at,
    build,
    ended,
    phases,
    steps,
    transport,
    ui,
    update,
    watched,
)
from tests.tui.test_compare import good
from tests.tui.test_screens import WARNING, foretold, settle

FOLDER = Path(__file__).parent / "snapshots"
SIZES = [(120, 36), (80, 24)]


def downloading() -> Update:
    plan = tuple(replace(step, activity="Downloading updates") if step.index == 5 else step for step in steps())
    going = Download("data.iso", 812_000_000, 4_198_000_000, None, 110, 120, at(30), at(61))
    tempo = Tempo((64, 60, 58, 0, 0, 12, 30, 9), going, (11_200_000.0, 9_000_000.0, 3_000_000.0, 570_000.0))
    return replace(foretold(timeout_at=at(240), timeout_chance=0.1), build=build(steps=plan), tempo=tempo)


def waiting() -> Update:
    empty = build(steps=(), phases=phases("prepare"), bytes=0, lines=0, output=None, started_at=None)
    return update(1, build=empty, transport=transport("waiting", reason="There is no storage account yet."))


def distributing() -> Update:
    regions = (("westeurope", "Completed", 100), ("eastus2", "Replicating", 12), ("northeurope", "Replicating", 45))
    copies = tuple(Replica("1.0.3", *region) for region in regions)
    done = build(steps=steps(running=10), phases=phases("distribute"), log_done=True)
    return update(62, build=done, transport=transport("log-done"), around=Surroundings(replicas=copies))


Make = Callable[[], Update]
SCENES: dict[str, tuple[list[Make], list[str]]] = {
    "watch": ([downloading], []),
    "alerts": ([lambda: update(alerts=(WARNING, alert()))], ["a"]),
    "failed": ([lambda: replace(ended("failed"), alerts=(alert(),))], []),
    "waiting": ([waiting], []),
    "distributing": ([distributing], []),
    "frozen": ([downloading], ["m", "equals_sign"]),
    "timeline": ([update], ["5"]),
    "run": ([update], ["7"]),
    "explain": ([lambda: update(alerts=(alert(doc="https://aka.ms/azvmimagebuilderts"),))], ["x"]),
    "compare": ([update], ["d"]),
    "builds": ([update, lambda: ended("failed"), lambda: update(alerts=(alert(),))], []),
}


@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
@pytest.mark.parametrize("name", SCENES)
async def test_the_layout_is_as_it_was(name: str, size: tuple[int, int]) -> None:
    makes, keys = SCENES[name]
    clock = Clock(72 if name == "failed" else 62)
    titles = ["win11-avd-prod", "win11-dev-box", "win11-kiosk"]
    log = b"".join(ui(f"Installing part {number} of 40 ... exit 0", 30 + number / 4) for number in range(1, 41))
    watch = WatchApp(
        [
            replace(watched(Feed(make()), MemoryLog(log), title), last_good=good)
            for make, title in zip(makes, titles, strict=False)
        ],
        clock=clock,
        zone=UTC,
    )
    async with watch.run_test(size=size) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(0.2)
        shown = await settle(pilot)
    rows = "".join(f"{row.rstrip()}\n" for row in shown.splitlines())
    path = FOLDER / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("AIBTUI_SNAPSHOTS") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(rows, encoding="utf-8")
    assert rows == path.read_text(encoding="utf-8")
