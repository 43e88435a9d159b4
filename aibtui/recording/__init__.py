"""The runs that were watched, on disk: `STATE/runs/<id>/`, one folder a run, the only copy of the bytes.

`Recordings` opens and finds them, `Run` is one of them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from aibtui.core.polls import LogName
from aibtui.recording.cache import LogCache
from aibtui.recording.files import make_directory, open_for_append, safe_name, try_lock
from aibtui.recording.pruning import MAX_AGE, MAX_BYTES, Pruned, Stored, prune, remove_run, size_of, sweep, written_at
from aibtui.recording.run import LOG, Cursor, Run, RunInfo, RunTaken, read_info, read_report

__all__ = [
    "MAX_AGE",
    "MAX_BYTES",
    "Cursor",
    "LogCache",
    "Pruned",
    "Recordings",
    "Run",
    "RunInfo",
    "default_state_dir",
    "run_id",
]

_NAME_MAX = 60
_SAME_START = timedelta(seconds=1)  # no template starts two runs within a second
_SAME_NAME_MAX = 1000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where the program keeps its things: `AIBTUI_STATE_DIR`, else the user's state folder."""
    if chosen := environ.get("AIBTUI_STATE_DIR"):
        return Path(chosen).expanduser()
    from platformdirs import user_state_path

    return user_state_path("aibtui", appauthor=False)


def run_id(template_id: str, started_at: datetime) -> str:
    """The name of a run's folder: the template's name and when the run began."""
    name = safe_name(template_id.rpartition("/")[2].lower(), _NAME_MAX)
    return f"{name}-{started_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


