"""The real Azure clients, pointed at the emulator as the program points them: plain http, the development key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.imagebuilder.aio import ImageBuilderClient
from azure.storage.blob.aio import BlobClient, ContainerClient

from aibtui.emulator import Emulator, ScenarioClock, load_scenario

START = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class NoCredential:
    """What a client needs to be built; it is never asked for a token on plain http."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise AssertionError("no token is needed on loopback")

    async def close(self) -> None: ...


def emulator(scenario: str = "windows", **options: Any) -> Emulator:
    """An emulator whose clock stands still until it is moved."""
    return Emulator(load_scenario(scenario), ScenarioClock(None, START), **options)


async def move(server: Emulator, **duration: float) -> None:
    """Let scenario time pass."""
    await server.clock.sleep(timedelta(**duration))


@asynccontextmanager
async def arm(server: Emulator) -> AsyncIterator[ImageBuilderClient]:
    """The image builder client, without its own retries."""
    async with ImageBuilderClient(
        NoCredential(),
        server.subscription,
        base_url=server.endpoint,
        authentication_policy=SansIOHTTPPolicy(),
        retry_total=0,
    ) as client:
        yield client


async def get(client: ImageBuilderClient, path: str, **query: str) -> Any:
    """Any ARM path through the same client: the JSON, or a failed test."""
    response = await client.send_request(
        HttpRequest("GET", f"{{endpoint}}{path}", params={"api-version": "1", **query})
    )
    response.raise_for_status()
    return response.json()


def container(server: Emulator) -> ContainerClient:
    return ContainerClient(server.blob_endpoint, "packerlogs", credential=DEVELOPMENT_KEY, retry_total=0)


def blob(server: Emulator) -> BlobClient:
    name = server.log_name
    assert name is not None
    return BlobClient(server.blob_endpoint, "packerlogs", name, credential=DEVELOPMENT_KEY, retry_total=0)


async def read(client: BlobClient, **conditions: Any) -> tuple[bytes, str]:
    """The bytes of one read, and the blob's ETag."""
    stream = await client.download_blob(**conditions)
    return await stream.readall(), stream.properties.etag
