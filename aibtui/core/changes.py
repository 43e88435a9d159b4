"""What is different between two states of one run, as changes in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from aibtui.core.build import Build, Phase, Step
from aibtui.core.polls import Replica
from aibtui.core.updates import (
    Alert,
    AlertClosed,
    AlertOpened,
    AlertUpdated,
    Change,
    PhaseChanged,
    ReplicaMoved,
    RunStateChanged,
    StepBegan,
    StepEnded,
    StepMoved,
    Transport,
    TransportChanged,
)

_ENDED = ("done", "failed", "stopped")


def changes_between(
    old: Build,
    new: Build,
    old_alerts: tuple[Alert, ...],
    alerts: tuple[Alert, ...],
    old_transport: Transport | None,
    transport: Transport,
    at: datetime,
    found: Iterable[tuple[int, Change]] = (),
) -> tuple[Change, ...]:
    """Every change that a front end may want to tell, those of the log by their lines, then the rest.

    `found` are more, each with its place: four times its line, and a little more for what comes after the line.
    """
    placed: list[tuple[int, Change]] = [*found]
    end = new.lines + 1
    for was, phase in zip(old.phases, new.phases, strict=True):
        placed += _phase_changes(was, phase, at, end)
    known = {step.index: step for step in old.steps}
    for step in new.steps:
        placed += _step_changes(known.get(step.index), step, at, end)
    raised = {alert.rule: alert for alert in old_alerts}
    for alert in alerts:
        placed += _alert_changes(raised.get(alert.rule), alert, at, end)
    placed.sort(key=lambda item: item[0])
    changes: list[Change] = list(_run_state_changes(old, new, at))
    changes += [change for _, change in placed]
    if old_transport is None or (old_transport.state, old_transport.reason) != (transport.state, transport.reason):
        changes.append(TransportChanged(at, transport))
    return tuple(changes)


def replica_changes(
    old: tuple[Replica, ...] | None, new: tuple[Replica, ...] | None, at: datetime
) -> tuple[ReplicaMoved, ...]:
    """What is new of the image version's copies."""
    known = {(replica.version, replica.region): replica for replica in old or ()}
    moved = [(known.get((replica.version, replica.region)), replica) for replica in new or ()]
    return tuple(ReplicaMoved(at, replica, before) for before, replica in moved if before != replica)


def _run_state_changes(old: Build, new: Build, at: datetime) -> Iterator[Change]:
    was, now = old.status, new.status
    if now and (
        was is None or (was.run_state, was.sub_state, was.message) != (now.run_state, now.sub_state, now.message)
    ):
        yield RunStateChanged(at, now.run_state, now.sub_state, now.message or now.provisioning_error)


def _phase_changes(was: Phase, phase: Phase, at: datetime, end: int) -> Iterator[tuple[int, Change]]:
    if phase.state == was.state or phase.state in ("planned", "skipped"):
        return
    began = was.state == "planned" and phase.state != "running" and phase.started_at is not None
    if began or phase.state == "running":
        running = Phase(phase.name, "running", phase.started_at, None, phase.first_line, None)
        yield (phase.first_line or end) * 4, PhaseChanged(phase.started_at or at, running)
    if phase.state in _ENDED:
        yield (phase.last_line or end) * 4 + 2, PhaseChanged(phase.ended_at or at, phase)


def _step_changes(was: Step | None, step: Step, at: datetime, end: int) -> Iterator[tuple[int, Change]]:
    state = was.state if was else "planned"
    if step.state == state:
        if step.state == "running" and was is not None and was.activity != step.activity and step.activity:
            yield end * 4, StepMoved(at, step)
        return
    if step.state in ("planned", "skipped"):
        return
    if state in ("planned", "skipped") and step.started_at is not None:
        begun = replace(step, state="running", exit_code=None, ended_at=None, last_line=None)
        yield (step.first_line or end) * 4 + 1, StepBegan(step.started_at, begun)
    if step.state in _ENDED and step.started_at is not None:
        yield (step.last_line or end) * 4 + 1, StepEnded(step.ended_at or at, step)


def _alert_changes(was: Alert | None, alert: Alert, at: datetime, end: int) -> Iterator[tuple[int, Change]]:
    place = max((evidence.line for evidence in alert.evidence), default=end) * 4 + 3
    if was is None:
        yield place, AlertOpened(alert.at, alert)
    elif was is not alert:
        if was.open and not alert.open:
            yield end * 4 + 3, AlertClosed(alert.ended_at or at, alert)
        elif not was.open and alert.open:
            yield place, AlertOpened(alert.at, alert)
        elif alert.grown is None or (was.grown, was.severity) != (alert.grown, alert.severity):
            yield place, AlertUpdated(at, alert)
