"""What several commands share on the command line: option types, and ways to leave with a clear word."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from aibtui.cli.later import asyncio

if TYPE_CHECKING:
    from aibtui.recording import Recordings

T = TypeVar("T")

OUTPUTS = ("auto", "tui", "plain", "jsonl", "github", "azdo")


class Speed(click.ParamType[float | None]):
    """A multiple of real time, or `max`."""

    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "max" or value is None:
            return None
        try:
            speed = float(value)
        except ValueError:
            speed = 0
        if speed <= 0:
            self.fail(f"{value!r} is no speed: use a number above 0 (60 is a minute in a second), or max", param, ctx)
        return speed


class Duration(click.ParamType[timedelta]):
    """`90s`, `15m`, `2h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from aibtui.core.rulebook import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """`2026-05-04T08:00:00Z`; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-05-04T08:00:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


output_option = click.option(
    "--output",
    type=click.Choice(OUTPUTS),
    default="auto",
    show_default=True,
    help="How to show it; auto: the screen on a terminal, what the runner understands in a pipeline, else lines.",
)
fail_on_option = click.option(
    "--fail-on",
    metavar="RULE|SEVERITY",
    multiple=True,
    help="Exit 8 as soon as such an alert is raised; the build goes on.",
)
timeout_option = click.option(
    "--timeout", type=Duration(), help="Stop watching after this long (90s, 15m, 2h) and exit 124; the build goes on."
)
no_record_option = click.option("--no-record", is_flag=True, help="Keep nothing on disk after the watch.")
rules_option = click.option(
    "--rules",
    "rule_files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    envvar="AIBTUI_RULES",
    show_envvar=True,
    help="Your own rules, laid over the built-in ones by id; may be given again.",
)


def recordings(temporary: bool = False) -> Recordings:
    """The recorded runs of this user; `temporary` ones are removed when they are closed."""
    from aibtui.recording import Recordings, default_state_dir

    return Recordings.temporary() if temporary else Recordings(default_state_dir(os.environ))


def run(work: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    """Run to the end and leave with its code. SIGINT, SIGTERM and SIGHUP cancel it; it then says how to come back."""
    from aibtui.cli.library_log import library_log
    from aibtui.recording import default_state_dir
    from aibtui.sources import CannotWatch

    async def guarded() -> int:
        task = asyncio.current_task()
        if task is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError, ValueError):  # Windows, or not the main thread
                    asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with suppress(AttributeError, NotImplementedError, ValueError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _hang_up, task)
        return await work()

    try:
        with library_log(default_state_dir(os.environ)):
            code = asyncio.run(guarded())
    except CannotWatch as refusal:
        fail(refusal.text, refusal.remedy, refusal.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError, click.Abort):
        code = 130
    sys.exit(code)


def _hang_up(task: asyncio.Task[Any]) -> None:
    """The terminal is gone: what is still said goes nowhere, where writing would fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):
                os.dup2(nowhere, stream.fileno())
    task.cancel()


def or_exit(work: Callable[[], T]) -> T:
    from aibtui.sources import CannotWatch

    try:
        return work()
    except CannotWatch as refusal:
        fail(refusal.text, refusal.remedy, refusal.exit_code)


def narrate(text: str) -> None:
    """A word on stderr, which a pipeline's runner reads too."""
    from aibtui.safetext import clean, neutralise_ci

    with suppress(OSError):  # the terminal may be gone
        click.echo(neutralise_ci(clean(f"aibtui: {text}", None)), err=True)


def fail(text: str, remedy: str, code: int) -> NoReturn:
    from aibtui.safetext import clean, neutralise_ci

    narrate(text)
    click.echo(neutralise_ci(clean(remedy)), err=True)
    sys.exit(code)
