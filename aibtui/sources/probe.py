"""Saves what Azure answers to a watcher, without what is secret or somebody's name, so that it can be told to others.

Nothing but GET and HEAD is asked. Every file has a fixed name and is for its owner alone to read.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from aibtui import __version__
from aibtui.recording.files import make_directory, replace_file
from aibtui.safetext import clean, mask_secrets
from aibtui.sources.arm import STORAGE_API_VERSION, TEMPLATE_API_VERSION, Arm
from aibtui.sources.container import API_VERSION as CONTAINER_API_VERSION
from aibtui.sources.container import containers
from aibtui.sources.discovery import CONTAINER, LogPlace, find_log, is_group_id, storage_accounts
from aibtui.sources.faults import code_of, status_of
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

RESOURCES_API_VERSION: Final = "2021-04-01"
_EVERY: Final = timedelta(seconds=5)
_MASKED: Final = "[masked]"
_LONGEST: Final = 2000
_EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
_SECRET_HEADERS: Final = {
    "authorization",
    "www-authenticate",
    "set-cookie",
    "cookie",
    "location",
    "azure-asyncoperation",
}
_SCRIPTS: Final = {"inline", "restartcommand", "restartcheckcommand", "searchcriteria", "userdata", "commands"}
_TAGS: Final = {"tags", "artifacttags", "managedresourcetags", "environmentvariables"}
_GUID: Final = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SOMEBODY: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

Sleep = Callable[[float], Awaitable[None]]


class Masks(Struct):
    """Replaces GUIDs and the names of things, the same always by the same; secrets and scripts without a trace."""

    names: dict[str, str] = field(default_factory=dict)
    _guids: dict[str, str] = field(default_factory=dict)

    def name(self, name: str | None, stand_in: str) -> None:
        """From now on `stand_in` stands for this name."""
        if name and len(name) > 1:
            self.names.setdefault(name.lower(), stand_in)

    def text(self, text: str) -> str:
        """One line, at most 2000 characters of it."""
        masked, _ = mask_secrets(clean(text, _LONGEST))
        masked = _SOMEBODY.sub("<somebody>", _GUID.sub(self._guid, masked))
        for name in sorted(self.names, key=len, reverse=True):
            masked = re.sub(rf"(?i)(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", self.names[name], masked)
        return masked

    def json(self, value: Any, key: str = "") -> Any:
        """A JSON value whose strings are masked, and what may hold a script, a tag or an address taken out."""
        key = key.lower()
        if key in _SCRIPTS or (key.endswith("uri") and isinstance(value, str)):
            return _MASKED
        if isinstance(value, Mapping):
            if key in _TAGS:
                return {f"key-{number}": _MASKED for number, _ in enumerate(value, 1)}
            return {self.text(str(name)): self.json(each, str(name)) for name, each in value.items()}
        if isinstance(value, list):
            return [_MASKED] * len(value) if key in _TAGS else [self.json(each, key) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def headers(self, headers: Mapping[str, Any]) -> dict[str, str]:
        """Without what authorises; names in lower case."""
        kept = {name.lower(): str(value) for name, value in headers.items()}
        return {name: self.text(value) for name, value in sorted(kept.items()) if name not in _SECRET_HEADERS}

    def _guid(self, found: re.Match[str]) -> str:
        return self._guids.setdefault(found[0].lower(), f"<guid-{len(self._guids) + 1}>")


class Probe:
    """Asks for one template, its staging group, log and container, and writes each answer to a file in `folder`.

    `files` are the names of what was written. `growth` is how long the log's blob is looked at, every 5 s.
    """

    def __init__(
        self,
        arm: Arm,
        target: Target,
        folder: Path,
        *,
        api_version: str | None = None,
        growth: timedelta = timedelta(minutes=1),
        every: timedelta = _EVERY,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.files: list[str] = []
        self._arm = arm
        self._target = target
        self._folder = folder
        self._api_version = api_version or TEMPLATE_API_VERSION
        self._growth = growth
        self._every = every
        self._sleep = sleep
        self._masks = Masks()
        self._masks.name(target.template, "<template>")
        self._masks.name(target.group, "<group>")

    async def steps(self) -> AsyncIterator[str]:
        """What is being asked, step by step. Raises OSError where the folder cannot be written."""
        make_directory(self._folder)
        yield "asking for the image template"
        template = await self._ask("template.json", self._target.id, self._api_version)
        properties = template.get("properties") if isinstance(template, Mapping) else None
        staging = properties.get("exactStagingResourceGroup") if isinstance(properties, Mapping) else None
        if isinstance(staging, str) and is_group_id(staging):
            staging = staging.rstrip("/")
            self._masks.name(staging.rpartition("/")[2], "<staging>")
            async for step in self._staging(staging):
                yield step
        about = {
            "aibtui": __version__,
            "at": _now(),
            "files": sorted(self.files),
            "masked": sorted(self._masks.names.values()),
        }
        self._write("probe.json", about)

    async def _staging(self, staging: str) -> AsyncIterator[str]:
        yield "asking for the staging group"
        accounts = f"{staging}/providers/Microsoft.Storage/storageAccounts"
        answer = await self._fetch(accounts, STORAGE_API_VERSION)
        for number, entry in enumerate(_entries(answer), 1):
            self._masks.name(str(entry.get("name") or ""), f"<account-{number}>")
        self._write("storage-accounts.json", answer)
        await self._ask("resources.json", f"{staging}/resources", RESOURCES_API_VERSION)
        yield "asking for the container"
        await self._containers(staging)
        yield "asking for the log's blob"
        place = await self._newest(staging)
        if place is None:
            return
        service = self._arm.blob_service(*self._arm.endpoint.blob_account(place.account.url, place.account.name))
        blob = service.get_blob_client(CONTAINER, place.blob)
        await self._blob(blob)
        async for step in self._grows(blob):
            yield step

    async def _containers(self, staging: str) -> None:
        groups = f"{staging}/providers/Microsoft.ContainerInstance/containerGroups"
        await self._ask("container-groups.json", groups, CONTAINER_API_VERSION)
        try:
            found = await containers(self._arm, staging)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is what the file tells
            self._write("container-logs.json", _refusal(error))
            return
        if not found:
            return
        path = f"{groups}/{found[0].group}/containers/{found[0].name}/logs"
        answer = await self._fetch(path, CONTAINER_API_VERSION, {"tail": "20", "timestamps": "true"})
        content = str((answer.get("body") or {}).get("content") or "")
        lines = content.splitlines()
        shape = [re.sub(r"[A-Za-z]", "x", re.sub(r"\d", "9", line))[:40] for line in lines[:5]]
        answer["body"] = {"content": {"characters": len(content), "lines": len(lines), "shape_of_the_first": shape}}
        self._write("container-logs.json", answer)

    async def _newest(self, staging: str) -> LogPlace | None:
        """The newest log's place; why there is none is written down."""
        try:
            accounts = await storage_accounts(self._arm, staging)
            place = await find_log(self._arm, accounts, _EARLIEST, None)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is what the file tells
            self._write("blob.json", _refusal(error))
            return None
        if place is None:
            self._write("blob.json", {"at": _now(), "found": False})
        return place

    async def _blob(self, blob: BlobClient) -> None:
        """What the service says of the blob, and how it answers to questions that a watcher asks of it."""
        told: dict[str, Any] = {"at": _now(), "found": True}
        head = told["head"] = await self._heard(blob.get_blob_properties)
        size = int(str(head["headers"].get("content-length", "0")) or 0)
        etag = str(head["headers"].get("etag", ""))
        told["first_byte"] = await self._heard(partial(_read, blob, 0, 1))
        told["at_the_end"] = await self._heard(partial(_read, blob, size, 16))
        told["beyond_the_end"] = await self._heard(partial(_read, blob, size + 1000, 16))
        told["unchanged"] = await self._heard(partial(_read, blob, 0, 16, etag))
        self._write("blob.json", told)

    async def _grows(self, blob: BlobClient) -> AsyncIterator[str]:
        """The blob's size and stamps, again and again."""
        looks = max(1, round(self._growth / self._every)) + 1
        samples = []
        for number in range(looks):
            answer = await self._heard(blob.get_blob_properties)
            kept = {name: value for name, value in answer["headers"].items() if name in _GROWING}
            samples.append({"at": _now(), "status": answer["status"], **kept})
            if number + 1 < looks:
                past = round((self._every * number).total_seconds())
                yield f"looking at the log grow, {past} of {round(self._growth.total_seconds())} s"
                await self._sleep(self._every.total_seconds())
        self._write("growth.json", {"samples": samples})

    async def _heard(self, call: Callable[..., Awaitable[object]]) -> dict[str, Any]:
        """Status and headers of one request to storage."""
        heard: list[dict[str, Any]] = []

        def hear(response: Any) -> None:
            answer = response.http_response
            heard.append({"status": answer.status_code, "headers": self._masks.headers(answer.headers)})

        try:
            await self._arm.storage(lambda: call(raw_response_hook=hear))
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is what the file tells
            if not heard:
                return {"headers": {}, **_refusal(error), **self._answered(error)}
        return heard[-1]

    async def _ask(self, name: str, path: str, api_version: str) -> Any:
        """Fetch and write; the body as it came."""
        answer = await self._fetch(path, api_version)
        self._write(name, answer)
        return answer.get("body")

    async def _fetch(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        asked = {"at": _now(), "path": path, "api_version": api_version, "query": dict(query or {})}
        try:
            status, headers, body = await self._arm.answer(path, api_version, query)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is what the file tells
            return {**asked, **_refusal(error), **self._answered(error), "body": {}}
        return {**asked, "status": status, "headers": self._masks.headers(headers), "body": body}

    def _answered(self, error: Exception) -> dict[str, Any]:
        headers = getattr(getattr(error, "response", None), "headers", None)
        return {"headers": self._masks.headers(headers)} if isinstance(headers, Mapping) else {}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        masked = {
            key: each if key in ("headers", "samples") else self._masks.json(each, key) for key, each in content.items()
        }
        replace_file(self._folder / name, (json.dumps(masked, indent=2) + "\n").encode())
        self.files.append(name)


_GROWING: Final = {
    "content-length",
    "etag",
    "last-modified",
    "x-ms-blob-committed-block-count",
    "x-ms-blob-type",
    "date",
}


async def _read(blob: BlobClient, offset: int, length: int, etag: str | None = None, **options: Any) -> None:
    from azure.core import MatchConditions

    if etag:
        options |= {"etag": etag, "match_condition": MatchConditions.IfModified}
    download = await blob.download_blob(offset=offset, length=length, **options)
    await download.readall()


def _refusal(error: Exception) -> dict[str, Any]:
    return {"at": _now(), "status": status_of(error), "code": code_of(error) or type(error).__name__}


def _entries(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    body = answer.get("body")
    value = body.get("value") if isinstance(body, Mapping) else None
    return [entry for entry in value or () if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
