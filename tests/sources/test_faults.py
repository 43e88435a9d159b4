"""Every fault that networks, proxies and Azure have for a reader: what the user is told, and that no byte is lost."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from aiohttp import web

from aibtui.core.polls import Trouble
from aibtui.sources import arm, blob
from aibtui.sources.faults import Place, grant, trouble_of
from aibtui.sources.skew import DateHeader, skew_note
from tests.sources.fake_azure import (
    Blob,
    FakeAzure,
    Fault,
    account,
    answering,
    arm_error,
    blob_error,
    broken_off,
    read_range,
    reset,
    silence,
)
from tests.sources.looks import LOG, TEXT, Looks, read, troubled

WHERE = "The log in the storage account logs"
TEMPLATE = "The image template win11"


@pytest.fixture
async def azure() -> AsyncIterator[FakeAzure]:
    async with FakeAzure() as fake:
        fake.run("Running")
        yield fake


async def dripping(request: web.Request) -> web.StreamResponse:
    """A byte now and then: no read timeout ever fires."""
    whole = read_range(Blob(TEXT * 2), request)
    response = web.StreamResponse(status=206, headers={name: whole.headers[name] for name in ("Content-Range", "ETag")})
    response.content_length = len(whole.body)  # type: ignore[arg-type]
    await response.prepare(request)
    for place in range(len(whole.body)):  # type: ignore[arg-type]
        await response.write(whole.body[place : place + 1])  # type: ignore[index]
        await asyncio.sleep(0.05)
    return response


async def stalled(request: web.Request) -> web.StreamResponse:
    """Twenty bytes, and then nothing."""
    whole = read_range(Blob(TEXT * 2), request)
    response = web.StreamResponse(status=206, headers={name: whole.headers[name] for name in ("Content-Range", "ETag")})
    response.content_length = len(whole.body)  # type: ignore[arg-type]
    await response.prepare(request)
    await response.write(whole.body[:20])  # type: ignore[index]
    await asyncio.sleep(5)
    return response


async def bomb(request: web.Request) -> web.StreamResponse:
    """A few bytes that become ten millions."""
    whole = read_range(Blob(TEXT * 2), request)
    headers = {name: whole.headers[name] for name in ("Content-Range", "ETag")} | {"Content-Encoding": "gzip"}
    return web.Response(status=206, body=gzip.compress(bytes(10_000_000)), headers=headers)


async def junk(request: web.Request) -> web.StreamResponse:
    """Whatever it is, it is not HTTP."""
    assert request.transport is not None
    request.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    request.transport.close()
    return web.Response()


def redirect() -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/", "x-ms-error-code": "x"})


def page() -> web.Response:
    return web.Response(text="<html>Sign in to the network</html>", content_type="text/html")


LOG_FAULTS: list[tuple[str, Fault, str, str]] = [
    ("reset", reset, "offline", f"{WHERE} cannot be reached: the connection was closed."),
    ("broken off", broken_off, "offline", "The connection broke while the log in the storage account logs was read."),
    ("silent", silence, "slow", "No answer in time for the log in the storage account logs."),
    ("stalls in the middle", stalled, "slow", "No answer in time for the log in the storage account logs."),
    ("drips", dripping, "slow", "No answer in time for the log in the storage account logs."),
    (
        "500",
        answering(lambda: blob_error(500, "InternalError")),
        "throttled",
        "Azure failed with 500 while the log in the storage account logs was read.",
    ),
    (
        "503",
        answering(lambda: blob_error(503, "ServerBusy", {"Retry-After": "1"})),
        "throttled",
        "Azure is busy and asked to wait before the log in the storage account logs is read again.",
    ),
    (
        "429",
        answering(lambda: blob_error(429, "TooManyRequests")),
        "throttled",
        "Azure is busy and asked to wait before the log in the storage account logs is read again.",
    ),
    (
        "401",
        answering(lambda: blob_error(401, "InvalidAuthenticationInfo")),
        "sign-in",
        "Your sign-in was refused for the log in the storage account logs.",
    ),
    (
        "a role that lapses",
        answering(lambda: blob_error(403, "AuthorizationPermissionMismatch")),
        "forbidden",
        "You may no longer read the log in the storage account logs: your role has ended, or the access to it was "
        "changed.",
    ),
    ("login page", answering(page), "protocol", "The storage account did not answer with the part of the log"),
    ("redirect", answering(redirect), "protocol", f"{WHERE} was redirected elsewhere; that is not followed."),
    (
        "bad range",
        answering(lambda: web.Response(status=206, headers={"Content-Range": "x"})),
        "protocol",
        f"{WHERE} was answered by something that is not Azure, a login page perhaps.",
    ),
    ("gzip bomb", bomb, "protocol", "The storage account sent the log packed, which was not asked for."),
    ("not HTTP", junk, "protocol", f"{WHERE} was answered by something that does not speak HTTP."),
    (
        "changes all the time",
        answering(lambda: blob_error(412, "ConditionNotMet")),
        "slow",
        f"{WHERE} changed while it was read.",
    ),
]


@pytest.mark.parametrize(("fault", "kind", "text"), [row[1:] for row in LOG_FAULTS], ids=[row[0] for row in LOG_FAULTS])
async def test_a_fault_of_the_log_is_told_and_read_over(
    azure: FakeAzure, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: str, text: str
) -> None:
    monkeypatch.setattr(blob, "_DEADLINE", 0.3 if fault in (silence, stalled, dripping) else 20.0)
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs[LOG].put(TEXT * 2)
        azure.fail(LOG, fault, times=3)
        poll = await looks.until(troubled)
        azure.faults.clear()
        (trouble,) = poll.troubles
        assert (trouble.target, trouble.kind) == ("log", kind)
        assert trouble.text.startswith(text)
        assert "\n" not in trouble.text
        assert trouble.remedy
        poll = await looks.until(lambda poll: poll.log_read and not poll.troubles)
    assert looks.log == TEXT * 2


def firewalled(azure: FakeAzure, **properties: object) -> None:
    named = account("logs", f"{azure.endpoint}/logs")
    named["properties"] |= properties
    azure.accounts = [named]


REFUSALS: list[tuple[str, int, str, dict[str, object], str, str]] = [
    (
        "no data role",
        403,
        "AuthorizationPermissionMismatch",
        {},
        "You may not read the log in the storage account logs.",
        "Storage Blob Data Reader on the storage account logs (resource group IT_rg_win11). Its owner runs: "
        'az role assignment create --assignee USER --role "Storage Blob Data Reader" --scope /subscriptions/',
    ),
    (
        "firewall",
        403,
        "AuthorizationFailure",
        {"networkAcls": {"defaultAction": "Deny"}},
        f"{WHERE} is behind a firewall that does not let this machine in.",
        "Ask for this network, or a private endpoint, in the networking of the storage account logs",
    ),
    (
        "private endpoint",
        403,
        "AuthorizationFailure",
        {"publicNetworkAccess": "Disabled"},
        f"{WHERE} lets in its private endpoints alone, and this machine does not come through one.",
        "Watch from the network of the private endpoint",
    ),
    (
        "keys off",
        403,
        "KeyBasedAuthenticationNotPermitted",
        {"allowSharedKeyAccess": False},
        f"{WHERE} cannot be read with an account key.",
        "Ask for the role Storage Blob Data Reader",
    ),
    (
        "anonymous",
        409,
        "PublicAccessNotPermitted",
        {},
        f"{WHERE} is not open to the public, and no sign-in was sent.",
        "az login",
    ),
    (
        "a policy",
        403,
        "RequestDisallowedByPolicy",
        {},
        "A policy forbids to read the log in the storage account logs.",
        "Ask the owner of the storage account logs",
    ),
]


@pytest.mark.parametrize(
    ("status", "code", "properties", "text", "remedy"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
async def test_each_refusal_of_the_storage_is_told_apart(
    azure: FakeAzure, status: int, code: str, properties: dict[str, object], text: str, remedy: str
) -> None:
    firewalled(azure, **properties)
    azure.blobs = {LOG: Blob(TEXT)}
    azure.fail("/logs/packerlogs", answering(lambda: blob_error(status, code)), times=1000)
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
        (trouble,) = poll.troubles
        assert (trouble.kind, trouble.waiting) == ("forbidden", False)
        assert trouble.text == text
        assert remedy in (trouble.remedy or "")
        azure.faults.clear()
        await looks.until(read)
    assert looks.log == TEXT


ARM_FAULTS: list[tuple[str, Fault, str, str]] = [
    ("reset", reset, "offline", f"{TEMPLATE} cannot be reached: the connection was closed."),
    ("silent", silence, "slow", "No answer in time for the image template win11."),
    (
        "500",
        answering(lambda: arm_error(500, "InternalServerError")),
        "throttled",
        "Azure failed with 500 while the image template win11 was read.",
    ),
    (
        "504",
        answering(lambda: arm_error(504, "GatewayTimeout")),
        "throttled",
        "Azure failed with 504 while the image template win11 was read.",
    ),
    ("login page", answering(page), "protocol", f"{TEMPLATE} was answered by something that is not Azure"),
    (
        "cut json",
        answering(lambda: web.Response(text='{"id": ', content_type="application/json")),
        "protocol",
        f"{TEMPLATE} was answered by something that is not Azure",
    ),
    ("redirect", answering(redirect), "protocol", f"{TEMPLATE} was redirected elsewhere; that is not followed."),
    (
        "expired",
        answering(lambda: arm_error(401, "ExpiredAuthenticationToken")),
        "sign-in",
        "Your sign-in was refused for the image template win11.",
    ),
    ("not HTTP", junk, "protocol", f"{TEMPLATE} was answered by something that does not speak HTTP."),
]


@pytest.mark.parametrize(("fault", "kind", "text"), [row[1:] for row in ARM_FAULTS], ids=[row[0] for row in ARM_FAULTS])
async def test_a_fault_of_the_template_is_told_and_is_not_a_failed_build(
    azure: FakeAzure, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: str, text: str
) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        monkeypatch.setattr(arm, "_DEADLINE", 0.3 if fault is silence else 20.0)
        azure.fail("/imageTemplates/", fault, times=2)
        poll = await looks.until(troubled)
        azure.faults.clear()
        assert (poll.troubles[0].target, poll.troubles[0].kind, poll.status) == ("template", kind, None)
        assert poll.troubles[0].text.startswith(text)
        assert "\n" not in poll.troubles[0].text
        poll = await looks.until(lambda poll: poll.status is not None)
    assert poll.troubles == ()


async def test_a_template_that_fails_for_minutes_is_not_deleted_and_the_log_goes_on(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.fail("/imageTemplates/", answering(lambda: arm_error(500, "InternalServerError")), times=1000)
        began = looks.clock.now()
        while looks.clock.now() - began < timedelta(minutes=4):
            poll = await looks.next()
            assert not poll.ended
        azure.blobs[LOG].put(TEXT * 2)
        await looks.until(lambda poll: bool(poll.chunks))
        azure.faults.clear()
        poll = await looks.until(lambda poll: poll.status is not None)
    assert looks.log == TEXT * 2
    assert not looks.status.deleted


async def test_a_part_that_comes_short_is_fetched_on(azure: FakeAzure) -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = read_range(Blob(TEXT), request)
        body = bytes(response.body)[:40]  # type: ignore[arg-type]
        start = int(response.headers["Content-Range"].removeprefix("bytes ").split("-")[0])
        place = f"bytes {start}-{start + len(body) - 1}/{len(TEXT)}"
        return web.Response(status=206, body=body, headers={"Content-Range": place, "ETag": '"short"'})

    azure.blobs = {LOG: Blob(TEXT)}
    azure.fail(LOG, short)
    async with Looks(azure) as looks:
        await looks.until(lambda poll: sum(len(c.data) for p in looks.polls for c in p.chunks) == len(TEXT))
    assert looks.log == TEXT


class Forbidden(Exception):
    status_code = 403


async def raised(call: Callable[[], Awaitable[object]]) -> Exception:
    try:
        await call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@asynccontextmanager
async def transport(**options: object) -> AsyncIterator[Callable[[str], Awaitable[object]]]:
    """The SDK's own way to a host, without retries."""
    from azure.core import AsyncPipelineClient
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.core.rest import HttpRequest

    client: AsyncPipelineClient = AsyncPipelineClient(  # type: ignore[type-arg]
        "https://x", policies=[], transport=AioHttpTransport(use_env_settings=False, **options)
    )
    async with client:
        yield lambda url: client.send_request(HttpRequest("GET", url))


