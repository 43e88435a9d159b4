"""What went wrong, as a Trouble: one clear sentence, and which role or setting is missing where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.polls import Trouble, TroubleKind
from aibtui.sources.refusals import SignInFailed

Part = Literal["template", "log"]
Network = Literal["open", "firewall", "private"]  # whom a storage account lets in, as far as that is known
By = Literal["token", "key", "sas"]

_TENANT = re.compile(
    r'(?i)authorization_uri="?https://[^/"\s]+/(?P<tenant>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b'
)


class Foreign(Exception):
    """An answer that no Azure service gives; the text is a sentence."""

    def __init__(self, text: str, remedy: str | None = None) -> None:
        super().__init__(text)
        self.remedy = remedy


class Refused(Exception):
    """What is not even asked for, because it would be refused; the text is a sentence."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


class Place(Struct, frozen=True):
    """What was read, in words: `what` of the sentence, `where` of the role that it takes, and the role.

    The role may be two, joined by `and`. `scope` is the id of the resource that it is for, `by` what opens it.
    """

    part: Part
    what: str
    where: str
    role: str
    scope: str | None = None
    network: Network = "open"
    by: By = "token"


class _Row(Struct, frozen=True):
    kind: TroubleKind
    text: str
    remedy: str | None = None


_LOOK_AGAIN = "It is tried again by itself."
_PROXY = "Check proxy and VPN: something between here and Azure answered instead of it."
_NETWORK = _Row(
    "forbidden",
    "{What} is behind a firewall that does not let this machine in.",
    "Ask for this network, or a private endpoint, in the networking of {where}.",
)
_PRIVATE = _Row(
    "forbidden",
    "{What} lets in its private endpoints alone, and this machine does not come through one.",
    "Watch from the network of the private endpoint, or ask for one in the networking of {where}.",
)
_UNREACHED = _Row(
    "forbidden",
    "{What} cannot be reached from here ({reason}): it has private endpoints alone.",
    "Watch from the network of the private endpoint, or ask for one in the networking of {where}.",
)
_NO_ROLE = _Row("forbidden", "You may not read {what}.", "Ask for the {roles} {role} on {where}.")
_SIGN_IN = _Row("sign-in", "Your sign-in was refused for {what}.", "Sign in again with: az login")
_BUSY = _Row("throttled", "Azure is busy and asked to wait before {what} is read again.", _LOOK_AGAIN)

_BY_CODE = {
    "AuthorizationFailed": _NO_ROLE,
    "AuthorizationPermissionMismatch": _NO_ROLE,
    "InsufficientAccountPermissions": _NO_ROLE,
    "LinkedAuthorizationFailed": _NO_ROLE,
    "AuthorizationFailure": _NETWORK,
    "IpAuthorizationError": _NETWORK,
    "PublicAccessNotPermitted": _Row(
        "forbidden", "{What} is not open to the public, and no sign-in was sent.", "Sign in with: az login"
    ),
    "KeyBasedAuthenticationNotPermitted": _Row(
        "forbidden", "{What} cannot be read with an account key.", "Ask for the role {role} on {where}."
    ),
    "RequestDisallowedByPolicy": _Row(
        "forbidden", "A policy forbids to read {what}.", "Ask the owner of {where} for an exemption."
    ),
    "AuthenticationFailed": _SIGN_IN,
    "InvalidAuthenticationInfo": _SIGN_IN,
    "InvalidAuthenticationToken": _SIGN_IN,
    "ExpiredAuthenticationToken": _SIGN_IN,
    "InvalidAuthenticationTokenTenant": _Row(
        "sign-in",
        "You are signed in to another tenant than the one of {what}.",
        "Sign in to it with: az login --tenant {tenant}",
    ),
    "ScopeLocked": _Row(
        "forbidden",
        "A lock forbids to list the keys of {what}.",
        "Leave out --auth key, and ask for the role {role} on {where}.",
    ),
    "AccountIsDisabled": _Row("forbidden", "The account of {what} is disabled.", "Ask the owner of {where}."),
    "ServerBusy": _BUSY,
    "TooManyRequests": _BUSY,
    "OperationTimedOut": _BUSY,
}

