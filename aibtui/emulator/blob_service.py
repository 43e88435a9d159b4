"""The blob service in path style: list `packerlogs`, read the log in ranges and under conditions, as Azure answers."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from aibtui.emulator.answers import Answer, Ask, blob_error
from aibtui.emulator.log_blob import BlobState
from aibtui.emulator.service import CONTAINER, Service

_RANGE = re.compile(r"bytes=(\d+)-(\d*)$")
_XML = {"Content-Type": "application/xml"}
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>'
_NOT_MET = "The condition specified using HTTP conditional header(s) is not met."


def answer(service: Service, ask: Ask) -> Answer:
    """Answer one request below `/devstoreaccount1`."""
    if service.staging_gone:
        return blob_error(404, "ResourceNotFound", "The specified resource does not exist.")
    if refusal := _refusal(service, ask):
        return refusal
    if ask.method not in ("GET", "HEAD"):
        return blob_error(403, "AuthorizationPermissionMismatch", "This emulator only lets logs be read.")
    _, _, container, name = (*ask.path.split("/", 3), "", "")[:4]
    if not container:
        return _account(service, ask)
    states = service.blobs() if container == CONTAINER else []
    if not states:
        return blob_error(404, "ContainerNotFound", "The specified container does not exist.")
    if name:
        state = next((state for state in states if state.name == name), None)
        return _blob(ask, state) if state else blob_error(404, "BlobNotFound", "The specified blob does not exist.")
    if ask.query.get("comp") == "list":
        return _listing(service, ask, states)
    newest = max(states, key=lambda state: state.modified)
    return Answer(200, b"", {"ETag": newest.etag, "Last-Modified": _http_date(newest.modified)})


def _refusal(service: Service, ask: Ask) -> Answer | None:
    match service.scenario.access.storage:
        case "no-role":
            text = "This request is not authorized to perform this operation using this permission."
            return blob_error(403, "AuthorizationPermissionMismatch", text)
        case "firewall" | "private":
            return blob_error(403, "AuthorizationFailure", "This request is not authorized to perform this operation.")
        case "keys-off" if not ask.headers.get("Authorization", "").startswith("Bearer"):
            text = "Key based authentication is not permitted on this storage account."
            return blob_error(403, "KeyBasedAuthenticationNotPermitted", text)
    return None


def _account(service: Service, ask: Ask) -> Answer:
    if ask.query.get("comp") == "list":
        found = f"<Container><Name>{CONTAINER}</Name><Properties /></Container>" if service.blobs() else ""
        return _enumeration(service, "", f"<Containers>{found}</Containers>")
    if ask.query.get("restype") == "account":
        return Answer(200, b"", {"x-ms-sku-name": "Standard_LRS", "x-ms-account-kind": "StorageV2"})
    return Answer(200, _DECLARATION + b"<StorageServiceProperties />", _XML)


def _listing(service: Service, ask: Ask, states: list[BlobState]) -> Answer:
    prefix, delimiter = ask.query.get("prefix", ""), ask.query.get("delimiter", "")
    entries: list[str] = []
    folders: set[str] = set()
    for state in states:
        if not state.name.startswith(prefix):
            continue
        rest = state.name[len(prefix) :]
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
        else:
            entries.append(_entry(state))
    entries += [f"<BlobPrefix><Name>{escape(folder)}</Name></BlobPrefix>" for folder in sorted(folders)]
    shown = f"<Prefix>{escape(prefix)}</Prefix>" + (f"<Delimiter>{escape(delimiter)}</Delimiter>" if delimiter else "")
    return _enumeration(service, f' ContainerName="{CONTAINER}"', f"{shown}<Blobs>{''.join(entries)}</Blobs>")


def _enumeration(service: Service, attribute: str, body: str) -> Answer:
    endpoint = f'ServiceEndpoint="{service.endpoint}/{service.account}"{attribute}'
    text = f"<EnumerationResults {endpoint}>{body}<NextMarker /></EnumerationResults>"
    return Answer(200, _DECLARATION + text.encode(), _XML)


def _entry(state: BlobState) -> str:
    properties = {
        "Creation-Time": _http_date(state.created),
        "Last-Modified": _http_date(state.modified),
        "Etag": state.etag.strip('"'),
        "Content-Length": str(len(state.data)),
        "Content-Type": "application/octet-stream",
        "BlobType": state.type,
        "LeaseStatus": "unlocked",
        "LeaseState": "available",
        "ServerEncrypted": "true",
    }
    listed = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in properties.items())
    return f"<Blob><Name>{escape(state.name)}</Name><Properties>{listed}</Properties></Blob>"


def _blob(ask: Ask, state: BlobState) -> Answer:
    headers = {
        "ETag": state.etag,
        "Last-Modified": _http_date(state.modified),
        "x-ms-creation-time": _http_date(state.created),
        "x-ms-blob-type": state.type,
        "x-ms-lease-status": "unlocked",
        "x-ms-lease-state": "available",
        "x-ms-server-encrypted": "true",
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    # Conditions come before ranges: an unchanged blob is 304 even where the range is past its end.
    if (wanted := ask.headers.get("If-Match")) and not _matches(wanted, state):
        return blob_error(412, "ConditionNotMet", _NOT_MET)
    if (known := ask.headers.get("If-None-Match")) and _matches(known, state):
        kept = {name: headers[name] for name in ("ETag", "Last-Modified")}
        return blob_error(304, "ConditionNotMet", _NOT_MET, kept)
    asked = _RANGE.match(ask.headers.get("x-ms-range") or ask.headers.get("Range") or "")
    if ask.method == "HEAD" or not asked:
        return Answer(200, bytes(state.data), headers)
    size = len(state.data)
    first = int(asked.group(1))
    if first >= size:
        text = "The range specified is invalid for the current size of the resource."
        return blob_error(416, "InvalidRange", text, {"Content-Range": f"bytes */{size}"})
    last = min(int(asked.group(2) or size - 1), size - 1)
    return Answer(206, bytes(state.data[first : last + 1]), headers | {"Content-Range": f"bytes {first}-{last}/{size}"})


def _matches(condition: str, state: BlobState) -> bool:
    tags = [tag.strip().strip('"') for tag in condition.split(",")]
    return "*" in tags or state.etag.strip('"') in tags


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)
