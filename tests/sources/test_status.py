"""The service's JSON as a Status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.mgmt.imagebuilder.models import ImageTemplate

from aibtui.core.polls import Customizer, Status
from aibtui.core.status import status_from_run, status_from_template

WIRE: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/win11",
    "name": "win11",
    "location": "westeurope",
    "properties": {
        "provisioningState": "Succeeded",
        "source": {"type": "PlatformImage", "publisher": "p", "offer": "o", "sku": "s", "version": "latest"},
        "customize": [
            {"type": "PowerShell", "name": "Install", "inline": ["one", "two"]},
            {"type": "Novelty", "scriptUri": "https://x/y.ps1", "future": 1},
        ],
        "distribute": [{"type": "SharedImage", "runOutputName": "gallery"}, {"type": "VHD", "runOutputName": "vhd"}],
        "validate": {"inVMValidations": [{"type": "Shell"}]},
        "optimize": {"vmBoot": {"state": "Enabled"}},
        "vmProfile": {"vmSize": "Standard_D4s_v5"},
        "buildTimeoutInMinutes": 90,
        "stagingResourceGroup": "",
        "exactStagingResourceGroup": "/subscriptions/s/resourceGroups/IT_rg_win11",
        "lastRunStatus": {
            "startTime": "2026-03-01T10:00:00.123456789Z",
            "endTime": "2026-03-01T12:00:00Z",
            "runState": "Musing",
            "runSubState": "Customizing",
            "message": "m",
        },
    },
}


def flat(wire: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in wire.items() if key != "properties"}, **wire["properties"]}


@pytest.mark.parametrize("form", [dict, flat, lambda wire: ImageTemplate(wire).as_dict()], ids=["wire", "az", "sdk"])
def test_a_template_reads_the_same_in_every_form(form: Any) -> None:
    status = status_from_template(form(WIRE))
    template = status.template
    assert template is not None
    assert (status.run_state, status.sub_state, status.message) == ("Musing", "Customizing", "m")
    assert status.started_at == datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
    assert status.ended_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (template.name, template.location, template.source) == ("win11", "westeurope", "p:o:s:latest")
    assert (template.vm_size, template.staging_group) == (
        "Standard_D4s_v5",
        "/subscriptions/s/resourceGroups/IT_rg_win11",
    )
    assert template.customizers == (
        Customizer("PowerShell", "Install", ("one", "two")),
        Customizer("Novelty", script_uri="https://x/y.ps1"),
    )
    assert template.build_timeout == timedelta(minutes=90)
    assert (template.validates, template.optimizes, template.distributes) == (True, True, ("gallery", "vhd"))


def test_what_is_missing_reads_as_nothing() -> None:
    status = status_from_template({"id": "/a/b"})
    assert (status.run_state, status.started_at, status.deleted) == (None, None, False)
    assert status.template is not None
    assert status.template.name == "b"


@pytest.mark.parametrize(("minutes", "meant"), [(0, 240), (None, 240), (6, 6), (960, 960)])
def test_a_timeout_of_nothing_is_four_hours(minutes: int | None, meant: int) -> None:
    status = status_from_template({"properties": {"buildTimeoutInMinutes": minutes}})
    assert status.template is not None
    assert status.template.build_timeout == timedelta(minutes=meant)


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ({"type": "SharedImageVersion", "imageVersionId": "/v"}, "/v"),
        ({"type": "ManagedImage", "imageId": "/i"}, "/i"),
        ({"type": "PlatformImage", "publisher": "p", "offer": "o", "sku": "s", "exactVersion": "1.2"}, "p:o:s:1.2"),
        ({}, None),
    ],
)
def test_a_source_is_an_image_or_its_id(source: dict[str, Any], meant: str | None) -> None:
    status = status_from_template({"properties": {"source": source}})
    assert status.template is not None
    assert status.template.source == meant


def test_a_template_that_is_being_deleted_is_deleted() -> None:
    assert status_from_template({"properties": {"provisioningState": "Deleting"}}).deleted


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "soon", 5, None])
def test_a_time_that_is_none_reads_as_none(value: object) -> None:
    assert status_from_run({"runState": "Running", "startTime": value}) == Status(run_state="Running")


@pytest.mark.parametrize("json", [{"properties": []}, {"properties": {"customize": "x", "lastRunStatus": 3}}])
def test_wrong_types_are_passed_over(json: dict[str, Any]) -> None:
    assert status_from_template(json).run_state is None


def test_states_are_read_without_regard_to_case_and_new_ones_as_they_come() -> None:
    run = {"runState": "canceling", "runSubState": "CUSTOMIZING"}
    status = status_from_template({"properties": {"provisioningState": "deleting", "lastRunStatus": run}})
    assert (status.run_state, status.sub_state, status.deleted) == ("Canceling", "Customizing", True)
    assert status_from_run({"runState": "pondering"}).run_state == "pondering"
