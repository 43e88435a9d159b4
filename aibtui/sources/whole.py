"""What `explain` is given, told by its content: Packer's log, a pipeline's log, a run's state as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.lines import parse_line, stamp_before
from aibtui.core.polls import Chunk, LogName, Poll, Status
from aibtui.core.status import status_from_run, status_from_template
from aibtui.sources import CannotWatch

PIECE = 8 << 20  # bytes of a log that one look has
_LOOKED_AT = 1000
_END = 512 * 1024  # a pipeline's log has a task's own lines near its beginning and its end, if not all over
_PACKER = re.compile(rb"[^\n]*\bPACKER\b[^\n]*")
_TASK = re.compile(
    rb"(?m)^(?:\xef\xbb\xbf)?(?:\d{4}-\d\d-\d\dT[\d:.]+Z )?"
    rb"(?:##\[(?:error|warning|section|command|debug|group)\]|(?i:template name:|(?:starting )?(?:put|run) template\b))"
)
_IMAGE_BUILDER = re.compile(rb"(?i)image ?builder|imagetemplates|template name:|(?:put|run|post) template|packer")
_TASK_STAMP = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z ")
_SAVE_STATE = "Save the state of a run with: az image builder show -g GROUP -n TEMPLATE -o json"


class Whole(Struct, frozen=True):
    """What there is of a run: Packer's log, a pipeline's log (one file may be both), its state."""

    log: bytes = b""
    task: bytes = b""
    status: Status | None = None

    def polls(self, piece: int = PIECE) -> Iterator[Poll]:
        """All of it as looks of `piece` bytes, each at the time of its last stamp; the last one ends the watch."""
        at = self._ended_at()
        logs: tuple[tuple[LogName, bytes], ...] = (("customization.log", self.log), ("devops.log", self.task))
        for name, data in logs:
            for offset in range(0, len(data), piece):
                part = data[offset : offset + piece]
                if name == "customization.log":
                    at = stamp_before(part, 0, len(part)) or at
                yield Poll(at, chunks=(Chunk(name, 0, offset, part),), log_read=True)
        yield Poll(at, status=self.status, log_read=True, ended=True)

    def _ended_at(self) -> datetime:
        """When what is told here was so, as far as that is known; else now."""
        stamps = [_time(stamp[1].decode()) for stamp in _TASK_STAMP.finditer(self.task)]
        by_service = self.status.ended_at if self.status else None
        return next(filter(None, reversed(stamps)), None) or by_service or datetime.now(UTC)


def whole_of(data: bytes, name: str) -> Whole:
    """Tell what `data` is; `name` is what the user calls it. Raises CannotWatch (2) for anything else."""
    packer = _speaks_packer(data)
    if not packer and data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        known = _json(data)
        if known is not None:
            return Whole(status=_status_of(known, name))
    ends = data if len(data) <= 2 * _END else data[:_END] + b"\n" + data[-_END:]
    task = _TASK.search(ends)
    if task and (packer or _IMAGE_BUILDER.search(ends)):
        return Whole(log=data if packer else b"", task=data)
    if packer:
        return Whole(log=data)
    if task:
        text = f"{name} is a pipeline's log, but no task in it speaks of Image Builder."
        raise CannotWatch(text, "Save the log of the task or step that runs the image build.", 2)
    raise CannotWatch(
        f"{name} is no customization.log, no log of a pipeline's task and no state of a run.",
        "Name a customization.log as the service wrote it, or a recorded run (aibtui runs).",
        2,
    )


def with_status(polls: Iterator[Poll], status: Status | None) -> Iterator[Poll]:
    """The looks of a run whose last one ends the watch, with what is known of its state besides."""
    before = next(polls, None)
    if before is None:
        return
    for poll in polls:
        yield replace(before, ended=False)
        before = poll
    if before.ended and status is None:
        yield before
        return
    yield replace(before, ended=False)
    yield Poll(before.at, status=status, log_read=True, ended=True)


def read_status(path: Path) -> Status:
    """A saved `lastRunStatus`, template, or output of `az image builder show`. Raises CannotWatch (2)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        text = f"{path} cannot be read: {error.strerror or error}."
        raise CannotWatch(text, "Name a file with the run's state.", 2) from error
    known = _json(data)
    if known is None:
        raise CannotWatch(f"{path} is no JSON.", _SAVE_STATE, 2)
    return _status_of(known, str(path))


def _speaks_packer(data: bytes) -> bool:
    """Whether a line has Packer's prefix; the word alone may stand in any text."""
    for count, found in enumerate(_PACKER.finditer(data)):
        if parse_line(found.group(), 1).stream != "raw":
            return True
        if count >= _LOOKED_AT:
            break
    return False


def _json(data: bytes) -> object | None:
    try:
        known: object = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return known


def _status_of(known: object, name: str) -> Status:
    if isinstance(known, Sequence) and not isinstance(known, str):
        entries = [entry for entry in known if isinstance(entry, Mapping)]
        if len(entries) == 1 and not _is_run_output(entries[0]):
            known = entries[0]
        elif entries and not any(map(_is_run_output, entries)):
            raise CannotWatch(f"{name} is a list of {len(entries)} objects, not one run.", _SAVE_STATE, 2)
        elif entries:
            known = entries[0]
    if not isinstance(known, Mapping):
        raise CannotWatch(f"{name} is JSON, but holds no run and no template.", _SAVE_STATE, 2)
    if _is_run_output(known):
        text = f"{name} lists the outputs of a run (az image builder show-runs), which say nothing of how a run went."
        raise CannotWatch(text, _SAVE_STATE, 2)
    if "runState" in known:
        return status_from_run(known)
    properties = known.get("properties")
    template = {**known, **properties} if isinstance(properties, Mapping) else known
    if template.keys() & {"lastRunStatus", "provisioningError", "buildTimeoutInMinutes"} or _is_template(known):
        return status_from_template(known)
    error = known.get("error")
    if isinstance(error, Mapping) and isinstance(error.get("message"), str):  # what the operation of a run ends with
        code = error.get("code")
        return Status(run_state="Failed", message=f"{code}: {error['message']}" if code else error["message"])
    raise CannotWatch(f"{name} is JSON, but neither a run's state nor an image template.", _SAVE_STATE, 2)


def _is_template(known: Mapping[str, object]) -> bool:
    return str(known.get("type", "")).lower().endswith("/imagetemplates")


def _is_run_output(known: Mapping[str, object]) -> bool:
    return str(known.get("type", "")).lower().endswith("/runoutputs") or "/runoutputs/" in str(known.get("id")).lower()


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
