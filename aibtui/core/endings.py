"""How a build ends: what a verdict, a stop and the end of the log make of phases and steps. Builds in, Builds out."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, PhaseName, State
from aibtui.core.events import Event

_IN_LOG: tuple[PhaseName, ...] = ("prepare", "deploy", "connect", "customize", "deprovision", "capture", "cleanup")
_EXIT_STATUS = re.compile(r"Script exited with non-zero exit status: (-?\d+)")
# A time-out ends a run within seconds of the budget; two real logs stopped at 120 min - 3 s and 300 min + 1 s.
_TIMEOUT_STEP = timedelta(minutes=5)
_LEAST_TIMEOUT = timedelta(minutes=6)  # the service takes 6 to 960
_ROUND_TOLERANCE = timedelta(seconds=20)
_KNOWN_TOLERANCE = timedelta(minutes=1)


def ended_badly(build: Build, event: Event, state: State) -> Build:
    """What ran has failed or was stopped; what was not reached is skipped, and only the clean-up is still to come."""
    phases = []
    for phase in build.phases:
        if phase.name == "cleanup":
            pass
        elif phase.state == "running":
            phase = replace(phase, state=state, ended_at=event.at, last_line=event.line - 1)
        elif phase.state == "planned":
            phase = replace(phase, state="skipped")
        phases.append(phase)
    steps = tuple(replace(step, state="skipped") if step.state == "planned" else step for step in build.steps)
    return replace(build, phases=tuple(phases), steps=steps)


def blamed(build: Build) -> Build:
    """Where the clean-up began before Packer said that the build failed, the phase before it is the one."""
    phases = build.phases
    reached = [place for place, phase in enumerate(phases[: PHASES.index("cleanup")]) if phase.started_at]
    if not reached or phases[reached[-1]].state != "done":
        return build
    place = reached[-1]
    return replace(build, phases=(*phases[:place], replace(phases[place], state="failed"), *phases[place + 1 :]))


def with_verdict(build: Build, message: str) -> Build:
    """Packer's word of a failure; it names the exit code that the failed step ended with."""
    exit_status = _EXIT_STATUS.search(message)
    failed = next((step for step in build.steps if step.state == "failed"), None)
    steps = build.steps
    if exit_status and failed:
        told = replace(failed, exit_code=int(exit_status[1]))
        steps = (*steps[: failed.index - 1], told, *steps[failed.index :])
    return replace(build, outcome="failed", message=message, steps=steps)


def stopped(build: Build, at: datetime | None) -> Build:
    """Packer was told to stop, by a time-out or a cancel: both leave the same lines."""
    return replace(build, outcome="stopped", probably_timed_out=_timed_out(build, at))


def stopped_at(build: Build, at: datetime | None) -> Build:
    """The stop has a better time now: where its own line had no stamp it bore an older one."""
    if build.outcome != "stopped" or at is None:
        return build
    steps = tuple(replace(step, ended_at=at) if step.state == "stopped" else step for step in build.steps)
    phases = tuple(replace(phase, ended_at=at) if phase.state == "stopped" else phase for phase in build.phases)
    return replace(build, steps=steps, phases=phases, probably_timed_out=_timed_out(build, at))


def log_over(build: Build, event: Event) -> Build:
    """The log is over: its last phase ends with its last line, and what it never reached will not come."""
    phases = []
    for phase in build.phases:
        if phase.name in _IN_LOG and phase.state == "running":
            phase = replace(phase, state="done", ended_at=event.at, last_line=event.line)
        elif phase.name in _IN_LOG and phase.state == "planned":
            phase = replace(phase, state="skipped")
        phases.append(phase)
    return replace(build, phases=tuple(phases), log_done=True)


def _timed_out(build: Build, at: datetime | None) -> bool:
    start = build.run_started_at if build.facts.run_started_at or build.status else None
    if start is None or at is None:
        return False
    span = at - start
    if build.timeout and abs(span - build.timeout) <= _KNOWN_TOLERANCE:
        return True
    off = span % _TIMEOUT_STEP
    return span > _LEAST_TIMEOUT and min(off, _TIMEOUT_STEP - off) <= _ROUND_TOLERANCE
