"""What Azure says of a run besides its log; nothing that it names decides where a request goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from aibtui.sources.arm import Access, Arm
from aibtui.sources.collect import activity, container_logs, run_outputs, time_of, who
from aibtui.sources.faults import Foreign
from aibtui.sources.pages import next_page
from tests.sources.fake_azure import GROUP_ID, START, TARGET, FakeAzure, answering

END = START + timedelta(hours=1)
VERSION = (
    f"/subscriptions/{TARGET.subscription}/resourceGroups/rg/providers/Microsoft.Compute"
    "/galleries/g/images/i/versions/1.0.0"
)


@asynccontextmanager
async def reached(azure: FakeAzure) -> AsyncIterator[Arm]:
    arm = Arm(Access({}, arm_endpoint=azure.endpoint), TARGET.subscription)
    try:
        yield arm
    finally:
        await arm.close()


def says(azure: FakeAzure, part: str, value: Any, times: int = 1) -> None:
    azure.fail(part, answering(lambda: web.json_response(value)), times)


def output(artifact: object) -> dict[str, Any]:
    return {"value": [{"name": "out", "properties": {"artifactId": artifact, "provisioningState": "Succeeded"}}]}


@pytest.mark.parametrize(
    ("published", "whose"),
    [
        (START + timedelta(minutes=50), "this run"),
        (START - timedelta(days=1), "another run"),
        (END + timedelta(days=1), "another run"),
        (None, "unknown"),
    ],
)
async def test_an_output_is_of_the_run_in_whose_time_it_was_made(published: datetime | None, whose: str) -> None:
    async with FakeAzure() as azure, reached(azure) as arm:
        says(azure, "/runOutputs", output(VERSION))
        profile = {"publishedDate": published.isoformat()} if published else {}
        says(azure, "/versions/1.0.0", {"properties": {"publishingProfile": profile}})
        (told,) = await run_outputs(arm, TARGET, START, END)
    assert told["of"] == whose


@pytest.mark.parametrize(
    "artifact",
    [
        None,
        5,
        "https://evil.example/x.vhd",
        "/subscriptions/../../x",
        VERSION + "/../../../..",
        VERSION + "?a=b",
        "//evil/",
    ],
)
async def test_an_artifact_that_is_no_image_version_is_not_asked_for(artifact: object) -> None:
    async with FakeAzure() as azure, reached(azure) as arm:
        says(azure, "/runOutputs", output(artifact))
        (told,) = await run_outputs(arm, TARGET, START, END)
    assert (told["of"], len(azure.requests)) == ("unknown", 1)


async def test_a_next_page_may_be_written_with_other_escapes() -> None:
    async with FakeAzure() as azure, reached(azure) as arm:
        link = f"{azure.endpoint}/subscriptions/s/resourceGroups/rg%28x%29?api-version=1&page=2"
        assert next_page(arm, link, "/subscriptions/s/resourceGroups/rg(x)") == {"page": "2"}


async def test_the_activity_log_is_read_page_by_page_on_its_own_host() -> None:
    path = f"/subscriptions/{TARGET.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    event = {"eventTimestamp": "2026-03-01T09:59:58.1234567Z", "caller": "me", "claims": {"ipaddr": "192.0.2.1"}}
    async with FakeAzure() as azure, reached(azure) as arm:
        link = f"{azure.endpoint}{path}?api-version=2015-04-01&$skiptoken=two"
        says(azure, "eventtypes", {"value": [event], "nextLink": link})
        says(azure, "eventtypes", {"value": [event | {"caller": "you"}]})
        events = await activity(arm, TARGET, START, END, END)
        assert "skiptoken=two" in azure.requests[1]
        says(azure, "eventtypes", {"value": [], "nextLink": "http://evil.example" + path})
        with pytest.raises(Foreign):
            await activity(arm, TARGET, START, END, END)
    assert [each["caller"] for each in events] == ["me", "you"]
    assert "claims" not in events[0]
    assert "resourceUri%20eq" in azure.requests[0]


def test_who_started_a_run_is_the_last_that_asked_before_it_began() -> None:
    def event(minutes: float, action: str, caller: str, correlation: str) -> dict[str, Any]:
        at = f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
        operation = f"Microsoft.VirtualMachineImages/imageTemplates/{action}"
        return {"eventTimestamp": at, "caller": caller, "operationName": operation, "correlationId": correlation}

    events = [
        event(-14, "run/action", "earlier", "1"),
        event(-0.1, "run/action", "starter", "2"),
        event(-0.05, "run/action", "a service of Azure", "2"),
        event(30, "cancel/action", "canceller", "3"),
        event(50, "run/action", "later", "4"),
    ]
    started, cancelled = who(events, "run/action", START), who(events, "cancel/action")
    assert started is not None
    assert cancelled is not None
    assert (started["caller"], cancelled["caller"]) == ("starter", "canceller")
    assert who(events, "imageTemplates/write", START) is None


async def test_containers_with_names_that_make_paths_are_not_asked() -> None:
    names = ["packerizercontainer", "../../x", "a/b", "", None]
    containers = [{"name": name} for name in names]
    groups = [{"name": "build-1", "properties": {"containers": containers}}, {"name": "../x"}, "x", {"name": "n"}]
    async with FakeAzure() as azure, reached(azure) as arm:
        says(azure, "containerGroups", {"value": groups})
        says(azure, "containerGroups/build-1", {"content": "said\n"})
        logs = await container_logs(arm, GROUP_ID)
        with pytest.raises(Foreign):
            await container_logs(arm, "/subscriptions/s/resourceGroups/..")
    assert [(log.name, log.text) for log in logs] == [("build-1/packerizercontainer", "said\n")]
    assert len(azure.requests) == 2


def test_times_of_the_service_are_read() -> None:
    assert time_of("2026-03-01T10:00:00.1234567Z") == datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert time_of("2026-03-01T10:00:00") == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert time_of("soon") is time_of(None) is None