_SAS = _Row(
    "forbidden",
    "The address of --log-url does not open {what}: its signature is not accepted, or has expired.",
    "Ask for a new SAS with the permission to read, and start the watch again with it.",
)
_BY_WAY: dict[tuple[By, str], _Row] = {
    ("sas", "AuthenticationFailed"): _SAS,
    ("sas", "AuthorizationPermissionMismatch"): _Row(
        "forbidden",
        "The SAS of --log-url does not permit to read {what}.",
        "Ask for one with the permission to read (sp=r).",
    ),
    ("sas", "AuthorizationSourceIPMismatch"): _Row(
        "forbidden", "The SAS of --log-url is for another address than this machine's.", "Ask for one without sip."
    ),
    ("sas", "KeyBasedAuthenticationNotPermitted"): _Row(
        "forbidden",
        "{What} takes no SAS that was made with an account key.",
        "Ask for a user delegation SAS, or for the role {role} on {where}.",
    ),
    ("key", "AuthenticationFailed"): _Row(
        "forbidden",
        "The account key is not accepted for {what}: it may have been rotated.",
        "Start the watch again, which lists the keys anew.",
    ),
}

_BY_STATUS = {
    401: _SIGN_IN,
    403: _NO_ROLE,
    404: _Row("not-found", "{What} is not there.", None),
    408: _BUSY,
    409: _Row("forbidden", "{What} cannot be read as it is set up.", "Ask the owner of {where}."),
    412: _Row("slow", "{What} changed while it was read.", _LOOK_AGAIN),
    429: _BUSY,
    503: _BUSY,
}
_SERVER = _Row("throttled", "Azure failed with {status} while {what} was read.", _LOOK_AGAIN)
_REDIRECT = _Row("protocol", "{What} was redirected elsewhere; that is not followed.", _PROXY)
_ODD = _Row("protocol", "{What} could not be read: Azure answered {status}{code}.", "Check the address and the name.")
_CUT = _Row("offline", "The connection broke while {what} was read.", _LOOK_AGAIN)
_SILENT = _Row("slow", "No answer in time for {what}.", _LOOK_AGAIN)
_OFFLINE = _Row("offline", "{What} cannot be reached: {reason}.", "Check network, VPN and proxy.")
_TLS = _Row(
    "offline",
    "{What} cannot be reached: the certificate is not trusted here.",
    "If your network inspects TLS, name its root certificate with --ca FILE or SSL_CERT_FILE.",
)
_NOT_HTTP = _Row("protocol", "{What} was answered by something that does not speak HTTP.", _PROXY)
_NOT_AZURE = _Row("protocol", "{What} was answered by something that is not Azure, a login page perhaps.", _PROXY)
_INTERNAL = _Row(
    "internal", "{What} could not be read because of a fault in aibtui ({reason}).", "It is tried again; report it."
)


def trouble_of(error: Exception, place: Place) -> Trouble:
    """The Trouble that an exception of a look means."""
    if isinstance(error, SignInFailed):
        return Trouble(place.part, "sign-in", error.text, error.remedy)
    if isinstance(error, Foreign):
        return Trouble(place.part, "protocol", str(error), error.remedy or _PROXY)
    if isinstance(error, Refused):
        return Trouble(place.part, "forbidden", str(error), error.remedy)
    row = _BY_WAY.get((place.by, code_of(error))) or _row(error)
    if place.network == "private":
        row = {_NETWORK.text: _PRIVATE, _OFFLINE.text: _UNREACHED, _SILENT.text: _UNREACHED}.get(row.text, row)
    words = {
        "what": place.what,
        "What": place.what[:1].upper() + place.what[1:],
        "where": place.where,
        "role": place.role,
        "roles": "roles" if " and " in place.role else "role",
        "status": status_of(error),
        "code": f" ({code_of(error)})" if code_of(error) else "",
        "reason": _reason(error),
        "tenant": tenant_named(_headers(error)) or "TENANT",
    }
    remedy = row.remedy and row.remedy.format(**words)
    if row is _NO_ROLE and place.scope:
        scope = place.scope
        remedy = f"{remedy} Its owner runs: {'; '.join(grant(role, scope) for role in place.role.split(' and '))}"
    return Trouble(place.part, row.kind, row.text.format(**words), remedy)


