"""The commands `demo` and `emulate`: builds that are made up, watched and not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui.cli import completing
from aibtui.cli.acting import Acts, cancel_on_option
from aibtui.cli.holding import hold_options
from aibtui.cli.later import asyncio
from aibtui.cli.onscreen import ScreenOptions, screen_options
from aibtui.cli.options import (
    Speed,
    fail_on_option,
    no_record_option,
    output_option,
    recordings,
    rules_option,
    run,
    timeout_option,
)
from aibtui.cli.rulefiles import LiveRules
from aibtui.cli.watching import Job, check_names, follow_all, limits_of

if TYPE_CHECKING:
    from aibtui.emulator import Scenario

_UNWATCHED = timedelta(seconds=15)  # the pace of looks where nobody sees the screen move


@click.command()
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


@click.command()
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
