"""Blob services for the tests: real Azurite where node is, and a small one of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Protocol

import pytest
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from aibtui.sources.cloud import EMULATOR_KEY
from tests.sources.fake_azure import Blob, FakeAzure

_ACCOUNT = "devstoreaccount1"


class BlobStore(Protocol):
    """One blob `packerlogs/run/customization.log` that a test may set; `client` reads it."""

    client: BlobClient

    async def put(self, data: bytes) -> None:
        """Write the whole blob."""

    async def delete(self) -> None:
        """Take it away."""


def _azurite_command() -> list[str] | None:
    folder = os.environ.get("AIBTUI_AZURITE")
    script = Path(folder or "") / "node_modules/azurite/dist/src/blob/main.js"
    node = shutil.which("node")
    if folder and node and script.is_file():
        return [node, str(script)]
    installed = shutil.which("azurite-blob")
    return [installed] if installed else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """The blob endpoint of a running Azurite, account included."""
    command = _azurite_command()
    if command is None:
        reason = "Azurite is not here: install it with npm and set AIBTUI_AZURITE to the folder of its node_modules"
        if os.environ.get("AIBTUI_REQUIRE_AZURITE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    port = _free_port()
    options = ["--silent", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"]
    process = subprocess.Popen(
        [*command, *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_port(port, process)
        yield f"http://127.0.0.1:{port}/{_ACCOUNT}"
    finally:
        process.terminate()
        process.wait(10)


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"Azurite ended at once with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("Azurite did not start within 30 s")


class _Azurite:
    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self.client = service.get_blob_client(container, "run/customization.log")

    async def put(self, data: bytes) -> None:
        await self.client.upload_blob(BytesIO(data), length=len(data), overwrite=True)

    async def delete(self) -> None:
        await self.client.delete_blob()


class _Local:
    def __init__(self, azure: FakeAzure, service: BlobServiceClient) -> None:
        self._azure = azure
        self.client = service.get_blob_client("packerlogs", "run/customization.log")

    async def put(self, data: bytes) -> None:
        blobs = self._azure.blobs
        assert blobs is not None
        if "run/customization.log" in blobs:
            blobs["run/customization.log"].put(data)
        else:
            blobs["run/customization.log"] = Blob(data)

    async def delete(self) -> None:
        assert self._azure.blobs is not None
        del self._azure.blobs["run/customization.log"]


@pytest.fixture(params=["azurite", "local"])
async def blob_store(request: pytest.FixtureRequest) -> AsyncIterator[BlobStore]:
    """A store with no blob in it yet, behind the SDK's own client."""
    if request.param == "azurite":
        endpoint = request.getfixturevalue("azurite")
        async with _service(endpoint) as service:
            container = f"packerlogs-{uuid.uuid4().hex}"
            await service.create_container(container)
            yield _Azurite(service, container)
    else:
        async with FakeAzure(blobs={}) as azure, _service(f"{azure.endpoint}/logs") as service:
            yield _Local(azure, service)


def _service(endpoint: str) -> BlobServiceClient:
    key = {"account_name": endpoint.rpartition("/")[2], "account_key": EMULATOR_KEY}
    # Written in small parts: aiohttp warns of a large body in one piece.
    parts = {"max_single_put_size": 512 << 10, "max_block_size": 512 << 10}
    return BlobServiceClient(endpoint, credential=key, retry_total=0, **parts)
