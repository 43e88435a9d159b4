"""What changes something on Azure, because it was asked for: `aibtui run`, `aibtui cancel`, and `--cancel-on`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui.cli import completing
from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.holding import hold_options
from aibtui.cli.later import asyncio
from aibtui.cli.listing import interruptible
from aibtui.cli.onscreen import ScreenOptions, screen_options
from aibtui.cli.options import (
    fail_on_option,
    narrate,
    no_record_option,
    or_exit,
    output_option,
    recordings,
    rules_option,
    timeout_option,
)
from aibtui.cli.options import run as run_to_the_end
from aibtui.cli.rulefiles import LiveRules, built_in_rules
from aibtui.cli.watching import Job, check_names, follow_all, limits_of

if TYPE_CHECKING:
    from aibtui.core.updates import Update
    from aibtui.recording import Recordings
    from aibtui.sources import Source
    from aibtui.sources.actions import StoppingSource
    from aibtui.sources.arm import Access
    from aibtui.sources.target import Target

_HEARTBEAT = timedelta(seconds=60)

cancel_on_option = click.option(
    "--cancel-on",
    metavar="RULE|SEVERITY",
    multiple=True,
    help="Cancel the run as soon as such an alert is raised, and watch it to its end.",
)


class Acts:
    """What one watch may do to its run: cancel it, once, when an alert is raised that was named for it.

    `say` is told what was done; a front end puts its own in place.
    """

    def __init__(self, target: Target, access: Access, cancel_on: tuple[str, ...]) -> None:
        self.say: Callable[[str], None] = narrate
        self._target = target
        self._access = access
        self._cancel_on = cancel_on
        self._canceled: set[datetime | None] = set()
        self._task: asyncio.Task[None] | None = None

    def see(self, update: Update) -> None:
        """Cancel the run where this look calls for it."""
        status = update.build.status
        if status is None or status.run_state != "Running" or status.started_at in self._canceled:
            return
        called = [alert for alert in update.alerts if alert.open]
        alert = next((each for each in called if {each.rule, each.severity} & set(self._cancel_on)), None)
        if alert is not None:
            self._canceled.add(status.started_at)
            self.say(f"{self._target.template}: {alert.rule} was raised, so the run is cancelled, as --cancel-on asks.")
            self._task = asyncio.create_task(self._cancel())

    async def finish(self) -> None:
        """Wait until a cancel that is under way has been asked for."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _cancel(self) -> None:
        from aibtui.sources import CannotWatch
        from aibtui.sources.actions import cancel
        from aibtui.sources.arm import Arm

        arm = Arm(self._access, self._target.subscription)
        try:
            await cancel(arm, self._target)
        except CannotWatch as refusal:
            self.say(f"It was not cancelled. {refusal.text} {refusal.remedy}")
        else:
            self.say(f"{self._target.template}: the cancel was asked for; the service needs some minutes for it.")
        finally:
            await arm.close()


@click.command()
@click.argument("templates", metavar="TEMPLATE...", nargs=-1, required=True, shell_complete=completing.templates)
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="No more than N at a time; else all.")
@output_option
@fail_on_option
@cancel_on_option
@timeout_option
@no_record_option
@rules_option
@click.option(
    "--poll",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Look at the log this often, instead of 2 to 15 s as it grows.",
)
@azure_options
@hold_options
@screen_options
def run(
    templates: tuple[str, ...],
    most: int | None,
    output: str,
    fail_on: tuple[str, ...],
    cancel_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
    rule_files: tuple[Path, ...],
    poll: float | None,
    azure: AzureOptions,
    screen: ScreenOptions,
) -> None:
    """Start a run of each TEMPLATE and watch it to its end; the exit code is the run's, of several the worst.

    One that runs already is watched, and no other run is started; that is said. Leaving and Ctrl+C do not stop what
    was started; what still waits for its turn is then not started.

    \b
    aibtui run win11-avd -g rg-images
    aibtui run win11-avd win11-kiosk ubuntu-agent -g rg-images --max 2
    """
    rules = LiveRules.chosen(rule_files, screen.config)
    limits = limits_of(fail_on, timeout, rules)
    check_names(cancel_on, rules)

    async def work() -> int:
        from aibtui.sources.actions import StartingSource, Turns

        turns, pace = Turns(most), timedelta(seconds=poll) if poll else None
        jobs = []
        for target in dict.fromkeys(azure.target(name) for name in templates):
            kept, access = recordings(no_record), azure.access()
            acts = Acts(target, access, cancel_on)

            follow = partial(_followed, target, access, kept, pace)
            source = StartingSource(target, access, turns, follow, partial(_say, acts), pace)
            words = ("watch", target.id, *azure.words)
            jobs.append(Job(source, kept, target.id, words, (target, access), acts))
        return await follow_all(jobs, output, limits, rules, screen=screen)

    run_to_the_end(work)


