"""What a watch needs, checked on loopback; what is missing, and the request for it."""

from __future__ import annotations

import ssl
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from aibtui.config import Setting
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.outputs.doctor import exit_code, request_lines, table_lines
from aibtui.sources.arm import Access
from aibtui.sources.az_defaults import Defaults, Subscription
from aibtui.sources.checkup import Check, Checkup, Grant
from tests.sources.conftest import Az
from tests.sources.fake_azure import GROUP_ID, START, TARGET, Blob, FakeAzure, account, answering, arm_error, blob_error
from tests.sources.fake_entra import CLIENT, TENANT, FakeEntra

ELSEWHERE = "cccccccc-0000-0000-0000-000000000003"


async def examined(endpoint: str, name: str | None = TARGET.id, **more: object) -> tuple[Checkup, dict[str, Check]]:
    """All checks by name."""
    defaults = more.pop("defaults", Defaults())
    assert isinstance(defaults, Defaults)
    access = Access({}, arm_endpoint=endpoint, **more)  # type: ignore[arg-type]  # a test names what it has
    checkup = Checkup(access, defaults, name)
    return checkup, {check.name: check async for check in checkup.checks()}


async def test_on_an_emulator_a_watch_would_work() -> None:
    async with Emulator(load_scenario("windows"), ScenarioClock(None, START)) as emulator:
        await emulator.clock.sleep(START - START.replace(hour=9, minute=30))
        checkup, found = await examined(emulator.endpoint, emulator.template_id)
        assert {each.method for each in emulator.requests} <= {"GET", "HEAD"}
    verdicts = {name: check.verdict for name, check in found.items()}
    assert verdicts.pop("sign-in") == "skipped"
    assert verdicts.pop("gallery") in ("ok", "warn")
    assert set(verdicts) >= {"template", "clock", "staging group", "storage account", "network", "data role"}
    assert set(verdicts.values()) == {"ok"}
    assert exit_code(found.values()) == 0
    assert checkup.grants == []


@pytest.fixture
async def azure() -> FakeAzure:
    fake = FakeAzure(blobs={"run/customization.log": Blob(b"x")})
    fake.run("Running")
    return fake


async def test_a_template_that_is_not_there_is_3(azure: FakeAzure) -> None:
    azure.template = None
    async with azure:
        checkup, found = await examined(azure.endpoint)
    assert found["template"].verdict == "fail"
    assert exit_code(found.values()) == 3
    assert checkup.grants == []


async def test_a_template_that_may_not_be_read_is_4_and_asks_for_reader(azure: FakeAzure) -> None:
    azure.fail("imageTemplates", answering(lambda: arm_error(403, "AuthorizationFailed")))
    async with azure:
        checkup, found = await examined(azure.endpoint)
    assert exit_code(found.values()) == 4
    assert checkup.grants == [Grant("Reader", f"/subscriptions/{TARGET.subscription}/resourceGroups/{TARGET.group}")]


async def test_a_staging_group_that_may_not_be_read_asks_for_both_roles_on_it(azure: FakeAzure) -> None:
    azure.fail("storageAccounts", answering(lambda: arm_error(403, "AuthorizationFailed")))
    async with azure:
        checkup, found = await examined(azure.endpoint)
    assert found["staging group"].verdict == "fail"
    assert exit_code(found.values()) == 4
    assert checkup.grants == [Grant("Reader", GROUP_ID), Grant("Storage Blob Data Reader", GROUP_ID)]


async def test_a_missing_data_role_is_told_from_the_network(azure: FakeAzure) -> None:
    azure.fail("packerlogs", answering(lambda: blob_error(403, "AuthorizationPermissionMismatch")))
    async with azure:
        checkup, found = await examined(azure.endpoint)
    assert (found["network"].verdict, found["data role"].verdict) == ("ok", "fail")
    assert checkup.grants == [Grant("Storage Blob Data Reader", GROUP_ID)]
    assert exit_code(found.values()) == 4


async def test_a_firewall_is_told_from_a_missing_role_and_no_role_is_asked_for(azure: FakeAzure) -> None:
    azure.fail("packerlogs", answering(lambda: blob_error(403, "AuthorizationFailure")))
    async with azure:
        checkup, found = await examined(azure.endpoint)
    assert (found["network"].verdict, found["data role"].verdict) == ("fail", "skipped")
    assert "firewall" in found["network"].text
    assert checkup.grants == []
    assert exit_code(found.values()) == 4


async def test_private_endpoints_are_told_from_a_firewall(azure: FakeAzure) -> None:
    azure.fail("packerlogs", answering(lambda: blob_error(403, "AuthorizationFailure")))
    async with azure:
        closed = account("logs", f"{azure.endpoint}/logs")
        closed["properties"]["publicNetworkAccess"] = "Disabled"
        azure.accounts = [closed]
        _, found = await examined(azure.endpoint)
    assert "private endpoint" in found["network"].text


