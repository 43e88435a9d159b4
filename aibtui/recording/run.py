"""One run on disk: run.json, polls.jsonl and the logs, appended while it is watched, read by whoever shows it.

It knows bytes and Polls, not what they mean.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from aibtui.core.polls import Chunk, LogName, Poll, Status
from aibtui.recording.codec import Entry, Span, from_line, to_line
from aibtui.recording.files import open_for_append, open_for_reading, read_at, replace_file, try_lock
from aibtui.recording.log_file import LogFile
from aibtui.recording.merge import CONTAINER, Merge

LOG: LogName = "customization.log"
REPORT = "report.json"
REPORT_MAX = 64 << 20
TAIL = 512  # bytes before the resume offset: they prove that the blob is still the same, and show an end marker
HELD_MAX = 64 << 20  # bytes kept in memory while the disk refuses them
_CHUNK_MAX = 4 << 20
_SCHEMA = "aibtui.run/1"


class RunTaken(Exception):
    """Another process records this run."""


class Cursor(Struct, frozen=True):
    """Where to go on reading: `offset` bytes of `generation` are held, `tail` are the last of them (512 at most)."""

    offset: int = 0
    tail: bytes = b""
    generation: int = 0


class RunInfo(Struct, frozen=True):
    """What run.json says of a run. `bytes` is the size of its customization.log."""

    id: str
    path: Path
    template_id: str
    template: str
    started_at: datetime | None
    run_state: str | None = None
    ended_at: datetime | None = None
    bytes: int = 0


class _Write(Struct, frozen=True):
    log: LogName | None  # None is polls.jsonl
    data: bytes


class _Rotate(Struct, frozen=True):
    log: LogName


class Run:
    """A recording. With `writable`, it is locked for this process (RunTaken where it is not free) and brought in order.

    `note` says in a sentence why it is not kept, if it is not. `temporary` is a folder that goes with it; without
    `lasting` the recordings that it is one of are temporary. `told` is the last look that was appended, as it is read:
    the logs of blob and container as one. Raises OSError.
    """

    def __init__(
        self,
        info: RunInfo,
        *,
        writable: bool,
        note: str | None = None,
        temporary: TemporaryDirectory[str] | None = None,
        on_disk: bool = True,
        lasting: bool = True,
    ) -> None:
        self.info = info
        self.note = note
        self._temporary = temporary
        self._lasting = lasting and temporary is None
        self._directory = info.path if on_disk else None
        self._queue: deque[_Write | _Rotate] = deque()
        self._held = 0
        self._lost = False
        self._known: Status | None = None
        self._polls = -1
        self._logs: dict[LogName, LogFile] = {}
        self._ends: dict[LogName, tuple[int, int]] = {}  # generation and size, with what still waits to be written
        self._merge = Merge(self._recorded)
        self.told: Poll | None = None
        try:
            self._open(writable)
        except BaseException:
            self.close()
            raise

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def path(self) -> Path:
        """The customization.log of this run."""
        return self.info.path / LOG

    @property
    def size(self) -> int:
        """Bytes of the log, the newest generation: those of the blob, and what the container said beyond them."""
        return self._merge.size

    @property
    def generation(self) -> int:
        """How often the log was replaced by another one."""
        return self._merge.generation

    @property
    def kept(self) -> bool:
        """The bytes outlive this process, and none waits for a disk that refuses them."""
        return self._lasting and self._directory is not None and not self._queue and not self._lost

    def append(self, poll: Poll) -> None:
        """Record a look: its bytes, then the line that names them.

        Raises OSError where the disk refuses; nothing is lost then, what could not be written is held in memory and
        goes out with the next append. Raises ValueError for a chunk that leaves a gap.
        """
        self.told = poll
        if not self._lost:
            chunks = tuple(filter(None, (self._take(chunk) for chunk in poll.chunks)))
            line = to_line(replace(poll, chunks=chunks), self._known)
            self._hold(_Write(None, line), len(line))
            self.told = replace(poll, chunks=self._merge.take(chunks))
        ran = self._known
        self._known = poll.status or self._known
        self._flush()
        if self._known and (ran is None or _said(ran) != _said(self._known)):
            self._write_info(self._known)

    def polls(self) -> Iterator[Poll]:
        """Every recorded look again, with its bytes, in order, and as it was told then."""
        return self._retold(Merge(self._recorded))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the log as it is now; fewer where it ends."""
        if self._merge.joined:
            return self._merge.read(offset, length)
        return self._read(LOG, offset, length)

    def cursor(self, log: LogName = LOG) -> Cursor:
        """Where a source goes on reading."""
        generation, size = self._ends[log]
        return Cursor(size, self._read(log, max(0, size - TAIL), TAIL), generation)

    def save_report(self, report: Mapping[str, object]) -> None:
        """Keep the report of the run beside its log, as a whole or not at all. Raises OSError."""
        if self._directory is None:
            raise OSError("there is no folder to record in")
        save_report(self._directory, report)

    def close(self) -> None:
        """Write what still waits, if the disk takes it, and let go of the files."""
        try:
            self._flush()
        except OSError:
            self._queue.clear()
        for log in self._logs.values():
            log.close()
        if self._polls >= 0:
            os.close(self._polls)
            self._polls = -1
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _retold(self, merge: Merge) -> Iterator[Poll]:
        for entry in self._entries():
            chunks = []
            for span in entry.spans:
                data = self._logs[span.log].read_span(span)
                if len(data) < span.length:
                    return
                chunks.append(Chunk(span.log, span.generation, span.offset, data))
            yield replace(entry.poll, chunks=merge.take(chunks))

    def _recorded(self, span: Span) -> bytes:
        if span.generation == self._ends[span.log][0]:
            return self._read(span.log, span.offset, span.length)
        return self._logs[span.log].read_span(span)

    def _read(self, name: LogName, offset: int, length: int) -> bytes:
        data, held = self._newest(name)
        part = data.read(offset, length)
        if held and len(part) < length:
            start = offset + len(part) - data.size
            part += held[max(start, 0) : max(start, 0) + length - len(part)]
        return part

    def _open(self, writable: bool) -> None:
        if self._directory is not None:
            path = self._directory / "polls.jsonl"
            self._polls = open_for_append(path) if writable else open_for_reading(path)
            # A run that was pruned in this very moment has a file without a name: nobody would find it again.
            if writable and (not try_lock(self._polls) or os.fstat(self._polls).st_nlink == 0):
                raise RunTaken(self.id)
        self._logs = {name: LogFile(self._directory, name, writable=writable) for name in get_args(LogName)}
        self._ends = {name: (log.generation, log.size) for name, log in self._logs.items()}
        if writable and self._directory is not None:
            self._repair()
            told = self._known.run_state if self._known else self.info.run_state
            if not (self._directory / "run.json").exists() or told != self.info.run_state:
                self._write_info(self._known)  # a kill came between the look and its word here
        self._join()

    def _join(self) -> None:
        """Know the logs as one, as far as they are recorded."""
        generation, size = self._ends[LOG]
        if self._ends[CONTAINER][1]:
            for _ in self._retold(self._merge):
                pass
        elif size or generation:
            self._merge.take((Chunk(LOG, generation, size, b""),))

    def _repair(self) -> None:
        """After a kill: drop the line that was torn, name the bytes that no line names yet."""
        named: dict[LogName, tuple[int, int]] = {}
        end = 0
        at = self.info.started_at or datetime.now(UTC)
        for entry in self._entries():
            if not all(self._logs[span.log].holds(span) for span in entry.spans):
                break
            named.update({span.log: (span.generation, span.end) for span in entry.spans})
            end += self._entry_length
            at = entry.poll.at
            self._known = entry.poll.status or self._known
        if end < os.fstat(self._polls).st_size:
            os.ftruncate(self._polls, end)
        unnamed = [span for log in self._logs.values() for span in _unnamed(log, named.get(log.name, (0, 0)))]
        if unnamed:
            chunks = tuple(Chunk(s.log, s.generation, s.offset, self._logs[s.log].read_span(s)) for s in unnamed)
            line = to_line(Poll(at=at, chunks=chunks, log_read=True, pause=timedelta()), self._known)
            self._hold(_Write(None, line), len(line))
            self._flush()

    def _entries(self) -> Iterator[Entry]:
        """The lines of polls.jsonl up to the first torn one. `_entry_length` is the length of the one just given."""
        if self._polls < 0:
            return
        known: Status | None = None
        offset = 0
        rest = b""
        while part := read_at(self._polls, offset, 1 << 20):
            offset += len(part)
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                try:
                    entry = from_line(line, known)
                except ValueError:
                    return
                known = entry.poll.status or known
                self._entry_length = len(line) + 1
                yield entry

    def _take(self, chunk: Chunk) -> Chunk | None:
        """Queue the bytes of a chunk that are not held yet; the chunk as it is recorded, None where all of it is."""
        generation, size = self._ends[chunk.log]
        if chunk.generation < generation:
            return None
        while generation < chunk.generation:
            self._hold(_Rotate(chunk.log), 0)
            generation, size = generation + 1, 0
        if chunk.offset > size:
            raise ValueError(f"{chunk.log}: a gap between {size} and {chunk.offset}")
        data = chunk.data[size - chunk.offset :]
        if not data and chunk.data:
            return None
        self._ends[chunk.log] = (generation, size + len(data))
        self._hold(_Write(chunk.log, data), len(data))
        return Chunk(chunk.log, generation, size, data)

    def _hold(self, operation: _Write | _Rotate, length: int) -> None:
        self._queue.append(operation)
        self._held += length
        self._lost = self._lost or (self._held > HELD_MAX + _CHUNK_MAX)

    def _flush(self) -> None:
        while self._queue:
            match self._queue[0]:
                case _Rotate(log):
                    self._logs[log].rotate()
                case _Write(None, data):
                    if self._directory is None:
                        raise OSError("there is no folder to record in")
                    self._written(data, os.write(self._polls, data))
                    continue
                case _Write(log, data) if log is not None:
                    self._written(data, self._logs[log].write(data))
                    continue
            self._queue.popleft()

    def _written(self, data: bytes, length: int) -> None:
        first = self._queue.popleft()
        self._held -= length
        if length < len(data) and isinstance(first, _Write):
            self._queue.appendleft(_Write(first.log, data[length:]))

    def _newest(self, name: LogName) -> tuple[LogFile, bytes]:
        """The file of the newest generation, and its bytes that still wait to be written."""
        log = self._logs[name]
        if not self._queue:
            return log, b""
        if any(isinstance(operation, _Rotate) and operation.log == name for operation in self._queue):
            log = LogFile(None, name, writable=False)
        held: list[bytes] = []
        for operation in self._queue:
            match operation:
                case _Rotate(rotated) if rotated == name:
                    held.clear()
                case _Write(written, data) if written == name:
                    held.append(data)
        return log, b"".join(held)

    def _write_info(self, status: Status | None) -> None:
        self.info = replace(
            self.info,
            run_state=status.run_state if status else self.info.run_state,
            ended_at=status.ended_at if status else self.info.ended_at,
        )
        if self._directory is not None:
            entry = {"schema": _SCHEMA, **asdict(self.info)}
            entry |= {key: value.isoformat() for key, value in entry.items() if isinstance(value, datetime)}
            del entry["path"], entry["bytes"]
            replace_file(self._directory / "run.json", json.dumps(entry, indent=1).encode() + b"\n")


