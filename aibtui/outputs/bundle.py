"""What is known of one run as a folder and a zip: raw files for the owner alone, copies without secrets, a manifest.

Names of files are ours and fixed; what Azure calls them stands in the manifest. It knows nothing of Azure.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from msgspec import Struct
from msgspec.structs import asdict

from aibtui import __version__
from aibtui.outputs.masking import Masker, mask_file, masked_json, masked_text
from aibtui.recording import Cursor
from aibtui.recording.files import (
    make_directory,
    open_for_append,
    open_for_reading,
    open_new,
    read_at,
    replace_file,
    safe_name,
    try_lock,
)
from aibtui.recording.run import TAIL
from aibtui.wording import iso

SCHEMA = "aibtui.bundle/1"
MANIFEST = "manifest.json"
MOST_FILES = 64
MOST_BYTES = 2 << 30

_KNOWN = ("customization.log", "validation.log")
_SUFFIXES = (".log", ".txt", ".json")
_PIECE = 1 << 20
_MANIFEST_MAX = 16 << 20


class BundleTaken(Exception):
    """Another process writes this bundle."""


class Entry(Struct, frozen=True):
    """One file of a bundle: its raw form, and its copy without secrets (`bytes` None: it is no text, and has none).

    `original` is its name on Azure, `origin` where it came from, `version` what it had there (an ETag); `final` says
    that it will not change there any more.
    """

    name: str
    raw_bytes: int
    raw_sha256: str
    bytes: int | None
    sha256: str | None
    hidden: int
    origin: str
    original: str | None
    version: str | None
    at: str
    final: bool


class Missing(Struct, frozen=True):
    """What could not be had, and why."""

    what: str
    why: str
    remedy: str | None = None


class Bundle:
    """One bundle under `parent`. What an earlier process finished there counts. Raises OSError, and BundleTaken.

    The folder is for its owner alone: raw files in `raw/`, copies without secrets and the manifest beside it.
    """

    def __init__(self, parent: Path, name: str) -> None:
        self.folder = parent.absolute() / safe_name(name)
        self.raw = self.folder / "raw"
        self.about: dict[str, Any] = {}
        self.missing: list[Missing] = []
        self.notes: list[str] = []
        make_directory(self.folder)
        make_directory(self.raw)
        self._lock = open_for_append(self.raw / ".lock")
        if not try_lock(self._lock):
            os.close(self._lock)
            raise BundleTaken(str(self.folder))
        self._entries: dict[str, Entry] = {entry.name: entry for entry in _read(self.folder / MANIFEST)}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The files that are there, by name."""
        return tuple(self._entries[name] for name in sorted(self._entries))

    @property
    def size(self) -> int:
        """Bytes of the raw files."""
        return sum(entry.raw_bytes for entry in self._entries.values())

    def has(self, name: str) -> bool:
        return name in self._entries

    def is_from(self, name: str, origin: str) -> bool:
        return name in self._entries and self._entries[name].origin == origin

    def held(self, name: str, version: str | None = None) -> Entry | None:
        """The file of that name, where it need not be fetched again: final or of that version, and still as it was."""
        entry = self._entries.get(name)
        if entry is None or not (entry.final or (version is not None and entry.version == version)):
            return None
        if version is not None and entry.version != version:
            return None
        same = _digest(self.raw / name) == (entry.raw_bytes, entry.raw_sha256)
        copied = entry.sha256 is None or _digest(self.folder / name) == (entry.bytes, entry.sha256)
        return entry if same and copied else None

    def name_for(self, original: str, last: str) -> str:
        """Our name for a blob: its own (`last`, its part in the folder) where that is one we know, else a number."""
        known = Masker().value(original)  # as the manifest has it
        for entry in self._entries.values():
            if entry.original in (original, known):
                return entry.name
        if last in _KNOWN and not self.has(last):
            return last
        suffix = next((suffix for suffix in _SUFFIXES if last.lower().endswith(suffix)), ".bin")
        number = 1
        while any(self.has(f"other-{number}{each}") for each in (*_SUFFIXES, ".bin")):
            number += 1
        return f"other-{number}{suffix}"

    def part(self, original: str) -> PartFile:
        """What has been fetched so far of a blob, to go on with."""
        proof = hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return PartFile(self.raw / f".part-{proof}")

    def take(self, part: PartFile, name: str, *, origin: str, original: str, version: str | None, final: bool) -> Entry:
        """Put a blob that has been fetched to its place."""
        part.close()
        os.replace(part.path, self.raw / name)
        return self._enter(name, origin, original, version, final)

    def put(
        self,
        name: str,
        data: bytes,
        *,
        origin: str,
        original: str | None = None,
        version: str | None = None,
        final: bool = False,
        shown: bytes | None = None,
    ) -> Entry:
        """Keep a file as a whole. `shown` is its copy without secrets, where it is made otherwise than by masking."""
        replace_file(self.raw / name, data)
        return self._enter(name, origin, original, version, final, shown)

    def lacks(self, what: str, why: str, remedy: str | None = None) -> None:
        """Say what could not be had. What an earlier process had of it stays."""
        self.missing.append(Missing(what, why, remedy))

    def finish(self, *, redact: bool) -> Path:
        """Write the manifest and the zip; the zip's path. Raw files are in it only where `redact` is False."""
        self._write_manifest(finished=True)
        return self._write_zip(redact=redact)

    def close(self) -> None:
        """Let go of it; what is finished stays."""
        os.close(self._lock)

    def _enter(
        self,
        name: str,
        origin: str,
        original: str | None,
        version: str | None,
        final: bool,
        shown: bytes | None = None,
    ) -> Entry:
        hidden = self._copy(name, shown)
        raw, copy = _digest(self.raw / name), None if hidden is None else _digest(self.folder / name)
        if raw is None:
            raise OSError(f"{name} is gone again")
        entry = Entry(
            name=name,
            raw_bytes=raw[0],
            raw_sha256=raw[1],
            bytes=copy[0] if copy else None,
            sha256=copy[1] if copy else None,
            hidden=hidden or 0,
            origin=origin,
            original=original,
            version=version,
            at=iso(datetime.now(UTC)),
            final=final,
        )
        self._entries[name] = entry
        self._write_manifest(finished=False)
        return entry

    def _copy(self, name: str, shown: bytes | None) -> int | None:
        """Make the copy without secrets; how many were hidden, None where there is no copy."""
        source, target = self.raw / name, self.folder / name
        if name.endswith(".json") or shown is not None:
            data = source.read_bytes() if shown is None else shown
            with suppress(ValueError, RecursionError):
                masked, hidden = masked_json(data) if name.endswith(".json") else masked_text(data)
                replace_file(target, masked)
                return hidden
        temporary = self.folder / f".copy-{os.getpid()}"
        temporary.unlink(missing_ok=True)
        with open(open_new(temporary), "wb") as file:
            hidden_or_none = mask_file(source, file)
        if hidden_or_none is None:
            temporary.unlink()
            target.unlink(missing_ok=True)
            return None
        os.replace(temporary, target)
        return hidden_or_none

    def _write_manifest(self, *, finished: bool) -> None:
        """The folder's own, which tells both forms of each file. It is `finished` unless the work was broken off."""
        files = [{**asdict(entry), "original": Masker().value(entry.original)} for entry in self.entries]
        replace_file(self.folder / MANIFEST, _json({**self._head(), "finished": finished, "files": files}))

    def _packed_manifest(self, packed: Mapping[str, Entry], *, redact: bool) -> bytes:
        """The zip's, which tells what is in it: the hash of a raw file would let a short secret be guessed."""
        files = [
            {
                "name": name,
                "bytes": entry.bytes if redact else entry.raw_bytes,
                "sha256": entry.sha256 if redact else entry.raw_sha256,
                "hidden": entry.hidden if redact else 0,
                "origin": entry.origin,
                "original": Masker().value(entry.original),
                "at": entry.at,
            }
            for name, entry in packed.items()
        ]
        left_out = [
            {"what": each.name, "why": "It is no text, and so has no copy without secrets."}
            for each in self.entries
            if each.name not in packed
        ]
        head = self._head()
        return _json({**head, "redacted": redact, "missing": [*head["missing"], *left_out], "files": files})

    def _head(self) -> dict[str, Any]:
        head = {
            "schema": SCHEMA,
            "made_at": iso(datetime.now(UTC)),
            "made_by": f"aibtui {__version__}",
            **self.about,
            "notes": self.notes,
            "missing": [asdict(each) for each in self.missing],
        }
        masked: Any = Masker().value(json.loads(json.dumps(head, default=_plain)))
        return dict(masked)

    def _write_zip(self, *, redact: bool) -> Path:
        path = self.folder.with_name(f"{self.folder.name}{'' if redact else '-raw'}.zip")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        try:
            with open(open_new(temporary), "r+b") as file, zipfile.ZipFile(file, "w") as archive:
                packed = {entry.name: entry for entry in self.entries if not redact or entry.bytes is not None}
                manifest = self._packed_manifest(packed, redact=redact)
                self._add(archive, MANIFEST, BytesIO(manifest))
                for name in packed:
                    with open(open_for_reading((self.folder if redact else self.raw) / name), "rb") as source:
                        self._add(archive, name, source)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return path

    def _add(self, archive: zipfile.ZipFile, name: str, source: IO[bytes]) -> None:
        member = zipfile.ZipInfo(f"{self.folder.name}/{name}", datetime.now(UTC).timetuple()[:6])
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o100600 << 16
        with archive.open(member, "w", force_zip64=True) as target:
            while data := source.read(_PIECE):
                target.write(data)


