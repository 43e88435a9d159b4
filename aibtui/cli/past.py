"""A build that is over, by the name of its template, or by that of its recording: the looks that `explain` judges."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from aibtui.cli.access import AzureOptions
from aibtui.cli.keeping import kept_report, log_cache
from aibtui.cli.later import asyncio
from aibtui.cli.options import fail, narrate, or_exit, recordings

if TYPE_CHECKING:
    from aibtui.core.polls import Poll
    from aibtui.core.updates import Update
    from aibtui.recording import RunInfo
    from aibtui.sources.past import PastRun
    from aibtui.sources.target import Target


class Past(Struct, frozen=True):
    """A run to tell of: what it is called, its looks, and where it came from."""

    name: str
    polls: Iterator[Poll]
    info: RunInfo | None = None
    run: PastRun | None = None

    def keep_report(self, update: Update) -> None:
        """Keep the report of a run that is over where its log is kept, unless a watch has done so."""
        from aibtui.outputs.report import report

        known = update.build.status
        if update.build.outcome == "running" or (known is not None and not known.terminal and known.run_state):
            return
        with suppress(OSError):  # the report can be made again
            if self.run is not None and self.run.cached is not None:
                self.run.cached.save_report({**report(update, self.run.target.id)})
            elif self.info is not None and kept_report(recordings(), self.info) is None:
                run = recordings().load(self.info)
                try:
                    run.save_report({**report(update, self.info.template_id)})
                finally:
                    run.close()


def past(argument: str, azure: AzureOptions, *, previous: bool = False) -> Past | None:
    """The run that an argument names; None where it is a file that is no grabbed run, or standard input.

    A group or a resource id says that a template is meant; else a recording comes first. Leaves with a clear word
    where there is no way to it.
    """
    by_template = azure.names_template(argument)
    if not by_template and (argument == "-" or Path(argument).exists()):
        if previous:
            raise click.UsageError("--previous goes with a template or a recorded run, not with a file.")
        return None if argument == "-" else _of_bundle(Path(argument))
    info = None if by_template else recordings().find(argument)
    if info is not None and previous:
        info = _older(info) or fail(
            f"No older run of {info.template} was recorded here.",
            f"Look for it on Azure with: aibtui explain {info.template_id} --previous",
            3,
        )
    if info is not None:
        return of_recording(info) if info.bytes or not azure.knows_group else _of_template(argument, azure, previous)
    if by_template or azure.knows_group:
        return _of_template(argument, azure, previous)
    if "/" in argument or "\\" in argument:
        return None
    fail(
        f"There is no file {argument}, and no recorded run of that name.",
        f"Check the path, show the runs with aibtui runs, or name the group of a template: {argument} -g GROUP",
        2,
    )


def of_recording(info: RunInfo) -> Past:
    """A recorded run; its last look ends the watch, even where the watch itself was broken off."""
    from aibtui.sources.whole import with_status

    kept = recordings().load(info)

    def looks() -> Iterator[Poll]:
        try:
            yield from with_status(kept.polls(), None)
        finally:
            kept.close()

    return Past(info.id, looks(), info=info)


def _of_bundle(path: Path) -> Past | None:
    """A grabbed run; None where the file is no zip."""
    from aibtui.sources.bundled import read_bundle

    whole = or_exit(lambda: read_bundle(path) if path.is_file() else None)
    return Past(path.name, whole.polls()) if whole else None


def _of_template(template: str, azure: AzureOptions, previous: bool) -> Past:
    """The last run of a template, or the one before: from Azure, else as it was recorded here."""
    from aibtui.sources import CannotWatch
    from aibtui.sources.past import post_mortem

    target = or_exit(lambda: azure.target(template))
    try:
        run = asyncio.run(post_mortem(target, azure.access(), previous=previous, cache=log_cache()))
    except KeyboardInterrupt:
        sys.exit(130)
    except CannotWatch as refusal:
        info = recorded(target, previous=previous)
        if info is None:
            fail(refusal.text, refusal.remedy, refusal.exit_code)
        narrate(f"{refusal.text} This is what was recorded here: {info.id}.")
        return of_recording(info)
    info = recorded(target, run) if run.note else None
    if info is not None and info.bytes:
        narrate(f"{run.note} The log is the one that was recorded here: {info.id}.")
        return of_recording(info)
    if run.note:
        narrate(run.note)
    return Past(run.name, run.polls(), run=run)


def recorded(target: Target, run: PastRun | None = None, *, previous: bool = False) -> RunInfo | None:
    """The newest recording of a template, or the one before; that of `run`, where it is given."""
    infos = recordings().of_template(target.id)
    if run is not None:
        infos = tuple(info for info in infos if info.started_at == run.status.started_at)
    return next(iter(infos[1:] if previous else infos), None)


def _older(info: RunInfo) -> RunInfo | None:
    infos = recordings().of_template(info.template_id)
    later = [each.id for each in infos].index(info.id)
    return infos[later + 1] if later + 1 < len(infos) else None