class Recordings:
    """All runs under one state folder; nothing is made there before a run is opened. Opening never fails.

    Where another process records the run, or the disk refuses, the bytes go to a temporary folder; `Run.note` says so.
    """

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "runs"
        self._open: list[Run] = []
        self._temporary: TemporaryDirectory[str] | None = None

    @classmethod
    def temporary(cls) -> Recordings:
        """Recordings that are removed on `close`."""
        folder = TemporaryDirectory(prefix="aibtui-", ignore_cleanup_errors=True)
        recordings = cls(Path(folder.name))
        recordings._temporary = folder
        return recordings

    def open(self, template_id: str, started_at: datetime) -> Run:
        """The run that this template began at that time, to go on recording; the same object while it is open."""
        for run in self._open:
            if _same(run.info, template_id, started_at):
                return run
        try:
            run = self._open_kept(template_id, started_at)
        except RunTaken:
            note = "Another aibtui records this run; this one keeps its bytes only until it ends."
            run = self._open_unkept(template_id, started_at, note)
        except OSError as error:
            note = f"The run cannot be recorded under {self.path}: {error.strerror or error}."
            run = self._open_unkept(template_id, started_at, note)
        self._open.append(run)
        return run

    def scratch(self) -> Run:
        """A run without a name, for bytes that belong to none; gone when it is closed."""
        run = self._open_unkept("", None, None)
        self._open.append(run)
        return run

    def release(self, run: Run) -> None:
        """Close a run that `open` or `scratch` gave."""
        if run in self._open:
            self._open.remove(run)
        run.close()

    def cursor(self, template_id: str, started_at: datetime, log: LogName = LOG) -> Cursor:
        """Where to go on reading a log of that run. Opens the run, so that no other process changes it in between."""
        return self.open(template_id, started_at).cursor(log)

    def list(self) -> list[RunInfo]:
        """All recorded runs, the newest first."""
        try:
            folders = [folder for folder in self.path.iterdir() if _is_run(folder)]
        except OSError:
            return []
        infos = filter(None, (read_info(folder) for folder in folders))
        return sorted(infos, key=lambda info: (info.started_at or _LONG_AGO, info.id), reverse=True)

    def find(self, name_or_prefix: str) -> RunInfo | None:
        """The run of that id; else the newest whose id begins so, or whose template has that name."""
        wanted = name_or_prefix.lower()
        infos = self.list()
        exact = [info for info in infos if info.id.lower() == wanted]
        begun = [info for info in infos if info.id.lower().startswith(wanted) or info.template.lower() == wanted]
        found = exact or begun
        return found[0] if wanted and found else None

    def load(self, info: RunInfo) -> Run:
        """A recorded run for reading, also while another process records it. The caller closes it. Raises OSError."""
        return Run(info, writable=False)

    def of_template(self, template_id: str) -> tuple[RunInfo, ...]:
        """The recorded runs of one template, the newest first."""
        return tuple(info for info in self.list() if info.template_id.lower() == template_id.lower())

    def report(self, info: RunInfo) -> Mapping[str, object] | None:
        """The report that was kept of a run; None where its watch did not see the end."""
        return read_report(info.path)

    def reports(self) -> Iterator[Mapping[str, object]]:
        """The reports of all recorded runs, the newest run first."""
        yield from filter(None, map(self.report, self.list()))

    def in_use(self, info: RunInfo) -> bool:
        """Whether a process, this one or another, records the run now."""
        if any(run.info.path == info.path for run in self._open):
            return True
        try:
            descriptor = open_for_append(info.path / "polls.jsonl")
        except OSError:
            return False
        try:
            return not try_lock(descriptor)
        finally:
            os.close(descriptor)

    def prune(
        self,
        max_age: timedelta = MAX_AGE,
        max_bytes: int = MAX_BYTES,
        keep: Collection[str] = (),
        now: datetime | None = None,
    ) -> tuple[Pruned, ...]:
        """Remove runs older than `max_age`, then the oldest until `max_bytes` hold the rest; what went.

        Runs in `keep` (ids) stay, and so does every one that a process records.
        """
        sweep(self.path)
        stored = [Stored(info.id, info.path, _used_at(info), size_of(info.path)) for info in self.list()]
        return prune(stored, max_age, max_bytes, keep, now, remove_run)

    def close(self) -> None:
        """Close all that is open."""
        while self._open:
            self._open.pop().close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _open_kept(self, template_id: str, started_at: datetime) -> Run:
        wanted = _info(self.path, template_id, started_at)
        for number in range(1, _SAME_NAME_MAX):
            name = wanted.id if number == 1 else f"{wanted.id}-{number}"  # another template of the same name
            path = self.path / name
            make_directory(path)
            there = read_info(path)
            if there is None or _same(there, template_id, started_at):
                info = there or replace(wanted, id=name, path=path)
                return Run(info, writable=True, lasting=self._temporary is None)
        raise OSError(f"too many runs are called {wanted.id}")

    def _open_unkept(self, template_id: str, started_at: datetime | None, note: str | None) -> Run:
        try:
            folder = TemporaryDirectory(prefix="aibtui-", ignore_cleanup_errors=True)
            info = _info(Path(folder.name), template_id, started_at)
            return Run(replace(info, path=Path(folder.name)), writable=True, note=note, temporary=folder)
        except OSError:
            return Run(_info(self.path, template_id, started_at), writable=True, note=note, on_disk=False)


def _is_run(folder: Path) -> bool:
    return not folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink()


def _used_at(info: RunInfo) -> datetime:
    """When a run was last recorded. A made-up build may have times of its own, so that the disk is asked too."""
    return max(info.ended_at or info.started_at or _LONG_AGO, written_at(info.path / "polls.jsonl"))


def _info(parent: Path, template_id: str, started_at: datetime | None) -> RunInfo:
    name = run_id(template_id, started_at) if started_at else "scratch"
    return RunInfo(name, parent / name, template_id, template_id.rpartition("/")[2], started_at)


def _same(info: RunInfo, template_id: str, started_at: datetime) -> bool:
    if info.started_at is None or info.template_id.lower() != template_id.lower():
        return False
    return abs(info.started_at - started_at) < _SAME_START