def once(trouble: Trouble) -> Trouble:
    """The same, said by what asks once and then leaves: nothing is tried again by itself."""
    return replace(trouble, remedy="Try again in a moment.") if trouble.remedy == _LOOK_AGAIN else trouble


def grant(role: str, scope: str) -> str:
    """The command that gives somebody a role; what the owner of `scope` (a resource id) is asked to run."""
    return f'az role assignment create --assignee USER --role "{role}" --scope {scope}'


def lapsed(trouble: Trouble, place: Place) -> Trouble:
    """The same, where it could be read before: a role that ended while the build ran."""
    if trouble.kind != "forbidden":
        return trouble
    text = f"You may no longer read {place.what}: your role has ended, or the access to it was changed."
    remedy = f"Activate the role {place.role} on {place.where} again, or ask for it; the watch goes on by itself."
    return replace(trouble, text=text, remedy=remedy)


def tenant_named(headers: Mapping[str, Any]) -> str | None:
    """The tenant that a challenge of ARM names; for people to read, it is never asked for a token."""
    found = _TENANT.search(str(headers.get("WWW-Authenticate", "")))
    return found["tenant"].lower() if found else None


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an SDK error carries, if there was an answer."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def code_of(error: BaseException) -> str:
    """The service's own code: ARM has it in the body, storage in a header too."""
    code = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    code = getattr(code, "value", code)
    return code if isinstance(code, str) and code else _headers(error).get("x-ms-error-code", "")


def retry_after(error: BaseException) -> timedelta | None:
    """How long the service asked to wait."""
    headers = _headers(error)
    for name, unit in (("x-ms-retry-after-ms", 0.001), ("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        value = headers.get(name)
        if not value:
            continue
        try:
            return timedelta(seconds=min(max(float(value), 0.0) * unit, 86400.0))
        except ValueError:
            pass
        try:
            return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta())
        except (ValueError, TypeError):
            continue
    return None


def _row(error: Exception) -> _Row:
    from azure.core import exceptions as azure

    status = status_of(error)
    if status is not None and not 200 <= status < 300:
        known = _BY_CODE.get(code_of(error)) or _BY_STATUS.get(status)
        if known or status >= 500:
            return known or _SERVER
        return _REDIRECT if 300 <= status < 400 else _ODD
    match error:
        case azure.ClientAuthenticationError():
            return _SIGN_IN
        case azure.ServiceResponseTimeoutError() | asyncio.TimeoutError():
            return _SILENT
        case azure.ServiceRequestError():
            return _TLS if "CERTIFICATE_VERIFY_FAILED" in str(error) else _OFFLINE
        case azure.ServiceResponseError():
            return _NOT_HTTP
        case azure.DecodeError():
            return _NOT_AZURE
        case azure.HttpResponseError():
            return _CUT
        case ValueError() | IndexError() | KeyError():
            return _NOT_AZURE
        case OSError() | azure.AzureError():
            return _OFFLINE
        case _:
            return _INTERNAL


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    for sign, words in (
        ("Name or service not known", "its name is not known here"),
        ("getaddrinfo", "its name is not known here"),
        ("nodename nor servname", "its name is not known here"),
        ("No address associated", "its name is not known here"),
        ("Domain name not found", "its name is not known here"),
        ("Connect call failed", "nothing answers there"),
        ("Connection timeout", "nothing answers there"),
        ("refused", "nothing answers there"),
        ("Server disconnected", "the connection was closed"),
        ("reset by peer", "the connection was closed"),
    ):
        if sign in text:
            return words
    return text[:200] or type(error).__name__


def _headers(error: BaseException) -> Mapping[str, Any]:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return headers if isinstance(headers, Mapping) else {}
