"""Signing in by az, and what a token is given to."""

from __future__ import annotations

import datetime
import ipaddress
import json
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.cloud import CLOUDS, STORAGE_SCOPE
from aibtui.sources.credentials import ScopeLocked, SignIn, SignInFailed, sign_in
from tests.sources.fake_azure import START, TARGET, FakeAzure, StepClock, account

ARM_SCOPE = CLOUDS["public"].arm_scope
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for az is a shell script")


class Az:
    """A stand-in for az in a folder of its own, with a list of what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = folder / "asked"

    def answer(self, stdout: str = "", stderr: str = "", code: int = 0) -> None:
        (self._folder / "out").write_text(stdout)
        (self._folder / "err").write_text(stderr)
        script = self._folder / "az"
        folder = self._folder
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {folder}/asked\n/bin/cat {folder}/out\n/bin/cat {folder}/err >&2\nexit {code}\n'
        )
        script.chmod(0o755)

    def token(self) -> None:
        expires = datetime.datetime.now() + datetime.timedelta(hours=1)
        self.answer(json.dumps({"accessToken": "az-token", "expiresOn": expires.strftime("%Y-%m-%d %H:%M:%S.%f")}))

    @property
    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines() if self._asked.exists() else []


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Az(tmp_path)


def ways(auth: str = "auto") -> SignIn:
    return sign_in(auth, CLOUDS["public"], TARGET.subscription, {}, None)


async def test_a_token_is_asked_of_az_once(az: Az) -> None:
    az.token()
    credential = ScopeLocked(ways(), ARM_SCOPE)
    tokens = {(await credential.get_token(ARM_SCOPE)).token for _ in range(3)}
    assert tokens == {"az-token"}
    (asked,) = az.asked
    assert f"--subscription {TARGET.subscription}" in asked


async def test_a_token_that_was_refused_is_asked_for_again(az: Az) -> None:
    az.token()
    credential = ScopeLocked(ways(), ARM_SCOPE)
    await credential.obtain()
    credential.forget()
    await credential.obtain()
    assert len(az.asked) == 2


async def test_no_host_gets_a_token_of_another_audience(az: Az) -> None:
    az.token()
    credential = ScopeLocked(ways(), STORAGE_SCOPE)
    with pytest.raises(SignInFailed, match="not meant for it"):
        await credential.get_token(ARM_SCOPE, tenant_id="somebody")
    assert az.asked == []


@pytest.mark.parametrize(
    ("stderr", "text", "remedy"),
    [
        ("Please run 'az login' to setup account.", "The Azure CLI is not signed in.", "Sign in with: az login"),
        (
            "ERROR: AADSTS70043: The refresh token has expired. Trace ID: 5\nCorrelation ID: 6\n",
            "Signing in by Azure CLI failed: AADSTS70043: The refresh token has expired.",
            "Sign in with: az login",
        ),
    ],
)
async def test_a_sign_in_that_fails_is_one_sentence(az: Az, stderr: str, text: str, remedy: str) -> None:
    az.answer(stderr=stderr, code=1)
    with pytest.raises(SignInFailed) as raised:
        await ScopeLocked(ways(), ARM_SCOPE).obtain()
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
    class Way:
        def __init__(self, error: Exception | None) -> None:
            self.error = error
            self.asked = 0

        async def get_token(self, *scopes: str, **options: object) -> AccessToken:
            self.asked += 1
            if self.error:
                raise self.error
            return AccessToken("second", int(time.time()) + 9999)

        async def close(self) -> None:
            return None

    first, second = Way(ClientAuthenticationError("no")), Way(None)
    both = SignIn({"first": first, "second": second})
    for _ in range(2):
        assert (await both.token(ARM_SCOPE, {})).token == "second"
    assert (first.asked, second.asked) == (1, 2)


@pytest.mark.parametrize(("auth", "code"), [("magic", 2), ("env", 4), ("device", 2)])
def test_a_way_that_cannot_be_is_refused(auth: str, code: int) -> None:
    with pytest.raises(CannotWatch) as raised:
        ways(auth)
    assert raised.value.exit_code == code


def test_the_sdks_do_not_write_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ways()
    for name in ("azure.identity", "msal.application", "aiohttp.client"):
        logger = logging.getLogger(name)
        assert logger.hasHandlers()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the file of its root certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context, folder / "ca.pem"


@pytest.fixture
async def azure(certificate: tuple[ssl.SSLContext, Path]) -> AsyncIterator[FakeAzure]:
    async with FakeAzure(tls=certificate[0]) as fake:
        fake.run("Running")
        yield fake


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
