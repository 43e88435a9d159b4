"""The two doors to Azure, Resource Manager and storage: one try a request, a deadline, no redirects, no writes."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from aibtui import __version__
from aibtui.sources import CannotWatch
from aibtui.sources.cloud import EMULATOR_KEY, STORAGE_SCOPE, Endpoint, choose_endpoint
from aibtui.sources.credentials import Prompt, ScopeLocked, SignIn, SignInFailed, quiet, sign_in
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from azure.mgmt.imagebuilder.aio import ImageBuilderClient
    from azure.storage.blob.aio import BlobServiceClient

STORAGE_API_VERSION = "2023-05-01"
_DEADLINE = 20.0  # seconds
_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 20}

_MODULES = (
    "aiohttp",
    "azure.core.pipeline.transport",
    "azure.mgmt.imagebuilder.aio.operations",
    "azure.storage.blob._generated.aio",
    "azure.storage.blob.aio",
    "msal",
    "azure.identity.aio",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach Azure: the cloud or an emulator, the way to sign in, a root certificate, an API version.

    `prompt` shows a device code (`--auth device`); `environ` is the process's environment.
    """

    environ: Mapping[str, str]
    cloud: str = "public"
    arm_endpoint: str | None = None
    auth: str = "auto"
    ca: str | None = None
    api_version: str | None = None
    prompt: Prompt | None = None


async def load() -> None:
    """Import the SDK, which takes a second, without holding up the screen; in parts, so that quitting need not wait."""
    for module in _MODULES:
        await asyncio.to_thread(import_module, module)