def _followed(
    target: Target, access: Access, kept: Recordings, pace: timedelta | None, before: datetime | None
) -> Source:
    from aibtui.sources.azure import AzureSource

    return AzureSource(target, access, cursor=kept.cursor, poll=pace, earlier=before)


def _say(acts: Acts, text: str) -> None:
    acts.say(text)


@click.command()
@click.argument("template", shell_complete=completing.templates)
@click.option("--yes", is_flag=True, help="Do not ask for the template's name.")
@click.option("--no-wait", is_flag=True, help="Leave as soon as the service has accepted it.")
@azure_options
def cancel(template: str, yes: bool, no_wait: bool, azure: AzureOptions) -> None:
    """Cancel the run of TEMPLATE, and wait until it is Canceled, which takes some minutes.

    Exits with 0 when it is, with 3 where nothing runs, and with 1 where the run ended in another way first.

    \b
    aibtui cancel win11-avd -g rg-images
    aibtui cancel win11-avd -g rg-images --yes --no-wait
    """
    target = or_exit(lambda: azure.target(template))
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError("Nobody can be asked here: say --yes if the run is to be cancelled.")
    run_to_the_end(lambda: _cancel(target, azure, yes=yes, wait=not no_wait))


async def _cancel(target: Target, azure: AzureOptions, *, yes: bool, wait: bool) -> int:
    from aibtui.sources import CannotWatch
    from aibtui.sources.actions import StoppingSource
    from aibtui.wording import duration

    source = StoppingSource(target, azure.access())
    try:
        status = await source.state(_now, asyncio.sleep)
        since = f" for {duration(_now() - status.started_at)}" if status.started_at else ""
        if status.run_state not in ("Running", "Canceling"):
            last = f"The last run is {status.run_state}." if status.run_state else "It never ran."
            raise CannotWatch(f"No run of {target.template} is under way. {last}", "Look at it with: aibtui ls", 3)
        if status.run_state == "Canceling":
            narrate(f"{target.template} is in Canceling already")
        elif yes or _is_meant(f"{target.template} in {target.group} has been running{since}", target.template):
            await source.cancel()
            narrate(f"the cancel of {target.template} was asked for")
        else:
            narrate(f"that is not its name; {target.template} goes on")
            return 2
        return await _until_over(source) if wait else 0
    except click.Abort:
        narrate(f"nothing was cancelled; {target.template} goes on")
        return 130
    finally:
        await source.close()


def _is_meant(what: str, name: str) -> bool:
    from aibtui.safetext import clean

    click.echo(clean(f"{what}. Cancelling ends it; what it has made is thrown away."), err=True)
    with interruptible():
        typed: str = click.prompt("To cancel it, type the template's name", err=True)
    return typed.strip() == name


async def _until_over(source: StoppingSource) -> int:
    """Print what changes until the run is over; a word each minute."""
    from aibtui.core.monitor import Monitor
    from aibtui.core.updates import AlertOpened, RunStateChanged, TransportChanged
    from aibtui.news import sentence
    from aibtui.outputs.writer import LineWriter
    from aibtui.safetext import clean, neutralise_ci
    from aibtui.wording import duration, iso

    writer, monitor = LineWriter(sys.stdout), Monitor(built_in_rules())
    began = spoke = _now()

    def write(at: datetime, text: str) -> None:
        writer.write(neutralise_ci(clean(f"{iso(at)} {text}", None)))

    while True:
        poll = await source.look(_now())
        update = monitor.feed(poll)
        for change in update.changes:
            blind = isinstance(change, TransportChanged) and change.transport.state == "blind"
            if blind or isinstance(change, RunStateChanged | AlertOpened):
                spoke = poll.at
                write(change.at, sentence(change, update.build))
                if isinstance(change, AlertOpened):
                    write(change.at, f"What to do: {change.alert.remedy}")
        status = update.build.status
        if status is not None and (status.terminal or status.deleted):
            return 0 if status.run_state == "Canceled" else 5 if status.deleted else 1
        if poll.at - spoke >= _HEARTBEAT:
            spoke = poll.at
            state = status.run_state if status else "not known"
            write(poll.at, f"The state is still {state}, {duration(poll.at - began)} after the cancel was asked for")
        await asyncio.sleep(poll.pause.total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)
