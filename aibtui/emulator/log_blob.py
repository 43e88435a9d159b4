"""customization.log as a blob: what it holds at a time, in each of the ways in which the service may write it."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from msgspec import Struct

from aibtui.emulator.run import Run

BlobMode = Literal["append", "rewrite", "replace-shorter", "vanish", "only-at-end"]
_EXPORT_STARTS = 4.0
"""Seconds from Packer's first line until the blob is there, unless told otherwise."""
_KEPT = 45.0
_STARTUP = 3.0


class BlobState(Struct, frozen=True):
    """A blob at one time."""

    name: str
    data: bytes | memoryview
    etag: str
    created: datetime
    modified: datetime
    type: Literal["AppendBlob", "BlockBlob"]


class LogBlob:
    """The log of one run in the container `packerlogs`, flushed every `lag` seconds.

    append: it grows. rewrite: it is uploaded whole at each flush, with a new ETag. replace-shorter: `moment` seconds
    after the run's start another, shorter blob takes its place. only-at-end: it appears when Packer has ended.
    (vanish is the staging group's affair: the blob appends until it is gone.)
    """

    def __init__(self, run: Run, mode: BlobMode, lag: float, appears_after: float | None, moment: float | None) -> None:
        self._run = run
        self._mode = mode
        self._lag = lag
        self._appears_after = appears_after
        self._moment = moment

    def at(self, now: datetime) -> BlobState | None:
        """The blob as a reader sees it now; None as long as there is none."""
        run = self._run
        began, ended = run.timeline.began, run.timeline.ended
        if began is None or ended is None:
            return None
        elapsed = run.elapsed(now)
        appears = began + _EXPORT_STARTS if self._appears_after is None else self._appears_after
        if self._mode == "only-at-end":
            appears = max(appears, self._flush_after(ended))
        if elapsed < appears:
            return None
        flushed = max(self._flush_before(elapsed), appears)
        if self._mode == "replace-shorter" and flushed >= self._replaced_at:
            return self._state(self._replacement(flushed), flushed, self._replaced_at, "other")
        return self._state(run.log(flushed), flushed, appears, "first")

    @property
    def _replaced_at(self) -> float:
        if self._moment is not None:
            return self._moment
        began, ended = self._run.timeline.began or 0.0, self._run.timeline.ended or 0.0
        return (began + ended) / 2

    @cached_property
    def _other(self) -> tuple[tuple[float, bytes], ...]:
        """Another log: under another guid, and without most of what was before the replacement."""
        lines = self._run.told(self._run.scenario.id(f"replacement-{self._run.number}")).lines
        head = lines[0][0] + _STARTUP
        return tuple((at, line) for at, line in lines if at <= head or at >= self._replaced_at - _KEPT)

    def _replacement(self, elapsed: float) -> bytes:
        return b"".join(line for at, line in self._other if at <= elapsed)

    def _flush_before(self, elapsed: float) -> float:
        return math.floor(elapsed / self._lag) * self._lag if self._lag else elapsed

    def _flush_after(self, elapsed: float) -> float:
        return math.ceil(elapsed / self._lag) * self._lag if self._lag else elapsed

    def _state(self, data: bytes | memoryview, flushed: float, created: float, which: str) -> BlobState:
        run = self._run
        if self._mode == "rewrite":
            ended = self._flush_after(run.timeline.ended or 0.0)
            modified = min(flushed, max(ended, created))
            version = f"{which}:{modified}"
        else:
            modified = max(created, self._flush_after(run.written_at(flushed) or 0.0))
            version = f"{which}:{len(data)}"
        digest = hashlib.sha256(f"{run.folder}:{version}".encode()).hexdigest()
        return BlobState(
            name=run.log_name,
            data=data,
            etag=f'"0x8DE{digest[:13].upper()}"',
            created=run.started_at + timedelta(seconds=created),
            modified=run.started_at + timedelta(seconds=modified),
            type="BlockBlob" if self._mode == "rewrite" else "AppendBlob",
        )
