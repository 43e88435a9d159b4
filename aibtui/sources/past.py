"""A run that nobody watched, after the fact: its log from the staging group, downloaded once, and its run state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from datetime import datetime

from msgspec import Struct

from aibtui.core.polls import Poll, Status
from aibtui.recording import LogCache
from aibtui.recording.cache import CachedLog
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access, Arm, load
from aibtui.sources.discovery import SLACK
from aibtui.sources.faults import Place
from aibtui.sources.run_list import RunFolder, Runs, folders_of, read_log, read_status, refused
from aibtui.sources.target import Target
from aibtui.sources.whole import PIECE, Whole

MOST_OLDER = 10
LARGEST_OLDER = 32 << 20
"""Bytes of a log that is fetched only to learn from it; real ones have 0.05 to 2.2 MB."""


class PastRun(Struct, frozen=True):
    """One run of a template: its log (empty where there is none), what the service says of it, its place in the cache.

    Of any run but the last `status` knows the template alone. `note` says in a sentence why there is no log.
    """

    target: Target
    log: bytes
    status: Status
    began_at: datetime | None = None
    cached: CachedLog | None = None
    note: str | None = None

    @property
    def name(self) -> str:
        """The template, and when the run's log began."""
        return f"{self.target.template} {self.began_at:%Y-%m-%dT%H:%M:%SZ}" if self.began_at else self.target.template

    def polls(self, piece: int = PIECE) -> Iterator[Poll]:
        """All of it as looks of `piece` bytes; the last one ends the watch."""
        return Whole(log=self.log, status=self.status).polls(piece)


async def older_runs(
    target: Target, access: Access, status: Status, cache: LogCache, *, pause: float = 0.0
) -> AsyncGenerator[PastRun, None]:
    """The runs before that of `status` whose logs still lie in the staging group, the newest first, one at a time.

    A log is downloaded once; one whose report is kept already is not given. Of the newest MOST_OLDER folders those with
    a log beyond LARGEST_OLDER are left out. `pause` is in seconds, between two of them. Raises CannotWatch (3, 4, 5).
    """
    await load()
    arm = Arm(access, target.subscription)
    try:
        folders = await folders_of(arm, target, status)
        began = status.started_at
        older = [folder for folder in folders if began is None or folder.began_at < began - SLACK][:MOST_OLDER]
        for folder in older:
            log = folder.log
            if log is None or not 0 < log.size <= LARGEST_OLDER:
                continue
            if cache.entry(folder.account.name, folder.folder).told(log.etag, log.size):
                continue
            data, cached = await _downloaded(arm, folder, cache)
            yield PastRun(target, data, _as_it_was(folder, status), folder.began_at, cached)
            await asyncio.sleep(pause)
    finally:
        await arm.close()


async def post_mortem(target: Target, access: Access, *, previous: bool = False, cache: LogCache) -> PastRun:
    """The last run of a template, or the one before. Raises CannotWatch where there is none, or no way to it.

    A last run whose log cannot be had still has a state; a previous one is known by its log alone.
    """
    await load()
    arm = Arm(access, target.subscription)
    try:
        status = await read_status(arm, target)
        if status.run_state is None and status.provisioning_state not in ("Failed", "Canceled"):
            text = f"The image template {target.template} never ran."
            raise CannotWatch(text, f"Wait for its first run with: aibtui watch {target.id}", 3)
        try:
            runs = Runs(status, await folders_of(arm, target, status))
        except CannotWatch as refusal:
            if previous:
                raise
            return PastRun(target, b"", status, note=f"{refusal.text} {refusal.remedy}")
        folder = _before(runs) if previous else runs.last
        if folder is None or folder.log is None:
            return _without_log(target, status, previous=previous)
        log, cached = await _downloaded(arm, folder, cache)
        known = _as_it_was(folder, status) if previous else status
        return PastRun(target, log, known, folder.began_at, cached)
    finally:
        await arm.close()


def _before(runs: Runs) -> RunFolder | None:
    """The newest folder that is older than the last run, which may have left none."""
    last, started_at = runs.last, runs.status.started_at
    for folder in runs.folders:
        if folder.log is None or folder == last:
            continue
        if last is not None and folder.began_at <= last.began_at:
            return folder
        if last is None and (started_at is None or folder.began_at < started_at):
            return folder
    return None


def _as_it_was(folder: RunFolder, status: Status) -> Status:
    """What is known of a run that is not the last one: its template, whose customizers cannot be changed."""
    return Status(started_at=folder.began_at, template=status.template)


def _without_log(target: Target, status: Status, *, previous: bool) -> PastRun:
    if previous:
        text = f"There is no older run of the template {target.template} in its staging group."
        raise CannotWatch(text, f"Show what is there with: aibtui runs {target.id} --remote", 3)
    note = "This run has left no log in the staging group: it ended before Packer began, or its log was deleted."
    return PastRun(target, b"", status, note=note)


async def _downloaded(arm: Arm, folder: RunFolder, cache: LogCache) -> tuple[bytes, CachedLog]:
    """The log of a folder, from the cache where the blob is still the same. Raises CannotWatch (4, 5)."""
    cached = cache.entry(folder.account.name, folder.folder)
    log = folder.log
    known = cached.read(log.etag, log.size) if log else None
    if known is not None:
        return known, cached
    try:
        data = await read_log(arm, folder)
    except Exception as error:  # one boundary for what SDK and proxies may raise: it is told in one sentence
        name = folder.account.name
        place = Place("log", "the log", f"the storage account {name}", "Storage Blob Data Reader")
        raise refused(error, place) from error
    if log is not None and len(data) == log.size:  # else it grew meanwhile, and has another ETag
        with suppress(OSError):  # a disk that refuses costs another download, nothing else
            cached.store(data, log.etag)
    return data, cached
