"""What the emulator answers over HTTP, before it is sent: ARM's JSON, the blob service's XML, and their errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from msgspec import Struct, field


class Ask(Struct, frozen=True):
    """A request, as far as the emulator cares: `path` is decoded and begins with one slash."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


class Answer(Struct, frozen=True):
    """A response; its Content-Length is that of the body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps(data).encode()
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def arm_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    return as_json({"error": {"code": code, "message": message}}, status, headers)


def blob_error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """The blob service names its error in a header and, where the method has one, in an XML body."""
    named = {"x-ms-error-code": code, **(headers or {})}
    if status == 304:
        return Answer(status, b"", named)
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = f'<?xml version="1.0" encoding="utf-8"?>{error}'
    return Answer(status, body.encode(), {"Content-Type": "application/xml", **named})
