"""The commands `rules list`, `rules test` and `rules try`: what the rules are, that they work, what they would say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aibtui.cli.explaining import judged, looks_at
from aibtui.cli.onscreen import settings
from aibtui.cli.options import rules_option
from aibtui.cli.rulefiles import built_in_rules, chosen_rules, read_rules, rules_or_exit

if TYPE_CHECKING:
    from aibtui.core.rulebook import Rule

_FILE = click.Path(path_type=Path)
_SAMPLE_WIDTH = 200


@click.group("rules")
def rules_group() -> None:
    """The rules behind the alerts: list them, test them, try your own on builds that you have recorded."""


@rules_group.command("list")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@rules_option
def list_rules(output: str, rule_files: tuple[Path, ...]) -> None:
    """List every rule: the built-in ones, and yours laid over them.

    \b
    aibtui rules list
    aibtui rules list --rules own.toml --output json
    """
    from aibtui.outputs.writer import LineWriter

    rules = chosen_rules(rule_files, settings({}))
    rows = [_row(rule) for rule in rules]
    writer = LineWriter(sys.stdout)
    if output == "json":
        writer.write(json.dumps(rows, indent=1))
        return
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in ("id", "severity", "where", "condition")}
    for row in ({key: key.upper() for key in rows[0]}, *rows):
        cells = [f"{row[key]:<{width}}" for key, width in widths.items()]
        writer.write("  ".join([*cells, row["title"], f"({row['file']})"]))


@rules_group.command("test")
@click.argument("file", type=_FILE, required=False)
def test_rules(file: Path | None) -> None:
    """Run the samples of FILE, of the built-in rules without one: each must raise its rule, each of the others not.

    \b
    aibtui rules test
    aibtui rules test own.toml
    """
    from aibtui.outputs.writer import LineWriter
    from aibtui.wording import count

    rules = rules_or_exit(lambda: read_rules(file) if file else built_in_rules(), broken=1)
    failures = [failure for rule in rules for failure in _failures(rule)]
    writer = LineWriter(sys.stdout)
    writer.write(*failures)
    samples, others = (sum(map(len, rows)) for rows in ((r.samples for r in rules), (r.others for r in rules)))
    unproven = [rule.id for rule in rules if not rule.samples]
    if unproven:
        click.echo(f"Without a sample: {', '.join(unproven)}", err=True)
    if failures:
        click.echo(f"{count(len(failures), 'sample')} of {count(len(rules), 'rule')} failed.", err=True)
        sys.exit(1)
    writer.write(f"{count(len(rules), 'rule')}, {count(samples, 'sample')}, {count(others, 'other')}: all hold")


@rules_group.command("try")
@click.argument("file", type=_FILE)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
def try_rules(file: Path, runs: tuple[str, ...]) -> None:
    """Tell what the rules of FILE would have said of each RUN, a recorded one or a log: when, and how long before its
    end.

    \b
    aibtui rules try own.toml customization.log
    aibtui rules try own.toml win11-avd-20260504T080000Z win11-avd-20260503T080000Z
    """
    from aibtui.outputs.writer import LineWriter
    from aibtui.safetext import clean
    from aibtui.wording import about, iso

    rules = rules_or_exit(lambda: read_rules(file))
    own = {rule.id for rule in rules}
    writer = LineWriter(sys.stdout)
    for run in runs:
        name, polls = looks_at(run)
        update = judged(polls, rules)
        raised = [alert for alert in update.alerts if alert.rule in own]
        status = update.build.status
        ended_at = (status.ended_at if status else None) or update.build.ended_at
        writer.write(clean(name) if raised else f"{clean(name)}: nothing")
        for alert in raised:
            line = f"line {alert.line}" if alert.line is not None else "-"
            times = f", {alert.count} times" if alert.count > 1 else ""
            early = ended_at - alert.at if ended_at else timedelta()
            before = f", {about(early)} before the end" if early > timedelta() else ""
            row = f"  {iso(alert.at)}  {line:<11}  {alert.severity:<7}  {alert.rule}: {alert.title}{times}{before}"
            writer.write(clean(row))


def _row(rule: Rule) -> dict[str, str]:
    from aibtui.safetext import clean

    row = {
        "id": rule.id,
        "severity": f"{rule.severity}, likely" if rule.likely else rule.severity,
        "where": ", ".join(sorted(rule.where)) if rule.patterns else "-",
        "condition": _condition(rule),
        "title": rule.title,
        "file": rule.file,
    }
    return {key: clean(text) for key, text in row.items()}


def _condition(rule: Rule) -> str:
    """The kind of a condition, and how long it must hold where it must."""
    from aibtui.core.rulebook import Lasting, Match, Repeat, Succession
    from aibtui.wording import about

    match rule.condition:
        case Match():
            return "match"
        case Succession(parts, within):
            return f"sequence of {len(parts)}" + (f" within {about(within)}" if within else "")
        case Repeat(stages):
            over = min(stage.over for stage in stages)
            return f"repeat for {about(over)}" if over else f"repeat {min(stage.times for stage in stages)} times"
        case Lasting(state, over):
            return f"status {state} for {about(over)}"
        case timed:
            return f"{type(timed).__name__.lower()} for {about(timed.over)}"


def _failures(rule: Rule) -> Iterator[str]:
    from aibtui.core.trial import raises

    yield from _wrong(rule, "sample", rule.samples, lambda sample: raises(rule, sample), "does not raise it")
    yield from _wrong(rule, "other", rule.others, lambda other: not raises(rule, other), "raises it")


def _wrong(
    rule: Rule, kind: str, samples: Sequence[Any], holds: Callable[[Any], bool], complaint: str
) -> Iterator[str]:
    """A sentence for each sample that does not do what it must."""
    from aibtui.safetext import clean

    for number, sample in enumerate(samples, 1):
        try:
            said = None if holds(sample) else complaint
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = f"cannot be tried ({type(error).__name__}: {error})"
        if said:
            text = clean(json.dumps(sample, default=str, ensure_ascii=False), _SAMPLE_WIDTH)
            yield f"{clean(rule.file)}: rule {rule.id}: {kind} {number} {said}: {text}"
