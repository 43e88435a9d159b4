"""ARM as the real clients see it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.emulator.clients import START, arm, emulator, get, move


async def test_the_template_is_read_with_its_customizers_and_staging_group() -> None:
    async with emulator() as server, arm(server) as client:
        template = await client.virtual_machine_image_templates.get(server.group, server.template)
        assert template.id == server.template_id
        assert [each.name for each in template.customize] == ["settings", "prep", "restart", "updates", "apps"]
        assert template.build_timeout_in_minutes == 240
        assert template.vm_profile.vm_size == "Standard_D4s_v5"
        assert template.exact_staging_resource_group == server.staging_id
        assert template.last_run_status.run_state == "Running"
        assert template.last_run_status.start_time.replace(tzinfo=UTC) == START


async def run_states(server_name: str, step: timedelta) -> list[tuple[str, str | None]]:
    """The run's states in order, looked up every `step` until the last."""
    seen: list[tuple[str, str | None]] = []
    async with emulator(server_name) as server, arm(server) as client:
        for _ in range(2_000):
            status = (await client.virtual_machine_image_templates.get(server.group, server.template)).last_run_status
            state = (status["runState"], status.get("runSubState"))
            if not seen or seen[-1] != state:
                seen.append(state)
            if status.end_time:
                break
            await server.clock.sleep(step)
    return seen


async def test_a_good_run_goes_through_its_sub_states() -> None:
    assert await run_states("windows", timedelta(minutes=2)) == [
        ("Running", "Queued"),
        ("Running", "Building"),
        ("Running", "Customizing"),
        ("Running", "Distributing"),
        ("Succeeded", None),
    ]


async def test_distribution_goes_on_for_about_12_minutes_after_packers_end() -> None:
    async with emulator() as server:
        ends = server.run_ends_at()
        assert ends is not None
        blob_size = len(server.log_bytes(ends))
        assert len(server.log_bytes(ends - timedelta(minutes=12))) == blob_size
        assert len(server.log_bytes(ends - timedelta(minutes=14))) < blob_size


async def test_a_failed_script_is_told_in_the_services_words() -> None:
    async with emulator("script-failed") as server, arm(server) as client:
        await move(server, minutes=20)
        status = (await client.virtual_machine_image_templates.get(server.group, server.template)).last_run_status
        assert status.run_state == "Failed"
        assert status.message.startswith(
            "During the image build a failure has occurred. Packer build logs are at location "
        )
        assert f"/packerlogs/{server.log_name}. " in status.message
        assert status.end_time > status.start_time


async def test_a_timed_out_run_says_only_that() -> None:
    async with emulator("sysprep-loop") as server:
        await move(server, minutes=95)
        status = server.run_status()
        assert status is not None
        assert status["runState"] == "Failed"
        assert status["message"] == "Timeout waiting for microservice to complete: 'context deadline exceeded'"


async def test_templates_are_listed_by_group_and_by_subscription() -> None:
    async with emulator() as server, arm(server) as client:
        everywhere = [each.name async for each in client.virtual_machine_image_templates.list()]
        here = [each.name async for each in client.virtual_machine_image_templates.list_by_resource_group(server.group)]
        assert everywhere == here == [server.template]


async def test_what_does_not_exist_is_told_as_arm_tells_it() -> None:
    async with emulator() as server, arm(server) as client:
        templates = client.virtual_machine_image_templates
        for group, name, code in (
            (server.group, "other", "ResourceNotFound"),
            ("other", server.template, "ResourceGroupNotFound"),
        ):
            with pytest.raises(ResourceNotFoundError) as raised:
                await templates.get(group, name)
            assert raised.value.error is not None
            assert raised.value.error.code == code
        with pytest.raises(HttpResponseError, match="SubscriptionNotFound"):
            await get(client, f"/subscriptions/{'0' * 8}-0000-0000-0000-{'0' * 12}/resourceGroups/{server.group}")


async def test_paths_are_read_without_regard_to_case() -> None:
    async with emulator() as server, arm(server) as client:
        template = await client.virtual_machine_image_templates.get(server.group.upper(), server.template.upper())
        assert template.name == server.template
        assert (await get(client, server.staging_id.lower()))["tags"]["imageTemplateName"] == server.template


async def test_the_storage_account_is_found_in_the_staging_group() -> None:
    async with emulator() as server, arm(server) as client:
        resources = await get(client, f"{server.staging_id}/resources")
        assert "Microsoft.Storage/storageAccounts" in [each["type"] for each in resources["value"]]
        accounts = await get(client, f"{server.staging_id}/providers/Microsoft.Storage/storageAccounts")
        endpoint = accounts["value"][0]["properties"]["primaryEndpoints"]["blob"]
        assert endpoint == f"{server.endpoint}/devstoreaccount1/"


async def test_what_stands_in_the_staging_group_comes_and_goes_with_the_build() -> None:
    seen = []
    async with emulator() as server, arm(server) as client:
        for minutes in (0, 1, 3, 5, 60, 200):
            await move(server, minutes=minutes - (seen[-1][0] if seen else 0))
            answer = await get(client, f"{server.staging_id}/resources")
            seen.append((minutes, {each["type"].partition("/")[2] for each in answer["value"]}))
    account, container = "storageAccounts", "containerGroups"
    machine = {"networkInterfaces", "disks", "virtualMachines"}
    assert [each for _, each in seen] == [
        {account},
        {account, container},
        {account, container, "vaults"},
        {account, container, "vaults", *machine},
        {account, container, "vaults", *machine},
        {account},
    ]


