"""What a pipeline's task prints while it runs a build: Azure DevOps, and GitHub, whose logs have the same form.

It is not Packer's log. It names the template, quotes what the service answered, and says how the run ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.lines import Block, Line, Lines, parse_line
from aibtui.core.polls import Status, Template
from aibtui.core.regex import regex
from aibtui.core.rulebook import Where

_STAMP = regex(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z ?")
_TEMPLATE = regex(r"template name:\s+(\S+)", re.IGNORECASE)
_STARTING = regex(r"starting (put|run) template\b", re.IGNORECASE)
_RUN_ENDED = regex(r"run template:\s+(Succeeded|PartiallySucceeded|Failed|Canceled)\b", re.IGNORECASE)
_CALL_FAILED = regex(
    r"(?:##\[error\])?(?:Error: )?(put|post|run) template call failed for template (\S+) with error: "
    r"(.*?)(?:\s*\(CODE: \d+\))?\s*$",
    re.IGNORECASE,
)
_ERROR = regex(r"##\[error\]\s*(?:Error: )?(.*)")
_JOB_CANCELED = regex(
    r"the operation (?:was|has been|will be) cancell?ed"
    r"|(?:ran longer than|exceeded) the maximum (?:execution )?time|the job .*cancell?ed",
    re.IGNORECASE,
)
_MAXIMUM = regex(r"##\[error\].* the maximum (?:execution )?time of (\d+) minutes", re.IGNORECASE)
_RUN_STATES = {state.lower(): state for state in ("Succeeded", "PartiallySucceeded", "Failed", "Canceled")}


class Said(Struct, frozen=True):
    """A line of the task; `place` tells what it quotes of the service in `quoted`, if it does."""

    line: Line
    place: Where | None = None
    quoted: str = ""


class Task:
    """Reads the console of a task. `status` is the run as the task tells it; None before it tells anything."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self.bytes = 0
        self._lines = Lines()
        self._began: datetime | None = None
        self._at: datetime | None = None
        self._limit: timedelta | None = None

    @property
    def lines(self) -> int:
        """Lines so far."""
        return self._lines.count

    @property
    def ran(self) -> timedelta | None:
        """How long the job ran until the newest line: by its limit where the agent names it, else by its stamps."""
        if self._limit is not None or self._at is None or self._began is None:
            return self._limit
        return self._at - self._began

    def feed(self, data: bytes) -> Iterator[Said]:
        """Take more bytes; the lines that they end."""
        self.bytes += len(data)
        return self._read(self._lines.feed(data))

    def finish(self) -> Iterator[Said]:
        """The log is over: what is left is its last line."""
        return self._read(self._lines.finish())

    def _read(self, block: Block | None) -> Iterator[Said]:
        if block is None:
            return
        for place, raw in enumerate(block.data.removesuffix(b"\n").split(b"\n")):
            if b"PACKER" in raw and parse_line(raw, 1).stream != "raw":
                continue  # Packer's own lines, where the task prints its log too
            text = raw.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r")
            stamp = _STAMP.match(text)
            if stamp:
                self._at = _time(stamp[1]) or self._at
                self._began = self._began or self._at
                text = text[stamp.end() :]
            yield self._hear(Line(block.first_line + place, self._at, "raw", text))

    def _hear(self, line: Line) -> Said:
        known = self.status or Status()
        if named := _TEMPLATE.match(line.text):
            self.status = _named(known, named[1])
        elif starting := _STARTING.match(line.text):
            # A run starts the clock anew; what failed before it was tried again.
            is_run = starting[1].lower() == "run"
            self.status = Status(started_at=line.at if is_run else None, template=known.template)
        elif ended := _RUN_ENDED.match(line.text):
            state = _RUN_STATES[ended[1].lower()]
            self.status = replace(known, run_state=state, ended_at=line.at, message=None, provisioning_error=None)
        elif failed := _CALL_FAILED.match(line.text):
            put, quoted = failed[1].lower() == "put", failed[3]
            told = _named(replace(known, ended_at=line.at), failed[2])
            if put:
                self.status = replace(told, provisioning_state="Failed", provisioning_error=quoted)
            else:
                self.status = replace(told, run_state="Failed", message=quoted)
            return Said(line, "provisioning" if put else "message", quoted)
        elif maximum := _MAXIMUM.match(line.text):
            self._limit = timedelta(minutes=int(maximum[1]))
        elif (error := _ERROR.match(line.text)) and not _JOB_CANCELED.search(error[1]):
            if not known.terminal:  # the first error is the reason; those after it are about the pipeline
                self.status = replace(known, run_state="Failed", ended_at=line.at, message=error[1])
            return Said(line, "message", error[1])
        return Said(line)


def _named(status: Status, name: str) -> Status:
    return replace(status, template=status.template or Template(id="", name=name))


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
