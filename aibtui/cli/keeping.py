"""What is left behind after a watch: the report beside its recording, and no more recordings than there is room for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from aibtui.recording import Pruned, Recordings
    from aibtui.session import Watch


def keep_report(watch: Watch, target: str) -> None:
    """Put the report of a watch that saw the end into its recording."""
    from aibtui.outputs.report import report

    last = watch.last
    if last is None or not last.ended or not watch.run.kept:
        return
    with suppress(OSError):  # the report can be made again from the recording
        watch.run.save_report({**report(last, target)})


def earlier_reports(recordings: Recordings) -> Iterator[Mapping[str, Any]]:
    """The reports of all runs that were watched here or whose logs were downloaded, each run once."""
    from aibtui.recording import LogCache, default_state_dir

    seen: set[tuple[object, object]] = set()
    for report in chain(recordings.reports(), LogCache(default_state_dir(os.environ)).reports()):
        run = (report.get("source"), report.get("started_at"))
        if run not in seen:
            seen.add(run)
            yield report


def prune(recordings: Recordings, keep: Collection[str] = ()) -> tuple[Pruned, ...]:
    """Remove recordings and downloaded logs that are beyond the limits, but for those of the ids in `keep`."""
    from aibtui.recording import LogCache, default_state_dir

    return (*recordings.prune(keep=keep), *LogCache(default_state_dir(os.environ)).prune())


def make_room(recordings: Recordings, keep: Collection[str]) -> None:
    """Prune after a watch, and say so where something went."""
    if gone := prune(recordings, keep):
        from aibtui.wording import count, size

        freed = size(sum(each.bytes for each in gone))
        click.echo(f"aibtui: removed {count(len(gone), 'old recording')}, {freed}, to make room for new ones", err=True)
