"""What need not be typed, and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aibtui.config import load
from aibtui.sources import CannotWatch
from aibtui.sources.az_defaults import Defaults, resolve
from tests.sources.fake_entra import TENANT

IMAGES = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
GOVERNMENT = "77777777-2222-3333-4444-555555555555"


class Machine:
    """A user's home: az's folder, our config file, variables."""

    def __init__(self, folder: Path) -> None:
        self.az = folder / "az"
        self.az.mkdir()
        self.ours = folder / "config.toml"
        self.ours.write_text("")
        self.environ = {"AZURE_CONFIG_DIR": str(self.az), "AIBTUI_CONFIG": str(self.ours)}

    def signed_in(self) -> None:
        entries = [
            {"id": OTHER, "name": "Other", "isDefault": False, "environmentName": "AzureCloud"},
            {"id": IMAGES, "name": "Images and more", "isDefault": True, "environmentName": "AzureCloud"},
            {"id": GOVERNMENT, "name": "Ours", "isDefault": True, "environmentName": "AzureUSGovernment"},
        ]
        entries[1] |= {"tenantId": TENANT, "user": {"name": "ann@contoso.com", "type": "user"}}
        (self.az / "azureProfile.json").write_text(json.dumps({"subscriptions": entries}), "utf-8-sig")

    def configured(self, text: str) -> None:
        (self.az / "config").write_text(text, "utf-8")

    def resolved(self, **options: str) -> Defaults:
        return resolve(self.environ, load(self.environ, options))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_az_nothing_is_known(machine: Machine) -> None:
    assert [(name, value) for name, value, _ in machine.resolved().rows] == [
        ("resource_group", None),
        ("subscription", None),
        ("cloud", "public"),
        ("auth", "auto"),
    ]


def test_the_group_is_that_of_the_option_the_variable_our_file_and_az_in_that_order(machine: Machine) -> None:
    found = []
    machine.configured("[defaults]\ngroup = of-az\n")
    found.append(machine.resolved().group)
    machine.ours.write_text('resource_group = "of-file"\n')
    found.append(machine.resolved().group)
    machine.environ["AZURE_DEFAULTS_GROUP"] = "of-azures-variable"
    found.append(machine.resolved().group)
    machine.environ["AIBTUI_RESOURCE_GROUP"] = "of-our-variable"
    found.append(machine.resolved().group)
    found.append(machine.resolved(resource_group="of-option").group)
    assert [(setting.value, setting.origin) for setting in found] == [
        ("of-az", str(machine.az / "config")),
        ("of-file", str(machine.ours)),
        ("of-azures-variable", "AZURE_DEFAULTS_GROUP"),
        ("of-our-variable", "AIBTUI_RESOURCE_GROUP"),
        ("of-option", "--resource-group"),
    ]


def test_the_default_subscription_of_az_is_the_last_resort(machine: Machine) -> None:
    machine.signed_in()
    chosen = machine.resolved().subscription
    assert (chosen.value, chosen.origin) == (IMAGES, str(machine.az / "azureProfile.json"))
    machine.environ["AZURE_SUBSCRIPTION_ID"] = OTHER
    assert machine.resolved().subscription.value == OTHER


def test_a_subscription_may_be_named(machine: Machine) -> None:
    machine.signed_in()
    assert machine.resolved(subscription="images AND more").subscription.value == IMAGES
    assert machine.resolved(subscription="unheard of").subscription.value == "unheard of"


def test_a_name_that_two_subscriptions_bear_is_refused(machine: Machine) -> None:
    machine.signed_in()
    path = machine.az / "azureProfile.json"
    path.write_text(path.read_text("utf-8-sig").replace('"Other"', '"Images and more"'))
    with pytest.raises(CannotWatch, match="Two subscriptions are called 'Images and more'") as raised:
        machine.resolved(subscription="Images and more")
    assert IMAGES in raised.value.remedy
    assert OTHER in raised.value.remedy


def test_the_cloud_of_az_is_taken_and_its_subscriptions_alone(machine: Machine) -> None:
    machine.signed_in()
    machine.configured("[cloud]\nname = AzureUSGovernment\n")
    found = machine.resolved()
    assert (found.cloud.value, found.cloud.origin) == ("usgov", str(machine.az / "config"))
    assert found.subscription.value == GOVERNMENT
    assert machine.resolved(cloud="china").subscription.value is None


def test_a_subscription_is_known_with_its_tenant_and_user(machine: Machine) -> None:
    machine.signed_in()
    known = machine.resolved().subscription_called(IMAGES.upper())
    assert known is not None
    assert (known.tenant, known.user) == (TENANT, "ann@contoso.com")


@pytest.mark.parametrize("text", ["{", '{"subscriptions": [5]}', '{"subscriptions": null}', "[]"])
def test_a_broken_profile_is_no_profile(machine: Machine, text: str) -> None:
    (machine.az / "azureProfile.json").write_text(text)
    machine.configured("no section\n\x00")
    assert machine.resolved().subscription.value is None


def test_the_folder_one_is_in_decides_nothing(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "cloned" / ".azure"
    local.mkdir(parents=True)
    (local / "config").write_text("[defaults]\ngroup = planted\n")
    monkeypatch.chdir(local.parent)
    assert machine.resolved().group.value is None


def test_azs_files_are_not_touched(machine: Machine) -> None:
    machine.signed_in()
    machine.configured("[defaults]\ngroup = rg\n")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in machine.az.iterdir()}
    machine.resolved()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in machine.az.iterdir()} == before
