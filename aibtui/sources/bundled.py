"""A grabbed run read back from its zip: the log, and the run's state as it was then. No member becomes a file."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aibtui.core.polls import Status
from aibtui.core.status import status_from_template
from aibtui.sources import CannotWatch
from aibtui.sources.whole import Whole

_MAGIC = b"PK\x03\x04"
_MEMBER = re.compile(r"(?:[^/\\]+/)?(customization\.log|template\.json|run\.json)")
_MEMBERS_MAX = 256
_LOG_MAX = 1 << 30
_JSON_MAX = 16 << 20
_RATIO_MAX = 200  # of what is packed to what comes out, beyond what any log may be
_RATIO_FROM = 64 << 20


def read_bundle(path: Path) -> Whole | None:
    """What a zip has of a run; None where the file is none. Raises CannotWatch (2) where no log is in it."""
    try:
        with open(path, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path)
            log = _read(archive, members.get("customization.log"), _LOG_MAX, path)
            template = _json(_read(archive, members.get("template.json"), _JSON_MAX, path))
            run = _json(_read(archive, members.get("run.json"), _JSON_MAX, path))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CannotWatch(f"{path.name} is a damaged zip: {error}.", "Copy it again.", 2) from error
    except OSError as error:
        raise CannotWatch(f"{path} cannot be read: {error.strerror or error}.", "Check the path.", 2) from error
    if not log:
        text = f"There is no customization.log in {path.name}."
        raise CannotWatch(text, "Name a zip that aibtui grab has made, or one with a customization.log.", 2)
    return Whole(log=log, status=_status(template, run))


def _members(archive: zipfile.ZipFile, path: Path) -> Mapping[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > _MEMBERS_MAX:
        raise CannotWatch(f"{path.name} holds {len(infos)} files: that is no grabbed run.", "Name another one.", 2)
    found = ((_MEMBER.fullmatch(info.filename), info) for info in infos)
    return {match[1]: info for match, info in found if match}


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, most: int, path: Path) -> bytes:
    """A member, as far as it may be: its own word on its size is not believed."""
    if info is None:
        return b""
    most = unpacked_most(info.compress_size, most)
    with archive.open(info) as member:
        data = member.read(most + 1)
    if len(data) > most:
        text = f"{info.filename} in {path.name} is larger than any log."
        raise CannotWatch(text, "Unpack it yourself, if you trust it.", 2)
    return data


def unpacked_most(packed: int, most: int) -> int:
    """Bytes that so many packed ones may become, `most` at the utmost: no log packs better than that."""
    return min(most, max(_RATIO_FROM, _RATIO_MAX * packed))


def _json(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _status(template: Mapping[str, Any], run: Mapping[str, Any]) -> Status | None:
    """The template's last run, where that is the run in the bundle."""
    if not template:
        return None
    status = status_from_template(template)
    told = run.get("run")
    began = told.get("started_at") if isinstance(told, Mapping) else None
    same = status.started_at is not None and f"{status.started_at:%Y-%m-%dT%H:%M:%SZ}" == began
    return status if same else Status(template=status.template, started_at=None)
