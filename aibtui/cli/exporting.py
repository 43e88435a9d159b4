"""`aibtui export`: a run that is over, sent to where a company sees all its builds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.explaining import judged, looks_at
from aibtui.cli.later import asyncio
from aibtui.cli.onscreen import settings
from aibtui.cli.options import fail, rules_option
from aibtui.cli.past import past
from aibtui.cli.rulefiles import chosen_rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aibtui.core.updates import Update


@click.command()
@click.argument("runs", metavar="RUN|LOG|TEMPLATE...", nargs=-1, required=True)
@click.option("--otlp", is_flag=True, required=True, help="As an OpenTelemetry trace, over HTTP.")
@azure_options
@rules_option
def export(runs: tuple[str, ...], otlp: bool, azure: AzureOptions, rule_files: tuple[Path, ...]) -> None:
    """Send runs that are over to an OpenTelemetry collector or backend, as a trace and metrics each.

    It goes to OTEL_EXPORTER_OTLP_ENDPOINT, with the other standard variables for headers and certificates. A watch does
    the same by itself at the end of a build, where the variable is set.

    \b
    OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 aibtui export win11-avd-20260504T080000Z --otlp
    aibtui export win11-avd -g rg-images --otlp
    """
    from aibtui.outputs.otel import CannotExport, endpoint
    from aibtui.outputs.otel import export as send
    from aibtui.session import ExitCode

    where = endpoint(os.environ)
    if where is None:
        raise click.UsageError("Name the collector: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318")
    rules = chosen_rules(rule_files, settings({}))
    for named in runs:
        over = past(named, azure, previous=False)
        name, polls = (over.name, over.polls) if over else looks_at(named)
        try:
            send(judged(polls, rules), name)
        except CannotExport as refusal:
            fail(f"{name}: {refusal}", "Nothing was sent of it; the recording is as it was.", ExitCode.UNKNOWN)
        click.echo(f"{name}: sent to {_host(where)}")


async def export_at_the_end(update: Update, name: str, say: Callable[[str], None]) -> None:
    """Send a run whose watch has ended, where the standard variables name an endpoint; what goes wrong is said."""
    from aibtui.outputs.otel import CannotExport, endpoint
    from aibtui.outputs.otel import export as send

    where = endpoint(os.environ)
    if where is None or update.build.outcome == "running":
        return
    try:
        await asyncio.to_thread(send, update, name)
    except CannotExport as refusal:
        say(f"{name}: {refusal} Send it later with: aibtui export RUN --otlp")
    else:
        say(f"{name}: the trace of this run was sent to {_host(where)}")


def _host(endpoint: str) -> str:
    return urlsplit(endpoint).hostname or "the endpoint of OTEL_EXPORTER_OTLP_ENDPOINT"
