"""Updates by hand for the tests of the outputs: a Windows build of five steps that fails in its second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, BuildFacts, Download, Phase, State, Step
from aibtui.core.updates import Alert, Change, Evidence, RootCause, Transport, Update

START = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


PLAN = (
    Step(1, "file", hidden=True),
    Step(2, "powershell", "Install-Apps.ps1"),
    Step(3, "windows-restart"),
    Step(4, "windows-update"),
    Step(5, "powershell", hidden=True),
)

ALERT = Alert(
    rule="script-failed",
    severity="error",
    title="the script failed",
    cause="A customizer script ended with exit code 1.",
    remedy="Read the evidence, mend the script, and run the template again.",
    at=at(9),
    line=310,
    doc="https://learn.microsoft.com/azure/virtual-machines/linux/image-builder-troubleshoot",
    evidence=(Evidence(310, "Cannot find path 'C:\\setup.msi'"), Evidence(311, "FullyQualifiedErrorId : PathNotFound")),
    step=2,
)

CAUSE = RootCause("script-failed", 310, 2, "Cannot find path 'C:\\setup.msi' because it does not exist.")


def transport(minutes: float = 0, **changed: object) -> Transport:
    """LIVE since the start, with what is given changed."""
    return replace(Transport("live", at(0), looked_at=at(minutes)), **changed)  # type: ignore[arg-type]


def running_build() -> Build:
    """Step 2 of 5 runs since 12:05."""
    return Build(
        os="windows",
        format="g3",
        facts=BuildFacts(
            vm_size="Standard_D2s_v3",
            source="MicrosoftWindowsDesktop:windows-11:win11-24h2-avd:latest",
            image_name="packerImg_20260304115500",
            staging_group="IT_images_win11_1",
            packer="1.15.0",
            plugins=(("packer-plugin-azure", "2.4.0"), ("packer-plugin-windows-update", "0.16.10")),
        ),
        phases=phases(prepare="done", customize="running"),
        steps=(
            replace(PLAN[0], state="done", started_at=at(4), ended_at=at(5), first_line=100, last_line=120),
            replace(PLAN[1], state="running", started_at=at(5), first_line=121),
            *PLAN[2:],
        ),
        started_at=at(0),
        ended_at=at(8),
        bytes=54_013,
        lines=293,
    )


def failed_build() -> Build:
    """The same, ended: step 2 failed with exit code 1 at 12:09:10."""
    running = running_build()
    failed = replace(
        running.steps[1], state="failed", exit_code=1, ended_at=at(9) + timedelta(seconds=10), last_line=320
    )
    return replace(
        running,
        outcome="failed",
        phases=phases(prepare="done", customize="failed", deprovision="skipped", capture="skipped", cleanup="done"),
        steps=(running.steps[0], failed, *(replace(step, state="skipped") for step in PLAN[2:])),
        downloads=(Download("setup.msi", 500, 2000, 25.0, 200, 210),),
        ended_at=at(11),
        log_done=True,
        lines=350,
    )


def phases(**states: State) -> tuple[Phase, ...]:
    """All phases, those named in the given states; each that was reached starts a minute after the one before."""
    reached = ("running", "done", "failed", "stopped")
    return tuple(
        Phase(name, state, started_at=at(number), first_line=number * 50 + 1)
        if state in reached
        else Phase(name, state)
        for number, name in enumerate(PHASES)
        for state in [states.get(name, "planned")]
    )


def an_update(minutes: float, build: Build, *changes: Change, **changed: object) -> Update:
    """An Update so many minutes after the start."""
    made = Update(at=at(minutes), build=build, alerts=(), changes=changes, transport=transport(minutes))
    return replace(made, **changed)  # type: ignore[arg-type]


def failed_update() -> Update:
    """The end of the build that failed, with its alert and root cause."""
    return an_update(11, failed_build(), alerts=(ALERT,), root_cause=CAUSE, ended=True)