async def test_a_build_that_has_no_log_yet_is_no_failure(azure: FakeAzure) -> None:
    azure.blobs = None
    azure.accounts = []
    async with azure:
        _, found = await examined(azure.endpoint)
    assert found["storage account"].verdict == "skipped"
    assert exit_code(found.values()) == 0


async def test_offline_is_said_plainly() -> None:
    _, found = await examined("http://127.0.0.1:1")
    assert "cannot be reached: nothing answers there" in found["template"].text
    assert found["template"].remedy == "Check network, VPN and proxy."
    assert exit_code(found.values()) == 4


async def test_a_clock_that_is_off_is_a_warning(azure: FakeAzure) -> None:
    late = {"Date": format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)}
    azure.fail("imageTemplates", answering(lambda: arm_error(403, "AuthorizationFailed", late)))
    async with azure:
        _, found = await examined(azure.endpoint)
    assert found["clock"].verdict == "warn"
    assert "ahead of Azure's" in found["clock"].text


async def test_without_a_template_the_templates_are_listed_where_the_defaults_say() -> None:
    async with Emulator(load_scenario("windows"), ScenarioClock(None, START)) as emulator:
        known = Defaults(
            Setting(emulator.group, "AZURE_DEFAULTS_GROUP"), Setting(emulator.subscription, "--subscription")
        )
        _, found = await examined(emulator.endpoint, None, defaults=known)
    assert found["resource group"].text == f"{emulator.group} (AZURE_DEFAULTS_GROUP)"
    assert found["template"].text == f"Image templates can be listed in {emulator.group}: 1."
    assert exit_code(found.values()) == 0


async def test_what_is_not_known_is_said_before_anything_is_asked() -> None:
    _, without = await examined("http://127.0.0.1:1", None)
    assert without["subscription"].verdict == "fail"
    _, unnamed = await examined("http://127.0.0.1:1", "win11")
    assert "resource group of the template" in unnamed["template"].text
    assert (exit_code(without.values()), exit_code(unnamed.values())) == (4, 3)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")
async def test_who_is_signed_in_is_told_with_tenant_and_time(az: Az, certificate: tuple[ssl.SSLContext, Path]) -> None:
    az.token(upn="ann@contoso.com", tid=TENANT, oid=CLIENT)
    known = Subscription(TARGET.subscription, "Images", ELSEWHERE, "AzureCloud", default=True)
    async with FakeAzure(tls=certificate[0]) as azure:
        azure.fail("imageTemplates", answering(lambda: arm_error(403, "AuthorizationFailed")))
        checkup, found = await examined(azure.endpoint, ca=str(certificate[1]), defaults=Defaults(known=(known,)))
    said = found["sign-in"]
    assert said.text.startswith(
        f"Azure CLI, ann@contoso.com, tenant {TENANT}; Resource Manager and storage, for 59 min"
    )
    assert (said.verdict, said.remedy) == ("warn", f"Sign in to it with: az login --tenant {ELSEWHERE}")
    assert checkup.signed_in == (CLIENT, False, "ann@contoso.com")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")
async def test_no_sign_in_is_4_and_nothing_is_asked_of_azure(
    az: Az, certificate: tuple[ssl.SSLContext, Path], entra: FakeEntra
) -> None:
    async with FakeAzure(tls=certificate[0]) as azure:
        _, found = await examined(azure.endpoint, ca=str(certificate[1]))
        assert azure.requests == []
    assert found["sign-in"].text == "Nobody is signed in, and the Azure CLI (az) is not installed."
    assert exit_code(found.values()) == 4


def test_the_request_names_roles_commands_and_the_better_place() -> None:
    staging = f"/subscriptions/{TARGET.subscription}/resourceGroups/IT_rg_win11_x"
    grants = [Grant("Reader", staging), Grant("Storage Blob Data Reader", staging)]
    lines = request_lines(grants, "win11", (CLIENT, True, "application x"))
    assert (
        lines[0]
        == "Please let application x watch the builds of the image template win11. This takes, for reading alone:"
    )
    assert (
        f"  az role assignment create --assignee-object-id {CLIENT} --assignee-principal-type ServicePrincipal "
        f'--role "Storage Blob Data Reader" --scope "{staging}"'
    ) in lines
    assert lines[-1].endswith("name it as stagingResourceGroup.")


def test_on_a_named_staging_group_nothing_better_is_proposed() -> None:
    lines = request_lines([Grant("Reader", GROUP_ID.replace("IT_", "rg-"))], "win11", (None, False, None))
    assert "--assignee USER" in lines[-1]


@pytest.mark.parametrize("scope", ["", "/subscriptions/x/resourceGroups/a;rm -rf", '/subscriptions/x"; id; "', "a\nb"])
def test_what_is_no_id_stands_in_no_command(scope: str) -> None:
    assert request_lines([Grant("Reader", scope)], None, (None, False, None)) == []


def test_a_row_of_the_table_holds_no_control_character() -> None:
    lines = table_lines(Check("data role", "fail", "a\x1b]52;c;x\x07b", "do\x9bthis"))
    assert all(line.isprintable() for line in lines)
    assert lines[1].strip().startswith("> ")
