"""Nobody who is not meant to gets a token: hostile addresses, challenges and redirects, on loopback."""

from __future__ import annotations

import base64
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from aibtui.core.polls import Poll
from aibtui.sources import cloud as clouds
from aibtui.sources.arm import Access, Arm
from aibtui.sources.azure import AzureSource
from aibtui.sources.cloud import CLOUDS, STORAGE_SCOPE
from tests.sources.conftest import Az
from tests.sources.fake_azure import START, TARGET, Blob, FakeAzure, account, answering, arm_error, blob_error
from tests.sources.fake_entra import TENANT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")
ELSEWHERE = "dddddddd-0000-0000-0000-000000000004"
Certificate = tuple[ssl.SSLContext, Path]


class TwoTokens(Az):
    """Answers with a token that names its audience."""

    def token_each(self) -> None:
        self.token()
        script = self._folder / "az"
        out = '{"accessToken": "token-for-$6", "expires_on": 4102444800}'
        script.write_text(f'#!/bin/sh\necho "begin $@" >> {self._asked}\nprintf \'%s\' "{_quoted(out)}"\n')
        script.chmod(0o755)


def _quoted(text: str) -> str:
    return text.replace('"', '\\"')


@pytest.fixture
def two(az: Az, tmp_path: Path) -> TwoTokens:
    made = TwoTokens(tmp_path)
    made.token_each()
    return made


@pytest.fixture
async def azure(certificate: Certificate) -> AsyncIterator[FakeAzure]:
    async with FakeAzure(tls=certificate[0], blobs={"run/customization.log": Blob(b"line\n")}) as fake:
        fake.run("Running")
        yield fake


@pytest.fixture
async def thief(certificate: Certificate) -> AsyncIterator[FakeAzure]:
    """A host that ARM did not name."""
    async with FakeAzure(tls=certificate[0], blobs={}) as fake:
        yield fake


@pytest.fixture
def known_blobs(monkeypatch: pytest.MonkeyPatch, azure: FakeAzure) -> None:
    """The storage account on loopback counts as one of the cloud's own, so that a token is sent to it."""
    monkeypatch.setattr(
        clouds.Endpoint, "blob_account", lambda self, url, name: (f"{azure.endpoint}/logs", "logs"), raising=True
    )


async def looked(azure: FakeAzure, certificate: Certificate, looks: int = 4) -> list[Poll]:
    source = AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1])), random=Random(1))
    try:
        return [await source.look(START) for _ in range(looks)]
    finally:
        await source.close()


def sent(fake: FakeAzure, part: str) -> set[str]:
    """What requests for `part` were authorised with."""
    pairs = zip(fake.requests, fake.authorizations, strict=True)
    return {authorization for request, authorization in pairs if part in request}


async def test_arm_and_storage_each_get_their_own_token_alone(
    two: TwoTokens, azure: FakeAzure, certificate: Certificate, known_blobs: None
) -> None:
    await looked(azure, certificate)
    assert sent(azure, "/subscriptions/") == {"Bearer token-for-https://management.azure.com"}
    assert sent(azure, "packerlogs") == {"Bearer token-for-https://storage.azure.com"}


@pytest.mark.parametrize(
    "challenge",
    [
        f"Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize "
        "resource_id=https://management.azure.com",
        f"Bearer authorization_uri=https://login.microsoftonline.com/{ELSEWHERE}/oauth2/authorize "
        "resource_id=https://vault.azure.net",
        f"Bearer authorization_uri=https://login.example.test/{ELSEWHERE}/oauth2/authorize "
        "resource_id=https://storage.azure.com",
        "Bearer nonsense",
    ],
)
async def test_a_challenge_of_storage_gets_no_other_token_and_no_other_tenant(
    two: TwoTokens, azure: FakeAzure, certificate: Certificate, known_blobs: None, challenge: str
) -> None:
    headers = {"WWW-Authenticate": challenge}
    azure.fail("packerlogs", answering(lambda: blob_error(401, "InvalidAuthenticationInfo", headers)), times=6)
    polls = await looked(azure, certificate)
    assert sent(azure, "packerlogs") == {"Bearer token-for-https://storage.azure.com"}
    assert {asked.split("--resource ")[1].split()[0] for asked in two.asked} == {
        "https://management.azure.com",
        "https://storage.azure.com",
    }
    assert not any("--tenant" in asked for asked in two.asked)
    assert any(trouble.kind == "sign-in" for poll in polls for trouble in poll.troubles)


