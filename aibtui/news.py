"""A sentence for every change that a look brings, for all front ends that tell of a build line by line."""

from __future__ import annotations

from datetime import UTC
from typing import assert_never

from aibtui.core.build import Build, Phase, State, Step
from aibtui.core.forecast import Forecast
from aibtui.core.polls import Distribution, Replica, Status
from aibtui.core.updates import (
    AlertClosed,
    AlertOpened,
    AlertUpdated,
    Change,
    ForecastChanged,
    HoldBegan,
    HoldEnded,
    LogReplaced,
    PhaseChanged,
    ReplicaMoved,
    RunStateChanged,
    StepBegan,
    StepEnded,
    StepMoved,
    TransportChanged,
)
from aibtui.safetext import SafeText, clean
from aibtui.wording import (
    SUB_STATES,
    alert_line,
    capital,
    clock,
    count,
    duration,
    elapsed,
    hold_sentence,
    share,
    step_phrase,
    transport_sentence,
    with_exit_code,
)


def sentence(change: Change, build: Build) -> SafeText:
    """What a change says to a person. `build` is the one after it."""
    match change:
        case RunStateChanged():
            return clean(_run_state_sentence(change, build.status))
        case PhaseChanged(phase=phase):
            return clean(f"Phase {phase.name} {_ending(phase)}")
        case StepBegan(step=step):
            return clean(f"{capital(step_phrase(step, len(build.steps)))}, began")
        case StepMoved(step=step):
            return clean(f"{capital(step_phrase(step, len(build.steps)))}: {step.activity or 'goes on'}")
        case StepEnded(step=step):
            return clean(f"{capital(step_phrase(step, len(build.steps)))}, {_ending(step)}{with_exit_code(step)}")
        case AlertOpened(alert=alert):
            return alert_line(alert)
        case AlertUpdated(alert=alert):
            return clean(f"{alert_line(alert)}, seen {count(alert.count, 'time')}")
        case AlertClosed(alert=alert):
            return clean(f"Over: {alert.title} ({alert.rule})")
        case TransportChanged(transport=transport):
            return transport_sentence(transport)
        case LogReplaced(generation=generation):
            return SafeText(f"The log was replaced by another one; it is read anew (generation {generation})")
        case ForecastChanged(forecast=told):
            return forecast_sentence(told)
        case HoldBegan(hold=hold):
            return hold_sentence(hold)
        case HoldEnded(at=at, hold=hold):
            return clean(f"The hold in step {hold.step} is over after {duration(at - hold.began_at)}")
        case ReplicaMoved(replica=replica):
            return replica_sentence(replica)
    assert_never(change)


def replica_sentence(replica: Replica) -> SafeText:
    """How far a copy is: `Image version 1.0.3 in northeurope: Replicating, 63 %`."""
    percent = f", {replica.percent} %" if replica.percent is not None else ""
    details = f": {replica.details}" if replica.details else ""
    return clean(f"Image version {replica.version} in {replica.region}: {replica.state}{percent}{details}")


def forecast_sentence(told: Forecast) -> SafeText:
    """When the build ends: `Ends about 16:04:12 UTC, between 15:58:00 and 16:11:00, by 4 runs`; and its time-out."""
    between = f"between {clock(told.low, UTC)} and {clock(told.high, UTC)}"
    said = f"Ends about {clock(told.ends_at, UTC)} UTC, {between}, by {count(told.n, 'earlier run')}"
    if told.new_steps:
        said += f"; new in this run: step {', '.join(map(str, told.new_steps))}"
    if told.changed_steps:
        said += f"; another script than last time: step {', '.join(map(str, told.changed_steps))}"
    if told.timeout_at is not None:
        chance = f", chance to hit it {share(told.timeout_chance)}" if told.timeout_chance is not None else ""
        said += f"; time-out at {clock(told.timeout_at, UTC)} UTC{chance}"
    return clean(said)


def _run_state_sentence(change: RunStateChanged, status: Status | None) -> str:
    if change.run_state is None:
        return "The template has no run yet"
    if change.run_state == "Running" and change.sub_state:
        said = f"The service {SUB_STATES.get(change.sub_state, f'says {change.sub_state}')}"
    else:
        said = f"The service says {change.run_state}" + (f", {change.sub_state}" if change.sub_state else "")
    if change.sub_state == "Distributing" and change.run_state == "Running" and status and status.template:
        said += "".join(f"; {distribution_phrase(entry)}" for entry in status.template.distributions)
    return f"{said}: {change.message}" if change.message else said


def distribution_phrase(entry: Distribution) -> str:
    """Where an image goes: `the gallery image win11 to westeurope, northeurope`."""
    name = (entry.target or "").partition("/versions/")[0].rstrip("/").rpartition("/")[2]
    where = f" to {', '.join(entry.regions)}" if entry.regions else ""
    if entry.type == "SharedImage":
        return f"the gallery image {name}{where}"
    kind = f"the managed image {name}" if entry.type == "ManagedImage" else f"a {entry.type or 'copy'}"
    return f"{kind}{where}, of which Azure tells no progress"


_ENDINGS: dict[State, str] = {
    "planned": "is planned",
    "running": "began",
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "skipped": "skipped",
}


def _ending(part: Step | Phase) -> str:
    said = _ENDINGS[part.state]
    if part.state in ("done", "failed", "stopped") and (took := elapsed(part)) is not None:
        said += f" after {duration(took)}"
    return said
