"""What stays of runs, as the real clients see it: older folders, gallery versions, the Activity Log."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from aibtui.emulator import load_scenario
from aibtui.emulator.activity import CALLER, CANCELLED_BY
from tests.emulator.clients import START, arm, container, emulator, get, move

_ACTIVITY = "/subscriptions/{}/providers/Microsoft.Insights/eventtypes/management/values"


def around(resource: str, since: datetime = START - timedelta(hours=1), until: datetime | None = None) -> str:
    until = until or START + timedelta(days=1)
    times = f"eventTimestamp ge '{since:%Y-%m-%dT%H:%M:%SZ}' and eventTimestamp le '{until:%Y-%m-%dT%H:%M:%SZ}'"
    return f"{times} and resourceUri eq '{resource}'"


async def test_older_runs_have_the_outcomes_of_their_scenarios() -> None:
    earlier = [load_scenario("windows"), load_scenario("sysprep-loop")]
    async with emulator("script-failed", earlier_runs=earlier) as server, container(server) as logs:
        await move(server, hours=1)
        listed = sorted([blob async for blob in logs.list_blobs()], key=lambda blob: blob.creation_time)
        ends = [(await (await logs.download_blob(blob.name)).readall())[-20_000:] for blob in listed]
    assert [blob.creation_time.date() for blob in listed] == [START.date() - timedelta(days=n) for n in (2, 1, 0)]
    assert [b"finished after" in end for end in ends] == [True, False, False]
    assert [b"Cancelling build" in end for end in ends] == [False, True, False]
    assert [b"errored after" in end for end in ends] == [False, False, True]


async def test_each_template_has_the_history_of_its_scenario_no_two_runs_alike() -> None:
    others = [load_scenario("script-failed")]
    async with emulator("linux", history=True, others=others) as server, container(server) as logs:
        await move(server, hours=1)
        found = sorted([blob async for blob in logs.list_blobs()], key=lambda blob: blob.creation_time)
        texts = [await (await logs.download_blob(blob.name)).readall() for blob in found]
        ended_at = server.run_ends_at()
    took = [re.findall(rb"finished after (\d+ minutes \d+ seconds)", text)[0] for text in texts]
    assert len(set(took)) == 5
    assert {text.count(b"Provisioning with shell script") for text in texts} == {texts[-1].count(b"Provisioning with")}
    async with emulator("linux") as alone:
        assert alone.run_ends_at() == ended_at


async def test_further_files_lie_in_the_newest_runs_folder() -> None:
    files = {"validation.log": b"checked\n", "../x": b"y"}
    async with emulator("script-failed", earlier_runs=1, more_files=files) as server, container(server) as logs:
        await move(server, hours=1)
        assert server.log_name is not None
        folder = server.log_name.partition("/")[0]
        names = [blob.name async for blob in logs.list_blobs(name_starts_with=folder)]
        data = await (await logs.download_blob(f"{folder}/validation.log")).readall()
    assert names == [f"{folder}/../x", f"{folder}/customization.log", f"{folder}/validation.log"]
    assert data == b"checked\n"


async def test_a_gallery_version_is_published_and_replicated_while_the_run_distributes() -> None:
    async with emulator() as server, arm(server) as client:
        ends = server.run_ends_at()
        assert ends is not None
        image = server.scenario.properties["distribute"][0]["galleryImageId"]
        await server.clock.sleep(ends - timedelta(minutes=13) - server.clock.now())
        with pytest.raises(HttpResponseError, match="ResourceNotFound"):
            await get(client, f"{image}/versions/1.0.0")
        await move(server, minutes=6)
        half = (await get(client, f"{image}/versions/1.0.0", **{"$expand": "ReplicationStatus"}))["properties"]
        await move(server, minutes=10)
        whole = (await get(client, f"{image}/versions/1.0.0", **{"$expand": "ReplicationStatus"}))["properties"]
        plain = (await get(client, f"{image}/versions/1.0.0"))["properties"]
    assert half["replicationStatus"]["aggregatedState"] == "InProgress"
    assert 20 < half["replicationStatus"]["summary"][0]["progress"] < 80
    assert [each["progress"] for each in whole["replicationStatus"]["summary"]] == [100, 100]
    assert "replicationStatus" not in plain
    published = datetime.fromisoformat(plain["publishingProfile"]["publishedDate"].replace("000Z", "Z"))
    assert START < published < ends


async def test_the_activity_log_tells_who_ran_and_who_cancelled() -> None:
    async with emulator("script-failed", earlier_runs=1) as server, arm(server) as client:
        await move(server, minutes=5)
        await client.virtual_machine_image_templates.begin_cancel(server.group, server.template, polling=False)
        path = _ACTIVITY.format(server.subscription)
        events = (await get(client, path, **{"$filter": around(server.template_id)}))["value"]
        few = (await get(client, path, **{"$filter": around(server.template_id), "$select": "caller,status"}))["value"]
        other = (await get(client, path, **{"$filter": around("/other")}))["value"]
        with pytest.raises(HttpResponseError):
            await get(client, path, **{"$filter": "caller eq 'x'"})
    actions = [(each["caller"], each["operationName"]["value"].rsplit("/", 2)[1]) for each in events]
    assert actions == [(CANCELLED_BY, "cancel"), (CALLER, "run"), (CALLER, "run")]
    assert set(few[0]) == {"caller", "status"}
    assert other == []


async def test_a_run_that_is_cancelled_before_packer_begins_is_canceled_and_has_no_log() -> None:
    async with emulator("linux") as server, arm(server) as client:
        await move(server, minutes=1)
        await client.virtual_machine_image_templates.begin_cancel(server.group, server.template, polling=False)
        canceling = server.run_status()
        await move(server, minutes=3)
        canceled = server.run_status()
    assert canceling is not None
    assert canceled is not None
    assert (canceling["runState"], canceled["runState"]) == ("Canceling", "Canceled")
    assert server.log_bytes() == b""


async def test_the_copies_of_the_first_regions_are_there_first() -> None:
    async with emulator() as server, arm(server) as client:
        ends = server.run_ends_at()
        assert ends is not None
        image = server.scenario.properties["distribute"][0]["galleryImageId"]
        await server.clock.sleep(ends - timedelta(minutes=1) - server.clock.now())
        (version,) = (await get(client, f"{image}/versions"))["value"]
        late = await get(client, version["id"], **{"$expand": "ReplicationStatus"})
    states = [copy["state"] for copy in late["properties"]["replicationStatus"]["summary"]]
    assert (version["name"], states) == ("1.0.0", ["Completed", "Replicating"])
