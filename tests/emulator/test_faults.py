"""Faults on demand, and what the real clients make of them."""

from __future__ import annotations

import asyncio
import json

import pytest
from azure.core.exceptions import AzureError, DecodeError, HttpResponseError, ServiceResponseError

from tests.emulator.clients import arm, blob, emulator, move, read


async def test_a_status_comes_with_its_code_and_retry_after() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("status", code=429, error="TooManyRequests", retry_after=7)
        with pytest.raises(HttpResponseError) as raised:
            await client.virtual_machine_image_templates.get(server.group, server.template)
        assert raised.value.status_code == 429
        assert raised.value.response is not None
        assert raised.value.response.headers["Retry-After"] == "7"
        await client.virtual_machine_image_templates.get(server.group, server.template)


async def test_a_fault_waits_for_the_request_it_is_meant_for() -> None:
    async with emulator() as server, arm(server) as client, blob(server) as log:
        await move(server, minutes=10)
        server.fail_next("status", matching="^GET /devstoreaccount1/", times=2, code=503)
        await client.virtual_machine_image_templates.get(server.group, server.template)
        for _ in range(2):
            with pytest.raises(HttpResponseError):
                await read(log)
        await read(log)


async def test_a_login_page_is_not_json() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("html")
        with pytest.raises(json.JSONDecodeError):
            await client.virtual_machine_image_templates.get(server.group, server.template)


async def test_json_is_cut_in_the_middle() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("truncated-json")
        with pytest.raises((DecodeError, json.JSONDecodeError)):
            await client.virtual_machine_image_templates.get(server.group, server.template)


async def test_a_range_is_nonsense() -> None:
    async with emulator() as server, blob(server) as log:
        await move(server, minutes=10)
        server.fail_next("wrong-range")
        with pytest.raises((IndexError, ValueError)):
            await read(log, offset=100)


async def test_a_connection_is_cut_before_the_answer() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("reset", times=3)
        with pytest.raises((ServiceResponseError, AzureError)):
            await client.virtual_machine_image_templates.get(server.group, server.template)
        assert server.requests[0].status == 0


async def test_a_body_drips() -> None:
    async with emulator() as server, arm(server) as client:
        server.fail_next("drip", every=0.02)
        slow = asyncio.create_task(client.virtual_machine_image_templates.get(server.group, server.template))
        _, pending = await asyncio.wait({slow}, timeout=0.3)
        assert pending
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


async def test_a_body_stalls_and_is_cut() -> None:
    async with emulator() as server, blob(server) as log:
        await move(server, minutes=10)
        server.fail_next("stall", after=100, seconds=0.1, times=9)
        with pytest.raises(AzureError):
            await read(log)
        assert server.requests[0].body_bytes == 100
