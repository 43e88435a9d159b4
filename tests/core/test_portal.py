"""Addresses and commands are made only of what is a resource's id."""

from __future__ import annotations

import pytest

from aibtui.core.portal import az_command, portal_page

GROUP = "/subscriptions/00000000-0000-0000-0000-0000000000aa/resourceGroups/rg-images_(1)"
TEMPLATE = f"{GROUP}/providers/Microsoft.VirtualMachineImages/imageTemplates/win11-avd"


@pytest.mark.parametrize(
    ("location", "host"),
    [("westeurope", "com"), (None, "com"), ("usgovvirginia", "us"), ("USDoDEast", "us"), ("chinaeast2", "cn")],
)
def test_the_page_is_at_the_portal_of_the_cloud(location: str | None, host: str) -> None:
    assert portal_page(TEMPLATE, location) == f"https://portal.azure.{host}/#resource{TEMPLATE}"
    assert portal_page(GROUP, location) == f"https://portal.azure.{host}/#resource{GROUP}"


@pytest.mark.parametrize(
    "id",
    [
        None,
        "",
        "/",
        "https://evil.example",
        "//evil.example/x",
        f"{GROUP}/../x",
        f"{GROUP}@evil.example",
        *(f"{TEMPLATE}{more}" for more in ("?x=1", "#x", "\n", " x", "\u202e")),
        TEMPLATE.replace("0aa", "0zz"),
    ],
)
def test_of_anything_else_nothing_is_made(id: str | None) -> None:
    assert portal_page(id, "westeurope") is None
    assert az_command(id) is None


def test_the_command_can_be_pasted_into_a_shell() -> None:
    assert az_command(TEMPLATE) == f"az image builder show --ids '{TEMPLATE}'"
