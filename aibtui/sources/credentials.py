"""Signing in: the first way that works, one token per audience for all who watch, asked for one at a time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aibtui.safetext import clean
from aibtui.sources.cloud import Cloud
from aibtui.sources.refusals import SignInFailed, failure
from aibtui.sources.ways import Prompt, Way, ways

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

REFRESH_SECONDS = 300  # before its end a token is asked for anew; az and the SDK give the old one until then
_AGAIN_SECONDS = 30  # between two tries to renew a token that still holds
_LONGEST_TOKEN = 65_536
_LONGEST_NAME = 120
_GUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Voice(Struct):
    """Where a sign-in speaks; the screen takes it over while it is drawn.

    `code` shows a device code, `progress` hears each second after the first how the sign-in goes on, and for how long.
    """

    code: Prompt | None = None
    progress: Callable[[str, int], None] | None = None
    done: Callable[[], None] | None = None


class Bearer(Struct, frozen=True):
    """Who a token says that it is for, not verified: for people to read. `until` is in seconds since 1970.

    `object_id` is what roles are given to; `application` tells a service principal or managed identity from a person.
    """

    who: str | None
    tenant: str | None
    until: float
    object_id: str | None = None
    application: bool = False


def bearer(token: AccessToken) -> Bearer:
    """What the claims of a token say; nothing but its end where it is not one that can be read."""
    claims = _claims(token.token)
    said = (claims.get(name) for name in ("upn", "preferred_username", "unique_name", "email"))
    who = next((name for name in said if isinstance(name, str) and name), None)
    person = who is not None
    if who is None:
        application = claims.get("appid") or claims.get("azp") or claims.get("oid")
        who = f"application {application}" if isinstance(application, str) else None
    named = clean(who, _LONGEST_NAME) if who else None
    return Bearer(named, _guid(claims, "tid"), token.expires_on, _guid(claims, "oid"), not person)


class SignIn:
    """The ways to sign in, in order; the first that gives a token is kept. `turn` lets one ask at a time."""

    def __init__(self, ways: Sequence[Way], turn: asyncio.Lock | None = None, voice: Voice | None = None) -> None:
        self.users = 0
        self._ways = tuple(ways)
        self._kept: Way | None = None
        self._bearer: Bearer | None = None
        self._turn = turn or asyncio.Lock()
        self._voice = voice or Voice()
        self._locked: dict[str, ScopeLocked] = {}

    @property
    def how(self) -> str | None:
        """The way that worked."""
        return self._kept.name if self._kept else None

    @property
    def bearer(self) -> Bearer | None:
        """Whom the newest token is for."""
        return self._bearer

    @property
    def told(self) -> str | None:
        """How, and as whom, for people."""
        if self._kept is None:
            return None
        who = self._bearer.who if self._bearer else None
        return f"{self._kept.name}, {who}" if who else self._kept.name

    def locked(self, scope: str) -> ScopeLocked:
        """The credential for one audience, the same for all who share this sign-in."""
        return self._locked.setdefault(scope, ScopeLocked(self, scope))

    async def token(self, scope: str, options: Mapping[str, Any]) -> AccessToken:
        """Raises SignInFailed, and the SDK's own error where the sign-in host cannot be reached."""
        from azure.core.exceptions import ClientAuthenticationError

        failures: dict[str, Exception] = {}
        async with self._turn:
            for way in (self._kept,) if self._kept else self._ways:
                try:
                    async with asyncio.timeout(way.seconds), self._telling(way):
                        token = await way.credential.get_token(scope, **options)
                except (ClientAuthenticationError, TimeoutError, ValueError) as error:
                    failures[way.name] = error
                else:
                    self._kept = way
                    self._bearer = bearer(token)
                    return token
        raise failure(failures)

    async def close(self) -> None:
        for way in self._ways:
            await way.credential.close()

    @asynccontextmanager
    async def _telling(self, way: Way) -> AsyncIterator[None]:
        """A word each second, from the first on."""

        async def tell() -> None:
            for seconds in range(1, int(way.seconds) + 1):
                await asyncio.sleep(1)
                if self._voice.progress is not None:
                    self._voice.progress(way.short, seconds)

        teller = asyncio.create_task(tell())
        try:
            yield
        finally:
            teller.cancel()
            if self._voice.done is not None:
                self._voice.done()


class ScopeLocked:
    """A credential for one audience alone: whatever a host asks for, it gets a token of this scope or none."""

    def __init__(self, sign_in: SignIn, scope: str) -> None:
        self._sign_in = sign_in
        self._scope = scope
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()
        self._tried_at = 0.0

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> AccessToken:
        """A token of the one scope. Raises SignInFailed for any other; a tenant named by a host is not followed.

        `claims` are a challenge of the service: the token that it refused is not given out again. A token that still
        holds outlives a renewal that fails.
        """
        from azure.core.exceptions import AzureError

        if scopes != (self._scope,):
            asked = clean(", ".join(scopes), 100)
            raise SignInFailed(
                f"A host asked for a token that is not meant for it ({asked}); it was not given one.",
                "Check that the storage account lies in the tenant that you are signed in to.",
            )
        if claims:
            self.forget()
        async with self._lock:
            token, now = self._token, time.time()
            left = token.expires_on - now if token else 0.0
            if token and (left >= REFRESH_SECONDS or (left > 0 and 0 <= now - self._tried_at < _AGAIN_SECONDS)):
                return token
            self._tried_at = now
            try:
                self._token = await self._sign_in.token(self._scope, {"claims": claims} if claims else {})
            except (SignInFailed, AzureError):
                if token is None or token.expires_on <= time.time():
                    raise
                return token
            return self._token

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


class SignIns:
    """The sign-ins of one process. Who watches in the same subscription shares one; the last who leaves closes it."""

    def __init__(self, voice: Voice | None = None) -> None:
        self.voice = voice or Voice()
        self._turn = asyncio.Lock()
        self._open: dict[str, SignIn] = {}

    def borrow(self, auth: str, cloud: Cloud, subscription: str, environ: Mapping[str, str], ca: str | None) -> SignIn:
        """Raises CannotWatch where nothing is set up to sign in with, or `auth` is no way to."""
        key = subscription if auth in ("auto", "cli", "key") else ""  # az signs in by subscription, nothing else does
        if key not in self._open:
            found = ways(auth, cloud, subscription, environ, ca, self._ask if self.voice.code else None)
            self._open[key] = SignIn(found, self._turn, self.voice)
        self._open[key].users += 1
        return self._open[key]

    async def give_back(self, sign_in: SignIn) -> None:
        """The counterpart of `borrow`."""
        sign_in.users -= 1
        if sign_in.users > 0:
            return
        self._open = {key: each for key, each in self._open.items() if each is not sign_in}
        await sign_in.close()

    def _ask(self, address: str, code: str) -> None:
        if self.voice.code is not None:
            self.voice.code(address, code)


def _guid(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and _GUID.fullmatch(value) else None


def _claims(token: str) -> Mapping[str, Any]:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST_TOKEN:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(payload)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def quiet() -> None:
    """Keep the SDKs' warnings off stderr, where Python prints what has no handler. Set handlers still hear them."""
    for name in ("azure", "msal", "aiohttp"):
        logging.getLogger(name).addHandler(logging.NullHandler())