def told(error: Exception) -> Trouble:
    return trouble_of(error, Place("log", "the log", "the storage account logs", "Storage Blob Data Reader"))


async def test_a_name_that_nobody_knows_is_told() -> None:
    async with transport() as get:
        trouble = told(await raised(lambda: get("https://nosuch.invalid/")))
    assert (trouble.kind, trouble.text) == ("offline", "The log cannot be reached: its name is not known here.")


async def test_a_refused_port_is_told() -> None:
    async with transport() as get:
        trouble = told(await raised(lambda: get("http://127.0.0.1:1/")))
    assert (trouble.kind, trouble.text) == ("offline", "The log cannot be reached: nothing answers there.")


async def test_a_host_that_swallows_all_is_told() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # the backlog is full: the next SYN is not answered
            filler.setblocking(False)
            filler.connect_ex(address)
        async with transport(connection_timeout=0.3) as get:
            trouble = told(await raised(lambda: get(f"http://127.0.0.1:{address[1]}/")))
        for filler in fillers:
            filler.close()
    assert (trouble.kind, trouble.text) == ("offline", "The log cannot be reached: nothing answers there.")


def test_a_private_endpoint_that_cannot_be_reached_is_named() -> None:
    place = Place("log", "the log", "the storage account logs", "Storage Blob Data Reader", network="private")
    trouble = trouble_of(OSError("Name or service not known"), place)
    assert trouble.kind == "forbidden"
    assert "it has private endpoints alone" in trouble.text


