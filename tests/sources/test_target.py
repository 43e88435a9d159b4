"""Which template is meant, and what az already knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aibtui.sources import CannotWatch
from aibtui.sources.target import Target, parse_target

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/win11"
WANTED = Target(SUBSCRIPTION, "rg", "win11")


@pytest.fixture
def signed_in(tmp_path: Path) -> dict[str, str]:
    entries = [
        {"id": "other", "name": "Other", "isDefault": False},
        {"id": SUBSCRIPTION, "name": "Images and more", "isDefault": True},
    ]
    (tmp_path / "azureProfile.json").write_text(json.dumps({"subscriptions": entries}), "utf-8-sig")
    return {"AZURE_CONFIG_DIR": str(tmp_path)}


@pytest.mark.parametrize("text", [ID, ID + "/", ID.lower(), ID.replace("resourceGroups", "RESOURCEGROUPS")])
def test_a_resource_id_says_all(text: str) -> None:
    assert parse_target(text, None, None, {}) == WANTED


def test_the_id_of_a_target_is_its_resource_id() -> None:
    assert WANTED.id == ID


def test_a_name_takes_group_and_subscription() -> None:
    assert parse_target("win11", "rg", SUBSCRIPTION, {}) == WANTED


def test_the_environment_knows_group_and_subscription() -> None:
    environ = {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "AZURE_DEFAULTS_GROUP": "rg"}
    assert parse_target("win11", None, None, environ) == WANTED


def test_the_default_of_az_is_the_last_resort(signed_in: dict[str, str]) -> None:
    assert parse_target("win11", "rg", None, signed_in) == WANTED


def test_a_subscription_may_be_named(signed_in: dict[str, str]) -> None:
    assert parse_target("win11", "rg", "images AND more", signed_in) == WANTED


@pytest.mark.parametrize(
    ("text", "group", "subscription", "says"),
    [
        ("win11", None, SUBSCRIPTION, "The resource group of the template 'win11' is not known."),
        ("win11", "rg", None, "The subscription of the template 'win11' is not known."),
        ("rg/win11", None, SUBSCRIPTION, "'rg/win11' is neither a template's name nor its resource id."),
        ("win 11", "rg", SUBSCRIPTION, "'win 11' cannot be the name of a image template."),
        ("win11", "r/g", SUBSCRIPTION, "'r/g' cannot be the name of a resource group."),
        ("", "rg", SUBSCRIPTION, "'' cannot be the name of a image template."),
        ("..", "rg", SUBSCRIPTION, "'..' cannot be the name of a image template."),
    ],
)
def test_what_is_missing_or_impossible_is_said(
    text: str, group: str | None, subscription: str | None, says: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotWatch) as raised:
        parse_target(text, group, subscription, {"AZURE_CONFIG_DIR": str(tmp_path)})
    assert raised.value.text == says.replace("a image", "an image")
    assert raised.value.exit_code == 2


def test_a_broken_profile_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "azureProfile.json").write_text("{")
    with pytest.raises(CannotWatch, match="is not known"):
        parse_target("win11", "rg", None, {"AZURE_CONFIG_DIR": str(tmp_path)})