def read_info(directory: Path) -> RunInfo | None:
    """The run in `directory`; None where there is no run.json or not one of ours."""
    try:
        entry = json.loads((directory / "run.json").read_bytes())
        started, ended = entry["started_at"], entry["ended_at"]
        log = directory / LOG
        return RunInfo(
            id=directory.name,
            path=directory,
            template_id=str(entry["template_id"]),
            template=str(entry["template"]),
            started_at=started and datetime.fromisoformat(started),
            run_state=entry["run_state"],
            ended_at=ended and datetime.fromisoformat(ended),
            bytes=log.stat().st_size if log.exists() else 0,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save_report(directory: Path, report: Mapping[str, object]) -> None:
    """Put a report into the folder of its run. Raises OSError."""
    replace_file(directory / REPORT, json.dumps(report, indent=1).encode() + b"\n")


def read_report(directory: Path) -> Mapping[str, object] | None:
    """The report that lies in a run's folder; None where there is none, or not one of ours."""
    try:
        with open(open_for_reading(directory / REPORT), "rb") as file:
            report = json.loads(file.read(REPORT_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    named = isinstance(report, dict) and str(report.get("schema", "")).startswith("aibtui.report/")
    return report if named else None


def _said(status: Status) -> tuple[str | None, datetime | None]:
    return status.run_state, status.ended_at


def _unnamed(log: LogFile, named: tuple[int, int]) -> Iterator[Span]:
    generation, end = named
    if generation < log.generation and log.size == 0:
        yield Span(log.name, log.generation, 0, 0)
    offset = end if generation == log.generation else 0
    while offset < log.size:
        length = min(_CHUNK_MAX, log.size - offset)
        yield Span(log.name, log.generation, offset, length)
        offset += length
