"""The Azure source against ARM and storage on loopback, through the real SDK clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random

import pytest
from aiohttp import web

from aibtui.recording import Cursor
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
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
    reset,
)
from tests.sources.looks import LOG, TEXT, Looks, read, troubled


@pytest.fixture
async def azure() -> AsyncIterator[FakeAzure]:
    async with FakeAzure() as fake:
        fake.run("Running")
        yield fake


async def test_a_build_is_followed_to_its_end(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs[LOG].put(TEXT * 2)
        await looks.next()
        azure.blobs[LOG].put(TEXT * 2 + LAST_LINE)
        azure.run("Succeeded", endTime=START.isoformat())
        await looks.end()
    assert looks.log == TEXT * 2 + LAST_LINE
    assert looks.status.run_state == "Succeeded"
    assert azure.blob_body_bytes <= 1.1 * len(looks.log)


async def test_the_first_look_is_for_the_status_alone(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        poll = await looks.next()
    assert (poll.status is not None, poll.chunks, poll.pause) == (True, (), timedelta())


async def test_a_watcher_writes_nothing_and_an_emulator_gets_no_token(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    azure.run("Succeeded")
    async with Looks(azure) as looks:
        await looks.end()
    assert {request.split()[0] for request in azure.requests} == {"GET"}
    assert not any(sent.startswith("Bearer") for sent in azure.authorizations)


async def test_a_run_that_is_over_is_shown_and_ends_the_watch(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    azure.run("Failed", message="It broke.")
    async with Looks(azure) as looks:
        poll = await looks.end()
    assert poll.at - START < timedelta(seconds=1)
    assert looks.log == TEXT + LAST_LINE


async def test_a_log_without_its_last_line_ends_when_it_stopped_growing(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    azure.run("Failed")
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs[LOG].put(TEXT + b"more\n")
        await looks.end()
        assert timedelta(seconds=15) <= looks.clock.now() - START < timedelta(seconds=60)
    assert looks.log == TEXT + b"more\n"


async def test_an_end_marker_alone_ends_nothing(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    async with Looks(azure) as looks:
        for _ in range(40):
            assert not (await looks.next()).ended


async def test_a_log_that_comes_late_is_waited_for(azure: FakeAzure) -> None:
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
        assert poll.troubles[0].waiting
        azure.accounts = []
        for _ in range(5):
            await looks.next()
        azure.accounts = [account("logs", f"{azure.endpoint}/logs")]
        azure.blobs = {}
        for _ in range(5):
            poll = await looks.next()
        assert poll.troubles[0].text == "There is no log of this run in the storage account logs yet."
        azure.blobs = {LOG: Blob(TEXT)}
        poll = await looks.until(read)
    assert poll.troubles == ()
    assert looks.log == TEXT


async def test_a_log_that_comes_after_the_run_is_waited_for_a_minute(azure: FakeAzure) -> None:
    azure.blobs = {}
    async with Looks(azure) as looks:
        await looks.until(troubled)
        azure.run("Succeeded", endTime=START.isoformat())
        for _ in range(3):
            assert not (await looks.next()).ended
        azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
        await looks.end()
    assert looks.log == TEXT + LAST_LINE


async def test_a_vanished_log_leaves_the_run_state(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs = None
        azure.accounts = None
        poll = await looks.until(troubled)
        assert (poll.troubles[0].kind, poll.troubles[0].waiting) == ("gone", False)
        for _ in range(10):
            assert not (await looks.next()).ended
        azure.run("Succeeded")
        await looks.end()
    assert looks.log == TEXT


async def test_a_storage_account_that_lost_its_address_is_gone_not_offline(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.accounts = []
        azure.fail(LOG, reset, times=10)
        poll = await looks.until(troubled)
    assert poll.troubles[0].kind == "gone"


async def test_a_replaced_log_is_another_generation(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs[LOG].put(b"another\n")
        await looks.until(lambda poll: bool(poll.chunks))
    assert looks.log == b"another\n"
    assert looks.polls[-1].chunks[-1].generation == 1


async def test_the_newest_folder_since_the_start_is_the_run(azure: FakeAzure) -> None:
    azure.blobs = {
        "old/customization.log": Blob(b"old\n", START - timedelta(days=1)),
        "mine/customization.log": Blob(TEXT, START + timedelta(minutes=3)),
        "mine/validation.log": Blob(b"other\n", START + timedelta(minutes=9)),
    }
    async with Looks(azure) as looks:
        await looks.until(read)
    assert looks.log == TEXT


async def test_a_folder_of_an_earlier_run_is_not_this_run(azure: FakeAzure) -> None:
    azure.blobs = {"old/customization.log": Blob(b"old\n", START - timedelta(minutes=2))}
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
    assert poll.troubles[0].waiting


@pytest.mark.parametrize(
    "message",
    [
        "Image build log location: https://logs.blob.core.windows.net/packerlogs/hinted/customization.log.",
        "Packer build logs are at location /subscriptions/s/storageAccounts/logs/blobServices/default/containers"
        "/packerlogs/hinted/customization.log. Fix it.",
    ],
)
async def test_the_folder_in_the_message_decides(azure: FakeAzure, message: str) -> None:
    azure.blobs = {
        "hinted/customization.log": Blob(TEXT + LAST_LINE, START + timedelta(minutes=1)),
        "newer/customization.log": Blob(b"newer\n", START + timedelta(minutes=2)),
    }
    async with Looks(azure) as looks:
        await looks.until(read)
        assert looks.log == b"newer\n"
        azure.run("Failed", message=message)
        await looks.end()
    assert looks.log == TEXT + LAST_LINE
    assert not any("core.windows.net" in request for request in azure.requests)


async def test_a_new_start_time_is_another_log(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    later = START + timedelta(hours=1)
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs["run-2/customization.log"] = Blob(b"second\n", later)
        azure.run("Running", later)
        await looks.until(lambda poll: poll.status is not None and poll.status.started_at == later)
        poll = looks.polls[-1] if looks.polls[-1].chunks else await looks.until(lambda poll: bool(poll.chunks))
    assert (poll.chunks[0].offset, poll.chunks[0].data) == (0, b"second\n")


async def test_a_recording_is_gone_on_with(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    asked = []

    def cursor(template_id: str, started_at: object) -> Cursor:
        asked.append((template_id, started_at))
        return Cursor(100, TEXT[:100], 0)

    async with Looks(azure, cursor=cursor) as looks:
        poll = await looks.until(read)
    assert poll.chunks[0].offset == 100
    assert asked == [(TARGET.id, START)]
    assert azure.blob_body_bytes == len(TEXT) - 100 + 64


async def test_the_next_run_is_waited_for(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT + LAST_LINE)}
    azure.run("Succeeded")
    later = START + timedelta(hours=1)
    async with Looks(azure, wait_for_next=True) as looks:
        for _ in range(20):
            assert not (await looks.next()).ended
        azure.blobs["run-2/customization.log"] = Blob(b"second\n" + LAST_LINE, later)
        azure.run("Failed", later)
        await looks.end()
    assert looks.status.run_state == "Failed"
    assert looks.polls[-1].chunks[0].data == b"second\n" + LAST_LINE


async def test_a_template_that_never_ran_is_waited_for(azure: FakeAzure) -> None:
    azure.run(None)
    async with Looks(azure) as looks:
        for _ in range(10):
            assert not (await looks.next()).ended
        azure.blobs = {LOG: Blob(TEXT, looks.clock.now())}
        azure.run("Running", looks.clock.now())
        await looks.until(read)
    assert looks.log == TEXT


async def test_a_template_that_could_not_be_provisioned_and_never_ran_has_ended(azure: FakeAzure) -> None:
    error = {"provisioningErrorCode": "BadSource", "message": "no such image"}
    azure.run(None, properties={"provisioningState": "Failed", "provisioningError": error})
    async with Looks(azure) as looks:
        await looks.end()
    assert looks.status.provisioning_error == "BadSource: no such image"


async def test_a_template_that_is_not_found_twice_is_deleted(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.template = None
        poll = await looks.until(troubled)
        missing_since = poll.at
        assert not poll.ended
        poll = await looks.end()
    assert poll.at - missing_since >= timedelta(seconds=30)
    assert (looks.status.deleted, looks.status.run_state) == (True, "Running")


async def test_a_template_that_comes_back_was_not_deleted(azure: FakeAzure) -> None:
    async with Looks(azure) as looks:
        await looks.next()
        azure.fail("/imageTemplates/", answering(lambda: arm_error(404, "ResourceNotFound")))
        for _ in range(20):
            assert not (await looks.next()).ended
    assert not looks.status.deleted


async def test_a_template_that_is_being_deleted_ends_with_all_of_its_log(azure: FakeAzure) -> None:
    azure.blobs = {LOG: Blob(TEXT)}
    async with Looks(azure) as looks:
        await looks.until(read)
        azure.blobs[LOG].put(TEXT + b"last words\n")
        azure.run("Running", properties={"provisioningState": "Deleting"})
        await looks.end()
    assert looks.status.deleted
    assert looks.log == TEXT + b"last words\n"


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (lambda: arm_error(404, "ResourceNotFound"), 3, "There is no image template win11 in the resource group rg."),
        (lambda: arm_error(404, "ResourceGroupNotFound"), 3, "There is no resource group rg in the subscription"),
        (lambda: arm_error(404, "SubscriptionNotFound"), 3, "is not found, or is not one that you may see."),
        (lambda: arm_error(400, "InvalidSubscriptionId"), 3, "is not found, or is not one that you may see."),
        (lambda: arm_error(401, "InvalidAuthenticationToken"), 4, "Your sign-in was refused for the image template"),
        (lambda: arm_error(403, "AuthorizationFailed"), 4, "You may not read the image template win11."),
    ],
)
async def test_what_the_first_look_finds_missing_ends_the_watch(
    azure: FakeAzure, fault: Callable[[], web.StreamResponse], code: int, text: str
) -> None:
    azure.fail("/imageTemplates/", answering(fault))
    async with Looks(azure) as looks:
        with pytest.raises(CannotWatch) as raised:
            await looks.next()
    assert raised.value.exit_code == code
    assert text in raised.value.text
    assert raised.value.remedy


async def test_a_host_that_does_not_answer_is_given_up_after_half_a_minute() -> None:
    source = AzureSource(TARGET, Access({}, arm_endpoint="http://127.0.0.1:1"), random=Random(1))
    clock = StepClock()
    kinds = set()

    async def look_on() -> None:
        while True:
            poll = await source.look(clock.now())
            kinds.add(poll.troubles[0].kind)
            await clock.sleep(poll.pause)

    with pytest.raises(CannotWatch) as raised:
        await look_on()
    await source.close()
    assert kinds == {"offline"}
    assert raised.value.exit_code == 5
    assert timedelta(seconds=30) <= clock.now() - START < timedelta(seconds=65)


async def test_a_refusal_after_success_is_told_and_ends_nothing(azure: FakeAzure) -> None:
    async with Looks(azure) as looks:
        await looks.next()
        azure.fail("/imageTemplates/", answering(lambda: arm_error(403, "AuthorizationFailed")), times=5)
        poll = await looks.until(lambda poll: any(trouble.target == "template" for trouble in poll.troubles))
    assert poll.troubles[0].kind == "forbidden"
    assert not poll.ended


async def test_a_wish_to_wait_is_granted(azure: FakeAzure) -> None:
    async with Looks(azure) as looks:
        await looks.next()
        azure.fail("/imageTemplates/", answering(lambda: arm_error(429, "TooManyRequests", {"Retry-After": "90"})))
        poll = await looks.until(lambda poll: any(trouble.target == "template" for trouble in poll.troubles))
        asked = len([request for request in azure.requests if "/imageTemplates/" in request])
        (trouble,) = [trouble for trouble in poll.troubles if trouble.target == "template"]
        assert trouble.kind == "throttled"
        assert trouble.retry_at is not None
        assert timedelta(seconds=90) <= trouble.retry_at - poll.at <= timedelta(seconds=91)
        while looks.clock.now() < trouble.retry_at:
            await looks.next()
        assert len([request for request in azure.requests if "/imageTemplates/" in request]) == asked


async def test_who_may_not_read_the_staging_group_sees_the_run_state(azure: FakeAzure) -> None:
    azure.fail("/storageAccounts", answering(lambda: arm_error(403, "AuthorizationFailed")), times=1000)
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
        assert poll.troubles[0].text == "You may not read the staging group IT_rg_win11."
        assert "on the resource group IT_rg_win11" in (poll.troubles[0].remedy or "")
        azure.run("Succeeded")
        await looks.end()


async def test_a_blob_endpoint_that_is_not_the_emulators_is_not_used(azure: FakeAzure) -> None:
    azure.accounts = [account("logs", "https://logs.blob.core.windows.net/")]
    async with Looks(azure) as looks:
        poll = await looks.until(troubled)
    assert poll.troubles[0].kind == "protocol"
    assert "nothing is sent there" in poll.troubles[0].text
