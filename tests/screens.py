"""Draws the pictures of the README: `python -m tests.screens` plays scenarios and saves the screens as SVG.

Each build plays on an emulator with a clock that stands still where the picture is taken, so that a picture changes
only where the program does. Names of pictures may be given: `python -m tests.screens watch timeline`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.outputs.chat import chat
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import Target
from aibtui.tui.app import WatchApp
from aibtui.tui.log_text import CurrentLog
from aibtui.tui.watched import Watched

FOLDER = Path(__file__).parents[1] / "screenshots"
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
Scene = tuple[str, float]
"""A scenario, and how many minutes after its start the picture is taken; the end of the run where it comes before."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown, which keys are pressed before, and on what kind of screen."""

    scenes: Sequence[Scene]
    keys: Sequence[str] = ()
    size: tuple[int, int] = (120, 36)
    theme: str | None = None
    ascii: bool = False
    colours: bool = True


PICTURES = {
    "watch": Picture([("windows", 72)]),
    "failure": Picture([("script-failed", 600)]),
    "sysprep": Picture([("sysprep-loop", 58)]),
    "explain": Picture([("sysprep-loop", 58)], ["x"]),
    "timeline": Picture([("windows", 72)], ["5"]),
    "run": Picture([("windows", 72)], ["7"]),
    "builds": Picture([("windows", 72), ("script-failed", 600), ("sysprep-loop", 72), ("linux", 600)]),
    "small": Picture([("windows", 72)], size=(80, 24)),
}


class Stage:
    """The builds of a picture, each with an emulator and a clock of its own."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._stack = AsyncExitStack()
        self._clocks: list[ScenarioClock] = []
        self._there: list[asyncio.Event] = []

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    def now(self) -> datetime:
        """The time of the picture."""
        return max(clock.now() for clock in self._clocks)

    async def there(self) -> None:
        """Wait until every build is where its picture is taken."""
        for event in self._there:
            await event.wait()

    async def build(self, scene: Scene) -> Watched:
        """A build that plays up to its moment."""
        scenario, minutes = scene
        clock, there = ScenarioClock(None, START), asyncio.Event()
        self._clocks.append(clock)
        self._there.append(there)
        recordings = Recordings(self._state / scenario)
        emulator = await self._stack.enter_async_context(Emulator(load_scenario(scenario), clock))
        target = Target(emulator.subscription, emulator.group, emulator.template)
        access = Access({}, arm_endpoint=emulator.endpoint)
        source = AzureSource(target, access, cursor=recordings.cursor, random=Random(0))
        rules = built_in_rules()
        watch = await self._stack.enter_async_context(Watch(source, lambda: Monitor(rules), recordings, clock))

        async def updates() -> AsyncIterator[Update]:
            async for update in watch.updates():
                yield update
                if update.at >= START + timedelta(minutes=minutes):
                    there.set()
                    await asyncio.Event().wait()
            there.set()

        kept = CurrentLog(lambda: watch.run)
        where = lambda: f"~/.local/state/aibtui/runs/{watch.run.id}"  # noqa: E731 - one of the fields below
        return Watched(target.template, updates, kept, where, target.id)


async def draw(picture: Picture) -> str:
    """The screen as SVG."""
    os.environ.pop("NO_COLOR", None)
    if not picture.colours:
        os.environ["NO_COLOR"] = "1"
    with tempfile.TemporaryDirectory() as state:
        async with Stage(Path(state)) as stage:
            builds = [await stage.build(scene) for scene in picture.scenes]
            app = WatchApp(
                builds,
                clock=stage.now,
                zone=UTC,
                chat=lambda update: chat(update, "customization.log"),
                theme=picture.theme,
                ascii=picture.ascii,
            )
            async with app.run_test(size=picture.size) as pilot:
                await stage.there()
                await pilot.pause(1.5)
                for key in picture.keys:
                    await pilot.press(key)
                    await pilot.pause(0.3)
                named = builds[0].title if len(builds) == 1 else f"{len(builds)} builds"
                return app.export_screenshot(title=f"aibtui watch {named}")


async def main(names: Sequence[str], folder: Path) -> None:
    """Draw the pictures of these names, all where none is given."""
    folder.mkdir(exist_ok=True)
    for name in names or PICTURES:
        (folder / f"{name}.svg").write_text(await draw(PICTURES[name]), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.screens", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("--to", type=Path, default=FOLDER, help="the folder to draw into")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.names, chosen.to))
