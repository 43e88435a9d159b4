"""Which run is collected, and how far that has come."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from aibtui.core.polls import Status
from aibtui.recording import Recordings, RunInfo, run_id
from aibtui.sources import CannotWatch
from aibtui.sources.target import Target

_SAME_START = timedelta(seconds=1)


class Grabbed(Struct, frozen=True):
    """What came of it: the folder, the zip, how many files, what is missing, and the exit code that it deserves."""

    folder: Path
    archive: Path
    files: int
    hidden: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    exit_code: int


class Progress(Struct, frozen=True):
    """What is being done, with the bytes of it where they are known; the last one has `grabbed`."""

    text: str
    done: int | None = None
    total: int | None = None
    grabbed: Grabbed | None = None


class ChosenRun(Struct, frozen=True):
    """The run that is collected. `known` is what is known of its state, `service` what the template says now.

    `info` is its recording. Of a run that is not the template's last one the service tells nothing but its logs.
    """

    id: str
    template_id: str
    began: datetime | None
    info: RunInfo | None = None
    known: Status | None = None
    service: Status | None = None

    @property
    def is_last(self) -> bool:
        """The template's last run."""
        return self.service is not None and _same(self.began, self.service.started_at)

    @property
    def over(self) -> bool:
        """Nothing of it will change any more."""
        return self.known is not None and (self.known.terminal or self.known.deleted)

    @property
    def staging(self) -> str | None:
        """The full id of the staging group."""
        template = (self.service or self.known or Status()).template
        return template.staging_group if template else None


def choose(target: Target | None, info: RunInfo | None, service: Status | None, recordings: Recordings) -> ChosenRun:
    """The recorded run of `info`, else the last run of the template. Raises CannotWatch (3) where it never ran."""
    template_id = target.id if target else info.template_id if info else ""
    if info is None:
        if service is None or service.started_at is None:
            name = target.template if target else ""
            text = f"The image template {name} never ran: there is nothing to grab."
            raise CannotWatch(text, f"Wait for its first run with: aibtui watch {template_id}", 3)
        found = (each for each in recordings.of_template(template_id) if _same(each.started_at, service.started_at))
        info = next(found, None)
        name = info.id if info else run_id(template_id, service.started_at)
        return ChosenRun(name, template_id, service.started_at, info, service, service)
    if service is not None and _same(info.started_at, service.started_at):
        return ChosenRun(info.id, template_id, info.started_at, info, service, service)
    return ChosenRun(info.id, template_id, info.started_at, info, recorded_status(info, recordings), service)


def recorded_status(info: RunInfo, recordings: Recordings) -> Status | None:
    """The newest state that a recording holds."""
    status: Status | None = None
    run = recordings.load(info)
    try:
        for poll in run.polls():
            status = poll.status or status
    finally:
        run.close()
    return status


def as_json(value: object) -> bytes:
    """A value as a file of JSON; times as the service writes them."""
    return json.dumps(value, indent=1, default=_plain).encode() + b"\n"


def _plain(value: object) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)


def _same(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) < _SAME_START
