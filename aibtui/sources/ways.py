"""The ways to sign in: which of them this machine is set up for, each as a credential of azure-identity."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from aibtui.sources import CannotWatch
from aibtui.sources.cloud import Cloud

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

AUTH = ("auto", "cli", "env", "mi", "device", "key")
AZ_SECONDS = 30
Prompt = Callable[[str, str], None]  # the address to open, the code to enter there

_DEVICE_SECONDS = 15 * 60
_SECONDS = 45
_RETRIES = 1  # the SDK's own would hold a screen up for minutes; who asks tries again
_ASSERTION_AUDIENCE = "api://AzureADTokenExchange"
_SERVICE_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID")
_PIPELINE = (
    "SYSTEM_OIDCREQUESTURI",
    "SYSTEM_ACCESSTOKEN",
    "AZURESUBSCRIPTION_CLIENT_ID",
    "AZURESUBSCRIPTION_TENANT_ID",
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
)
_GITHUB = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", *_SERVICE_PRINCIPAL)
_MANAGED = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")


class Credential(Protocol):
    """An asynchronous token credential of azure-identity, as far as it is used."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken: ...

    async def close(self) -> None: ...


class Way(Struct, frozen=True):
    """One way to sign in: its name, its short name for a line of progress, and how long it may take."""

    name: str
    short: str
    credential: Credential
    seconds: float = _SECONDS


def ways(
    auth: str, cloud: Cloud, subscription: str, environ: Mapping[str, str], ca: str | None, prompt: Prompt | None
) -> tuple[Way, ...]:
    """The ways that `auth` allows and this machine is set up for, in the order in which they are tried.

    Raises CannotWatch for a word that is none of AUTH, and where nothing is set up.
    """
    from azure.identity import aio

    if auth not in AUTH:
        raise CannotWatch(f"There is no way to sign in called {auth!r}.", f"Choose one of: {', '.join(AUTH)}.", 2)
    options: dict[str, Any] = {"retry_total": _RETRIES}
    if cloud.name != "public":
        options["authority"] = cloud.authority
    if ca:
        options["connection_verify"] = ca
    # A thread's client is another one than the loop's, and hears of other variables.
    blocking = {**options, "connection_verify": ca or environ.get("SSL_CERT_FILE") or True}
    if auth == "device":
        return (_device(environ, blocking, prompt),)
    found: list[Way] = []
    if auth in ("auto", "env", "key"):
        found += _of_environment(environ, options, blocking)
    if auth in ("auto", "cli", "key"):
        az = aio.AzureCliCredential(subscription=subscription, process_timeout=AZ_SECONDS)
        found.append(Way("Azure CLI", "az", _NotFromHere(az)))
    if auth == "mi" or (auth in ("auto", "key") and _hosted(environ)):
        managed = aio.ManagedIdentityCredential(client_id=environ.get("AZURE_CLIENT_ID"), retry_total=_RETRIES)
        found.append(Way("managed identity", "managed identity", managed))
    if not found:
        raise CannotWatch(
            "The environment holds no service principal, no workload identity and no pipeline's identity.",
            "Set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or use --auth cli.",
            4,
        )
    return tuple(found)


def _of_environment(environ: Mapping[str, str], options: Mapping[str, Any], blocking: Mapping[str, Any]) -> list[Way]:
    from azure.identity import aio

    def has(*names: str) -> bool:
        return all(environ.get(name) for name in names)

    found = []
    principal = has(*_SERVICE_PRINCIPAL)
    if principal and (has("AZURE_CLIENT_SECRET") or has("AZURE_CLIENT_CERTIFICATE_PATH")):
        name = "service principal of the environment"
        found.append(Way(name, "service principal", aio.EnvironmentCredential(**options)))
    if principal and has("AZURE_FEDERATED_TOKEN_FILE"):
        found.append(Way("workload identity", "workload identity", aio.WorkloadIdentityCredential(**options)))
    if has(*_PIPELINE):
        name = "service connection of Azure Pipelines"
        found.append(Way(name, "service connection", _Blocking(lambda: _pipeline(environ, blocking))))
    if has(*_GITHUB):
        found.append(Way("GitHub OIDC", "GitHub OIDC", _Blocking(lambda: _github(environ, blocking))))
    return found


