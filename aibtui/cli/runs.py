"""The commands `runs`, `report` and `replay`: what was watched here, what lies on Azure, and one of them once more."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from aibtui.cli import completing
from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.explaining import against_option, compared_with, judged, looks_at, told
from aibtui.cli.keeping import prune
from aibtui.cli.onscreen import ScreenOptions, screen_options, settings
from aibtui.cli.options import Speed, fail, narrate, or_exit, output_option, recordings, rules_option, run
from aibtui.cli.pages import PassingLog, html_page, save
from aibtui.cli.past import past
from aibtui.cli.rulefiles import LiveRules, chosen_rules
from aibtui.cli.watching import Limits, follow

if TYPE_CHECKING:
    from aibtui.config import Config
    from aibtui.recording import Recordings, RunInfo
    from aibtui.sources.arm import Access
    from aibtui.sources.target import Target

Row = Mapping[str, Any]

_OUTCOMES = {
    "Succeeded": "succeeded",
    "PartiallySucceeded": "partially-succeeded",
    "Failed": "failed",
    "Canceled": "canceled",
    "Running": "running",
    "Canceling": "running",
}


@click.command()
@click.argument("template", required=False, shell_complete=completing.templates)
@click.option("--remote", is_flag=True, help="The run folders in the template's staging group instead.")
@click.option("--prune", "prune_now", is_flag=True, help="Remove what is beyond keep_age and keep_size.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@azure_options
def runs(template: str | None, remote: bool, prune_now: bool, output: str, azure: AzureOptions) -> None:
    """List the builds that were watched here, the newest first; those of TEMPLATE, if it is named.

    With --remote, list the runs whose logs still lie in the staging group of TEMPLATE.

    \b
    aibtui runs
    aibtui runs win11-avd -g rg-images --remote
    aibtui runs --prune
    """
    if prune_now:
        if template or remote:
            raise click.UsageError("--prune stands alone: aibtui runs --prune")
        _prune(output, settings({}))
    elif remote:
        if template is None:
            raise click.UsageError("Name the template: aibtui runs TEMPLATE --remote -g GROUP")
        target, access = or_exit(lambda: (azure.target(template), azure.access()))

        async def listed() -> int:
            _print(await _remote(target, access), output)
            return 0

        run(listed)
    else:
        kept = recordings()
        rows = [_local(kept, info) for info in kept.list() if template is None or _is_of(info, template)]
        if not rows:
            of = f"of {template} " if template else ""
            click.echo(f"No build {of}was watched here yet. Begin with: aibtui demo", err=True)
        _print(rows, output)


@click.command()
@click.argument("name", metavar="RUN|TEMPLATE", shell_complete=completing.runs_or_templates)
@click.option("--output", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--previous", is_flag=True, help="The run before.")
@against_option
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it as one HTML page instead, with the log; it loads nothing.",
)
@click.option("--no-redact", is_flag=True, help="Leave likely secrets as they are.")
@azure_options
@rules_option
def report(
    name: str,
    output: str,
    previous: bool,
    against: str | None,
    page: Path | None,
    no_redact: bool,
    azure: AzureOptions,
    rule_files: tuple[Path, ...],
) -> None:
    """Report on a recorded RUN, or on the last run of TEMPLATE, whose log it fetches; step times side by side with the
    last good run of its kind, or with another one.

    \b
    aibtui report win11-avd-20260504T080000Z
    aibtui report win11-avd -g rg-images --previous
    aibtui report win11-avd-20260504T080000Z --against win11-avd-20260503T080000Z
    aibtui report win11-avd -g rg-images --html report.html
    """
    from aibtui.outputs.writer import LineWriter

    rules = chosen_rules(rule_files, settings({}))
    over = past(name, azure, previous=previous)
    called, polls = (over.name, over.polls) if over else looks_at(name)
    with PassingLog() as passing:
        update = judged(passing.passing(polls) if page else polls, rules)
        if over:
            over.keep_report(update)
        earlier = compared_with(against, update, over, azure, rules)
        if page is not None:
            save(html_page(update, called, passing, redact=not no_redact, earlier=earlier), page)
            narrate(f"The report is in {page}.")
            return
    LineWriter(sys.stdout).write(told(update, called, output, redact=not no_redact, earlier=earlier))


@click.command()
@click.argument("recorded_run", metavar="RUN", shell_complete=completing.runs)
@click.option("--speed", type=Speed(), default="60", show_default=True, help="Times real time, or max.")
@output_option
@rules_option
@screen_options
def replay(
    recorded_run: str, speed: float | None, output: str, rule_files: tuple[Path, ...], screen: ScreenOptions
) -> None:
    """Watch a recorded RUN again (its name, or the beginning of it; see aibtui runs)."""
    kept = recordings()
    info = kept.find(recorded_run)
    if info is None:
        fail(f"No recorded run is called {recorded_run}.", "Show the runs with: aibtui runs", 3)
    rules = LiveRules.chosen(rule_files, screen.config)

    async def play() -> int:
        from aibtui.emulator import ScenarioClock
        from aibtui.sources.replay import ReplaySource

        recorded = kept.load(info)
        began = next((poll.at for poll in recorded.polls()), datetime.now(UTC))
        target = info.template_id or info.id
        clock = ScenarioClock(speed, began)
        source = ReplaySource(recorded, 1)
        silent = replace(screen, quiet=True)
        words = ("replay", info.id)
        scratch, log = recordings(True), recorded.path
        return await follow(
            source, scratch, target, output, Limits(), rules, words, clock=clock, screen=silent, log=log
        )

    run(play)


def _local(kept: Recordings, info: RunInfo) -> Row:
    from aibtui.wording import iso

    seen = kept.report(info) or {}
    outcome = seen.get("outcome") or _OUTCOMES.get(info.run_state or "")
    if outcome in (None, "running"):
        outcome = "running" if kept.in_use(info) else _by_log(info)
    return {
        "run": info.id,
        "started_at": iso(info.started_at) if info.started_at else None,
        "ended_at": iso(info.ended_at) if info.ended_at else None,
        "bytes": info.bytes,
        "outcome": outcome,
        "template": info.template_id,
    }


def _by_log(info: RunInfo) -> str:
    """What the end of a log proves whose watch was broken off before the end."""
    from aibtui.recording.run import LOG
    from aibtui.sources.run_list import TAIL, outcome_of_tail

    start = max(0, info.bytes - TAIL)
    tail = b""
    with suppress(OSError), open(info.path / LOG, "rb") as file:
        file.seek(start)
        tail = file.read(TAIL)
    outcome = outcome_of_tail(tail, whole=start == 0)
    return "unfinished" if outcome == "running" else outcome


async def _remote(target: Target, access: Access) -> list[Row]:
    from aibtui.sources.arm import Arm, load
    from aibtui.sources.run_list import list_runs, outcomes
    from aibtui.wording import iso

    await load()
    arm = Arm(access, target.subscription)
    try:
        found = await list_runs(arm, target)
        told = await outcomes(arm, found.folders)
    finally:
        await arm.close()
    rows: list[Row] = []
    for folder, by_log in zip(found.folders, told, strict=True):
        by_service = _OUTCOMES.get(found.run_state_of(folder) or "")
        outcome = by_service or ("unfinished" if by_log == "running" else by_log)
        rows.append(
            {
                "run": folder.folder,
                "started_at": iso(folder.began_at),
                "ended_at": iso(folder.log.modified_at) if folder.log and outcome != "running" else None,
                "bytes": folder.size,
                "outcome": outcome or "unknown",
                "account": folder.account.name,
            }
        )
    if not rows:
        click.echo(f"No run of {target.template} has left a log in its staging group.", err=True)
    return rows


def _is_of(info: RunInfo, template: str) -> bool:
    return template.lower() in (info.template.lower(), info.template_id.lower())


def _print(rows: Iterable[Row], output: str) -> None:
    from aibtui.outputs.writer import LineWriter, json_text
    from aibtui.safetext import clean

    writer = LineWriter(sys.stdout)
    if output == "json":
        writer.write(json_text([_cleaned(row) for row in rows], indent=1))
        return
    now = datetime.now(UTC)
    table = [_cells(row, now) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        padded = [
            f"{cell:>{width}}" if place in (2, 3) else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        writer.write(clean("  ".join(padded).rstrip(), None))


def _cells(row: Row, now: datetime) -> list[str]:
    from aibtui.safetext import clean
    from aibtui.wording import size

    began = row["started_at"]
    age = _age((now - datetime.fromisoformat(began)).total_seconds()) if began else "-"
    last = row.get("template", row.get("account", ""))
    return [clean(row["run"]), began or "-", age, size(row["bytes"]), row["outcome"], clean(last)]


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(int(seconds), 0)}s"


def _cleaned(row: Row) -> Row:
    from aibtui.safetext import clean

    return {key: clean(value) if isinstance(value, str) else value for key, value in row.items()}


def _prune(output: str, config: Config) -> None:
    from aibtui.outputs.writer import LineWriter, json_text
    from aibtui.wording import size

    gone = prune(recordings(), config)
    if output == "json":
        rows = [{"run": each.name, "bytes": each.bytes, "because": each.because} for each in gone]
        LineWriter(sys.stdout).write(json_text(rows, indent=1))
        return
    LineWriter(sys.stdout).write(*(f"removed {each.name}, {size(each.bytes)} ({each.because})" for each in gone))
    if not gone:
        age, most = config.keep_age.value, config.keep_size.value
        click.echo(f"Nothing is beyond keep_age ({age}) and keep_size ({most}) of the settings.", err=True)
