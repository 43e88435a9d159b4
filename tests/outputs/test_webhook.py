"""The webhook: what it says in each form, what it never says, and what a watch notices of one that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from msgspec.structs import replace

from aibtui.core.calls import Calls
from aibtui.core.updates import Evidence, Update
from aibtui.outputs import webhook
from aibtui.outputs.webhook import Form, Webhook, body, message
from tests.outputs.updates import ALERT, an_update, at, failed_update, running_build

ALL = ("error", "warning", "info", "hold", "end")
HOSTILE = replace(
    ALERT,
    title="<!channel> <https://evil.example|click> [x](javascript:1) \x1b]52;c;eA==\x07 \u202e",
    evidence=(
        Evidence(
            3,
            "net use Z: /user:a password=Sup3rSecret_9 https://a.blob.core.windows.net/x?sv=2024-11-04&sig=Yk3dQ0x9v7bM2nLp4RsT6uWzA8cE1fGh5JjK0lNoPqQ%3D",
        ),
    ),
)


@dataclass
class Receiver:
    """A service on loopback that answers with these codes in turn, then with the last one."""

    codes: list[int]
    got: list[dict[str, object]] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(json.loads(await request.text()))
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        return web.Response(status=code, headers={"Location": "/elsewhere"} if code == 302 else {})


@asynccontextmanager
async def receiver(*codes: int) -> AsyncIterator[Receiver]:
    service, app = Receiver(list(codes)), web.Application()
    app.router.add_route("*", "/{path:.*}", service.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield service
    finally:
        await runner.cleanup()


async def posted(looks: list[Update], service: Receiver, events: tuple[str, ...] = ALL) -> list[str]:
    said: list[str] = []
    hook = Webhook(service.url, "json", events, said.append)
    for update in looks:
        hook.see("win11", update)
    await hook.finish()
    return said


def running() -> Update:
    return an_update(5, running_build())


def alarm(minutes: float = 9) -> Update:
    return replace(running(), at=at(minutes), alerts=(ALERT,))


async def test_an_alert_is_told_once_and_so_is_the_end() -> None:
    async with receiver(200) as service:
        assert await posted([running(), alarm(9), alarm(10), failed_update(), failed_update()], service) == []
    assert [each["event"] for each in service.got] == ["error", "end"]
    first, last = service.got
    assert first["title"] == "Error: the script failed (script-failed, line 310)"
    assert first["what_to_do"] == ALERT.remedy
    assert first["log"] == "line 310: Cannot find path 'C:\\setup.msi'"
    assert (last["target"], last["schema"]) == ("win11", "aibtui.call/1")


async def test_only_what_was_asked_for_is_told() -> None:
    async with receiver(200) as service:
        await posted([running(), alarm(), failed_update()], service, events=("end",))
    assert [each["event"] for each in service.got] == ["end"]


async def test_a_build_that_was_over_when_first_seen_calls_nobody() -> None:
    async with receiver(200) as service:
        await posted([failed_update()], service)
    assert service.got == []


@pytest.mark.parametrize("code", [500, 429])
async def test_what_may_get_better_is_tried_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSES", (0, 0))
    async with receiver(code, code, 200) as service:
        assert await posted([running(), alarm()], service) == []
    assert [each["event"] for each in service.got] == ["error"] * 3


async def test_a_refusal_is_said_once_and_goes_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSES", (0, 0))
    async with receiver(302) as service:
        said = await posted([running(), alarm(), failed_update()], service)
    assert said == ["The webhook at 127.0.0.1 does not take calls: HTTP 302"]
    assert len(service.got) == 2


async def test_nobody_there_is_said_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PAUSES", ())
    said: list[str] = []
    hook = Webhook("http://127.0.0.1:1/s3cret", "json", ALL, said.append)
    hook.see("win11", running())
    hook.see("win11", alarm())
    await hook.finish()
    assert len(said) == 1
    assert "s3cret" not in said[0]


@pytest.mark.parametrize("form", ["json", "teams", "slack"])
def test_no_secret_no_control_and_no_mention_leaves(form: Form) -> None:
    update = replace(running(), alerts=(HOSTILE,))
    (call,) = Calls().due(update)
    text = json.dumps(body(message(call, update, "<!here> win11\x1b[2J"), form), ensure_ascii=False)
    assert "Sup3rSecret_9" not in text
    assert "sig=Yk3d" not in text
    assert not any(sign in text for sign in ("\x1b", "\\u001b", "\u202e", "\x07"))
    if form == "slack":
        assert "<" not in text
    if form == "teams":
        assert "](javascript" not in text
        assert json.loads(text)["attachments"][0]["content"]["type"] == "AdaptiveCard"
