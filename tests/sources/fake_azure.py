"""ARM and blob storage on loopback, as small as the tests allow: every answer can be set by hand."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from aibtui.sources.cloud import EMULATOR_KEY
from aibtui.sources.target import Target

TARGET = Target("00000000-0000-0000-0000-0000000000aa", "rg", "win11")
GROUP_ID = f"/subscriptions/{TARGET.subscription}/resourceGroups/IT_rg_win11"
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LAST_LINE = b"[op] PACKER Done exporting Packer logs to Azure Storage.\n"

CONTAINER_GROUP = {
    "name": "vmimagebuilder-build-container-7",
    "properties": {"containers": [{"name": "packerizercontainer"}]},
}

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Blob:
    """One blob. Setting `data` by `put` gives it a new ETag."""

    data: bytes
    made_at: datetime = START
    version: str = field(default_factory=lambda: uuid.uuid4().hex)

    def put(self, data: bytes) -> None:
        self.data = data
        self.version = uuid.uuid4().hex

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


@dataclass
class FakeAzure:
    """`template` or `resources` None is 404; `blobs` None is no container; faults are used up one a request.

    `container` is what the build's container has printed, `container_shows` how many of its last bytes it tells.
    """

    template: dict[str, Any] | None = None
    accounts: list[dict[str, Any]] | None = None
    blobs: dict[str, Blob] | None = None
    container: bytes | None = None
    container_shows: int = 4 << 20
    resources: list[dict[str, Any]] | None = None
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    blob_body_bytes: int = 0
    endpoint: str = ""
    tls: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeAzure:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.endpoint = f"http{'s' if self.tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}"
        if self.accounts is None:
            self.accounts = [account("logs", f"{self.endpoint}/logs")]
        return self

    async def __aexit__(self, *details: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def run(self, state: str | None, started_at: datetime = START, **more: Any) -> None:
        """Set the template, with a last run in that state; None: it never ran."""
        properties: dict[str, Any] = {
            "provisioningState": "Succeeded",
            "exactStagingResourceGroup": GROUP_ID,
            "buildTimeoutInMinutes": 120,
            **more.pop("properties", {}),
        }
        if state is not None:
            properties["lastRunStatus"] = {"runState": state, "startTime": started_at.isoformat(), **more}
        self.template = {"id": TARGET.id, "name": TARGET.template, "location": "westeurope", "properties": properties}

    def fail(self, part: str, fault: Fault, times: int = 1) -> None:
        """Answer the next requests whose path and query hold `part` with `fault`."""
        self.faults += [(part, fault)] * times

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        self.authorizations.append(request.headers.get("Authorization", ""))
        for index, (part, fault) in enumerate(self.faults):
            if part in request.path_qs:
                del self.faults[index]
                return await fault(request)
        path = request.path.replace("//", "/")
        if path.endswith("/imageTemplates/win11"):
            return web.json_response(self.template) if self.template else arm_error(404, "ResourceNotFound")
        if path.endswith("/storageAccounts"):
            if self.accounts is None:
                return arm_error(404, "ResourceGroupNotFound")
            return web.json_response({"value": self.accounts})
        if path.endswith("/resources"):
            if self.resources is None:
                return arm_error(404, "ResourceGroupNotFound")
            return web.json_response({"value": self.resources})
        if path.endswith("/storageAccounts/logs/listKeys"):
            return web.json_response({"keys": [{"keyName": "key1", "value": EMULATOR_KEY}]})
        if path.endswith("/containerGroups"):
            return web.json_response({"value": [] if self.container is None else [CONTAINER_GROUP]})
        if path.endswith("/containerGroups/vmimagebuilder-build-container-7/containers/packerizercontainer/logs"):
            return self._container_log(request.query.get("tail"))
        if path == "/logs/packerlogs":
            return self._list() if self.blobs is not None else blob_error(404, "ContainerNotFound")
        blob = (self.blobs or {}).get(path.removeprefix("/logs/packerlogs/"))
        if blob is None:
            return blob_error(404, "BlobNotFound" if self.blobs is not None else "ContainerNotFound")
        response = read_range(blob, request)
        self.blob_body_bytes += response.content_length or 0
        return response

    def _container_log(self, tail: str | None) -> web.Response:
        if self.container is None:
            return arm_error(404, "ResourceNotFound")
        lines = self.container.splitlines(keepends=True)
        said = b"".join(lines[-int(tail) :] if tail else lines)[-self.container_shows :]
        return web.json_response({"content": said.decode("utf-8", "replace")})

    def _list(self) -> web.Response:
        entries = "".join(
            f"<Blob><Name>{name}</Name><Properties><Creation-Time>{http_time(blob.made_at)}</Creation-Time>"
            f"<Last-Modified>{http_time(blob.made_at)}</Last-Modified><Etag>{blob.etag}</Etag>"
            f"<Content-Length>{len(blob.data)}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name, blob in (self.blobs or {}).items()
        )
        text = (
            f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{entries}</Blobs></EnumerationResults>'
        )
        return web.Response(text=text, content_type="application/xml")


def account(name: str, blob_endpoint: str) -> dict[str, Any]:
    return {"name": name, "properties": {"primaryEndpoints": {"blob": blob_endpoint}}}


def read_range(blob: Blob, request: web.Request) -> web.Response:
    """A GET of a part, as Azure answers it: 304 before 416, 416 at the end."""
    size = len(blob.data)
    if request.headers.get("If-None-Match") == blob.etag:
        return blob_error(304, "ConditionNotMet")
    text = request.headers.get("x-ms-range") or request.headers.get("Range", "bytes=0-")
    first, _, last = text.removeprefix("bytes=").partition("-")
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if start >= size:
        return blob_error(416, "InvalidRange", {"Content-Range": f"bytes */{size}"})
    headers = {
        "Content-Range": f"bytes {start}-{end}/{size}",
        "ETag": blob.etag,
        "Last-Modified": http_time(blob.made_at),
        "x-ms-creation-time": http_time(blob.made_at),
        "x-ms-blob-type": "BlockBlob",
    }
    return web.Response(status=206, body=blob.data[start : end + 1], headers=headers)


def http_time(at: datetime) -> str:
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


def blob_error(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    body = (
        f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>' if status != 304 else None
    )
    return web.Response(
        status=status, text=body, headers={"x-ms-error-code": code, **(headers or {})}, content_type="application/xml"
    )


def arm_error(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status, headers=headers)


def answering(response: Callable[[], web.StreamResponse]) -> Fault:
    """A fault that is a whole answer."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return response()

    return fault


async def reset(request: web.Request) -> web.StreamResponse:
    """The connection is cut without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def silence(request: web.Request) -> web.StreamResponse:
    """No answer for a long time."""
    await asyncio.sleep(60)
    return web.Response()


async def broken_off(request: web.Request) -> web.StreamResponse:
    """An answer that promises fifty bytes of what was asked for and breaks off after one."""
    start = int((request.headers.get("x-ms-range") or request.headers["Range"]).removeprefix("bytes=").split("-")[0])
    place = f"bytes {start}-{start + 49}/{start + 50}"
    response = web.StreamResponse(status=206, headers={"Content-Length": "50", "Content-Range": place, "ETag": '"x"'})
    await response.prepare(request)
    await response.write(b"x")
    if request.transport is not None:
        request.transport.abort()
    return response


class StepClock:
    """A clock that stands still but for sleeps; a sleep is over at once."""

    def __init__(self, start: datetime = START) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time

    async def sleep(self, duration: timedelta) -> None:
        self.time += duration
        await asyncio.sleep(0)
