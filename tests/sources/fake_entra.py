"""Microsoft Entra, and the identity services of GitHub and Azure Pipelines, on loopback over TLS."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TENANT = "aaaaaaaa-0000-0000-0000-000000000001"
CLIENT = "bbbbbbbb-0000-0000-0000-000000000002"


def jwt(**claims: Any) -> str:
    """A token that nobody signed."""

    def part(value: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}.c2ln"


@dataclass
class FakeEntra:
    """Answers who signs in; `forms` are the token requests in their order, `asked` the paths of all requests."""

    tls: ssl.SSLContext
    claims: dict[str, Any] = field(default_factory=lambda: {"appid": CLIENT, "tid": TENANT})
    seconds: int = 3600
    error: str | None = None
    forms: list[Mapping[str, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeEntra:
        app = web.Application()
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_post("/{tenant}/oauth2/v2.0/devicecode", self._device)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/github", self._github)
        app.router.add_post("/pipeline", self._pipeline)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *details: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def scopes(self) -> list[str]:
        return [form["scope"].split()[0] for form in self.forms]

    async def _token(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        if self.error:
            answer = {"error": "invalid_client", "error_description": f"{self.error}: it was refused. Trace ID: 5"}
            return web.json_response(answer, status=401)
        now = int(time.time())
        claims = {**self.claims, "iss": f"{self.url}/{TENANT}/v2.0", "sub": "s", "aud": CLIENT, "exp": now + 600}
        answer = {"token_type": "Bearer", "expires_in": self.seconds, "access_token": jwt(**claims)}
        return web.json_response({**answer, "id_token": jwt(**claims, iat=now, preferred_username="a@b.c")})

    async def _device(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://example.test/device"}
            | {"expires_in": 900, "interval": 1, "message": "Sign in"}
        )

    async def _configuration(self, request: web.Request) -> web.Response:
        base = f"{self.url}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        )

    async def _github(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("Authorization", ""), request.query.get("audience", "")))
        return web.json_response({"value": jwt(sub="repo:me/mine", n=len(self.asked))})

    async def _pipeline(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers.get("Authorization", ""), request.query.get("serviceConnectionId", "")))
        return web.json_response({"oidcToken": jwt(sub="sc://org/project/connection", n=len(self.asked))})


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
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
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context, folder / "ca.pem"
