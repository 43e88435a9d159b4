"""Hand-made Updates, a log in memory and a clock for tests of the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, BuildFacts, Outcome, Output, Phase, PhaseName, Step
from aibtui.core.polls import Status, Template
from aibtui.core.tempo import Pace
from aibtui.core.updates import Alert, Evidence, RootCause, Transport, TransportState, Update
from aibtui.tui.app import WatchApp
from aibtui.tui.watched import Watched

START = datetime(2026, 3, 22, 12, 0, tzinfo=UTC)
GUID = "[5b7a1f3e-0d52-4c1c-9f0e-61d1a2b3c4d5]"
TEMPLATE_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-images"
    "/providers/Microsoft.VirtualMachineImages/imageTemplates/win11-avd-prod"
)


def at(minutes: float) -> datetime:
    """Minutes after the run began."""
    return START + timedelta(minutes=minutes)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, minutes: float = 62) -> None:
        self.now = at(minutes)

    def __call__(self) -> datetime:
        return self.now


RECORDED = "~/.local/state/aibtui/runs/win11-avd-prod-0322/customization.log"


class MemoryLog:
    """A LogReader over bytes; `appended` and `replaced` do what a recording does."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.generation = 0
        self.asked: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return self.data[offset : offset + length]

    def appended(self, data: bytes) -> None:
        self.data += data

    def replaced(self, data: bytes) -> None:
        self.data = data
        self.generation += 1


def ui(text: str, minutes: float = 30.0, *, error: bool = False) -> bytes:
    """A line that Packer shows."""
    stamp = at(minutes).strftime("%Y/%m/%d %H:%M:%S")
    return f"{GUID} PACKER {stamp} {'ui error' if error else 'ui'}: ==> azure-arm: {text}\n".encode()


def debug(text: str, minutes: float = 30.0) -> bytes:
    """A line of Packer's own debug log."""
    return f"{GUID} PACKER {at(minutes):%Y/%m/%d %H:%M:%S} {text}\n".encode()


def steps(running: int = 5, hidden_last: bool = True) -> tuple[Step, ...]:
    """Nine steps of a Windows build; those before `running` are done, it runs, the others are planned."""
    plan = [
        ("file", None, True),
        ("powershell", "prepare", False),
        ("file", "office.zip", False),
        ("windows-restart", None, False),
        ("windows-update", "Updates", False),
        ("powershell", "Install-Apps.ps1", False),
        ("windows-restart", "after apps", False),
        ("powershell", "AVD optimisation", False),
        ("powershell", None, hidden_last),
    ]
    made = []
    for index, (kind, name, hidden) in enumerate(plan, start=1):
        step = Step(index, kind, name, hidden)
        if index < running:
            began, over = at(4 + index * 5), at(9 + index * 5)
            step = replace(step, state="done", started_at=began, ended_at=over, first_line=index * 20)
        elif index == running:
            step = replace(step, state="running", started_at=at(4 + index * 5), first_line=index * 20)
        made.append(step)
    return tuple(made)


def phases(running: PhaseName | None = "customize") -> tuple[Phase, ...]:
    """All phases; those before `running` are done."""
    made, place = [], PHASES.index(running) if running else len(PHASES)
    for number, name in enumerate(PHASES):
        if number < place:
            made.append(Phase(name, "done", at(number * 2), at(number * 2 + 2)))
        elif number == place:
            made.append(Phase(name, "running", at(number * 2)))
        else:
            made.append(Phase(name))
    return tuple(made)


def status(run_state: str | None = "Running", sub_state: str | None = "Customizing", **more: object) -> Status:
    template = Template(
        TEMPLATE_ID, "win11-avd-prod", "westeurope", vm_size="Standard_D4s_v5", build_timeout=timedelta(hours=4)
    )
    return replace(Status(run_state, sub_state, started_at=START, template=template), **more)  # type: ignore[arg-type]


def build(**more: object) -> Build:
    """A build in the middle of Windows Update."""
    made = Build(
        os="windows",
        format="g3",
        facts=BuildFacts(vm_size="Standard_D4s_v5", run_started_at=START),
        phases=phases(),
        steps=steps(),
        started_at=at(2),
        bytes=1_234_567,
        lines=12_345,
        output=Output(12_340, at(61), "Waiting for operation to complete (system performance: 12% cpu; 31% memory)..."),
        status=status(),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def transport(state: TransportState = "live", **more: object) -> Transport:
    made = Transport(state, since=at(60), looked_at=at(61.95), next_look_at=at(62.05), quiet_since=at(61.9))
    return replace(made, **more)  # type: ignore[arg-type]


def update(minutes: float = 62, *, ended: bool = False, **more: object) -> Update:
    made = Update(at(minutes), build(), (), (), transport(), ended=ended)
    made = replace(made, **more)  # type: ignore[arg-type]
    return replace(made, tempo=Pace().tempo(made.build, None)) if "tempo" not in more else made


def alert(**more: object) -> Alert:
    made = Alert(
        rule="sysprep-loop",
        severity="error",
        title="Sysprep does not finish",
        cause="The image state has been UNDEPLOYABLE for 12 minutes; an app was installed for one user.",
        remedy="Read C:\\Windows\\System32\\Sysprep\\Panther\\setupact.log on the build VM; remove the app it names.",
        at=at(55),
        line=40,
        count=37,
        evidence=(Evidence(40, "IMAGE_STATE_UNDEPLOYABLE"),),
        step=9,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def ended(outcome: Outcome = "failed", **more: object) -> Update:
    """The last Update of a run."""
    run_state = {"succeeded": "Succeeded", "failed": "Failed", "timed-out": "Failed"}.get(outcome, "Canceled")
    message = None if outcome == "succeeded" else "Build failed: see customization.log"
    done = build(
        outcome=outcome,
        log_done=True,
        ended_at=at(70),
        steps=steps(running=10 if outcome == "succeeded" else 6),
        phases=phases(None) if outcome == "succeeded" else phases("cleanup"),
        status=status(run_state, None, ended_at=at(71), message=message),
    )
    if outcome == "failed":
        failed = replace(done.steps[5], state="failed", exit_code=1, ended_at=at(69))
        done = replace(done, steps=(*done.steps[:5], failed, *(replace(s, state="skipped") for s in done.steps[6:])))
    cause = RootCause("script-failed", 40, 6, "Invoke-WebRequest : The remote server returned an error: (404).")
    return Update(
        at(72), done, (), (), transport("ended"), root_cause=cause if outcome == "failed" else None, ended=True
    )


class Feed:
    """An `updates()` whose Updates the test sends; it never ends by itself."""

    def __init__(self, *first: Update) -> None:
        self._queue: asyncio.Queue[Update | BaseException | None] = asyncio.Queue()
        for item in first:
            self._queue.put_nowait(item)

    def send(self, item: Update | BaseException | None) -> None:
        """An Update, an error to raise, or None to end."""
        self._queue.put_nowait(item)

    async def __call__(self) -> AsyncIterator[Update]:
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item


def watched(feed: Feed, log: MemoryLog | None = None, title: str = "win11") -> Watched:
    return Watched(title, feed, log or MemoryLog(), lambda: RECORDED)


def app(
    feed: Feed, log: MemoryLog | None = None, clock: Clock | None = None, title: str = "win11", **more: Any
) -> WatchApp:
    return WatchApp([watched(feed, log, title)], clock=clock or Clock(), zone=UTC, **more)
