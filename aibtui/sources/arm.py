"""The two doors to Azure, Resource Manager and storage: one try a request, a deadline, no redirects."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from aibtui import __version__
from aibtui.sources.cloud import EMULATOR_KEY, STORAGE_SCOPE, Endpoint, choose_endpoint
from aibtui.sources.credentials import ScopeLocked, SignIn, SignIns, quiet
from aibtui.sources.faults import retry_after, status_of, tenant_named
from aibtui.sources.limiter import Limiter
from aibtui.sources.refusals import SignInFailed
from aibtui.sources.skew import DateHeader
from aibtui.sources.target import Target
from aibtui.sources.wire import Wire

if TYPE_CHECKING:
    from azure.core.pipeline.transport import AioHttpTransport
    from azure.core.rest import AsyncHttpResponse
    from azure.mgmt.imagebuilder.aio import ImageBuilderClient
    from azure.storage.blob.aio import BlobClient, BlobServiceClient

    from aibtui.sources.log_url import LogUrl

STORAGE_API_VERSION = "2023-05-01"
TEMPLATE_API_VERSION = "2025-10-01"
GRAPH_API_VERSION = "2022-10-01"
SUBSCRIPTION_API_VERSION = "2022-12-01"
_DEADLINE = 20.0  # seconds

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


class Access(Struct, frozen=True):
    """How to reach Azure: the cloud or an emulator, the way to sign in, a root certificate, an API version.

    `sign_ins` and `wire` are shared by all who use this access; `environ` is the process's environment. `limiter` is
    what all doors of a process share; without one nothing is held back.
    """

    environ: Mapping[str, str]
    cloud: str = "public"
    arm_endpoint: str | None = None
    auth: str = "auto"
    ca: str | None = None
    api_version: str | None = None
    sign_ins: SignIns = field(default_factory=SignIns)
    limiter: Limiter | None = None
    storage_account: str | None = None
    log_url: LogUrl | None = None
    wire: Wire = field(default_factory=Wire)


async def load() -> None:
    """Import the SDK, which takes a second, without holding up the screen; in parts, so that quitting need not wait."""
    if all(module in sys.modules for module in _MODULES):
        return
    with _unnoticed():
        for module in _MODULES:
            await asyncio.to_thread(import_module, module)


@contextmanager
def _unnoticed() -> Iterator[None]:
    """A thread that imports gives way every millisecond. No garbage is looked for, which takes 0.1 s: there is none."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was imported stays, and need not be looked at again
        gc.enable()
        sys.setswitchinterval(interval)


