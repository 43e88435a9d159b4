"""Signing in by az, and what a token is given to."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from aibtui.config.rows import AUTH as CONFIGURED
from aibtui.config.rows import CLOUD_NAMES
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access, Arm
from aibtui.sources.azure import AzureSource
from aibtui.sources.cloud import CLOUDS, STORAGE_SCOPE
from aibtui.sources.credentials import SignIn, SignIns, Voice, bearer
from aibtui.sources.refusals import SignInFailed
from aibtui.sources.ways import AUTH, Way
from tests.sources.conftest import Az
from tests.sources.fake_azure import START, TARGET, FakeAzure, StepClock, account, answering, arm_error
from tests.sources.fake_entra import TENANT, jwt

ARM_SCOPE = CLOUDS["public"].arm_scope
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")


def signing_in(auth: str = "auto", sign_ins: SignIns | None = None, subscription: str = TARGET.subscription) -> SignIn:
    return (sign_ins or SignIns()).borrow(auth, CLOUDS["public"], subscription, {}, None)


class Told:
    """A way to sign in that answers as it is told, and counts."""

    def __init__(self, *answers: AccessToken | Exception) -> None:
        self.answers = list(answers)
        self.options: list[dict[str, object]] = []

    async def get_token(self, *scopes: str, **options: object) -> AccessToken:
        self.options.append(options)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None


def lasting(seconds: float, token: str = "a-token") -> AccessToken:
    return AccessToken(token, int(time.time() + seconds))


async def test_a_token_is_asked_of_az_once(az: Az) -> None:
    az.token()
    credential = signing_in().locked(ARM_SCOPE)
    tokens = {(await credential.get_token(ARM_SCOPE)).token for _ in range(3)}
    assert tokens == {"az-token"}
    (asked,) = az.asked
    assert f"--subscription {TARGET.subscription}" in asked


async def test_az_is_called_one_at_a_time_for_all_scopes_and_watches(az: Az) -> None:
    az.token(seconds=0.05)
    shared = SignIns()
    watches = [signing_in(sign_ins=shared), signing_in(sign_ins=shared), signing_in("cli", shared, "another")]
    await asyncio.gather(*(each.locked(scope).obtain() for each in watches for scope in (ARM_SCOPE, STORAGE_SCOPE)))
    assert [line.split()[0] for line in az.lines] == ["begin", "end"] * 4


async def test_the_last_who_leaves_closes_the_sign_in(az: Az) -> None:
    shared = SignIns()
    first, second = signing_in(sign_ins=shared), signing_in(sign_ins=shared)
    assert first is second
    await shared.give_back(first)
    assert signing_in(sign_ins=shared) is first
    await shared.give_back(first)
    await shared.give_back(second)
    assert signing_in(sign_ins=shared) is not first


async def test_a_sign_in_that_takes_its_time_says_so_each_second(az: Az) -> None:
    az.token(seconds=2.3)
    heard: list[tuple[str, int]] = []
    await (
        signing_in(sign_ins=SignIns(Voice(progress=lambda how, seconds: heard.append((how, seconds)))))
        .locked(ARM_SCOPE)
        .obtain()
    )
    assert heard == [("az", 1), ("az", 2)]


async def test_az_is_not_run_from_the_current_directory(
    az: Az, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    az.token()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    with pytest.raises(SignInFailed, match="current directory, from where it is not run"):
        await signing_in().locked(ARM_SCOPE).obtain()
    assert az.asked == []


async def test_it_is_told_how_and_as_whom(az: Az) -> None:
    az.token(upn="ann@contoso.com\x1b[31m", tid=TENANT)
    sign_in = signing_in()
    assert sign_in.told is None
    await sign_in.locked(ARM_SCOPE).obtain()
    assert sign_in.told == "Azure CLI, ann@contoso.com"
    assert sign_in.bearer is not None
    assert sign_in.bearer.tenant == TENANT


@pytest.mark.parametrize(
    ("token", "who"),
    [
        (jwt(appid="11", tid=TENANT), "application 11"),
        (jwt(upn=5, unique_name="a@b"), "a@b"),
        (jwt(), None),
        ("no token", None),
        ("a.%%%.b", None),
        ("a.W10.b", None),
    ],
)
def test_a_token_that_cannot_be_read_names_nobody(token: str, who: str | None) -> None:
    assert bearer(AccessToken(token, 1)).who == who


async def test_a_token_that_was_refused_is_asked_for_again(az: Az) -> None:
    az.token()
    credential = signing_in().locked(ARM_SCOPE)
    await credential.obtain()
    credential.forget()
    await credential.obtain()
    assert len(az.asked) == 2


async def test_a_token_is_renewed_ahead_of_its_end() -> None:
    way = Told(lasting(200, "old"), lasting(3600, "new"))
    credential = SignIn([Way("way", "way", way)]).locked(ARM_SCOPE)
    assert (await credential.get_token(ARM_SCOPE)).token == "old"
    credential._tried_at -= 31
    assert (await credential.get_token(ARM_SCOPE)).token == "new"


async def test_a_token_that_holds_outlives_a_renewal_that_fails() -> None:
    way = Told(lasting(200), ClientAuthenticationError("AADSTS700024: expired"))
    credential = SignIn([Way("way", "way", way)]).locked(ARM_SCOPE)
    await credential.obtain()
    credential._tried_at -= 31
    for _ in range(3):
        assert (await credential.get_token(ARM_SCOPE)).token == "a-token"
    assert len(way.options) == 2  # not at every request


async def test_a_challenge_is_handed_on_and_the_refused_token_is_not_given_again() -> None:
    way = Told(lasting(3600), ClientAuthenticationError("AADSTS50076: a factor"), lasting(3600, "after az login"))
    credential = SignIn([Way("way", "way", way)]).locked(ARM_SCOPE)
    await credential.obtain()
    with pytest.raises(SignInFailed, match="wants another sign-in"):
        await credential.get_token(ARM_SCOPE, claims='{"access_token":{}}')
    assert (await credential.get_token(ARM_SCOPE)).token == "after az login"
    assert way.options == [{}, {"claims": '{"access_token":{}}'}, {}]


async def test_az_is_told_what_to_sign_in_with_after_a_challenge(az: Az) -> None:
    az.token()
    credential = signing_in().locked(ARM_SCOPE)
    with pytest.raises(SignInFailed) as raised:
        await credential.get_token(ARM_SCOPE, claims='{"access_token":{}}')
    assert raised.value.text == "Azure wants a fresh sign-in: its access policy has changed."
    assert raised.value.remedy.startswith("Sign in again with: az login --claims-challenge eyJ")


async def test_no_host_gets_a_token_of_another_audience(az: Az) -> None:
    az.token()
    credential = signing_in().locked(STORAGE_SCOPE)
    with pytest.raises(SignInFailed, match="not meant for it"):
        await credential.get_token(ARM_SCOPE, tenant_id="somebody")
    assert az.asked == []


@pytest.mark.parametrize(
    ("stderr", "text", "remedy"),
    [
        ("Please run 'az login' to setup account.", "The Azure CLI is not signed in.", "Sign in with: az login"),
        (
            "ERROR: AADSTS70043: The refresh token has expired. Trace ID: 5\nCorrelation ID: 6\n",
            "The sign-in by Azure CLI has expired.",
            "Sign in with: az login",
        ),
        (
            "ERROR: AADSTS700024: Client assertion is not within its valid time range. Trace ID: 5\n",
            "The assertion that the pipeline signed in with has expired.",
            "Let aibtui ask for its own: give it AZURE_CLIENT_ID and AZURE_TENANT_ID, in GitHub with id-token: write, "
            "in Azure Pipelines SYSTEM_ACCESSTOKEN.",
        ),
        (
            "ERROR: Something new happened. And more of it.\n",
            "Signing in by Azure CLI failed: ERROR: Something new happened.",
            "Sign in with: az login",
        ),
    ],
)
async def test_a_sign_in_that_fails_is_one_sentence(az: Az, stderr: str, text: str, remedy: str) -> None:
    az.answer(stderr=stderr, code=1)
    with pytest.raises(SignInFailed) as raised:
        await signing_in().locked(ARM_SCOPE).obtain()
    assert (raised.value.text, raised.value.remedy) == (text, remedy)


async def test_no_sign_in_ends_the_watch_at_its_first_look(az: Az, capfd: pytest.CaptureFixture[str]) -> None:
    source = AzureSource(TARGET, Access({}))
    with pytest.raises(CannotWatch) as raised:
        await source.look(START)
    await source.close()
    assert raised.value.text == "Nobody is signed in, and the Azure CLI (az) is not installed."
    assert raised.value.exit_code == 4
    assert capfd.readouterr().err == ""


async def test_the_next_way_is_tried_and_kept() -> None:
    first, second = Told(ClientAuthenticationError("no")), Told(lasting(9999, "second"))
    both = SignIn([Way("first", "1", first), Way("second", "2", second)])
    for _ in range(2):
        assert (await both.token(ARM_SCOPE, {})).token == "second"
    assert (len(first.options), len(second.options)) == (1, 2)
    assert both.how == "second"


@pytest.mark.parametrize(("auth", "code"), [("magic", 2), ("env", 4), ("device", 2)])
async def test_a_way_that_cannot_be_is_refused(auth: str, code: int) -> None:
    with pytest.raises(CannotWatch) as raised:
        signing_in(auth)
    assert raised.value.exit_code == code


def test_the_words_of_the_config_file_are_those_that_are_known() -> None:
    assert CONFIGURED == AUTH
    assert list(CLOUD_NAMES) == list(CLOUDS)


async def test_the_sdks_do_not_write_to_stderr() -> None:
    await Arm(Access({}), TARGET.subscription).close()
    for name in ("azure.identity", "msal.application", "aiohttp.client"):
        logger = logging.getLogger(name)
        assert logger.hasHandlers()


@pytest.fixture
async def azure(certificate: tuple[ssl.SSLContext, Path]) -> AsyncIterator[FakeAzure]:
    async with FakeAzure(tls=certificate[0]) as fake:
        fake.run("Running")
        yield fake


def source_on(azure: FakeAzure, certificate: tuple[ssl.SSLContext, Path]) -> AzureSource:
    return AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1])), random=Random(1))


async def test_a_look_tells_how_and_as_whom_somebody_is_signed_in(
    az: Az, azure: FakeAzure, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    az.token(upn="ann@contoso.com")
    source = source_on(azure, certificate)
    await source.look(START)
    poll = await source.look(START)
    await source.close()
    assert poll.around is not None
    assert poll.around.sign_in == "Azure CLI, ann@contoso.com"


async def test_the_tenant_of_a_subscription_that_az_does_not_know_is_named(
    az: Az, azure: FakeAzure, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    az.answer(stderr=f"ERROR: Subscription '{TARGET.subscription}' not found. Check the spelling.\n", code=1)
    challenge = {"WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{TENANT}", error="x"'}
    azure.fail("/subscriptions/", answering(lambda: arm_error(401, "AuthenticationFailed", challenge)))
    source = source_on(azure, certificate)
    with pytest.raises(CannotWatch) as raised:
        await source.look(START)
    await source.close()
    assert raised.value.text == "The sign-in by Azure CLI does not know the subscription."
    assert raised.value.remedy.endswith(f"Sign in there with: az login --tenant {TENANT}")
    assert azure.authorizations == [""]


async def test_a_token_of_another_tenant_is_told_with_the_tenant_to_sign_in_to(
    az: Az, azure: FakeAzure, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    az.token()
    challenge = {"WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{TENANT}"'}
    azure.fail("imageTemplates", answering(lambda: arm_error(401, "InvalidAuthenticationTokenTenant", challenge)))
    source = source_on(azure, certificate)
    with pytest.raises(CannotWatch) as raised:
        await source.look(START)
    await source.close()
    assert raised.value.remedy == f"Sign in to it with: az login --tenant {TENANT}"
    assert raised.value.exit_code == 4


async def test_a_role_that_ends_while_the_build_runs_is_blind_and_no_end(azure: FakeAzure) -> None:
    async with FakeAzure() as plain:
        plain.run("Running")
        clock = StepClock()
        source = AzureSource(TARGET, Access({}, arm_endpoint=plain.endpoint), random=Random(1))
        await source.look(clock.now())
        plain.fail("imageTemplates", answering(lambda: arm_error(403, "AuthorizationFailed")))
        await clock.sleep(START - START.replace(minute=0, hour=9))
        poll = await source.look(clock.now())
        await source.close()
    assert not poll.ended
    (trouble,) = [each for each in poll.troubles if each.target == "template"]
    assert trouble.text.startswith("You may no longer read the image template win11: your role has ended")
    assert "Activate the role Reader on" in (trouble.remedy or "")


async def test_the_token_goes_to_arm_and_to_no_blob_host_that_is_not_the_clouds(
    az: Az, azure: FakeAzure, certificate: tuple[ssl.SSLContext, Path]
) -> None:
    az.token()
    azure.accounts = [account("logs", f"{azure.endpoint}/logs")]
    source = AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1])), random=Random(1))
    await source.look(START)
    poll = await source.look(START)
    await source.close()
    assert set(azure.authorizations) == {"Bearer az-token"}
    assert not any("packerlogs" in request for request in azure.requests)
    assert "is not one of the public cloud; nothing is sent there" in poll.troubles[0].text
    assert [asked.split("--resource ")[1].split()[0] for asked in az.asked] == [
        "https://management.azure.com",
        "https://storage.azure.com",
    ]


async def test_a_certificate_that_is_not_trusted_is_told_with_its_remedy(az: Az, azure: FakeAzure) -> None:
    az.token()
    source = AzureSource(TARGET, Access({}, arm_endpoint=azure.endpoint), random=Random(1))
    poll = await source.look(StepClock().now())
    await source.close()
    assert "the certificate is not trusted here" in poll.troubles[0].text
    assert "--ca" in (poll.troubles[0].remedy or "")


async def test_a_root_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("junk")
    for name in ("ca.pem", "missing.pem"):
        source = AzureSource(TARGET, Access({}, arm_endpoint="http://127.0.0.1:1", ca=str(tmp_path / name)))
        with pytest.raises(CannotWatch, match="cannot be used") as raised:
            await source.look(START)
        assert raised.value.exit_code == 2
