"""The copies of an image version while the service distributes: found by date, asked politely, told where refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from msgspec.structs import replace

from aibtui.core.polls import Distribution, Replica, Status, Template
from aibtui.core.status import status_from_template
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.sources.arm import Access, Arm
from aibtui.sources.gallery import Replication

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


async def until_distributing(emulator: Emulator, arm: Arm) -> Status:
    ends = emulator.run_ends_at()
    assert ends is not None
    lasts = sum(stage.lasts for stage in emulator.scenario.stages)
    await emulator.clock.sleep(ends - timedelta(seconds=lasts - 60) - emulator.clock.now())
    path = emulator.template_id
    return status_from_template(await arm.get(path, "2024-02-01"))


def asked(emulator: Emulator) -> list[str]:
    return [served.path.partition("/versions")[2] for served in emulator.requests if "/galleries/" in served.path]


async def test_the_version_is_the_one_that_this_run_published() -> None:
    async with Emulator(load_scenario("linux"), ScenarioClock(None, START), earlier_runs=2) as emulator:
        arm = Arm(Access({}, arm_endpoint=emulator.endpoint), emulator.subscription)
        status = await until_distributing(emulator, arm)
        copies = await Replication(arm, Random(1), START).look(emulator.clock.now(), status)
        await arm.close()
    assert copies is not None
    assert [(copy.version, copy.region, copy.state) for copy in copies] == [
        ("1.0.2", "northeurope", "Replicating"),
        ("1.0.2", "westeurope", "Replicating"),
    ]
    assert [0 < (copy.percent or 0) < 50 for copy in copies] == [True, True]


async def test_it_is_asked_about_twice_a_minute_at_most_and_once_when_the_run_is_over() -> None:
    async with Emulator(load_scenario("linux"), ScenarioClock(None, START)) as emulator:
        arm = Arm(Access({}, arm_endpoint=emulator.endpoint), emulator.subscription)
        status = await until_distributing(emulator, arm)
        replication, looks = Replication(arm, Random(1), START), []
        for _ in range(60):
            looks.append(await replication.look(emulator.clock.now(), status))
            await emulator.clock.sleep(timedelta(seconds=5))
        answered = [look for look in looks if look is not None]
        over = replace(status, run_state="Succeeded", sub_state=None)
        await emulator.clock.sleep(timedelta(minutes=20))
        last = [await replication.look(emulator.clock.now(), over) for _ in range(3)]
        paths = asked(emulator)
        await arm.close()
    assert 5 <= len(answered) <= 10  # in five minutes
    assert last[0] is not None
    assert {copy.state for copy in last[0]} == {"Completed"}
    assert last[1:] == [None, None]
    assert paths.count("") == 1  # the list, once
    assert len(paths) == len(answered) + 2


async def test_nothing_is_asked_before_the_service_distributes_or_where_there_is_no_gallery() -> None:
    async with Emulator(load_scenario("linux"), ScenarioClock(None, START)) as emulator:
        arm = Arm(Access({}, arm_endpoint=emulator.endpoint), emulator.subscription)
        status = await until_distributing(emulator, arm)
        customizing = replace(status, sub_state="Customizing")
        vhd = replace(
            status, template=replace(status.template or Template("", ""), distributions=(Distribution("VHD"),))
        )
        now = emulator.clock.now()
        assert await Replication(arm, Random(1), START).look(now, customizing) is None
        assert await Replication(arm, Random(1), START).look(now, vhd) is None
        assert asked(emulator) == []
        await arm.close()


@pytest.mark.parametrize(("code", "again"), [(403, False), (500, True)])
async def test_who_may_not_read_the_gallery_is_told_so_in_every_region(code: int, again: bool) -> None:
    async with Emulator(load_scenario("linux"), ScenarioClock(None, START)) as emulator:
        arm = Arm(Access({}, arm_endpoint=emulator.endpoint), emulator.subscription)
        status = await until_distributing(emulator, arm)
        error = "AuthorizationFailed" if code == 403 else "InternalServerError"
        emulator.fail_next("status", matching="/galleries/", code=code, error=error)
        replication = Replication(arm, Random(1), START)
        copies = await replication.look(emulator.clock.now(), status)
        await emulator.clock.sleep(timedelta(minutes=2))
        later = await replication.look(emulator.clock.now(), status)
        await arm.close()
    assert copies is not None
    assert [(copy.region, copy.state) for copy in copies] == [("northeurope", "Unknown"), ("westeurope", "Unknown")]
    assert ("role Reader on the gallery image" in (copies[0].details or "")) is not again
    assert (later is not None) is again


def test_a_distribution_is_read_as_the_template_has_it() -> None:
    image = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/x/images/win11"
    json = {
        "properties": {
            "distribute": [
                {"type": "SharedImage", "galleryImageId": image, "targetRegions": [{"name": "westeurope"}, {"x": 1}]},
                {"type": "SharedImage", "galleryImageId": image, "replicationRegions": ["eastus"]},
                {"type": "ManagedImage", "imageId": "/images/m", "location": "eastus"},
                {"type": "VHD", "runOutputName": "v"},
            ]
        }
    }
    template = status_from_template(json).template
    assert template is not None
    assert template.distributions == (
        Distribution("SharedImage", image, ("westeurope",)),
        Distribution("SharedImage", image, ("eastus",)),
        Distribution("ManagedImage", "/images/m", ("eastus",)),
        Distribution("VHD"),
    )


async def test_a_version_that_the_template_names_is_asked_for_by_its_name() -> None:
    async with Emulator(load_scenario("linux"), ScenarioClock(None, START)) as emulator:
        arm = Arm(Access({}, arm_endpoint=emulator.endpoint), emulator.subscription)
        status = await until_distributing(emulator, arm)
        template = status.template or Template("", "")
        (entry,) = template.distributions
        named = replace(entry, target=f"{entry.target}/versions/1.0.0")
        status = replace(status, template=replace(template, distributions=(named,)))
        copies = await Replication(arm, Random(1), START).look(emulator.clock.now(), status)
        paths = asked(emulator)
        await arm.close()
    assert paths == ["/1.0.0"]
    assert isinstance((copies or ())[0], Replica)