class Arm:
    """The two doors to Azure for one subscription. Clients are made at the first use; raises what the SDK raises."""

    def __init__(self, access: Access, subscription: str) -> None:
        """Raises CannotWatch for an access that cannot work. Loads the SDK, and needs a running loop."""
        quiet()
        self.endpoint: Endpoint = choose_endpoint(access.arm_endpoint, access.cloud)
        self._access = access
        self._subscription = subscription
        self._verify = _certificate(access)
        self._sign_in: SignIn | None = None
        self._arm_token: ScopeLocked | None = None
        self._storage_token: ScopeLocked | None = None
        if not self.endpoint.emulator:
            cloud = self.endpoint.cloud
            self._sign_in = sign_in(access.auth, cloud, subscription, access.environ, access.prompt)
            self._arm_token = ScopeLocked(self._sign_in, cloud.arm_scope)
            self._storage_token = ScopeLocked(self._sign_in, STORAGE_SCOPE)
        self._client = self._make_client()
        self._services: dict[str, BlobServiceClient] = {}

    async def template(self, target: Target) -> Mapping[str, Any]:
        """GET the image template; its JSON by wire names."""
        answer = await self._ask(
            self._arm_token,
            lambda: self._client.virtual_machine_image_templates.get(target.group, target.template),
        )
        return answer.as_dict()

    async def get(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """GET any resource of ARM by its path (`/subscriptions/...`), with what `query` has besides."""
        from azure.core.rest import HttpRequest

        asked = urlencode({"api-version": api_version, **(query or {})}, quote_via=quote)
        url = "{endpoint}" + quote(path, safe="/()-_.~") + f"?{asked}"

        async def send() -> Any:
            response = await self._client.send_request(HttpRequest("GET", url))
            response.raise_for_status()
            return response.json()

        answer = await self._ask(self._arm_token, send)
        if not isinstance(answer, Mapping):
            raise ValueError("no JSON object")
        return answer

    def blob_service(self, url: str, account: str) -> BlobServiceClient:
        """The blob endpoint of an account that ARM named; it gets the storage token, or the emulator's account key."""
        from azure.core.pipeline.transport import AioHttpTransport
        from azure.storage.blob.aio import BlobServiceClient

        if url not in self._services:
            key: Any = {"account_name": account, "account_key": EMULATOR_KEY}
            self._services[url] = BlobServiceClient(
                url,
                credential=self._storage_token or key,
                transport=AioHttpTransport(**self._transport_options()),
                retry_total=0,
                permit_redirects=False,
                user_agent=f"aibtui/{__version__}",
            )
        return self._services[url]

    async def storage(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run one request to a storage account, with a deadline of its own for the sign-in before it."""
        return await self._ask(self._storage_token, call)

    async def sign_in_to_storage(self) -> None:
        """Have the storage token before a request needs it."""
        if self._storage_token is not None:
            await self._storage_token.obtain()

    async def sign_in_early(self) -> None:
        """Have it in the first minute: what a pipeline signs in with may expire. A failure is told when it matters."""
        from azure.core.exceptions import AzureError

        with suppress(SignInFailed, AzureError, TimeoutError):
            await self.sign_in_to_storage()

    def refused(self) -> None:
        """A token was not accepted: the next request gets another one."""
        for token in (self._arm_token, self._storage_token):
            if token is not None:
                token.forget()

    async def close(self) -> None:
        for service in self._services.values():
            await service.close()
        await self._client.close()
        if self._sign_in is not None:
            await self._sign_in.close()

    async def _ask(self, token: ScopeLocked | None, call: Callable[[], Awaitable[T]]) -> T:
        if token is not None:
            await token.obtain()  # az may take longer than the request it is for
        async with asyncio.timeout(_DEADLINE):
            return await call()

    def _make_client(self) -> ImageBuilderClient:
        from azure.core import AzureClouds
        from azure.core.pipeline import policies
        from azure.core.pipeline.transport import AioHttpTransport
        from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
        from azure.mgmt.imagebuilder.aio import ImageBuilderClient

        scope = self.endpoint.cloud.arm_scope
        chain: list[Any] = [  # the SDK's own, without its retries and without its registering of resource providers
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(),
            policies.UserAgentPolicy(user_agent=f"aibtui/{__version__}"),
            policies.ProxyPolicy(),
            policies.ContentDecodePolicy(),
            policies.AsyncRedirectPolicy(permit_redirects=False),
            policies.CustomHookPolicy(),
            policies.SensitiveHeaderCleanupPolicy(),
        ]
        credential: Any = self._arm_token
        if credential is None:
            credential = _Nobody()
        else:
            chain.insert(6, AsyncARMChallengeAuthenticationPolicy(credential, scope))
        version = {"api_version": self._access.api_version} if self._access.api_version else {}
        return ImageBuilderClient(
            credential,
            self._subscription,
            base_url=self.endpoint.arm,
            cloud_setting=AzureClouds[self.endpoint.cloud.setting],
            credential_scopes=[scope],
            policies=chain,
            transport=AioHttpTransport(**self._transport_options()),
            **version,
        )

    def _transport_options(self) -> dict[str, Any]:
        options: dict[str, Any] = dict(_TIMEOUTS)
        if self._verify:
            options["connection_verify"] = self._verify
        if self.endpoint.emulator:
            options["use_env_settings"] = False  # a proxy has no business with loopback
        return options


class _Nobody:
    """Stands where the client wants a credential and none may be sent."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        raise RuntimeError("an emulator is given no token")

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> _Nobody:
        return self

    async def __aexit__(self, *details: object) -> None:
        return None


def _certificate(access: Access) -> str | None:
    """The root certificates to trust; aiohttp itself hears of SSL_CERT_FILE only."""
    chosen = access.ca or access.environ.get("REQUESTS_CA_BUNDLE")
    if not chosen:
        return None
    if not access.ca and os.path.isdir(chosen):
        return None
    try:
        ssl.create_default_context(cafile=chosen)
    except OSError as error:
        raise CannotWatch(
            f"The root certificate {chosen} cannot be used: {error.strerror or error}.",
            "Give a file of certificates in PEM form with --ca.",
            2,
        ) from None
    return chosen
