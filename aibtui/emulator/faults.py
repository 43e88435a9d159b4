"""Faults on demand, for tests: what proxies, networks and services do to a reader, injected into the next answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Literal

from aiohttp import web
from msgspec import Struct

from aibtui.emulator.answers import Answer, arm_error, blob_error

FaultKind = Literal["status", "reset", "stall", "drip", "html", "truncated-json", "wrong-range"]
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head>"
    b"<body><form action='/login' method='post'>Please sign in to continue.</form></body></html>"
)


class Fault(Struct):
    """A fault for the next `times` requests that `matching` finds in `METHOD /path?query`.

    status: `code`, `error` (the service's error code), `retry_after` (seconds). reset: the connection is cut after
    `after` body bytes, at once if that is 0. stall: after `after` body bytes nothing comes for `seconds`. drip: one
    body byte every `every` seconds. html: 200 with a sign-in page. truncated-json: half of the body. wrong-range: a
    Content-Range that is not one. Seconds are real ones.
    """

    kind: FaultKind
    matching: re.Pattern[str] | None = None
    times: int = 1
    code: int = 503
    error: str = "ServerBusy"
    retry_after: int | None = None
    after: int = 0
    seconds: float = 30.0
    every: float = 0.1
    served: int = 0

    @property
    def instead(self) -> bool:
        """The service never sees the request."""
        return self.kind in ("status", "html") or (self.kind == "reset" and self.after == 0)


class Faults:
    """The faults that wait for their request, oldest first; `choose` may have one for any other."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.choose: Callable[[str], Fault | None] = lambda request: None

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def take(self, request: str) -> Fault | None:
        """The fault for this request, if one waits for it."""
        for fault in self._waiting:
            if fault.matching is None or fault.matching.search(request):
                fault.served += 1
                if fault.served >= fault.times:
                    self._waiting.remove(fault)
                return fault
        return self.choose(request)


def refusal(fault: Fault, *, blob: bool) -> Answer:
    """The whole answer of a fault that keeps the request from the service."""
    if fault.kind == "html":
        return Answer(200, _LOGIN_PAGE, {"Content-Type": "text/html; charset=utf-8"})
    headers: Mapping[str, str] = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    refuse = blob_error if blob else arm_error
    return refuse(fault.code, fault.error, "This fault was asked for.", headers)


def spoiled(fault: Fault, answer: Answer) -> Answer:
    """The service's answer with the fault in it."""
    if fault.kind == "truncated-json":
        return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
    if fault.kind == "wrong-range":
        return Answer(answer.status, answer.body, {**answer.headers, "Content-Range": "bytes nonsense"})
    return answer


async def send_badly(fault: Fault, answer: Answer, request: web.Request) -> tuple[web.StreamResponse, int]:
    """Send an answer that is cut, stalls or drips; and how many body bytes of it went out."""
    if fault.kind == "reset" and fault.after == 0:
        _cut(request)
        return web.Response(status=answer.status), 0
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    response.content_length = len(answer.body)
    await response.prepare(request)
    if fault.kind == "drip":
        for position in range(len(answer.body)):
            await response.write(answer.body[position : position + 1])
            await asyncio.sleep(fault.every)
        await response.write_eof()
        return response, len(answer.body)
    sent = answer.body[: fault.after]
    await response.write(sent)
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
    _cut(request)
    return response, len(sent)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
