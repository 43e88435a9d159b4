"""The commands, and the composition root: only this package knows everybody. Heavy imports wait until needed."""

from __future__ import annotations

import platform
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui import __version__
from aibtui.cli import completing
from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.acting import Acts, cancel, cancel_on_option
from aibtui.cli.acting import run as start
from aibtui.cli.doctor import doctor
from aibtui.cli.explaining import explain
from aibtui.cli.exporting import export
from aibtui.cli.grabbing import grab
from aibtui.cli.holding import hold_options
from aibtui.cli.later import asyncio
from aibtui.cli.listing import Tag, TagOption, Wanted, ls, targets_of
from aibtui.cli.onscreen import ScreenOptions, screen_options
from aibtui.cli.options import (
    Moment,
    Speed,
    fail_on_option,
    no_record_option,
    output_option,
    recordings,
    rules_option,
    run,
    timeout_option,
)
from aibtui.cli.rulebooks import rules_group
from aibtui.cli.rulefiles import LiveRules
from aibtui.cli.runs import replay, report, runs
from aibtui.cli.settings import config_group
from aibtui.cli.watching import Job, check_names, follow_all, limits_of

if TYPE_CHECKING:
    from aibtui.emulator import Scenario

_PARTS = (
    "textual",
    "azure-identity",
    "azure-mgmt-imagebuilder",
    "azure-storage-blob",
    "azure-core",
    "google-re2",
    "opentelemetry-sdk",
)
_UNWATCHED = timedelta(seconds=15)  # the pace of looks where nobody sees the screen move
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _say_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Its own version, and below it those of the parts that a report of a bug needs."""
    if not asked or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"aibtui {__version__}")
    click.echo(f"python {platform.python_version()} on {platform.platform()}")
    for part in _PARTS:
        with suppress(PackageNotFoundError):
            click.echo(f"{part} {version(part)}")
    context.exit()


class _Commands(click.Group):
    """Commands that leave with 130 when they are interrupted, also before there is a loop that hears signals."""

    def invoke(self, ctx: click.Context) -> object:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Show the versions."
)
def main() -> None:
    """Watch a build of Azure VM Image Builder live: where it is, whether it is healthy, what to do.

    \b
    aibtui demo                      a Windows build on the screen, no account needed
    aibtui watch TEMPLATE -g GROUP   your own build
    aibtui explain customization.log what happened, and why
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a replaced stream may lack it


@main.command()
@click.argument("templates", metavar="[TEMPLATE]...", nargs=-1, shell_complete=completing.templates)
@click.option("--all", "everything", is_flag=True, help="All that runs in the group, or in the subscription.")
@click.option("--tag", "tags", type=TagOption(), multiple=True, help="All of it with this tag; given again, with each.")
@click.option("--file", "log_file", type=click.Path(path_type=Path), help="Follow a local customization.log instead.")
@click.option(
    "--log-url",
    metavar="SAS",
    envvar="AIBTUI_LOG_URL",
    show_envvar=True,
    help="Read the log by this address of it, a SAS URL, which is kept nowhere; with or without a template.",
)
@output_option
@click.option("--wait", is_flag=True, help="If the last run is over, wait for the next one.")
@click.option(
    "--started-at",
    type=Moment(),
    help="Only the run that began then; exit 3 if the template is at another. For coming back to one.",
)
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
def watch(
    templates: tuple[str, ...],
    everything: bool,
    tags: tuple[Tag, ...],
    log_file: Path | None,
    log_url: str | None,
    output: str,
    wait: bool,
    started_at: datetime | None,
    fail_on: tuple[str, ...],
    cancel_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
    rule_files: tuple[Path, ...],
    poll: float | None,
    azure: AzureOptions,
    screen: ScreenOptions,
) -> None:
    """Watch the running build of TEMPLATE (a name, or a full resource id) until it ends; of several, all.

    Without TEMPLATE you pick from what runs. Watching never touches the build: leaving, Ctrl+C and a lost connection
    let it go on, and only --cancel-on ends it. A run that is over is shown, and the exit code is its own; of several it
    is the worst.

    \b
    aibtui watch win11-avd -g rg-images
    aibtui watch win11-avd win11-kiosk ubuntu-agent -g rg-images
    aibtui watch --tag ring=pilot --cancel-on sysprep-loop
    aibtui watch --file customization.log
    aibtui watch --log-url 'https://ACCOUNT.blob.core.windows.net/packerlogs/FOLDER/customization.log?sv=...&sig=...'
    """
    wanted = Wanted(templates, everything, tags, over=wait)
    if log_file is not None and (templates or everything or tags):
        raise click.UsageError("--file is instead of a TEMPLATE. Example: aibtui watch win11-avd -g rg-images")
    if log_file is None and not log_url:
        wanted.check()
    rules = LiveRules.chosen(rule_files, screen.config)
    limits = limits_of(fail_on, timeout, rules)
    check_names(cancel_on, rules)
    if started_at is not None and (len(templates) != 1 or wait):
        raise click.UsageError("--started-at goes with one template, and not with --wait.")
    if log_file is not None:
        from aibtui.sources.file import FileSource

        path = log_file
        job = Job(FileSource(path), recordings(True), str(path), ("watch", "--file", str(path)))
        run(lambda: follow_all([job], output, limits, rules, screen=screen))
    from aibtui.sources.azure import AzureSource
    from aibtui.sources.pinned import PinnedSource

    pace = timedelta(seconds=poll) if poll else None
    azure = azure.opened_by(log_url)
    if log_url and (len(templates) > 1 or everything or tags):
        raise click.UsageError("--log-url opens the log of one run: name one template with it, or none.")
    if log_url and not templates:
        from aibtui.sources.log_alone import LogAlone

        access = azure.access()
        alone = LogAlone(access, access.log_url, pace)
        job = Job(alone, recordings(True), alone.name, ("watch", *azure.words))
        run(lambda: follow_all([job], output, limits, rules, screen=screen))

    async def work() -> int:
        jobs = []
        for target in await targets_of(wanted, azure):
            kept = recordings(no_record)
            access = azure.access()
            source = AzureSource(target, access, cursor=kept.cursor, poll=pace, wait_for_next=wait)
            chosen = PinnedSource(source, started_at, target.id) if started_at else source
            words = ("watch", target.id, *azure.words)
            acts = Acts(target, access, cancel_on) if cancel_on else None
            jobs.append(Job(chosen, kept, target.id, words, (target, access), acts))
        return await follow_all(jobs, output, limits, rules, screen=screen)

    run(work)


