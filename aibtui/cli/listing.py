"""`aibtui ls`, and what `watch` watches where no template is named: what runs, all of it or what is picked."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.keeping import earlier_reports
from aibtui.cli.later import asyncio
from aibtui.cli.options import narrate, recordings, run

if TYPE_CHECKING:
    from aibtui.sources.listing import Listed, Scope
    from aibtui.sources.target import Target

_SLOW = 1.0  # seconds until it is said what is waited for
_MOST_PICKED = 99
Tag = tuple[str, str | None]


class TagOption(click.ParamType[Tag]):
    """`K=V`, or `K` for any value."""

    name = "K=V"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Tag:
        if isinstance(value, tuple):
            return value
        name, equals, wanted = str(value).partition("=")
        if not name.strip():
            self.fail(f"{value!r} names no tag: write it like ring=pilot", param, ctx)
        return name.strip(), wanted.strip() if equals else None


class Wanted(Struct, frozen=True):
    """Which builds: those that are named, or by `everything` and `tags` those that run; else what is picked.

    `over` takes templates along whose last run is over.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    tags: tuple[Tag, ...] = ()
    over: bool = False

    def check(self) -> None:
        """Raises click.UsageError for what cannot be meant, and where nobody can be asked."""
        if self.names and (self.everything or self.tags):
            raise click.UsageError("--all and --tag are instead of a TEMPLATE: name one or the other.")
        if not (self.names or self.everything or self.tags or _on_terminal()):
            raise click.UsageError(
                "Name a template or several, --all or --tag K=V for what runs, or a local log with --file. "
                "Example: aibtui watch win11-avd -g rg-images"
            )


@click.command()
@click.option("--all-subscriptions", is_flag=True, help="All that you may read, by one query of Azure Resource Graph.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@azure_options
def ls(all_subscriptions: bool, output: str, azure: AzureOptions) -> None:
    """List image templates with their run state: those of a group, of the subscription, or of all.

    What runs stands first, and its state is its own word: each is asked itself. A question mark says that one did not
    answer. Azure Resource Graph lags by a minute or more, so that with --all-subscriptions a run that has just begun
    may be missing.

    \b
    aibtui ls -g rg-images
    aibtui ls --all-subscriptions --output json
    """

    async def work() -> int:
        from aibtui.outputs.listing import as_json, table
        from aibtui.outputs.writer import LineWriter

        scope = scope_of(azure, everywhere=all_subscriptions)
        listed = await _ask(azure, scope)
        now, earlier = datetime.now(UTC), _earlier(listed)
        if output == "json":
            LineWriter(sys.stdout).write(as_json(listed, scope, now, earlier))
        elif listed:
            width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
            LineWriter(sys.stdout).write(*table(listed, now, width, earlier))
        else:
            narrate(f"there is no image template in {scope}")
        return 0

    run(work)


def scope_of(azure: AzureOptions, *, everywhere: bool = False) -> Scope:
    """Where to look, by the options and what holds without them. Raises CannotWatch (2) where nothing says so."""
    from aibtui.sources import CannotWatch
    from aibtui.sources.listing import Scope

    if everywhere:
        if azure.group:
            raise CannotWatch("--all-subscriptions and -g cannot both be meant.", "Leave one of them out.", 2)
        return Scope()
    subscription = azure.defaults.subscription.value
    if not subscription:
        raise CannotWatch(
            "The subscription is not known.",
            "Name it with --subscription, set AZURE_SUBSCRIPTION_ID, or choose one with: az account set -s NAME",
            2,
        )
    return Scope(subscription, azure.defaults.group.value)


async def targets_of(wanted: Wanted, azure: AzureOptions) -> list[Target]:
    """The templates to watch. Raises CannotWatch: 2, and 3 where nothing runs; click.Abort where nobody picks."""
    from aibtui.sources import CannotWatch

    if wanted.names:
        return list(dict.fromkeys(azure.target(name) for name in wanted.names))
    scope = scope_of(azure)
    listed = [one for one in await _ask(azure, scope) if one.has(wanted.tags)]
    found = listed if wanted.over else [one for one in listed if one.runs]
    if not found:
        raise CannotWatch(f"Nothing runs in {scope}{_with(wanted.tags)}.", "Show what is there with: aibtui ls", 3)
    if not (wanted.everything or wanted.tags):
        found = _picked(found)
    elif len(found) > 1:
        narrate(f"{len(found)} templates of {scope}{_with(wanted.tags)}; what begins later is not among them")
    return [one.target for one in found]


def _with(tags: Sequence[Tag]) -> str:
    said = ", ".join(name if value is None else f"{name}={value}" for name, value in tags)
    return f" with the tag {said}" if said else ""


def _picked(running: Sequence[Listed]) -> list[Listed]:
    """What the user picks; the only one without asking."""
    from aibtui.outputs.listing import table
    from aibtui.safetext import clean

    if len(running) == 1:
        narrate(f"{running[0].target.template} is the only one that runs")
        return [running[0]]
    shown = running[:_MOST_PICKED]
    head, *rows = table(shown, datetime.now(UTC), shutil.get_terminal_size().columns - 4, {})
    click.echo(f"    {head}", err=True)
    for number, row in enumerate(rows, 1):
        click.echo(f"{number:>3} {clean(row, None)}", err=True)
    with interruptible():
        answer: list[int] = click.prompt(
            "Which ones? A number, several like 1,3, or all",
            default="1",
            err=True,
            value_proc=lambda text: _numbers(text, len(shown)),
        )
    return [shown[number - 1] for number in answer]


def _numbers(text: str, most: int) -> list[int]:
    if text.strip().lower() == "all":
        return list(range(1, most + 1))
    try:
        chosen = [int(part) for part in text.replace(",", " ").split()]
    except ValueError:
        chosen = []
    if not chosen or not all(1 <= number <= most for number in chosen):
        raise click.UsageError(f"write numbers from 1 to {most}, or all")
    return list(dict.fromkeys(chosen))


@contextmanager
def interruptible() -> Iterator[None]:
    """While somebody is asked, Ctrl+C ends the question: the loop, which would hear it else, stands still."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _ask(azure: AzureOptions, scope: Scope) -> list[Listed]:
    from aibtui.sources.listing import list_templates

    task = asyncio.create_task(list_templates(azure.access(), scope))
    done, _ = await asyncio.wait({task}, timeout=_SLOW)
    if not done:
        narrate(f"asking Azure for the image templates of {scope}")
    return await task


def _earlier(listed: Sequence[Listed]) -> Mapping[str, str]:
    """How the last run ended that was seen here of each template that runs now, by its id in small letters."""
    running = {one.target.id.lower(): one.status.started_at for one in listed if one.runs}
    if not running:
        return {}
    newest: dict[str, tuple[str, str]] = {}
    for report in earlier_reports(recordings()):
        id, outcome = str(report.get("source")).lower(), str(report.get("outcome"))
        began = str(report.get("started_at"))
        if id in running and outcome != "running" and began > newest.get(id, ("", ""))[0]:
            newest[id] = (began, outcome)
    return {id: outcome for id, (_, outcome) in newest.items()}


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
