"""The log's blob as the real storage client sees it, in each of the ways in which it may be written."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError

from aibtui.emulator import BlobMode, Emulator
from tests.emulator.clients import START, blob, container, emulator, move, read


async def test_first_there_is_no_container_then_a_blob_with_the_first_lines() -> None:
    async with emulator() as server, blob(server) as client:
        with pytest.raises(ResourceNotFoundError) as raised:
            await read(client)
        assert raised.value.error_code == "ContainerNotFound"
        await move(server, minutes=2)
        assert server.log_bytes() == b""
        await move(server, minutes=2)
        data, _ = await read(client)
        assert data.startswith(b"[")
        assert b"Packer version" in data.split(b"\n")[0]


async def test_the_blob_is_listed_with_its_times() -> None:
    async with emulator(earlier_runs=2) as server, container(server) as client:
        await move(server, minutes=10)
        listed = [each async for each in client.list_blobs()]
        assert len(listed) == 3
        newest = max(listed, key=lambda each: each.creation_time)
        assert newest.name == server.log_name
        assert newest.size == len(server.log_bytes())
        assert newest.creation_time >= START
        assert newest.blob_type == "AppendBlob"
        assert newest.last_modified >= newest.creation_time
        folders = [each.name async for each in client.walk_blobs(delimiter="/")]
        assert folders == sorted({f"{each.name.partition('/')[0]}/" for each in listed})
        inside = [each.name async for each in client.list_blobs(name_starts_with=folders[0])]
        assert len(inside) == 1


async def test_ranged_conditional_reads_answer_as_azure_does() -> None:
    async with emulator() as server, blob(server) as client:
        await move(server, minutes=10)
        size = len(server.log_bytes())
        data, etag = await read(client, offset=size - 64)
        assert data == server.log_bytes()[-64:]
        unchanged = {"etag": etag, "match_condition": MatchConditions.IfModified}
        with pytest.raises(ResourceModifiedError) as modified:
            await read(client, offset=size, **unchanged)
        assert modified.value.status_code == 304
        assert modified.value.error_code == "ConditionNotMet"
        with pytest.raises(HttpResponseError) as past:
            await read(client, offset=size)
        assert past.value.status_code == 416
        assert past.value.error_code == "InvalidRange"
        await move(server, minutes=3)
        more, newer = await read(client, offset=size - 64, **unchanged)
        assert newer != etag
        assert more == server.log_bytes()[size - 64 :]
        with pytest.raises(ResourceModifiedError) as other:
            await read(client, etag=etag, match_condition=MatchConditions.IfNotModified)
        assert other.value.status_code == 412
        assert [each.status for each in server.requests] == [206, 304, 416, 206, 412]


async def test_a_head_tells_the_size_without_a_body() -> None:
    async with emulator() as server, blob(server) as client:
        await move(server, minutes=10)
        properties = await client.get_blob_properties()
        assert properties.size == len(server.log_bytes())
        assert properties.creation_time > START
        assert server.requests[-1].body_bytes == 0


async def test_another_blob_is_not_found() -> None:
    async with emulator() as server, container(server) as client:
        await move(server, minutes=10)
        with pytest.raises(ResourceNotFoundError) as raised:
            await client.download_blob("other/customization.log")
        assert raised.value.error_code == "BlobNotFound"


async def test_nobody_writes_here() -> None:
    async with emulator() as server, blob(server) as client:
        await move(server, minutes=10)
        with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch"):
            await client.upload_blob(b"x", overwrite=True)


async def followed(server: Emulator, step: timedelta, until: timedelta) -> list[bytes]:
    """What the blob held at each look; empty where there was none."""
    contents = []
    async with blob(server) as client:
        while server.clock.now() - START < until:
            await server.clock.sleep(step)
            try:
                contents.append((await read(client))[0])
            except ResourceNotFoundError:
                contents.append(b"")
    return contents


@pytest.mark.parametrize("mode", ["append", "rewrite"])
async def test_in_append_and_rewrite_the_start_never_changes(mode: BlobMode) -> None:
    async with emulator("script-failed", blob_mode=mode) as server:
        contents = await followed(server, timedelta(seconds=40), timedelta(minutes=12))
        for before, after in pairwise(contents):
            assert after.startswith(before)
        assert contents[-1].endswith(b"Done exporting Packer logs to Azure Storage.\n")


async def test_the_blob_lags_behind_packer_and_is_flushed_at_once() -> None:
    async with emulator("script-failed", lag=timedelta(seconds=60)) as server:
        sizes = {len(server.log_bytes(START + timedelta(minutes=5, seconds=second))) for second in range(60)}
        assert len(sizes) == 1


async def test_a_rewritten_blob_has_a_new_etag_even_where_nothing_was_said() -> None:
    async with emulator(blob_mode="rewrite") as server, blob(server) as client:
        await move(server, minutes=20)
        data, etag = await read(client)
        await move(server, seconds=5)
        again, newer = await read(client, etag=etag, match_condition=MatchConditions.IfModified)
        assert newer != etag
        assert again.startswith(data)


async def test_a_replaced_blob_is_shorter_different_and_newer() -> None:
    async with emulator(blob_mode="replace-shorter", moment=timedelta(minutes=60)) as server, blob(server) as client:
        await move(server, minutes=59, seconds=50)
        before, _ = await read(client)
        created = (await client.get_blob_properties()).creation_time
        await move(server, seconds=15)
        after, _ = await read(client)
        assert 0 < len(after) < len(before)
        assert not before.startswith(after[:64])
        assert (await client.get_blob_properties()).creation_time > created
        await move(server, hours=2)
        final, _ = await read(client)
        assert final.startswith(after)
        assert final.endswith(b"Done exporting Packer logs to Azure Storage.\n")


async def test_a_vanished_staging_group_is_gone_for_arm_and_blob_alike() -> None:
    async with emulator(blob_mode="vanish", moment=timedelta(minutes=30)) as server, blob(server) as client:
        await move(server, minutes=29)
        assert (await read(client))[0] == server.log_bytes()
        await move(server, minutes=2)
        with pytest.raises(ResourceNotFoundError):
            await read(client)
        status = server.run_status()
        assert status is not None
        assert status["runState"] == "Running"


async def test_a_log_that_comes_only_at_the_end_comes_whole() -> None:
    async with emulator("script-failed", blob_mode="only-at-end") as server:
        contents = await followed(server, timedelta(seconds=30), timedelta(minutes=12))
        there = [content for content in contents if content]
        assert len(set(there)) == 1
        assert there[0].endswith(b"Done exporting Packer logs to Azure Storage.\n")


async def test_a_blob_may_come_late() -> None:
    async with emulator(appears_after=timedelta(minutes=9)) as server:
        assert server.log_bytes(START + timedelta(minutes=8, seconds=59)) == b""
        assert server.log_bytes(START + timedelta(minutes=9)) != b""
