"""The commands, and the composition root: only this package knows everybody. Heavy imports wait until needed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui import __version__
from aibtui.cli.options import (
    Speed,
    fail,
    fail_on_option,
    no_record_option,
    or_exit,
    output_option,
    run,
    timeout_option,
)
from aibtui.cli.watching import Limits, built_in_rules, follow

if TYPE_CHECKING:
    from aibtui.core.updates import Update
    from aibtui.emulator import Scenario
    from aibtui.recording import Recordings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="aibtui")
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
@click.argument("template", required=False)
@click.option("-g", "--resource-group", "group", metavar="RG", help="The template's resource group.")
@click.option(
    "--subscription", metavar="S", envvar="AZURE_SUBSCRIPTION_ID", show_envvar=True, help="Its subscription id."
)
@click.option("--file", "log_file", type=click.Path(path_type=Path), help="Follow a local customization.log instead.")
@output_option
@click.option(
    "--auth",
    type=click.Choice(["auto", "cli", "env", "mi", "device"]),
    default="auto",
    show_default=True,
    help="How to sign in.",
)
@click.option("--wait", is_flag=True, help="If the last run is over, wait for the next one.")
@fail_on_option
@timeout_option
@no_record_option
@click.option(
    "--poll",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Look at the log this often, instead of 2 to 15 s as it grows.",
)
@click.option("--cloud", type=click.Choice(["public", "usgov", "china"]), default="public", show_default=True)
@click.option(
    "--arm-endpoint",
    metavar="URL",
    envvar="AIBTUI_ARM_ENDPOINT",
    show_envvar=True,
    help="Another Azure Resource Manager, for example an emulator on loopback.",
)
@click.option("--api-version", metavar="V", help="Another API version of Microsoft.VirtualMachineImages.")
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CA bundle to trust.")
def watch(
    template: str | None,
    group: str | None,
    subscription: str | None,
    log_file: Path | None,
    output: str,
    auth: str,
    wait: bool,
    fail_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
    poll: float | None,
    cloud: str,
    arm_endpoint: str | None,
    api_version: str | None,
    ca: Path | None,
) -> None:
    """Watch the running build of TEMPLATE (a name, or a full resource id) until it ends.

    Watching never touches the build: leaving, Ctrl+C and a lost connection let it go on. A run that is over is shown,
    and the exit code is its own.

    \b
    aibtui watch win11-avd -g rg-images
    aibtui watch --file customization.log
    """
    if (template is None) == (log_file is None):
        raise click.UsageError(
            "Name one template, or a local log with --file. Example: aibtui watch win11-avd -g rg-images"
        )
    recordings = _recordings(no_record or log_file is not None)
    limits = Limits(fail_on, timeout)
    if log_file is not None:
        from aibtui.sources.file import FileSource

        path = log_file
        run(lambda: follow(FileSource(path), recordings, str(path), output, limits, local_file=True))
    from aibtui.sources.arm import Access
    from aibtui.sources.azure import AzureSource
    from aibtui.sources.target import parse_target

    target = or_exit(lambda: parse_target(template or "", group, subscription, os.environ))
    access = Access(os.environ, cloud, arm_endpoint, auth, str(ca) if ca else None, api_version, _show_device_code)
    pace = timedelta(seconds=poll) if poll else None
    source = AzureSource(target, access, cursor=recordings.cursor, poll=pace, wait_for_next=wait)
    run(lambda: follow(source, recordings, target.id, output, limits))


@main.command()
@click.argument("log", metavar="LOG")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--status",
    type=click.Path(path_type=Path),
    metavar="STATUS.json",
    help="The run's lastRunStatus, or the output of az image builder show.",
)
def explain(log: str, output: str, status: Path | None) -> None:
    """Tell what happened in LOG, a customization.log (gzip too), the name of a recorded run, or - for standard input.

    Exits with 0 whenever the log could be read and judged, whatever its outcome.

    \b
    aibtui explain customization.log
    aibtui explain - --output json < customization.log
    """
    import json

    from aibtui.core.monitor import Monitor
    from aibtui.outputs.explain import explain as told
    from aibtui.outputs.report import report
    from aibtui.outputs.writer import LineWriter
    from aibtui.sources.file import read_whole
    from aibtui.sources.whole import polls_of, read_status

    known = or_exit(lambda: read_status(status)) if status else None
    data = or_exit(lambda: read_whole(_path_of_recording(log) or log))
    monitor = Monitor(built_in_rules())
    update: Update | None = None
    for poll in polls_of(data, known):
        update = monitor.feed(poll)
    if update is None or update.build.format is None:
        fail(
            f"{log} is no customization.log: none of its lines is Packer's.",
            "Name the log of a build, as the service wrote it.",
            2,
        )
    name = "stdin" if log == "-" else Path(log).name
    LineWriter(sys.stdout).write(told(update, name) if output == "text" else json.dumps(report(update, name), indent=1))


@main.command()
@click.argument("scenario", required=False, default="windows")
@click.option("--speed", type=Speed(), default="60", show_default=True, help="Times real time, or max.")
@click.option("--list", "show_list", is_flag=True, help="Name the scenarios.")
@output_option
@fail_on_option
@timeout_option
@no_record_option
def demo(
    scenario: str,
    speed: float | None,
    show_list: bool,
    output: str,
    fail_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
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
    limits = Limits(fail_on, timeout)

    async def play() -> int:
        from aibtui.emulator import Emulator, ScenarioClock
        from aibtui.sources.arm import Access
        from aibtui.sources.azure import AzureSource
        from aibtui.sources.target import Target

        clock = ScenarioClock(speed, datetime.now(UTC).replace(microsecond=0))
        recordings = _recordings(no_record)
        async with Emulator(chosen, clock) as emulator:
            target = Target(emulator.subscription, emulator.group, emulator.template)
            access = Access({}, arm_endpoint=emulator.endpoint)
            source = AzureSource(target, access, cursor=recordings.cursor)
            return await follow(source, recordings, target.id, output, limits, clock=clock)

    run(play)


@main.command()
@click.argument("scenario", required=False, default="windows")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="The port on 127.0.0.1; any free one unless given.",
)
@click.option("--speed", type=Speed(), default="1", show_default=True, help="Times real time.")
@click.option("--list", "show_list", is_flag=True, help="Name the scenarios.")
def emulate(scenario: str, port: int, speed: float | None, show_list: bool) -> None:
    """Run the emulator alone and print the command that watches it. Ctrl+C ends it.

    \b
    aibtui emulate windows --speed 10
    """
    from aibtui.emulator import scenario_names

    if show_list:
        _list_scenarios(scenario_names())
        return
    if speed is None:
        raise click.UsageError("The emulator alone has nobody to tell it when to go on: give --speed a number.")
    chosen = _scenario(scenario)

    async def serve() -> int:
        from aibtui.emulator import Emulator, ScenarioClock

        clock = ScenarioClock(speed, datetime.now(UTC).replace(microsecond=0))
        async with Emulator(chosen, clock, port=port) as emulator:
            click.echo(f"aibtui watch {emulator.template_id} --arm-endpoint {emulator.endpoint}")
            click.echo(f"The scenario {chosen.name} plays at {speed:g} times real time. Ctrl+C ends it.", err=True)
            await asyncio.Event().wait()
        return 0

    run(serve)


@main.command()
def runs() -> None:
    """List the builds that were watched here, the newest first."""
    from aibtui.outputs.writer import LineWriter
    from aibtui.safetext import clean
    from aibtui.wording import iso, size

    recordings = _recordings(False)
    known = recordings.list()
    if not known:
        click.echo("No build was watched here yet. Begin with: aibtui demo", err=True)
    writer = LineWriter(sys.stdout)
    for info in known:
        started = iso(info.started_at) if info.started_at else "-"
        with suppress(OSError):
            log = (recordings.path / info.id / "customization.log").stat()
            writer.write(f"{info.id:<50} {started:<21} {size(log.st_size):>9}  {clean(info.template_id)}")


@main.command()
@click.argument("recorded_run", metavar="RUN")
@click.option("--speed", type=Speed(), default="60", show_default=True, help="Times real time, or max.")
@output_option
def replay(recorded_run: str, speed: float | None, output: str) -> None:
    """Watch a recorded RUN again (its name, or the beginning of it; see aibtui runs)."""
    recordings = _recordings(False)
    info = recordings.find(recorded_run)
    if info is None:
        fail(f"No recorded run is called {recorded_run}.", "Show the runs with: aibtui runs", 3)

    async def play() -> int:
        from aibtui.emulator import ScenarioClock
        from aibtui.sources.replay import ReplaySource

        recorded = recordings.load(info)
        began = next((poll.at for poll in recorded.polls()), datetime.now(UTC))
        target = info.template_id or info.id
        clock = ScenarioClock(speed, began)
        return await follow(ReplaySource(recorded, 1), _recordings(True), target, output, Limits(), clock=clock)

    run(play)


def _recordings(temporary: bool) -> Recordings:
    from aibtui.recording import Recordings, default_state_dir

    return Recordings.temporary() if temporary else Recordings(default_state_dir(os.environ))


def _path_of_recording(name: str) -> str | None:
    """The log of a recorded run of that name, where no file is called so."""
    if name == "-" or Path(name).exists():
        return None
    recordings = _recordings(False)
    info = recordings.find(name)
    return str(recordings.path / info.id / "customization.log") if info else None


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


def _show_device_code(url: str, code: str) -> None:
    from aibtui.safetext import clean

    click.echo(f"To sign in, open {clean(url)} and enter the code {clean(code)}", err=True)
