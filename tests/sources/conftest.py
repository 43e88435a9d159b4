"""What the tests of signing in share: a stand-in for az, a certificate for loopback, Entra on it."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sources.fake_entra import FakeEntra, jwt, make_certificate


class Az:
    """A stand-in for az in a folder of its own, with a list of what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = folder / "asked"

    def answer(self, stdout: str = "", stderr: str = "", code: int = 0, seconds: float = 0) -> None:
        """What it says from now on, after as many seconds."""
        (self._folder / "out").write_text(stdout)
        (self._folder / "err").write_text(stderr)
        script = self._folder / "az"
        folder = self._folder
        wait = f"/bin/sleep {seconds}\n" if seconds else ""
        script.write_text(
            f'#!/bin/sh\necho "begin $@" >> {folder}/asked\n{wait}/bin/cat {folder}/out\n/bin/cat {folder}/err >&2\n'
            f"echo end >> {folder}/asked\nexit {code}\n"
        )
        script.chmod(0o755)

    def token(self, seconds: float = 0, lasts: int = 3600, **claims: str) -> str:
        """Answer with a token from now on; it is what is returned."""
        token = jwt(**claims) if claims else "az-token"
        self.answer(json.dumps({"accessToken": token, "expires_on": int(time.time()) + lasts}), seconds=seconds)
        return token

    @property
    def lines(self) -> list[str]:
        """When it began and ended, in order."""
        return self._asked.read_text().splitlines() if self._asked.exists() else []

    @property
    def asked(self) -> list[str]:
        """What it was called with, in order."""
        return [line.removeprefix("begin ") for line in self.lines if line.startswith("begin ")]


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Az:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Az(tmp_path)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for 127.0.0.1, and the file of its root certificate."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def entra(certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeEntra]:
    async with FakeEntra(certificate[0]) as fake:
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", fake.url)
        yield fake
