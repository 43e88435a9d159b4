"""Signing in: the first way that works, one token per audience, and a sentence when none does."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from aibtui.sources import CannotWatch
from aibtui.sources.cloud import Cloud

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

AUTH = ("auto", "cli", "env", "mi", "device")
Prompt = Callable[[str, str], None]  # the address to open, the code to enter there

_AZ_SECONDS = 30
_SIGN_IN_SECONDS = 45
_DEVICE_SECONDS = 15 * 60
_REFRESH_SECONDS = 300
_SERVICE_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
_LOG_IN = "Sign in with: az login"


class SignInFailed(Exception):
    """No way to sign in worked: why in one sentence, and what to do."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


class Credential(Protocol):
    """An asynchronous token credential of azure-identity, as far as it is used."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken: ...

    async def close(self) -> None: ...


class SignIn:
    """The ways to sign in, in order; the first that gives a token is kept. One question at a time, for az's sake."""

    def __init__(self, ways: Mapping[str, Credential], seconds: float = _SIGN_IN_SECONDS) -> None:
        self._ways = dict(ways)
        self._seconds = seconds
        self._lock = asyncio.Lock()

    async def token(self, scope: str, options: Mapping[str, Any]) -> AccessToken:
        """Raises SignInFailed, and the SDK's own error where the sign-in host cannot be reached."""
        from azure.core.exceptions import ClientAuthenticationError

        failures: dict[str, Exception] = {}
        async with self._lock:
            for name, way in list(self._ways.items()):
                try:
                    async with asyncio.timeout(self._seconds):
                        token = await way.get_token(scope, **options)
                except (ClientAuthenticationError, TimeoutError, ValueError) as error:
                    failures[name] = error
                else:
                    self._ways = {name: way}
                    return token
        raise _failure(failures)

    async def close(self) -> None:
        for way in self._ways.values():
            await way.close()


class ScopeLocked:
    """A credential for one audience alone: whatever a host asks for, it gets a token of this scope or none."""

    def __init__(self, sign_in: SignIn, scope: str) -> None:
        self._sign_in = sign_in
        self._scope = scope
        self._token: AccessToken | None = None

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """A token of the one scope. Raises SignInFailed for any other; a tenant named by a host is not followed."""
        if scopes != (self._scope,):
            raise SignInFailed(
                f"A host asked for a token that is not meant for it ({', '.join(scopes)}); it was not given one.",
                "Check that the storage account lies in the tenant that you are signed in to.",
            )
        token = self._token
        if token is None or claims or token.expires_on - time.time() < _REFRESH_SECONDS:
            token = await self._sign_in.token(self._scope, {"claims": claims} if claims else {})
            self._token = token
        return token

    async def obtain(self) -> None:
        """Have a token before the first request needs it."""
        await self.get_token(self._scope)

    def forget(self) -> None:
        """The token was refused: the next request asks for another one."""
        self._token = None

    async def close(self) -> None:
        """Nothing to let go of: the sign-in is shared."""

    async def __aenter__(self) -> ScopeLocked:
        return self

    async def __aexit__(self, *details: object) -> None:
        return None


def sign_in(auth: str, cloud: Cloud, subscription: str, environ: Mapping[str, str], prompt: Prompt | None) -> SignIn:
    """The ways that `auth` allows. Raises CannotWatch for a word that is none of AUTH, and where nothing is set up."""
    from azure.identity import aio

    authority = {"authority": cloud.authority} if cloud.name != "public" else {}
    ways: dict[str, Credential] = {}
    if auth not in AUTH:
        raise CannotWatch(f"There is no way to sign in called {auth!r}.", f"Choose one of: {', '.join(AUTH)}.", 2)
    if auth in ("auto", "cli"):
        ways["Azure CLI"] = aio.AzureCliCredential(subscription=subscription, process_timeout=_AZ_SECONDS)
    if auth in ("auto", "env"):
        principal = all(environ.get(name) for name in _SERVICE_PRINCIPAL)
        if principal and (environ.get("AZURE_CLIENT_SECRET") or environ.get("AZURE_CLIENT_CERTIFICATE_PATH")):
            ways["service principal of the environment"] = aio.EnvironmentCredential(**authority)
        if principal and environ.get("AZURE_FEDERATED_TOKEN_FILE"):
            ways["workload identity"] = aio.WorkloadIdentityCredential(**authority)
    hinted = any(environ.get(name) for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_CLIENT_ID"))
    if auth == "mi" or (auth == "auto" and hinted):
        ways["managed identity"] = aio.ManagedIdentityCredential(client_id=environ.get("AZURE_CLIENT_ID"))
    if auth == "device":
        return SignIn({"device code": _DeviceCode(authority, prompt)}, _DEVICE_SECONDS)
    if not ways:
        raise CannotWatch(
            "The environment holds no service principal and no workload identity.",
            "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or use --auth cli.",
            4,
        )
    return SignIn(ways)


class _DeviceCode:
    """The device code sign-in: azure-identity has it only as a blocking call, so in a thread of its own."""

    def __init__(self, options: Mapping[str, Any], prompt: Prompt | None) -> None:
        if prompt is None:
            raise CannotWatch("Nobody can be shown a device code here.", "Use another --auth.", 2)
        self._options = options
        self._prompt = prompt
        self._credential: Any = None

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        from azure.identity import DeviceCodeCredential

        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AccessToken] = loop.create_future()

        def show(address: str, code: str, expires: object) -> None:
            loop.call_soon_threadsafe(self._prompt, address, code)

        def settle(token: AccessToken | None, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            elif token is not None:
                answer.set_result(token)

        def ask() -> None:
            try:
                token, error = self._credential.get_token(*scopes, **options), None
            except Exception as failure:  # handed over to the loop, which raises it
                token, error = None, failure
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, token, error)

        self._credential = self._credential or DeviceCodeCredential(prompt_callback=show, **self._options)
        threading.Thread(target=ask, name="device-code", daemon=True).start()
        return await answer

    async def close(self) -> None:
        if self._credential is not None:
            self._credential.close()


def _failure(failures: Mapping[str, Exception]) -> SignInFailed:
    """What to say of all that was tried: a refusal before what is merely not set up."""
    from azure.identity import CredentialUnavailableError

    refused = [(name, error) for name, error in failures.items() if not isinstance(error, CredentialUnavailableError)]
    if refused:
        name, error = refused[0]
        if isinstance(error, TimeoutError):
            return SignInFailed(f"Signing in by {name} did not answer in time.", "Try: az account get-access-token")
        return SignInFailed(f"Signing in by {name} failed: {_first_sentence(error)}", _LOG_IN)
    cli = str(failures.get("Azure CLI", ""))
    if "Timed out" in cli:
        return SignInFailed(f"The Azure CLI did not answer within {_AZ_SECONDS} s.", "Try: az account get-access-token")
    if cli and "not found" not in cli:
        return SignInFailed("The Azure CLI is not signed in.", _LOG_IN)
    if cli:
        return SignInFailed("Nobody is signed in, and the Azure CLI (az) is not installed.", f"Install it. {_LOG_IN}")
    return SignInFailed(f"Signing in failed by: {', '.join(failures)}.", "Choose another way with --auth.")


def _first_sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    found = re.search(r"AADSTS\d+.*", text)
    return re.split(r"(?<=[.!?]) |Trace ID", found[0] if found else text)[0][:300]


def quiet() -> None:
    """Keep the SDKs' warnings off stderr, where Python prints what has no handler. Set handlers still hear them."""
    for name in ("azure", "msal", "aiohttp"):
        logging.getLogger(name).addHandler(logging.NullHandler())
