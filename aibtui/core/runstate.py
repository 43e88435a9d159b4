"""What the service says of a run, laid over what the log shows: the last phases, the names of steps, the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, Outcome, Phase, PhaseName, State, Step
from aibtui.core.polls import Customizer, Status

# Azure's sub states in the order in which a run passes through them, and the phase that each of them is.
_PHASE_OF: dict[str, PhaseName] = {"Optimizing": "optimize", "Validating": "validate", "Distributing": "distribute"}
_LOGLESS_PHASE_OF: dict[str, PhaseName] = {"Queued": "prepare", "Building": "deploy", "Customizing": "customize"}
_SERVICE_PHASES: tuple[PhaseName, ...] = ("optimize", "validate", "distribute")
_TIMED_OUT = ("context deadline exceeded", "Timeout waiting for microservice")


def outcome_of(status: Status | None, by_log: Outcome) -> Outcome:
    """The outcome of a run: its terminal run state beats the log; while the service goes on nothing is decided.

    >>> outcome_of(Status(run_state="Failed"), "succeeded")
    'failed'
    """
    if status is None or status.deleted:
        return by_log
    if status.run_state is None:
        never_ran = status.started_at is None and by_log == "running"
        return "failed" if never_ran and status.provisioning_state in ("Failed", "Canceled") else by_log
    match status.run_state:
        case "Succeeded":
            return "succeeded"
        case "PartiallySucceeded":
            return "partially-succeeded"
        case "Canceled":
            return "canceled"
        case "Failed":
            return "timed-out" if _says_timed_out(status.message or "", by_log) else "failed"
        case _:
            return "running"


def _says_timed_out(message: str, by_log: Outcome) -> bool:
    """A deadline that the image build itself missed; distribution has deadlines of its own."""
    return by_log != "succeeded" and "istribut" not in message and any(text in message for text in _TIMED_OUT)


def lay_over(build: Build, statuses: Sequence[tuple[datetime, Status]], *, logless: bool = False) -> Build:
    """The build as people should see it: what the log shows, under every run state seen so far (when, what), in order.

    The log's own findings are not touched by it, because its last lines may still come after the run is over. Where the
    log cannot be read (`logless`), the run state has to stand in for its phases.
    """
    if not statuses:
        return build
    phases = list(build.phases)
    at, status = statuses[-1]
    for seen_at, seen in statuses:
        current = _PHASE_OF.get(seen.sub_state or "")
        if logless and current is None and not seen.terminal:
            current = _LOGLESS_PHASE_OF.get(seen.sub_state or "")
        if seen.terminal:
            _end_service_phases(phases, seen, seen_at)
        elif current:
            _reach(phases, current, seen_at)
    steps = _named(build.steps, status)
    if status.terminal:
        steps = _ended(steps, status, at)
    outcome = outcome_of(status, build.outcome)
    return replace(build, status=status, phases=tuple(phases), steps=steps, outcome=outcome)


def _reach(phases: list[Phase], name: PhaseName, at: datetime) -> None:
    place = PHASES.index(name)
    if phases[place].state != "planned":
        return
    for i, phase in enumerate(phases[:place]):
        if phase.state == "running":
            phases[i] = replace(phase, state="done", ended_at=at)
        elif phase.state == "planned" and phase.name in _SERVICE_PHASES:
            phases[i] = replace(phase, state="skipped")
    phases[place] = replace(phases[place], state="running", started_at=at)


def _end_service_phases(phases: list[Phase], status: Status, at: datetime) -> None:
    ended_at = status.ended_at or at
    good = status.run_state in ("Succeeded", "PartiallySucceeded")
    stopped: State = "stopped" if status.run_state == "Canceled" else "failed"
    for i, phase in enumerate(phases):
        if phase.state == "running":
            phases[i] = replace(phase, state="done" if good else stopped, ended_at=ended_at)
        elif phase.state == "planned":
            # A good run has been through all that it cannot do without, whether or not a log shows it.
            optional = phase.name in ("optimize", "validate", "deprovision")
            phases[i] = replace(phase, state="done" if good and not optional else "skipped")


def _ended(steps: tuple[Step, ...], status: Status, at: datetime) -> tuple[Step, ...]:
    good = status.run_state in ("Succeeded", "PartiallySucceeded")
    stopped: State = "stopped" if status.run_state == "Canceled" else "failed"
    ended = []
    for step in steps:
        if step.state == "running":
            step = replace(step, state="done" if good else stopped, ended_at=status.ended_at or at, activity=None)
        elif step.state == "planned":
            step = replace(step, state="done" if good else "skipped")
        ended.append(step)
    return tuple(ended)


def _named(steps: tuple[Step, ...], status: Status) -> tuple[Step, ...]:
    """Steps with the template's names, where the template fits the plan: one customizer for each step but AIB's two."""
    customizers = status.template.customizers if status.template else ()
    own = sum(not step.hidden for step in steps)
    if not len(customizers) == own == len(steps) - 2:
        return steps
    named, of = [], iter(customizers)
    for step in steps:
        name = None if step.hidden else _customizer_name(next(of))
        named.append(replace(step, name=name) if name and name != step.name else step)
    return tuple(named)


def _customizer_name(customizer: Customizer) -> str | None:
    if customizer.name:
        return customizer.name
    if customizer.script_uri:
        return customizer.script_uri.split("?")[0].rstrip("/").rsplit("/", 1)[-1] or None
    return None
