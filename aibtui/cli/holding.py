"""What a watch does about holds, by its options: call somebody, collect everything, or nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from aibtui.cli.later import asyncio
from aibtui.cli.options import narrate

if TYPE_CHECKING:
    from aibtui.core.rulebook import Rule
    from aibtui.core.updates import Update
    from aibtui.recording import Recordings
    from aibtui.session import Clock, Watch
    from aibtui.sources.arm import Access
    from aibtui.sources.target import Target

Say = Callable[[str], None]
_OPTIONS = (
    click.option(
        "--on-hold",
        type=click.Choice(["notify", "grab", "ignore"]),
        help="When a script sleeps by plan: call you (unless you say otherwise), also collect all that is known of the "
        "run into a folder here, or do nothing.",
    ),
    click.option(
        "--hold-marker",
        metavar="TEXT",
        help='The line that your scripts print before they sleep; "Sleep" unless given.',
    ),
)


class HoldOptions(Struct, frozen=True):
    """What the options say, as they were given; None was not."""

    on_hold: str | None = None
    marker: str | None = None


def hold_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options, as one argument `holds`."""

    @functools.wraps(command)
    def with_options(on_hold: str | None, hold_marker: str | None, **arguments: Any) -> Any:
        return command(holds=HoldOptions(on_hold, hold_marker), **arguments)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


class Grabs:
    """Collects one watched run into the folder where the program runs: by itself once for each hold, or when asked.

    `place` is its template and the way to it; without one `file` is the local log that is watched. `say` is told how
    it went; nothing that goes wrong here ends the watch.
    """

    def __init__(
        self,
        place: tuple[Target, Access] | None,
        recordings: Recordings,
        rules: Callable[[], tuple[Rule, ...]],
        watch: Watch,
        clock: Clock,
        *,
        on_hold: bool,
        redact: bool = True,
        parent: Path | None = None,
        file: Path | None = None,
    ) -> None:
        self.say: Say = narrate
        self._place = place
        self._file = file
        self._recordings = recordings
        self._rules = rules
        self._watch = watch
        self._clock = clock
        self._on_hold = on_hold
        self._redact = redact
        self._parent = parent or Path()
        self._grabbed: set[tuple[str, datetime]] = set()
        self._task: asyncio.Task[None] | None = None

    def see(self, update: Update) -> None:
        """Begin to collect where this look shows a new hold."""
        hold = update.hold
        if hold is None or not self._on_hold or update.ended:
            return
        key = (self._watch.run.id, hold.began_at)
        if key not in self._grabbed and self.start(f"Step {hold.step} holds: collecting what is known of the run"):
            self._grabbed.add(key)

    def start(self, why: str = "Collecting what is known of the run") -> bool:
        """Begin to collect, unless that is under way; whether it began."""
        if self._task is not None and not self._task.done():
            return False
        self.say(f"{why}; it goes to {self._parent.absolute()}")
        self._task = asyncio.create_task(self._collect())
        return True

    async def finish(self, *, wait: bool) -> None:
        """Wait for what is under way, or break it off; what is done of it stays."""
        if self._task is None:
            return
        if not wait and not self._task.done():
            self._task.cancel()
            again = f" Go on with: aibtui grab {self._place[0].id}" if self._place else ""
            self.say(f"The grab was broken off; what is done stays.{again}")
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self) -> None:
        from aibtui.outputs.bundle import BundleTaken
        from aibtui.outputs.grab import grab, grab_file
        from aibtui.sources import CannotWatch

        now, redact = self._clock.now, self._redact
        if self._place is not None:
            target, access = self._place
            run = self._watch.run
            info = run.info if run.kept else None
            steps = grab(target, info, access, self._recordings, self._rules(), self._parent, redact=redact, now=now)
        elif self._file is not None:
            steps = grab_file(self._file, self._rules(), self._parent, redact=redact, now=now)
        else:
            self.say("Nothing was grabbed: a recording is played. Collect it with: aibtui grab RUN")
            return
        grabbed = None
        try:
            async with aclosing(steps):
                async for progress in steps:
                    grabbed = progress.grabbed or grabbed
        except CannotWatch as refusal:
            self.say(f"Nothing was grabbed. {refusal.text} {refusal.remedy}")
        except BundleTaken as taken:
            self.say(f"Nothing was grabbed: another aibtui writes {taken}.")
        except OSError as error:
            self.say(f"The grab broke off: {error.filename or self._parent}: {error.strerror or error}.")
        except Exception as error:  # a bug there must not take the watch along; it is told
            self.say(f"The grab broke off: {type(error).__name__}: {error}")
        else:
            if grabbed is not None:
                missing = f"; not there: {len(grabbed.missing)}, see manifest.json" if grabbed.missing else ""
                self.say(f"Grabbed: {grabbed.archive}{missing}")
