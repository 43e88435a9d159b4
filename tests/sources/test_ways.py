"""The ways to sign in, through the real azure-identity, against an Entra on loopback."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from aibtui.sources.cloud import CLOUDS, STORAGE_SCOPE
from aibtui.sources.credentials import SignIn, SignIns, Voice
from aibtui.sources.refusals import SignInFailed
from aibtui.sources.ways import ways
from tests.sources.fake_entra import CLIENT, TENANT, FakeEntra

ARM_SCOPE = CLOUDS["public"].arm_scope
PRINCIPAL = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT}


@pytest.fixture(autouse=True)
def _no_az(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


class Machine:
    """A process with these variables, which trusts the certificate of the Entra on loopback."""

    def __init__(self, ca: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ca = str(ca)
        self._patch = monkeypatch
        self.environ: dict[str, str] = {}

    def has(self, **variables: str) -> None:
        for name, value in variables.items():
            self._patch.setenv(name, value)
            self.environ[name] = value

    def sign_in(self, auth: str = "env", sign_ins: SignIns | None = None) -> SignIn:
        return (sign_ins or SignIns()).borrow(auth, CLOUDS["public"], "sub", self.environ, self._ca)


@pytest.fixture
def machine(certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch, entra: FakeEntra) -> Machine:
    made = Machine(certificate[1], monkeypatch)
    made.has(AZURE_AUTHORITY_HOST=entra.url)
    return made


async def both(sign_in: SignIn) -> str | None:
    """Sign in for both audiences, as a watch does; how and as whom."""
    try:
        await sign_in.locked(ARM_SCOPE).obtain()
        await sign_in.locked(STORAGE_SCOPE).obtain()
    finally:
        await sign_in.close()
    return sign_in.told


async def test_a_service_principal_of_the_environment(machine: Machine, entra: FakeEntra) -> None:
    machine.has(**PRINCIPAL, AZURE_CLIENT_SECRET="s3cret")
    assert await both(machine.sign_in()) == f"service principal of the environment, application {CLIENT}"
    assert entra.scopes == [ARM_SCOPE, STORAGE_SCOPE]
    assert {form["client_secret"] for form in entra.forms} == {"s3cret"}


async def test_a_workload_identity(machine: Machine, entra: FakeEntra, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("assertion-of-kubernetes")
    machine.has(**PRINCIPAL, AZURE_FEDERATED_TOKEN_FILE=str(tmp_path / "token"))
    assert await both(machine.sign_in()) == f"workload identity, application {CLIENT}"
    assert {form["client_assertion"] for form in entra.forms} == {"assertion-of-kubernetes"}


async def test_a_service_connection_of_azure_pipelines(machine: Machine, entra: FakeEntra) -> None:
    machine.has(
        SYSTEM_OIDCREQUESTURI=f"{entra.url}/pipeline",
        SYSTEM_ACCESSTOKEN="of-the-job",
        AZURESUBSCRIPTION_CLIENT_ID=CLIENT,
        AZURESUBSCRIPTION_TENANT_ID=TENANT,
        AZURESUBSCRIPTION_SERVICE_CONNECTION_ID="connection",
    )
    assert await both(machine.sign_in()) == f"service connection of Azure Pipelines, application {CLIENT}"
    assert entra.asked == [("Bearer of-the-job", "connection")] * 2
    assert entra.scopes == [ARM_SCOPE, STORAGE_SCOPE]


async def test_github_is_asked_for_a_new_assertion_each_time(machine: Machine, entra: FakeEntra) -> None:
    machine.has(
        **PRINCIPAL,
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{entra.url}/github?api=1",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="of-the-job",
    )
    assert await both(machine.sign_in()) == f"GitHub OIDC, application {CLIENT}"
    assert entra.asked == [("Bearer of-the-job", "api://AzureADTokenExchange")] * 2
    assert len({form["client_assertion"] for form in entra.forms}) == 2


async def test_a_device_code_is_shown_and_its_sign_in_awaited(machine: Machine, entra: FakeEntra) -> None:
    shown: list[tuple[str, str]] = []
    ended: list[bool] = []
    voice = Voice(code=lambda url, code: shown.append((url, code)), done=lambda: ended.append(True))
    entra.claims = {"upn": "ann@contoso.com", "tid": TENANT}
    sign_in = machine.sign_in("device", SignIns(voice))
    async with asyncio.timeout(10):
        assert await both(sign_in) == "device code, ann@contoso.com"
    assert shown[0] == ("https://example.test/device", "ABCD-EFGH")
    assert ended


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("AADSTS7000222", "The secret of the application has expired."),
        ("AADSTS7000215", "The secret of the application is wrong."),
        ("AADSTS700016", "The application or its tenant is not there."),
        ("AADSTS70021", "The application trusts no token of this pipeline."),
        ("AADSTS53003", "An access policy of the tenant wants another sign-in: a second factor, or a known device."),
        ("AADSTS99", "Signing in by service principal of the environment failed: AADSTS99: it was refused."),
    ],
)
async def test_what_entra_refuses_is_one_sentence(machine: Machine, entra: FakeEntra, error: str, says: str) -> None:
    machine.has(**PRINCIPAL, AZURE_CLIENT_SECRET="s3cret")
    entra.error = error
    with pytest.raises(SignInFailed) as raised:
        await both(machine.sign_in())
    assert raised.value.text == says
    assert "s3cret" not in raised.value.text + raised.value.remedy


async def test_a_refusal_of_the_environment_is_told_before_az_that_is_not_there(
    machine: Machine, entra: FakeEntra
) -> None:
    machine.has(**PRINCIPAL, AZURE_CLIENT_SECRET="s3cret")
    entra.error = "AADSTS7000222"
    with pytest.raises(SignInFailed, match="secret of the application has expired"):
        await both(machine.sign_in("auto"))


def names(auth: str, **environ: str) -> list[str]:
    return [way.short for way in ways(auth, CLOUDS["public"], "sub", environ, None, None)]


async def test_the_ways_are_tried_in_order_and_only_those_that_are_set_up(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    everything = {
        **PRINCIPAL,
        "AZURE_CLIENT_SECRET": "s",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "SYSTEM_OIDCREQUESTURI": "https://x",
        "SYSTEM_ACCESSTOKEN": "x",
        "AZURESUBSCRIPTION_CLIENT_ID": "x",
        "AZURESUBSCRIPTION_TENANT_ID": "x",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "x",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://x",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
        "IDENTITY_ENDPOINT": "http://x",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in everything.items():
            patch.setenv(name, value)
        of_environment = ["service principal", "workload identity", "service connection", "GitHub OIDC"]
        assert names("auto", **everything) == [*of_environment, "az", "managed identity"]
        assert names("key", **everything) == names("auto", **everything)
        assert names("env", **everything) == of_environment
        assert names("cli", **everything) == ["az"]
        assert names("mi", **everything) == ["managed identity"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        (PRINCIPAL, False),
        ({"AZURE_CLIENT_ID": CLIENT}, True),
        ({"MSI_ENDPOINT": "http://x"}, True),
        ({"IDENTITY_ENDPOINT": "http://x"}, True),
    ],
)
async def test_a_managed_identity_is_tried_only_where_something_hints_at_one(
    environ: dict[str, str], expected: bool
) -> None:
    assert ("managed identity" in names("auto", **environ)) is expected