@main.command()
@click.argument("scenario", required=False, default="windows", shell_complete=completing.scenarios)
@click.option("--speed", type=Speed(), default="60", show_default=True, help="Times real time, or max.")
@click.option("--list", "show_list", is_flag=True, help="Name the scenarios.")
@output_option
@fail_on_option
@cancel_on_option
@timeout_option
@no_record_option
@rules_option
@hold_options
@screen_options
def demo(
    scenario: str,
    speed: float | None,
    show_list: bool,
    output: str,
    fail_on: tuple[str, ...],
    cancel_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
    rule_files: tuple[Path, ...],
    screen: ScreenOptions,
) -> None:
    """Watch a made-up build on a local emulator of Azure Image Builder; no account, no network.

    \b
    aibtui demo
    aibtui demo sysprep-loop --speed 300
    aibtui demo script-failed --speed max --output plain
    """
    from aibtui.emulator import scenario_names

    if show_list:
        _list_scenarios(scenario_names())
        return
    chosen = _scenario(scenario)
    rules = LiveRules.chosen(rule_files, screen.config)
    limits = limits_of(fail_on, timeout, rules)
    check_names(cancel_on, rules)

    async def play() -> int:
        from aibtui.emulator import Emulator, ScenarioClock
        from aibtui.sources.arm import Access
        from aibtui.sources.azure import AzureSource
        from aibtui.sources.target import Target

        clock = ScenarioClock(speed, datetime.now(UTC).replace(microsecond=0))
        kept = recordings(no_record)
        # At no speed time stands still while a watch learns of earlier runs: it would come too late.
        async with Emulator(chosen, clock, history=speed is not None) as emulator:
            target = Target(emulator.subscription, emulator.group, emulator.template)
            access = Access({}, arm_endpoint=emulator.endpoint)
            pace = _UNWATCHED if speed is None else None
            source = AzureSource(target, access, cursor=kept.cursor, poll=pace)
            words = ("demo", chosen.name)
            acts = Acts(target, access, cancel_on) if cancel_on else None
            job = Job(source, kept, target.id, words, (target, access), acts)
            return await follow_all([job], output, limits, rules, clock=clock, screen=screen)

    run(play)


@main.command()
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=completing.scenarios)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port on 127.0.0.1; any free one unless given.",
)
@click.option("--speed", type=Speed(), default="1", show_default=True, help="Times real time.")
@click.option("--idle", is_flag=True, help="Nothing runs until somebody says: aibtui run.")
@click.option("--list", "show_list", is_flag=True, help="Name the scenarios.")
def emulate(scenarios: tuple[str, ...], port: int, speed: float | None, idle: bool, show_list: bool) -> None:
    """Run the emulator alone and print the command that watches it. Ctrl+C ends it.

    Each SCENARIO is a template of its own; without one it is windows.

    \b
    aibtui emulate windows --speed 10
    aibtui emulate windows linux sysprep-loop --idle
    """
    from aibtui.emulator import scenario_names

    if show_list:
        _list_scenarios(scenario_names())
        return
    if speed is None:
        raise click.UsageError("The emulator alone has nobody to tell it when to go on: give --speed a number.")
    chosen, *others = [_scenario(name) for name in dict.fromkeys(scenarios or ("windows",))]

    async def serve() -> int:
        from aibtui.emulator import Emulator, ScenarioClock

        clock = ScenarioClock(speed, datetime.now(UTC).replace(microsecond=0))
        async with Emulator(chosen, clock, port=port, others=others, auto_run=not idle, history=True) as emulator:
            for id in emulator.template_ids:
                click.echo(f"aibtui {'run' if idle else 'watch'} {id} --arm-endpoint {emulator.endpoint}")
            played = ", ".join(each.name for each in (chosen, *others))
            click.echo(f"{played}: it plays at {speed:g} times real time. Ctrl+C ends it.", err=True)
            await asyncio.Event().wait()
        return 0

    run(serve)


main.add_command(doctor)
main.add_command(explain)
main.add_command(ls)
main.add_command(start, "run")
main.add_command(cancel)
main.add_command(grab)
main.add_command(report)
main.add_command(runs)
main.add_command(replay)
main.add_command(rules_group)
main.add_command(config_group)
main.add_command(completing.completion)
main.add_command(export)


def _scenario(name: str) -> Scenario:
    from aibtui.emulator import UnknownScenario, load_scenario

    try:
        return load_scenario(name)
    except UnknownScenario as unknown:
        raise click.UsageError(str(unknown)) from None


def _list_scenarios(names: Iterable[str]) -> None:
    from aibtui.emulator import load_scenario

    for name in names:
        click.echo(f"{name:<20} {load_scenario(name).title}")
