"""Which template is meant, and what need not be typed."""

from __future__ import annotations

import pytest

from aibtui.config import Setting
from aibtui.sources import CannotWatch
from aibtui.sources.az_defaults import Defaults
from aibtui.sources.target import Target, parse_target

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/win11"
WANTED = Target(SUBSCRIPTION, "rg", "win11")


def known(group: str | None, subscription: str | None) -> Defaults:
    return Defaults(Setting(group), Setting(subscription))


@pytest.mark.parametrize("text", [ID, ID + "/", ID.lower(), ID.replace("resourceGroups", "RESOURCEGROUPS")])
def test_a_resource_id_says_all(text: str) -> None:
    assert parse_target(text) == WANTED


def test_the_id_of_a_target_is_its_resource_id() -> None:
    assert WANTED.id == ID


def test_a_name_takes_group_and_subscription() -> None:
    assert parse_target("win11", known("rg", SUBSCRIPTION)) == WANTED


@pytest.mark.parametrize(
    ("text", "group", "subscription", "says"),
    [
        ("win11", None, SUBSCRIPTION, "The resource group of the template 'win11' is not known."),
        ("win11", "rg", None, "The subscription of the template 'win11' is not known."),
        ("rg/win11", None, SUBSCRIPTION, "'rg/win11' is neither a template's name nor its resource id."),
        ("win 11", "rg", SUBSCRIPTION, "'win 11' cannot be the name of an image template."),
        ("win11", "r/g", SUBSCRIPTION, "'r/g' cannot be the name of a resource group."),
        ("", "rg", SUBSCRIPTION, "'' cannot be the name of an image template."),
        ("..", "rg", SUBSCRIPTION, "'..' cannot be the name of an image template."),
    ],
)
def test_what_is_missing_or_impossible_is_said(
    text: str, group: str | None, subscription: str | None, says: str
) -> None:
    with pytest.raises(CannotWatch) as raised:
        parse_target(text, known(group, subscription))
    assert raised.value.text == says
    assert raised.value.exit_code == 2
