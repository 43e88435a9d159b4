"""A line per event with its time, for pipes, CI logs and people without a screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TextIO

from aibtui.core.hold_calls import HoldCalls
from aibtui.core.updates import (
    AlertOpened,
    AlertUpdated,
    Change,
    ForecastChanged,
    PhaseChanged,
    PlannedHold,
    ReplicaMoved,
    StepEnded,
    StepMoved,
    TransportChanged,
    TransportState,
    Update,
)
from aibtui.news import sentence
from aibtui.outputs.redaction import RedactedWriter, lines_without_secrets
from aibtui.outputs.writer import LineWriter
from aibtui.safetext import clean
from aibtui.wording import (
    EXIT_CODES,
    alert_line,
    cause_alert,
    hold_call,
    iso,
    now_sentence,
    outcome_sentence,
    planned_sentence,
    reason,
    step_phrase,
)

HEARTBEAT = timedelta(seconds=60)
TAIL_LINES = 20
TAIL_WIDTH = 500

_READING: tuple[TransportState, ...] = ("live", "quiet")
_MOVED = timedelta(minutes=5)  # an expected end that moved less is not worth a line
_SELF_EVIDENT = (0, 1, 6, 7)  # exit codes that the outcome explains


class Plain:
    """Writes what changed, a heartbeat after a minute without a line, and at the very end why the run failed.

    `tail` gives the last lines of the step that failed, raw; it is asked only then. Minutes are those of the looks.
    Likely secrets are hidden unless `redact` is False.
    """

    def __init__(self, stream: TextIO, tail: Callable[[], list[str]], *, redact: bool = True) -> None:
        self.writer = RedactedWriter(stream) if redact else LineWriter(stream)
        self._tail: Callable[[], list[str]] = (lambda: lines_without_secrets(tail())) if redact else tail
        self._last: Update | None = None
        self._spoke_at: datetime | None = None
        self._transport: TransportState | None = None
        self._activities: dict[int, tuple[str, datetime]] = {}
        self._counts: dict[tuple[str, int | None], int] = {}
        self._ends_at: datetime | None = None
        self._calls = HoldCalls()
        self._planned: set[PlannedHold] = set()

    def update(self, update: Update) -> None:
        """Write this look's changes; a heartbeat where there were none for a minute."""
        self._last = update
        spoke = False
        for change in update.changes:
            spoke = self._tell(change, update) or spoke
        spoke = self._say_holds(update) or spoke
        if spoke or self._spoke_at is None:
            self._spoke_at = update.at
        elif update.at - self._spoke_at >= HEARTBEAT and not update.ended:
            self._spoke_at = update.at
            self._write(update.at, now_sentence(update))

    def close(self, exit_code: int) -> None:
        """Write the outcome; of a run that failed also the last lines of its step, the reason and the remedy."""
        update = self._last
        if update is None:
            return
        beyond = "" if exit_code in _SELF_EVIDENT else f"; {EXIT_CODES.get(exit_code, 'ended')} (exit code {exit_code})"
        self._write(update.at, f"{outcome_sentence(update)}{beyond}")
        if update.build.outcome in ("failed", "stopped", "timed-out", "canceled", "partially-succeeded"):
            self._write_tail(update)
            self._write_reason(update)
        elif exit_code == 5:
            self._say("Reason", update.transport.reason)
            self._say("What to do", update.transport.remedy)

    def refuse(self, text: str, remedy: str) -> None:
        """There is nothing to add."""

    def _tell(self, change: Change, update: Update) -> bool:
        """Write a change, if it is worth a line; whether it was."""
        if worth := self._worth_a_line(change):
            self._write(change.at, sentence(change, update.build), *_advice(change))
        return worth

    def _write_tail(self, update: Update) -> None:
        build = update.build
        step = next((step for step in build.steps if step.state in ("failed", "stopped")), None)
        lines = self._tail()[-TAIL_LINES:] if step else []
        if step and lines:
            self._say(f"The last lines of {step_phrase(step, len(build.steps))}", "")
            self.writer.write(*(f"    {clean(line, TAIL_WIDTH)}" for line in lines))

    def _write_reason(self, update: Update) -> None:
        cause, alert = update.root_cause, cause_alert(update)
        self._say(f"Reason, line {cause.line}" if cause and cause.line is not None else "Reason", reason(update))
        if alert:
            self._say(alert.rule, f"{alert.title}. {alert.cause}")
            self._say("What to do", *alert.remedy.split("\n"))

    def _say_holds(self, update: Update) -> bool:
        """What is planned, once it is known, and that a hold will end soon; its start is a change like others."""
        new = [planned for planned in update.planned_holds if planned not in self._planned]
        self._planned.update(new)
        for planned in new:
            self._write(update.at, planned_sentence(planned))
        call = self._calls.due(update)
        if call is not None and call.left is not None:
            self._write(update.at, hold_call(call))
        return bool(new) or (call is not None and call.left is not None)

    def _worth_a_line(self, change: Change) -> bool:
        match change:
            case TransportChanged(_, transport):
                before, self._transport = self._transport, transport.state
                return before not in _READING or transport.state not in _READING
            case PhaseChanged(_, phase):
                return phase.state not in ("planned", "skipped")
            case StepEnded(_, step):
                return step.state != "skipped"
            case StepMoved(at, step):
                return self._does_something_else(step.index, step.activity or "", at)
            case AlertOpened(_, alert):
                self._counts[alert.rule, alert.line] = alert.count
                return True
            case AlertUpdated(_, alert):
                return self._has_doubled((alert.rule, alert.line), alert.count)
            case ReplicaMoved(_, replica, before):
                return before is None or before.state != replica.state
            case ForecastChanged(_, told):
                moved = self._ends_at is None or abs(told.ends_at - self._ends_at) >= _MOVED
                self._ends_at = told.ends_at if moved else self._ends_at
                return moved
            case _:
                return True

    def _does_something_else(self, step: int, activity: str, at: datetime) -> bool:
        """Another activity is said at once, the same one further on (other numbers) once a minute."""
        kind = re.sub(r"[\d.,%]+", "", activity)
        before = self._activities.get(step)
        if before and before[0] == kind and at - before[1] < HEARTBEAT:
            return False
        self._activities[step] = (kind, at)
        return True

    def _has_doubled(self, alert: tuple[str, int | None], count: int) -> bool:
        """A condition that goes on is said at 2, 4, 8 times, not at each: real loops turn hundreds of times."""
        if count < 2 * self._counts.get(alert, 1):
            return False
        self._counts[alert] = count
        return True

    def _write(self, at: datetime, first: str, *rest: str) -> None:
        lines = [f"{iso(at)} {first}", *(f"    {line}" for line in rest)]
        self.writer.write(*map(clean, lines))

    def _say(self, label: str, text: str | None, *more: str) -> None:
        if text is not None:
            lines = [f"{label}: {text}".rstrip(), *(f"    {line}" for line in more)]
            self.writer.write(*map(clean, lines))


def _advice(change: Change) -> list[str]:
    """What stands under an event's line: the proof and the remedy of an alert, the remedy for what cannot be seen."""
    match change:
        case AlertOpened(_, alert):
            proof = [evidence.text for evidence in alert.evidence[:1] if evidence.text not in alert_line(alert)]
            return [*proof, *f"What to do: {alert.remedy}".split("\n")]
        case TransportChanged(_, transport) if transport.remedy:
            return [f"What to do: {transport.remedy}"]
        case _:
            return []
