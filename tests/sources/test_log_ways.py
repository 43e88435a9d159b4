"""Other ways to the log: by account key, by its address, in a named account; and what requests a watch makes at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from aibtui.cli import main
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.cloud import choose_endpoint
from aibtui.sources.log_alone import LogAlone
from aibtui.sources.log_url import parse_log_url
from aibtui.sources.target import parse_target
from tests.sources.fake_azure import (
    LAST_LINE,
    START,
    TARGET,
    Blob,
    FakeAzure,
    StepClock,
    account,
    answering,
    arm_error,
    blob_error,
)
from tests.sources.looks import LOG, TEXT, Heard, Looks, read, troubled

PUBLIC = choose_endpoint(None, "public")
SIGNED = "sv=2025-11-05&sr=b&sp=r&se=2026-03-02T10%3A00%3A00Z&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D"
ADDRESS = "https://logs.blob.core.windows.net/packerlogs/run-1/customization.log"


@pytest.fixture
async def azure() -> AsyncIterator[FakeAzure]:
    async with FakeAzure() as fake:
        fake.run("Running")
        fake.blobs = {LOG: Blob(TEXT)}
        yield fake


def access_of(azure: FakeAzure, **more: object) -> Access:
    return replace(Access({}, arm_endpoint=azure.endpoint), **more)  # type: ignore[arg-type]


def looks_with(azure: FakeAzure, **more: object) -> Looks:
    looks = Looks(azure)
    looks.source = AzureSource(TARGET, access_of(azure, **more), random=Random(1))
    return looks


async def test_account_keys_are_asked_for_only_where_the_user_allows_it(azure: FakeAzure) -> None:
    async with looks_with(azure, auth="key") as looks:
        await looks.until(read)
    posts = [request for request in azure.requests if request.startswith("POST")]
    assert len(posts) == 1
    assert "/storageAccounts/logs/listKeys?api-version=" in posts[0]
    assert any(sent.startswith("SharedKey") for sent in azure.authorizations)
    assert looks.log == TEXT


async def test_an_account_that_takes_no_keys_is_not_asked_for_them(azure: FakeAzure) -> None:
    named = account("logs", f"{azure.endpoint}/logs")
    named["properties"]["allowSharedKeyAccess"] = False
    azure.accounts = [named]
    async with looks_with(azure, auth="key") as looks:
        poll = await looks.until(troubled)
    assert poll.troubles[0].text == "The storage account logs takes no account keys (allowSharedKeyAccess is off)."
    assert poll.troubles[0].kind == "forbidden"
    assert not [request for request in azure.requests if request.startswith("POST")]


async def test_a_lock_that_forbids_to_list_keys_is_told(azure: FakeAzure) -> None:
    azure.fail("listKeys", answering(lambda: arm_error(409, "ScopeLocked")), times=10)
    async with looks_with(azure, auth="key") as looks:
        poll = await looks.until(troubled)
    assert poll.troubles[0].text.startswith("A lock forbids to list the keys of the staging group")


async def test_a_named_account_is_read_without_listing_any(azure: FakeAzure) -> None:
    azure.fail("/storageAccounts", answering(lambda: arm_error(403, "AuthorizationFailed")), times=100)
    async with looks_with(azure, storage_account="logs") as looks:
        await looks.until(read)
    assert looks.log == TEXT
    assert not [request for request in azure.requests if "/storageAccounts" in request]


def test_an_account_is_addressed_in_its_cloud() -> None:
    assert choose_endpoint(None, "usgov").blob_endpoint("abc123") == "https://abc123.blob.core.usgovcloudapi.net"
    with pytest.raises(CannotWatch):
        PUBLIC.blob_endpoint("evil.example/abc")


async def test_the_address_of_the_log_opens_it_beside_the_template(azure: FakeAzure) -> None:
    refusal = answering(lambda: arm_error(403, "AuthorizationFailed"))
    azure.fail("/storageAccounts", refusal, times=1000)
    address = f"{azure.endpoint}/logs/packerlogs/run-1/customization.log?{SIGNED}"
    log_url = parse_log_url(address, choose_endpoint(azure.endpoint, "public"))
    async with looks_with(azure, log_url=log_url) as looks:
        poll = await looks.until(read)
        assert poll.troubles == ()
        azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
        azure.run("Succeeded", endTime=START.isoformat())
        await looks.end()
    assert looks.log == TEXT + LAST_LINE
    assert "c2VjcmV0" not in repr(looks.polls) + repr(log_url) + repr(looks.source._access)
    assert not any(sent for sent in azure.authorizations)


async def test_a_template_that_may_not_be_read_leaves_the_log(azure: FakeAzure) -> None:
    azure.fail("/imageTemplates/", answering(lambda: arm_error(403, "AuthorizationFailed")), times=1000)
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    address = f"{azure.endpoint}/logs/packerlogs/run-1/customization.log?{SIGNED}"
    log_url = parse_log_url(address, choose_endpoint(azure.endpoint, "public"))
    async with looks_with(azure, log_url=log_url) as looks:
        poll = await looks.end()
    assert looks.log == TEXT + LAST_LINE
    assert [(note.kind, note.text) for note in poll.troubles] == [
        ("detour", "The log alone is read. You may not read the image template win11.")
    ]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (403, "AuthenticationFailed", "its signature is not accepted, or has expired."),
        (403, "AuthorizationPermissionMismatch", "The SAS of --log-url does not permit to read"),
        (403, "KeyBasedAuthenticationNotPermitted", "takes no SAS that was made with an account key."),
        (403, "AuthorizationFailure", "is behind a firewall that does not let this machine in."),
    ],
)
async def test_an_address_that_opens_nothing_is_refused_with_the_reason(
    azure: FakeAzure, status: int, code: str, text: str
) -> None:
    azure.fail(LOG, answering(lambda: blob_error(status, code)))
    address = f"{azure.endpoint}/logs/packerlogs/run-1/customization.log?{SIGNED}"
    source = LogAlone(access_of(azure), parse_log_url(address, choose_endpoint(azure.endpoint, "public")))
    with pytest.raises(CannotWatch) as raised:
        await source.look(START)
    await source.close()
    assert raised.value.exit_code == 4
    assert text in raised.value.text
    assert "c2VjcmV0" not in raised.value.text + raised.value.remedy


@pytest.mark.parametrize(
    "address",
    [
        f"http://logs.blob.core.windows.net/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net.evil.example/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://evil.example/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://user@logs.blob.core.windows.net/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net:8443/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net/packerlogs/a/b/customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net/packerlogs/../customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net/secrets/run-1/customization.log?{SIGNED}",
        f"https://logs.blob.core.windows.net/packerlogs/run-1/other.log?{SIGNED}",
        f"https://logs.blob.core.windows.net\\@evil.example/packerlogs/run-1/customization.log?{SIGNED}",
        f"https://lögs.blob.core.windows.net/packerlogs/run-1/customization.log?{SIGNED}",
        f"{ADDRESS}?{SIGNED}#x",
        f"{ADDRESS}?sv=2025-11-05",
        ADDRESS,
        "https://[bad",
    ],
)
def test_an_address_that_is_not_of_a_log_is_refused_unquoted(address: str) -> None:
    with pytest.raises(CannotWatch) as raised:
        parse_log_url(address, PUBLIC)
    assert raised.value.exit_code == 2
    assert "c2VjcmV0" not in raised.value.text + raised.value.remedy


def test_an_address_knows_its_blob_and_when_it_ends() -> None:
    log_url = parse_log_url(f"{ADDRESS}?{SIGNED}", PUBLIC)
    assert (log_url.account, log_url.container) == ("https://logs.blob.core.windows.net", "packerlogs")
    assert (log_url.blob, log_url.folder) == ("run-1/customization.log", "run-1")
    assert log_url.expires_at == datetime(2026, 3, 2, 10, tzinfo=UTC)


async def test_the_validators_log_is_followed_beside_the_first(azure: FakeAzure) -> None:
    validate = {"validate": {"inVMValidations": [{"type": "Shell"}]}}
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE), "run-1/validation.log": Blob(b"checking\n")}
    azure.run("Running", runSubState="Customizing", properties=validate)
    async with Looks(azure) as looks:
        await looks.until(read)
        for _ in range(5):
            await looks.next()
        assert looks.log_of("validation.log") == b""
        azure.run("Running", runSubState="Validating", properties=validate)
        await looks.until(lambda poll: any(chunk.log == "validation.log" for chunk in poll.chunks))
        azure.blobs["run-1/validation.log"].put(b"checking\nchecked\n")
        azure.run("Succeeded", properties=validate, endTime=START.isoformat())
        await looks.end()
    assert looks.log_of("validation.log") == b"checking\nchecked\n"
    assert looks.log == TEXT + LAST_LINE


async def test_a_run_without_its_validators_log_ends_too(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    azure.run("Succeeded", properties={"validate": {"inVMValidations": [{"type": "Shell"}]}})
    async with Looks(azure) as looks:
        await looks.end()


BEGINS = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("scenario", ["no-blob-role", "validation-failed"])
async def test_a_watch_asks_little_and_changes_nothing(scenario: str, tmp_path: Path) -> None:
    clock = ScenarioClock(None, BEGINS)
    asked: list[int] = []
    async with Emulator(load_scenario(scenario), clock, lag=timedelta(seconds=7)) as emulator:
        target = parse_target(emulator.template_id, None)
        recordings = Recordings(tmp_path)
        source = AzureSource(target, Access({}, arm_endpoint=emulator.endpoint), cursor=recordings.cursor)
        async with Watch(source, Heard, recordings, clock) as watch:
            async for _ in watch.updates():
                served = [one for one in emulator.requests if one.path.endswith(".log")]
                asked.append(len(served))
            log = watch.run.path
            size = log.stat().st_size if log.exists() else 0
    assert {one.method for one in emulator.requests} == {"GET"}
    assert max(after - before for before, after in zip([0, *asked], asked, strict=False)) == (size > 0)
    body = sum(
        one.body_bytes for one in emulator.requests if one.path.endswith("customization.log") and one.status < 300
    )
    assert body <= 1.05 * size
    kinds = Counter(one.path.rpartition("/")[2] for one in emulator.requests)
    assert kinds["storageAccounts"] < len(emulator.requests) / 10


async def test_looks_between_two_of_them_cost_one_small_request(azure: FakeAzure) -> None:
    async with Looks(azure) as looks:
        await looks.until(read)
        before, begun = len(azure.requests), azure.blob_body_bytes
        for _ in range(30):
            await looks.next()
        logs = [request for request in azure.requests[before:] if LOG in request]
    assert azure.blob_body_bytes == begun
    assert len(logs) <= 30
    assert isinstance(looks.clock, StepClock)


def test_the_command_follows_an_address_alone(tmp_path: Path) -> None:
    """Through the command line: a clear word for an address that is none, without quoting it."""
    for arguments in (["--log-url", f"https://evil.example/x?{SIGNED}"], ["a", "b", "-g", "g", "--log-url", "x"]):
        done = CliRunner(env={"AIBTUI_STATE_DIR": str(tmp_path)}).invoke(main, ["watch", *arguments])
        assert done.exit_code == 2
        assert "c2VjcmV0" not in done.output
        assert "--log-url" in done.output
