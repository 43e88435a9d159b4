"""A log that is over, or as much as there is of one, as Polls; and a run state that was saved as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aibtui.core.lines import stamp_before
from aibtui.core.polls import Chunk, Poll, Status
from aibtui.core.status import status_from_run, status_from_template
from aibtui.sources import CannotWatch

_STEP = 1 << 20
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def polls_of(data: bytes, status: Status | None = None) -> Iterator[Poll]:
    """The bytes of a log in pieces, each looked at when its last line was written; the last Poll ends the watch."""
    at = _LONG_AGO
    for offset in range(0, len(data), _STEP):
        piece = data[offset : offset + _STEP]
        at = stamp_before(piece, 0, len(piece)) or at
        yield Poll(at, chunks=(Chunk("customization.log", 0, offset, piece),), log_read=True)
    yield Poll(at, status=status, log_read=True, ended=True)


def read_status(path: Path) -> Status:
    """A saved `lastRunStatus`, template, or output of `az image builder show`. Raises CannotWatch (2)."""
    try:
        known = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CannotWatch(
            f"{path} cannot be read: {error.strerror}.", "Name a file with the run's state.", 2
        ) from error
    except ValueError as error:
        raise CannotWatch(f"{path} is no JSON: {error}.", "Save it with: az image builder show -o json", 2) from error
    if not isinstance(known, Mapping):
        raise CannotWatch(f"{path} holds no JSON object.", "Save it with: az image builder show -o json", 2)
    return status_from_run(known) if "runState" in known else status_from_template(known)