def _hosted(environ: Mapping[str, str]) -> bool:
    """A sign that a managed identity may be here; to ask without one would cost seconds everywhere else."""
    named = environ.get("AZURE_CLIENT_ID") and not environ.get("AZURE_TENANT_ID")
    return bool(named) or any(environ.get(name) for name in _MANAGED)


def _pipeline(environ: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    from azure.identity import AzurePipelinesCredential

    return AzurePipelinesCredential(
        tenant_id=environ["AZURESUBSCRIPTION_TENANT_ID"],
        client_id=environ["AZURESUBSCRIPTION_CLIENT_ID"],
        service_connection_id=environ["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
        system_access_token=environ["SYSTEM_ACCESSTOKEN"],
        **options,
    )


def _github(environ: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    """GitHub gives a new assertion whenever it is asked while the job runs, so this outlives what `az login` got."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.pipeline import Pipeline
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest
    from azure.identity import ClientAssertionCredential

    bearer = {"Authorization": f"Bearer {environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"}

    def assertion() -> str:
        asked = HttpRequest(
            "GET", environ["ACTIONS_ID_TOKEN_REQUEST_URL"], params={"audience": _ASSERTION_AUDIENCE}, headers=bearer
        )
        with Pipeline[Any, Any](RequestsTransport(**options)) as pipeline:  # without a policy that follows redirects
            answer = pipeline.run(asked).http_response
            value = answer.json().get("value") if answer.status_code == 200 else None
        if not isinstance(value, str):
            raise ClientAuthenticationError(f"GitHub answered {answer.status_code} instead of an identity token.")
        return value

    return ClientAssertionCredential(environ["AZURE_TENANT_ID"], environ["AZURE_CLIENT_ID"], assertion, **options)


def _device(environ: Mapping[str, str], options: Mapping[str, Any], prompt: Prompt | None) -> Way:
    if prompt is None:
        raise CannotWatch("Nobody can be shown a device code here.", "Use another --auth.", 2)
    show = prompt

    def make() -> Any:
        from azure.identity import DeviceCodeCredential

        loop = asyncio.get_running_loop()
        told: dict[str, Any] = {
            "prompt_callback": lambda address, code, expires: loop.call_soon_threadsafe(show, address, code),
            # An authority that somebody named is not one that Microsoft's directory of authorities knows.
            "disable_instance_discovery": bool(environ.get("AZURE_AUTHORITY_HOST")),
        }
        if tenant := environ.get("AZURE_TENANT_ID"):
            told["tenant_id"] = tenant
        return DeviceCodeCredential(**told, **options)

    return Way("device code", "device code", _Blocking(make), _DEVICE_SECONDS)


class _Blocking:
    """A credential that azure-identity has, or has well, only as a blocking one: each call in a thread of its own.

    The threads are daemons: leaving need not wait for a sign-in that nobody completes.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._credential: Any = None

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AccessToken] = loop.create_future()

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

        self._credential = self._credential or self._make()
        threading.Thread(target=ask, name="sign-in", daemon=True).start()
        return await answer

    async def close(self) -> None:
        if self._credential is not None:
            self._credential.close()


class _NotFromHere:
    """az, unless it would be found in the current directory, where anybody may have put one."""

    def __init__(self, az: Credential) -> None:
        self._az = az

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        from azure.identity import CredentialUnavailableError

        windows = sys.platform == "win32"
        found = (shutil.which("az.cmd") if windows else None) or shutil.which("az")
        if found is not None and not Path(found).is_absolute():
            raise CredentialUnavailableError(f"{found} lies in the current directory, from where az is not run")
        return await self._az.get_token(*scopes, **options)

    async def close(self) -> None:
        await self._az.close()
