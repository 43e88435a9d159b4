"""Draws the pictures of the README: `python -m tests.pictures` plays scenarios and saves the screen as SVG."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aibtui.cli.watching import built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import Target
from aibtui.tui.app import WatchApp
from aibtui.tui.log_text import CurrentLog

FOLDER = Path(__file__).parents[1] / "screenshots"
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PICTURES = {
    "watch": ("windows", timedelta(minutes=72)),
    "sysprep": ("sysprep-loop", timedelta(minutes=58)),
}


async def draw(scenario: str, until: timedelta, size: tuple[int, int] = (120, 36)) -> str:
    """The screen as it stands `until` after the start of the scenario, as SVG."""
    clock = ScenarioClock(None, START)
    rules = built_in_rules()
    done = asyncio.Event()
    with tempfile.TemporaryDirectory() as state:
        recordings = Recordings(Path(state))
        async with Emulator(load_scenario(scenario), clock) as emulator:
            target = Target(emulator.subscription, emulator.group, emulator.template)
            source = AzureSource(target, Access({}, arm_endpoint=emulator.endpoint), cursor=recordings.cursor)
            async with Watch(source, lambda: Monitor(rules), recordings, clock) as watch:

                async def updates() -> AsyncIterator[Update]:
                    async for update in watch.updates():
                        yield update
                        if update.at >= START + until:
                            done.set()
                            await asyncio.Event().wait()

                app = WatchApp(
                    updates,
                    CurrentLog(lambda: watch.run),
                    title=target.template,
                    clock=clock.now,
                    recording=lambda: f"~/.local/state/aibtui/runs/{watch.run.id}",
                    zone=UTC,
                )
                async with app.run_test(size=size) as pilot:
                    await done.wait()
                    await pilot.pause(1.5)
                    return app.export_screenshot(title=f"aibtui watch {target.template}")


async def main() -> None:
    """Draw them all."""
    FOLDER.mkdir(exist_ok=True)
    for name, (scenario, until) in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(await draw(scenario, until), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