async def test_the_staging_group_is_found_by_its_tag() -> None:
    async with emulator() as server, arm(server) as client:
        wanted = f"tagName eq 'imageTemplateName' and tagValue eq '{server.template}'"
        found = await get(client, f"/subscriptions/{server.subscription}/resourcegroups", **{"$filter": wanted})
        assert [each["id"] for each in found["value"]] == [server.staging_id]


async def test_the_containers_logs_hold_the_logs_last_lines_while_it_runs() -> None:
    async with emulator() as server, arm(server) as client:
        await move(server, minutes=30)
        groups = await get(client, f"{server.staging_id}/providers/Microsoft.ContainerInstance/containerGroups")
        group = groups["value"][0]
        name = group["properties"]["containers"][0]["name"]
        logs = await get(client, f"{group['id']}/containers/{name}/logs", tail="20")
        assert logs["content"].encode() in server.log_bytes(server.clock.now() + timedelta(minutes=1))
        assert logs["content"].count("\n") == 20
        stamped = await get(client, f"{group['id']}/containers/{name}/logs", tail="1", timestamps="true")
        assert datetime.fromisoformat(stamped["content"].split(" ", 1)[0]) <= server.clock.now()


async def test_the_container_is_gone_after_packers_end() -> None:
    async with emulator("script-failed") as server, arm(server) as client:
        await move(server, hours=1)
        groups = await get(client, f"{server.staging_id}/providers/Microsoft.ContainerInstance/containerGroups")
        assert groups["value"] == []


async def test_a_template_that_waits_runs_when_it_is_told_to() -> None:
    async with emulator("script-failed", auto_run=False) as server, arm(server) as client:
        templates = client.virtual_machine_image_templates
        assert (await templates.get(server.group, server.template)).last_run_status is None
        await move(server, minutes=5)
        poller = await templates.begin_run(server.group, server.template)
        status = (await templates.get(server.group, server.template)).last_run_status
        assert status.start_time.replace(tzinfo=UTC) == START + timedelta(minutes=5)
        with pytest.raises(ResourceExistsError, match="not allowed"):
            await templates.begin_run(server.group, server.template, polling=False)
        await move(server, hours=1)
        with pytest.raises(HttpResponseError, match="Packer build logs are at location"):
            await poller.result()


async def test_a_run_to_the_end_is_a_finished_operation() -> None:
    async with emulator(auto_run=False) as server, arm(server) as client:
        poller = await client.virtual_machine_image_templates.begin_run(server.group, server.template)
        await move(server, hours=3)
        await poller.result()
        outputs = [
            each
            async for each in client.virtual_machine_image_templates.list_run_outputs(server.group, server.template)
        ]
        assert outputs[0].artifact_id.endswith("/images/win11-avd/versions/1.0.0")


async def test_a_cancelled_run_stops_packer_and_is_canceled_a_minute_later() -> None:
    async with emulator() as server, arm(server) as client:
        templates = client.virtual_machine_image_templates
        await move(server, minutes=40)
        await templates.begin_cancel(server.group, server.template, polling=False)
        status = (await templates.get(server.group, server.template)).last_run_status
        assert (status.run_state, status.run_sub_state) == ("Canceling", "Customizing")
        await move(server, minutes=2)
        status = (await templates.get(server.group, server.template)).last_run_status
        assert status.run_state == "Canceled"
        log = server.log_bytes()
        assert b"ui error: Cancelling build after receiving terminated\n" in log
        assert log.endswith(b"Done exporting Packer logs to Azure Storage.\n")


async def test_a_second_run_has_a_start_and_a_log_of_its_own() -> None:
    async with emulator("script-failed") as server, arm(server) as client:
        await move(server, hours=1)
        first = server.log_name
        await client.virtual_machine_image_templates.begin_run(server.group, server.template, polling=False)
        assert server.log_name != first
        assert server.log_bytes() == b""
        await move(server, minutes=10)
        assert b"ManagedImageName=packerImg_20260115100000" in server.log_bytes()


async def test_a_deleted_template_takes_its_staging_group_along() -> None:
    async with emulator(template_deleted_after=timedelta(minutes=30)) as server, arm(server) as client:
        await move(server, minutes=30)
        with pytest.raises(ResourceNotFoundError):
            await client.virtual_machine_image_templates.get(server.group, server.template)
        with pytest.raises(HttpResponseError, match="ResourceGroupNotFound"):
            await get(client, server.staging_id)


async def test_requests_are_counted() -> None:
    async with emulator() as server, arm(server) as client:
        await client.virtual_machine_image_templates.get(server.group, server.template)
        assert len(server.requests) == 1
        assert server.requests[0].method == "GET"
        assert server.requests[0].status == 200
        assert server.requests[0].body_bytes > 1_000


async def test_it_stops_at_once_with_a_request_in_flight() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("stall", seconds=60)
        request = asyncio.create_task(client.virtual_machine_image_templates.get(server.group, server.template))
        while not server.requests:
            await asyncio.sleep(0.01)
        before = asyncio.get_running_loop().time()
        await server.__aexit__(None, None, None)
        assert asyncio.get_running_loop().time() - before < 2
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