async def test_a_challenge_of_arm_gets_no_other_scope(
    two: TwoTokens, azure: FakeAzure, certificate: Certificate
) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"access_token": {"nbf": {"value": "1"}}}).encode()).decode()
    headers = {
        "WWW-Authenticate": f'Bearer authorization_uri="https://login.example.test/{ELSEWHERE}", '
        f'error="insufficient_claims", claims="{claims}"'
    }
    source = AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1])), random=Random(1))
    await source.look(START)
    azure.fail("imageTemplates", answering(lambda: arm_error(401, "InvalidAuthenticationToken", headers)), times=1)
    poll = await source.look(START.replace(hour=11))
    azure_again = await source.look(START.replace(hour=12))
    await source.close()
    assert [trouble.kind for trouble in poll.troubles if trouble.target == "template"] == ["sign-in"]
    assert "az login --claims-challenge" in (poll.troubles[0].remedy or "")
    assert azure_again.status is not None  # a new sign-in is asked for by itself
    assert sent(azure, "/subscriptions/") == {"Bearer token-for-https://management.azure.com"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("part", ["imageTemplates", "storageAccounts", "packerlogs"])
async def test_a_redirect_is_not_followed(
    two: TwoTokens,
    azure: FakeAzure,
    thief: FakeAzure,
    certificate: Certificate,
    known_blobs: None,
    part: str,
    status: int,
) -> None:
    there = {"Location": f"{thief.endpoint}/subscriptions/x"}
    azure.fail(part, answering(lambda: web.Response(status=status, headers=there)), times=3)
    await looked(azure, certificate, 2)
    assert thief.requests == []


async def test_an_account_that_is_not_the_clouds_is_asked_for_nothing(
    two: TwoTokens, azure: FakeAzure, thief: FakeAzure, certificate: Certificate
) -> None:
    azure.accounts = [account("logs", f"{thief.endpoint}/logs")]
    polls = await looked(azure, certificate)
    assert thief.requests == []
    assert any("nothing is sent there" in trouble.text for poll in polls for trouble in poll.troubles)


@pytest.mark.parametrize(
    "message",
    [
        "Image build log location: {thief}/packerlogs/run/customization.log",
        "Packer build logs are at location {thief}/packerlogs/run/customization.log.",
        "Image build log location: https://logs.blob.core.windows.net@{host}/packerlogs/run/customization.log",
        "Image build log location: https://{host}/packerlogs/../packerlogs/run/customization.log?sig=x",
    ],
)
async def test_an_address_in_the_services_message_is_asked_for_nothing(
    two: TwoTokens, azure: FakeAzure, thief: FakeAzure, certificate: Certificate, known_blobs: None, message: str
) -> None:
    said = message.format(thief=thief.endpoint, host=thief.endpoint.removeprefix("https://"))
    azure.run("Failed", message=said, endTime=START.isoformat())
    await looked(azure, certificate)
    assert thief.requests == []
    assert sent(azure, "packerlogs") == {"Bearer token-for-https://storage.azure.com"}


async def test_over_http_on_loopback_no_token_is_asked_for_or_sent(two: TwoTokens) -> None:
    async with FakeAzure(blobs={}) as plain:
        plain.run("Running")
        source = AzureSource(TARGET, Access({}, arm_endpoint=plain.endpoint), random=Random(1))
        for _ in range(3):
            await source.look(START)
        await source.close()
    assert two.asked == []
    assert not any(each.startswith("Bearer") for each in plain.authorizations)


async def test_a_tenant_is_asked_for_without_a_token(
    two: TwoTokens, azure: FakeAzure, certificate: Certificate
) -> None:
    arm = Arm(Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1])), TARGET.subscription)
    headers = {"WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{TENANT}"'}
    azure.fail("/subscriptions/", answering(lambda: arm_error(401, "AuthenticationFailed", headers)))
    assert await arm.tenant_of_subscription() == TENANT
    await arm.close()
    assert azure.authorizations == [""]


@pytest.mark.parametrize("cloud", sorted(CLOUDS))
async def test_each_cloud_has_its_two_scopes_and_no_others(two: TwoTokens, cloud: str) -> None:
    arm = Arm(Access({}, cloud=cloud), TARGET.subscription)
    assert arm.sign_in is not None
    await arm.sign_in_to_arm()
    await arm.sign_in_to_storage()
    await arm.close()
    assert [asked.split("--resource ")[1].split()[0] for asked in two.asked] == [
        CLOUDS[cloud].arm_scope.removesuffix("/.default"),
        STORAGE_SCOPE.removesuffix("/.default"),
    ]