class PartFile:
    """A file that is being fetched; it survives the process, and its end proves where to go on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = open_for_append(path)
        self.size = os.fstat(self._descriptor).st_size

    def cursor(self) -> Cursor:
        """Where to go on."""
        return Cursor(self.size, read_at(self._descriptor, max(0, self.size - TAIL), min(self.size, TAIL)))

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes at `offset`, which is the end of the file, or where it turned out to be another blob's."""
        if offset < self.size:
            os.ftruncate(self._descriptor, offset)
            self.size = offset
        if offset > self.size:
            raise OSError(f"{self.path.name}: a gap between {self.size} and {offset}")
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self.size += written
            view = view[written:]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def _plain(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


def _digest(path: Path) -> tuple[int, str] | None:
    """Size and SHA-256 of a file; None where it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with open(open_for_reading(path), "rb") as file:
            while data := file.read(_PIECE):
                digest.update(data)
                size += len(data)
    except OSError:
        return None
    return size, digest.hexdigest()


def _read(path: Path) -> list[Entry]:
    """The files that a manifest names; none where there is none, or not one of ours."""
    try:
        with open(open_for_reading(path), "rb") as file:
            manifest = json.loads(file.read(_MANIFEST_MAX))
        if manifest["schema"] != SCHEMA:
            return []
        entries = [Entry(**entry) for entry in manifest["files"]]
        # A manifest may have come with a bundle from elsewhere: its names make no paths either.
        return [each for each in entries if each.name == safe_name(each.name) != MANIFEST and each.raw_bytes >= 0]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
