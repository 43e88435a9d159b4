"""Logs of earlier runs that were downloaded once, by storage account and run folder: `STATE/cache/`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from aibtui.recording.files import make_directory, open_for_reading, replace_file, safe_name
from aibtui.recording.pruning import (
    MAX_AGE,
    MAX_BYTES,
    Pruned,
    Stored,
    prune,
    remove_folder,
    size_of,
    sweep,
    written_at,
)
from aibtui.recording.run import LOG, read_report, save_report

_ENTRY = "entry.json"
_NAME_MAX = 40
_LOG_MAX = 1 << 30


class CachedLog:
    """The log of one run folder: its bytes while the blob is still the same, and the report made of them."""

    def __init__(self, path: Path, account: str, folder: str) -> None:
        self.path = path
        self._key = {"account": account, "folder": folder}

    def read(self, etag: str, size: int) -> bytes | None:
        """The log, where it was kept of a blob with that ETag and size; else None."""
        try:
            entry = json.loads((self.path / _ENTRY).read_bytes())
            if any(entry.get(key) != value for key, value in self._key.items()):
                return None
            with open(open_for_reading(self.path / LOG), "rb") as file:
                data = file.read(_LOG_MAX + 1)
        except (OSError, ValueError, AttributeError):
            return None
        same = (entry.get("etag"), entry.get("bytes")) == (etag, size) == (etag, len(data))
        return data if same and entry.get("sha256") == _fingerprint(data) else None

    def told(self, etag: str, size: int) -> bool:
        """Whether the report of that blob, as it is, is kept."""
        try:
            entry = json.loads((self.path / _ENTRY).read_bytes())
            same = all(entry.get(key) == value for key, value in {**self._key, "etag": etag, "bytes": size}.items())
        except (OSError, ValueError, AttributeError):
            return False
        return same and read_report(self.path) is not None

    def store(self, data: bytes, etag: str) -> None:
        """Keep the log. Raises OSError."""
        make_directory(self.path)
        replace_file(self.path / LOG, data)
        entry = {**self._key, "etag": etag, "bytes": len(data), "sha256": _fingerprint(data)}
        replace_file(self.path / _ENTRY, json.dumps(entry, indent=1).encode() + b"\n")

    def save_report(self, report: Mapping[str, object]) -> None:
        """Keep the report of the run beside its log. Raises OSError."""
        make_directory(self.path)
        save_report(self.path, report)


class LogCache:
    """All of them under one state folder; nothing is made there before something is kept."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "cache"

    def entry(self, account: str, folder: str) -> CachedLog:
        """The place of one run folder. Both names are somebody else's, and make no path by themselves."""
        proof = _fingerprint(f"{account}\n{folder}".encode("utf-8", "surrogatepass"))[:12]
        return CachedLog(self.path / f"{safe_name(folder, _NAME_MAX)}-{proof}", account, folder)

    def reports(self) -> Iterator[Mapping[str, object]]:
        """The reports of all runs that are kept here, in no order."""
        yield from filter(None, (read_report(folder) for folder in self._folders()))

    def prune(
        self,
        max_age: timedelta = MAX_AGE,
        max_bytes: int = MAX_BYTES,
        keep: Collection[str] = (),
        now: datetime | None = None,
    ) -> tuple[Pruned, ...]:
        """Remove what is older than `max_age`, then the oldest until `max_bytes` hold the rest; what went."""
        sweep(self.path)
        stored = [Stored(path.name, path, written_at(path), size_of(path)) for path in self._folders()]
        return prune(stored, max_age, max_bytes, keep, now, remove_folder)

    def _folders(self) -> list[Path]:
        try:
            return [
                folder
                for folder in self.path.iterdir()
                if not folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink()
            ]
        except OSError:
            return []


def _fingerprint(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
