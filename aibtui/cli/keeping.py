"""What is left behind after a watch: the report beside its recording, and no more recordings than there is room for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Collection

    from aibtui.config import Config
    from aibtui.recording import LogCache, Pruned, Recordings, RunInfo
    from aibtui.session import Watch

Report = Mapping[str, Any]


def keep_report(watch: Watch, target: str) -> None:
    """Put the report of a watch that saw the end into its recording."""
    from aibtui.outputs.report import report

    last = watch.last
    if last is None or not last.ended or not watch.run.kept:
        return
    with suppress(OSError):  # the report can be made again from the recording
        watch.run.save_report({**report(last, target)})


def kept_report(recordings: Recordings, info: RunInfo) -> Report | None:
    """The report of a recorded run; None where there is none, or where the log has grown since it was made."""
    report = recordings.report(info)
    return report if report is not None and report.get("bytes") == info.bytes else None


def earlier_reports(recordings: Recordings) -> Iterator[Report]:
    """The reports of all runs that were watched here or whose logs were downloaded, each run once."""
    return once_each(chain(recordings.reports(), log_cache().reports()))


def once_each(reports: Iterable[Report]) -> Iterator[Report]:
    """Each run once, by the report that knows most of its log."""
    best: dict[tuple[str, object], Report] = {}
    for report in reports:
        run = (str(report.get("source")).lower(), report.get("started_at"))
        known = best.get(run)
        if known is None or (report.get("bytes") or 0) > (known.get("bytes") or 0):
            best[run] = report
    yield from best.values()


def log_cache() -> LogCache:
    """The logs of earlier runs that this user has downloaded."""
    from aibtui.recording import LogCache, default_state_dir

    return LogCache(default_state_dir(os.environ))


def prune(recordings: Recordings, config: Config, keep: Collection[str] = ()) -> tuple[Pruned, ...]:
    """Remove recordings and downloaded logs that are beyond the limits, but for those of the ids in `keep`."""
    age, size = config.keep
    return (*recordings.prune(age, size, keep), *log_cache().prune(age, size))


def make_room(recordings: Recordings, config: Config, keep: Collection[str]) -> None:
    """Prune after a watch, and say so where something went."""
    if gone := prune(recordings, config, keep):
        from aibtui.wording import count, size

        freed = size(sum(each.bytes for each in gone))
        click.echo(f"aibtui: removed {count(len(gone), 'old recording')}, {freed}, to make room for new ones", err=True)