class Arm:
    """The two doors to Azure for one subscription. Clients are made at the first use; raises what the SDK raises."""

    def __init__(self, access: Access, subscription: str) -> None:
        """Raises CannotWatch for an access that cannot work. Loads the SDK, and needs a running loop."""
        quiet()
        self.endpoint: Endpoint = choose_endpoint(access.arm_endpoint, access.cloud)
        self._access = access
        self._subscription = subscription
        certificates = access.wire.trust(access.ca, access.environ)
        self._sign_in: SignIn | None = None
        self._arm_token: ScopeLocked | None = None
        self._storage_token: ScopeLocked | None = None
        if not self.endpoint.emulator:
            cloud = self.endpoint.cloud
            self._sign_in = access.sign_ins.borrow(access.auth, cloud, subscription, access.environ, certificates)
            self._arm_token = self._sign_in.locked(cloud.arm_scope)
            self._storage_token = self._sign_in.locked(STORAGE_SCOPE)
        self._transport: AioHttpTransport | None = access.wire.borrow(certificates, direct=self.endpoint.emulator)
        self._date = DateHeader()
        self._client = self._make_client()
        self._services: dict[str, BlobServiceClient] = {}
        self._keys: dict[str, str] = {}
        self._signed: list[BlobClient] = []

    @property
    def storage_account(self) -> str | None:
        """The storage account that the user named."""
        return self._access.storage_account

    @property
    def by_key(self) -> bool:
        """The user allowed to ask for account keys."""
        return self._access.auth == "key"

    @property
    def skew(self) -> timedelta:
        """How far this machine's clock is ahead of Azure's, by the last answer."""
        return self._date.skew

    @property
    def template_api_version(self) -> str:
        """Of Microsoft.VirtualMachineImages, where a path is asked for."""
        return self._access.api_version or TEMPLATE_API_VERSION

    async def template(self, target: Target) -> Mapping[str, Any]:
        """GET the image template; its JSON by wire names."""
        answer = await self._ask_arm(
            lambda: self._client.virtual_machine_image_templates.get(target.group, target.template),
            self._subscription,
        )
        return answer.as_dict()

    async def get(self, path: str, api_version: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """GET any resource of ARM by its path (`/subscriptions/...`), with what `query` has besides."""
        response = await self._send("GET", path, {"api-version": api_version, **(query or {})})
        return _object(response.json())

    async def answer(
        self, path: str, api_version: str, query: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], Any]:
        """GET any resource of ARM: status, headers and JSON of the answer."""
        response = await self._send("GET", path, {"api-version": api_version, **(query or {})})
        return response.status_code, dict(response.headers), response.json()

    async def search(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask Azure Resource Graph; a POST that reads. `body` is its QueryRequest."""
        path = "/providers/Microsoft.ResourceGraph/resources"
        response = await self._send("POST", path, {"api-version": GRAPH_API_VERSION}, body)
        return _object(response.json())

    async def act(self, target: Target, action: Literal["run", "cancel"]) -> str | None:
        """POST an action of the image template, which changes something; where to ask how it goes, as ARM says."""
        response = await self._send("POST", f"{target.id}/{action}", {"api-version": self.template_api_version})
        return response.headers.get("Azure-AsyncOperation")

    async def list_keys(self, account: str, account_id: str) -> None:
        """Have the key of a storage account. A POST that counts as a write, so only `--auth key` asks for it."""
        if account in self._keys:
            return
        response = await self._send("POST", f"{account_id}/listKeys", {"api-version": STORAGE_API_VERSION})
        entries = _object(response.json()).get("keys")
        keys = [entry.get("value") for entry in entries or () if isinstance(entry, Mapping)]
        if not keys or not isinstance(keys[0], str):
            raise ValueError("no keys")
        self._keys[account] = keys[0]

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> AsyncHttpResponse:
        from azure.core.rest import HttpRequest

        url = "{endpoint}" + quote(path, safe="/()-_.~") + f"?{urlencode(query, quote_via=quote)}"

        async def send() -> AsyncHttpResponse:
            response = await self._client.send_request(HttpRequest(method, url, json=body))
            response.raise_for_status()
            return response

        parts = path.split("/")
        return await self._ask_arm(send, parts[2] if parts[1] == "subscriptions" else "")

    def blob_service(self, url: str, account: str) -> BlobServiceClient:
        """The blob endpoint of an account that ARM named; it gets the storage token, or the emulator's account key."""
        from azure.storage.blob.aio import BlobServiceClient

        if url not in self._services:
            credential: Any = self._storage_token
            if credential is None or self.by_key:
                key = self._keys.get(account, EMULATOR_KEY)
                credential = {"account_name": account, "account_key": key}
            self._services[url] = BlobServiceClient(
                url,
                credential=credential,
                transport=self._transport,
                retry_total=0,
                permit_redirects=False,
                user_agent=f"aibtui/{__version__}",
            )
        return self._services[url]

    def signed_blob(self, log_url: LogUrl) -> BlobClient:
        """The blob that an address with a signature opens; nothing else is sent there."""
        from azure.core.credentials import AzureSasCredential
        from azure.storage.blob.aio import BlobClient

        client = BlobClient(
            log_url.account,
            log_url.container,
            log_url.blob,
            credential=AzureSasCredential(log_url.signature),
            transport=self._transport,
            retry_total=0,
            permit_redirects=False,
            user_agent=f"aibtui/{__version__}",
        )
        self._signed.append(client)
        return client

    async def storage(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run one request to a storage account, with a deadline of its own for the sign-in before it."""
        return await self._ask(None if self.by_key else self._storage_token, call)

    async def sign_in_to_arm(self) -> None:
        """Have the token of Resource Manager before a request needs it."""
        if self._arm_token is not None:
            await self._obtain(self._arm_token)

    async def sign_in_to_storage(self) -> None:
        """Have the storage token before a request needs it."""
        if self._storage_token is not None and not self.by_key:
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

    @property
    def sign_in(self) -> SignIn | None:
        """How it is signed in; None with an emulator, which is given no credential."""
        return self._sign_in

    async def tenant_of_subscription(self) -> str | None:
        """The tenant that the subscription belongs to, as ARM tells whoever asks without a token."""
        from azure.core import AsyncPipelineClient
        from azure.core.exceptions import AzureError
        from azure.core.rest import HttpRequest

        path = f"/subscriptions/{quote(self._subscription, safe='')}?api-version={SUBSCRIPTION_API_VERSION}"
        arm = self.endpoint.arm
        client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(arm, policies=[], transport=self._transport)
        try:
            async with asyncio.timeout(_DEADLINE), client:
                response = await client.send_request(HttpRequest("GET", self.endpoint.arm + path))
                return tenant_named(response.headers)
        except (AzureError, TimeoutError):
            return None

    async def close(self) -> None:
        for service in self._services.values():
            await service.close()
        for client in self._signed:
            await client.close()
        await self._client.close()
        if self._transport is not None:
            self._transport = None
            await self._access.wire.give_back()
        if self._sign_in is not None:
            lent, self._sign_in = self._sign_in, None
            await self._access.sign_ins.give_back(lent)

    async def _ask_arm(self, call: Callable[[], Awaitable[T]], subscription: str) -> T:
        """Run one request to Resource Manager when it is its turn; if Azure asks to wait, all who share do."""
        limiter = self._access.limiter
        if limiter is None:
            return await self._ask(self._arm_token, call)
        await limiter.turn(subscription)
        try:
            return await self._ask(self._arm_token, call)
        except Exception as error:
            if status_of(error) in (429, 503) and (wait := retry_after(error)):
                limiter.hold(subscription, wait)
            raise

    async def _ask(self, token: ScopeLocked | None, call: Callable[[], Awaitable[T]]) -> T:
        if token is not None:
            await self._obtain(token)  # az may take longer than the request it is for
        async with asyncio.timeout(_DEADLINE):
            return await call()

    async def _obtain(self, token: ScopeLocked) -> None:
        try:
            await token.obtain()
        except SignInFailed as failed:
            if not failed.elsewhere or (tenant := await self.tenant_of_subscription()) is None:
                raise
            remedy = f"Its tenant is {tenant}. Sign in there with: az login --tenant {tenant}"
            raise SignInFailed(failed.text, remedy) from failed

    def _make_client(self) -> ImageBuilderClient:
        from azure.core import AzureClouds
        from azure.core.pipeline import policies
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
            policies.CustomHookPolicy(raw_response_hook=self._date.see),
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
            transport=self._transport,
            **version,
        )


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


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise ValueError("no JSON object")
    return answer
