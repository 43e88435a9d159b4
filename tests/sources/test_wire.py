"""The connections to Azure: shared by all who use one access, the certificates read once."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aibtui.sources.arm import Access, Arm
from tests.sources.conftest import Az
from tests.sources.fake_azure import TARGET, FakeAzure

Certificate = tuple[ssl.SSLContext, Path]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The certificate files that were read."""
    names: list[str] = []
    create: Callable[..., ssl.SSLContext] = ssl.create_default_context

    def counted(*arguments: Any, **more: Any) -> ssl.SSLContext:
        names.append(str(more.get("cafile")))
        return create(*arguments, **more)

    monkeypatch.setattr(ssl, "create_default_context", counted)
    return names


async def test_all_who_share_an_access_read_its_certificates_once(
    az: Az, certificate: Certificate, loaded: list[str]
) -> None:
    az.token()
    async with FakeAzure(tls=certificate[0]) as azure:
        azure.run("Running")
        access = Access({}, arm_endpoint=azure.endpoint, ca=str(certificate[1]))
        one, two = Arm(access, TARGET.subscription), Arm(access, TARGET.subscription)
        for arm in (one, two, one):
            await arm.template(TARGET)
        await one.close()
        await two.template(TARGET)
        await two.close()
    assert loaded.count(str(certificate[1])) == 1
    assert len(azure.requests) == 4


async def test_who_comes_after_the_last_has_left_gets_connections_too() -> None:
    async with FakeAzure() as azure:
        azure.run("Running")
        access = Access({}, arm_endpoint=azure.endpoint)
        for _ in range(2):
            arm = Arm(access, TARGET.subscription)
            await arm.template(TARGET)
            await arm.close()
    assert len(azure.requests) == 2
