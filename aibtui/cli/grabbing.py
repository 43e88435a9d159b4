"""The command `grab`: all that is known of one run, in a folder and a zip."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.completing import runs_or_templates
from aibtui.cli.later import asyncio
from aibtui.cli.onscreen import settings
from aibtui.cli.options import fail, or_exit, recordings, rules_option, run
from aibtui.cli.rulefiles import chosen_rules

if TYPE_CHECKING:
    from aibtui.outputs.grab import Grabbed, Progress
    from aibtui.recording import RunInfo
    from aibtui.sources.target import Target

_SAY_AFTER = 1.0  # seconds that a thing must take to be worth a word, and between two words


@click.command()
@click.argument("name", metavar="TEMPLATE|RUN", shell_complete=runs_or_templates)
@click.option(
    "--to",
    "parent",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where folder and zip are made; here unless given.",
)
@click.option("--no-redact", is_flag=True, help="Pack the raw files, secrets included.")
@azure_options
@rules_option
def grab(name: str, parent: Path, no_redact: bool, azure: AzureOptions, rule_files: tuple[Path, ...]) -> None:
    """Collect all that is known of the last run of TEMPLATE, or of a recorded RUN: a folder, and a zip of it.

    Logs, container output, template, run outputs, run states, who started it, alerts and report, and a manifest that
    says what could not be had. The zip holds copies without likely secrets; the raw files stay in the folder raw/,
    for you alone. Broken off, the same command goes on where it was.

    \b
    aibtui grab win11-avd -g rg-images
    aibtui grab win11-avd-20260504T080000Z --to /tmp/case
    """
    rules = chosen_rules(rule_files, settings({}))
    target, info = or_exit(lambda: _chosen(name, azure))
    shown = _Shown()

    async def collect() -> int:
        from aibtui.outputs.bundle import BundleTaken
        from aibtui.outputs.grab import grab as collected

        steps = collected(target, info, azure.access(), recordings(), rules, parent, redact=not no_redact)
        try:
            async with shown.narrating(), aclosing(steps):
                async for progress in steps:
                    shown.now = progress
        except asyncio.CancelledError:
            click.echo(f"aibtui: what is done stays; go on with: aibtui grab {name} --to {parent}", err=True)
            return 130
        except BundleTaken as taken:
            fail(f"Another aibtui writes {taken}.", "Wait for it, or choose another folder with --to.", 2)
        except OSError as error:
            fail(f"{error.filename or parent} cannot be written: {error.strerror or error}.", "Choose --to DIR.", 2)
        return _told(shown.now.grabbed) if shown.now and shown.now.grabbed else 5

    run(collect)


def _chosen(name: str, azure: AzureOptions) -> tuple[Target | None, RunInfo | None]:
    """The template and the recording that a name means. Raises CannotWatch (2); leaves with 3 where there is none."""
    from aibtui.sources import CannotWatch
    from aibtui.sources.target import parse_target

    info = None if azure.names_template(name) else recordings().find(name)
    if info is None:
        if azure.names_template(name) or azure.knows_group:
            return azure.target(name), None
        fail(
            f"No recorded run is called {name}, and the resource group of a template is not known.",
            "Show the runs with aibtui runs, or name the template's group with -g.",
            3,
        )
    try:
        return parse_target(info.template_id), info
    except CannotWatch:  # a recording of something that has no place on Azure
        return None, info


class _Shown:
    """What is being done, and a word about it on stderr where it takes its time."""

    def __init__(self) -> None:
        self.now: Progress | None = None

    @asynccontextmanager
    async def narrating(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._narrate())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _narrate(self) -> None:
        said = ""
        while True:
            before = self.now.text if self.now else ""
            await asyncio.sleep(_SAY_AFTER)
            if self.now is None or self.now.text != before:
                continue
            words = _words(self.now)
            if words != said:
                click.echo(f"aibtui: {words}", err=True)
            said = words


def _words(progress: Progress) -> str:
    from aibtui.safetext import clean
    from aibtui.wording import size

    amount = ""
    if progress.done is not None:
        of = f" of {size(progress.total)}" if progress.total else ""
        amount = f", {size(progress.done)}{of}"
    return clean(f"{progress.text}{amount}", None)


def _told(grabbed: Grabbed) -> int:
    """Where it is on stdout, what is missing on stderr; the exit code."""
    from aibtui.outputs.writer import LineWriter
    from aibtui.safetext import clean, neutralise_ci
    from aibtui.wording import count

    LineWriter(sys.stdout).write(clean(str(grabbed.archive), None))
    click.echo(clean(f"{count(grabbed.files, 'file')} in {grabbed.folder}", None), err=True)
    if grabbed.hidden:
        click.echo(f"{count(grabbed.hidden, 'likely secret')} hidden in the copies; raw/ has all, keep it.", err=True)
    for note in grabbed.notes:
        click.echo(neutralise_ci(clean(note, None)), err=True)
    for missing in grabbed.missing:
        click.echo(neutralise_ci(clean(f"Not there: {missing}", None)), err=True)
    return grabbed.exit_code