def test_what_the_owner_is_asked_for_can_be_pasted() -> None:
    scope = "/subscriptions/s/resourceGroups/rg"
    assert grant("Reader", scope) == f'az role assignment create --assignee USER --role "Reader" --scope {scope}'


def test_two_roles_are_two_commands() -> None:
    place = Place("log", "the log", "the group rg", "Reader and Storage Blob Data Reader", "/subscriptions/s")
    trouble = trouble_of(Forbidden("no"), place)
    assert trouble.remedy == (
        "Ask for the roles Reader and Storage Blob Data Reader on the group rg. Its owner runs: "
        f"{grant('Reader', '/subscriptions/s')}; {grant('Storage Blob Data Reader', '/subscriptions/s')}"
    )


NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        (timedelta(minutes=9), "This machine's clock is 9 min ahead of Azure's."),
        (timedelta(minutes=-4), "This machine's clock is 4 min behind Azure's."),
        (timedelta(seconds=110), None),
    ],
)
def test_a_clock_that_is_wrong_is_told_above_two_minutes(ahead: timedelta, text: str | None) -> None:
    clock = DateHeader(lambda: NOW)
    headers = {"Date": format_datetime(NOW - ahead, usegmt=True)}
    clock.see(SimpleNamespace(http_response=SimpleNamespace(headers=headers)))
    note = skew_note(clock.skew)
    assert (note.text if note else None) == text


async def test_a_wrong_clock_is_a_note_and_hides_nothing(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    date = {"Date": format_datetime(datetime.now(UTC) - timedelta(minutes=30), usegmt=True)}
    azure.fail("/imageTemplates/", answering(lambda: web.json_response(azure.template, headers=date)))
    async with Looks(azure) as looks:
        poll = await looks.next()
    assert [(note.kind, note.text) for note in poll.troubles] == [
        ("clock", "This machine's clock is 30 min ahead of Azure's.")
    ]
