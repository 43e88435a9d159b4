"""One webhook that is told what somebody away from the desk should know: to Teams, to Slack, or as plain JSON.

What leaves is redacted. A webhook that fails is spoken of once, and never ends a watch.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from aibtui import wording
from aibtui.core.calls import Call, Calls
from aibtui.core.updates import Update
from aibtui.outputs.fitting import short
from aibtui.outputs.redaction import without_secrets
from aibtui.safetext import SafeText, clean, mask_secrets

if TYPE_CHECKING:
    from aiohttp import ClientSession

Form = Literal["json", "teams", "slack"]
SCHEMA: Final = "aibtui.call/1"
_LIMIT: Final = 500
_SECONDS: Final = 10
_PAUSES: Final = (1.0, 5.0)  # before the second try and the third
_MOST_WAITING: Final = 100


class Message(Struct, frozen=True):
    """A call in words. `about` are labels and texts below `title`; `event` is a severity, `hold` or `end`."""

    event: str
    target: SafeText
    at: SafeText
    title: SafeText
    about: Mapping[str, SafeText]


def message(call: Call, update: Update, target: str) -> Message:
    """The words for a call of this build, without what looks like a secret."""
    safe = without_secrets(update)
    event: str
    about: dict[str, str]
    if call.alert is not None:
        alert = next((each for each in safe.alerts if (each.rule, each.at) == (call.alert.rule, call.alert.at)), None)
        event, title = call.alert.severity, wording.alert_line(alert or call.alert)
        about = {"Cause": alert.cause, "What to do": alert.remedy} if alert else {}
        if alert and alert.evidence:
            about["Log"] = f"line {alert.evidence[0].line}: {alert.evidence[0].text}"
    elif call.hold is not None:
        event, title, about = "hold", wording.hold_call(call.hold), {}
    else:
        event, title = "end", wording.outcome_sentence(safe)
        why, alert = wording.reason(safe), wording.cause_alert(safe)
        about = ({"Cause": why} if why else {}) | ({"What to do": alert.remedy} if alert else {})
    texts = {label: clean(short(text, _LIMIT), _LIMIT) for label, text in about.items()}
    return Message(event, clean(target), SafeText(wording.iso(update.at)), clean(mask_secrets(title)[0]), texts)


def body(said: Message, form: Form) -> dict[str, object]:
    """What is posted: JSON of our own, a message with an Adaptive Card, or a text with Slack's escapes."""
    match form:
        case "json":
            words = {label.lower().replace(" ", "_"): text for label, text in said.about.items()}
            head = {"schema": SCHEMA, "event": said.event, "target": said.target, "at": said.at, "title": said.title}
            return {**head, **words}
        case "teams":
            facts = [{"title": label, "value": _plain_markdown(text)} for label, text in said.about.items()]
            heading = {"type": "TextBlock", "weight": "Bolder", "wrap": True, "text": _plain_markdown(said.title)}
            where = {"type": "TextBlock", "isSubtle": True, "wrap": True, "text": _plain_markdown(said.target)}
            card = {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [heading, where, *([{"type": "FactSet", "facts": facts}] if facts else [])],
            }
            attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
            return {"type": "message", "attachments": [attached]}
        case "slack":
            lines = [f"*{_slack(said.title)}*", _slack(said.target)]
            lines += [f"{label}: {_slack(text)}" for label, text in said.about.items()]
            return {"text": "\n".join(lines), "mrkdwn": True, "unfurl_links": False}


def _slack(text: str) -> str:
    """Slack reads <...> as links and mentions; & < > are all that has to be written otherwise."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain_markdown(text: str) -> str:
    """An Adaptive Card reads links, emphasis and lists of Markdown; a backslash takes their meaning away."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]()<>#" else sign for sign in text)


class Webhook:
    """Posts the calls of all builds, one after the other, behind the watch.

    `events` are severities, `hold` and `end`. `say` is told once of what fails, and again when it is well.
    """

    def __init__(self, url: str, form: Form, events: Collection[str], say: Callable[[str], None]) -> None:
        self._url = url
        self._form = form
        self._events = events
        self.say = say
        self._calls: dict[str, Calls] = {}
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def see(self, target: str, update: Update) -> None:
        """Take the newest Update of a build; what is to be told of it is posted behind."""
        for call in self._calls.setdefault(target, Calls()).due(update):
            said = message(call, update, target)
            if said.event not in self._events:
                continue
            with suppress(asyncio.QueueFull):  # nobody reads a hundred; the first ones tell it
                self._waiting.put_nowait(json.dumps(body(said, self._form)).encode())
            self._task = self._task or asyncio.create_task(self._post_all())

    async def finish(self) -> None:
        """Wait for what is still to be posted, for ten seconds at most."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), _SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _post_all(self) -> None:
        from aiohttp import ClientSession, ClientTimeout

        async with ClientSession(timeout=ClientTimeout(total=_SECONDS), trust_env=True) as session:
            while True:
                await self._post(session, await self._waiting.get())
                self._waiting.task_done()

    async def _post(self, session: ClientSession, payload: bytes) -> None:
        refusal = ""
        for pause in (*_PAUSES, None):
            refusal, again = await self._tried(session, payload)
            if not again or pause is None:
                break
            await asyncio.sleep(pause)
        if bool(refusal) != self._failing:
            self._failing = bool(refusal)
            host = clean(urlsplit(self._url).hostname or "")
            self.say(
                f"The webhook at {host} does not take calls: {refusal}" if refusal else f"{host} takes calls again"
            )

    async def _tried(self, session: ClientSession, payload: bytes) -> tuple[str, bool]:
        """What went wrong, empty where nothing did; and whether another try may do better."""
        from aiohttp import ClientError

        try:
            head = {"Content-Type": "application/json"}
            async with session.post(self._url, data=payload, headers=head, allow_redirects=False) as answer:
                if answer.status < 300:
                    return "", False
                return f"HTTP {answer.status}", answer.status == 429 or answer.status >= 500
        except TimeoutError:
            return f"no answer in {_SECONDS} s", True
        except (ClientError, OSError) as error:
            return type(error).__name__, True  # its text may hold the address, which is a secret
