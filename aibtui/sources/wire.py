"""The connections to Azure: one pool and one set of root certificates for all who share an access.

The SDK would load the certificates of a file anew for every request, which takes 30 ms and a connection of its own.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aibtui.sources import CannotWatch

if TYPE_CHECKING:
    from azure.core.pipeline.transport import AioHttpTransport

_TIMEOUTS = {"connection_timeout": 10, "read_timeout": 20}


class Wire:
    """Borrowed by every door to Azure, closed by the last that gives it back; needs a running loop in between."""

    def __init__(self) -> None:
        self._users = 0
        self._roots: dict[str, ssl.SSLContext] = {}
        self._transport: AioHttpTransport | None = None

    def borrow(self, certificates: str | None, *, direct: bool) -> AioHttpTransport:
        """The transport; `certificates` is a file that `trust` has read. With `direct` no proxy is asked for."""
        from aiohttp import ClientSession, DummyCookieJar, TCPConnector
        from azure.core.pipeline.transport import AioHttpTransport

        if self._transport is None:
            verify: Any = self._roots[certificates] if certificates else True
            session = ClientSession(
                connector=TCPConnector(ssl=verify),
                trust_env=not direct,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
            )
            self._transport = AioHttpTransport(session=session, session_owner=False, **_TIMEOUTS)
        self._users += 1
        return self._transport

    async def give_back(self) -> None:
        """The counterpart of `borrow`."""
        self._users -= 1
        if self._users == 0 and self._transport is not None:
            transport, self._transport = self._transport, None
            await transport.session.close()

    def trust(self, chosen: str | None, environ: Mapping[str, str]) -> str | None:
        """The file of root certificates to trust, read; aiohttp itself hears of SSL_CERT_FILE only.

        Raises CannotWatch (2) for one that cannot be used.
        """
        path = chosen or environ.get("REQUESTS_CA_BUNDLE")
        if not path or (not chosen and os.path.isdir(path)):
            return None
        if path not in self._roots:
            try:
                self._roots[path] = ssl.create_default_context(cafile=path)
            except OSError as error:
                raise CannotWatch(
                    f"The root certificate {path} cannot be used: {error.strerror or error}.",
                    "Give a file of certificates in PEM form with --ca.",
                    2,
                ) from None
        return path
