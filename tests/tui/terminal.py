"""A child of the terminal test: shows hostile builds on a real terminal. `python -m tests.tui.terminal SCREEN`."""

from __future__ import annotations

import asyncio
import os
import sys

from msgspec.structs import replace

from aibtui.core.build import BuildFacts, Download, Output
from aibtui.core.polls import Replica, Resource, Surroundings
from aibtui.core.updates import Evidence, Update
from aibtui.tui.app import WatchApp
from aibtui.tui.notices import Notices
from aibtui.tui.watched import Watched
from tests.tui.builders import (
    UTC,
    Clock,
    Feed,
    MemoryLog,
    alert,
    at,
    build,
    debug,
    ended,
    status,
    steps,
    transport,
    ui,
    update,
)

MARK = "HOSTILE"
HOSTILE = (
    "HOSTILE [/x] [@click=app.quit]go[/] \x1b]52;c;Y2xpcA==\x07 \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\"
    " \x1b]0;title\x07 \x1b]2;title\x1b\\ \x1b[31mred \x1b[2J \x9b31m \x9d52;c;Y2xpcA==\x9c \x90q\x9c \x1bPq\x1b\\"
    " \u202eevil\u2066 \u200b\x00\x7f\r\x0b\x08 \ud800 4;1;50"
)
SCREENS = (
    "log",
    "alerts",
    "steps",
    "timeline",
    "run",
    "explain",
    "builds",
    "toast",
    "blind",
    "ended",
    "broken",
    "crash",
    "plain",
)
"""What is shown; `crash` is a bug of ours while hostile text is about, `plain` the log on the terminal's own screen."""


def hostile_update(**more: object) -> Update:
    plan = tuple(replace(step, name=HOSTILE, type="x" + HOSTILE, activity=HOSTILE, hidden=False) for step in steps())
    template = replace(status().template, id=HOSTILE, name=HOSTILE, location=HOSTILE, source=HOSTILE, vm_size=HOSTILE)  # type: ignore[type-var]
    said = status(HOSTILE, HOSTILE, message=HOSTILE, provisioning_state=HOSTILE, template=template)
    facts = BuildFacts(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),), None, HOSTILE)
    bad = build(steps=plan, status=said, facts=facts, message=HOSTILE, output=Output(3, None, HOSTILE))
    bad = replace(bad, downloads=(Download(HOSTILE, 5, 10, 50.0, 110, 120),))
    proof = tuple(Evidence(line, HOSTILE) for line in (1, 2))
    wrong = alert(title=HOSTILE, cause=HOSTILE, remedy=HOSTILE, rule=HOSTILE, evidence=proof, doc=HOSTILE)
    seen = transport(reason=HOSTILE, remedy=HOSTILE)
    copies = (Replica(HOSTILE, HOSTILE, HOSTILE, 5, HOSTILE), Replica(HOSTILE, HOSTILE, "Failed", None, HOSTILE))
    around = Surroundings(HOSTILE, (Resource(HOSTILE, f"x/{HOSTILE}"),), at(61), copies)
    return update(build=bad, alerts=(wrong,), **{"transport": seen, "around": around, **more})


def last_update() -> Update:
    over, bad = ended("failed"), hostile_update()
    assert over.root_cause is not None
    cause = replace(over.root_cause, text=HOSTILE, rule=HOSTILE)
    return replace(over, root_cause=cause, alerts=bad.alerts, build=replace(bad.build, outcome="failed"))


async def show(screen: str) -> None:
    """Show it for as long as the keys take, then leave."""
    log = MemoryLog((ui(HOSTILE.replace("\ud800", "")) + debug("x")) * 30)
    feeds = [Feed(update()), Feed(update())][: 2 if screen == "builds" else 1]
    app = WatchApp(
        [Watched(HOSTILE, feed, log, lambda: HOSTILE) for feed in feeds],
        clock=Clock(),
        zone=UTC,
        chat=lambda update: "copied",
        notices=Notices(os.environ, bell=True, notify=True),
    )

    async def play() -> None:
        await asyncio.sleep(1.0)
        for feed in feeds:
            feed.send(hostile_update())
        await asyncio.sleep(0.5)
        keys = {"alerts": "4", "steps": "1", "timeline": "5", "run": "7", "explain": "x", "log": "plus"}
        if key := keys.get(screen):
            app.simulate_key(key)
        if screen == "toast":
            app.screen.query_one("#alerts").focus()
            app.simulate_key("c")
            feeds[0].send(RuntimeError(HOSTILE))
        if screen == "blind":
            feeds[0].send(hostile_update(transport=transport("blind", reason=HOSTILE, remedy=HOSTILE)))
        if screen == "ended":
            feeds[0].send(last_update())
        if screen == "broken":
            feeds[0].send(RuntimeError(HOSTILE))
        if screen == "crash":
            app.call_later(fail)
        if screen == "plain":
            app.simulate_key("ctrl+l")
            await asyncio.sleep(0.5)
            log.appended(ui("came meanwhile"))
            for _ in range(40):  # more drawings than Textual's writer would hold
                feeds[0].send(hostile_update())
                await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)
        app.simulate_key("question_mark")
        await asyncio.sleep(0.5)
        app.exit()

    def fail() -> None:
        raise RuntimeError(HOSTILE)

    playing = asyncio.create_task(play())
    await app.show()
    playing.cancel()


if __name__ == "__main__":
    asyncio.run(show(sys.argv[1]))
