"""One JSON object a line, schema aibtui.events/1, for programs that follow a build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TextIO, assert_never

from aibtui.core.updates import (
    AlertClosed,
    AlertOpened,
    AlertUpdated,
    Change,
    ForecastChanged,
    Hold,
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
    Update,
)
from aibtui.outputs.masking import Masker
from aibtui.outputs.report import alert_dict, phase_dict, report, step_dict
from aibtui.outputs.writer import LineWriter, json_text
from aibtui.safetext import clean
from aibtui.wording import iso

SCHEMA = "aibtui.events/1"


class JsonLines:
    """Writes the version line, then a line for every change, then the summary. ASCII only, whatever the stream.

    `source` is what the report names as its source. Likely secrets are hidden unless `redact` is False.
    """

    def __init__(self, stream: TextIO, source: str, *, redact: bool = True) -> None:
        self.writer = LineWriter(stream)
        self._source = source
        self._redact = redact
        self._seq = 0
        self._last: Update | None = None
        self._write({"type": "version", "schema": SCHEMA})

    def update(self, update: Update) -> None:
        """Write this look's changes."""
        self._last = update
        for change in update.changes:
            kind, fields = _event(change)
            self._write_event(kind, iso(change.at), update.build.bytes, fields)

    def close(self, exit_code: int) -> None:
        """Write the summary; its report is null where nothing could be looked at."""
        last = self._last
        fields = {"exit_code": exit_code, "report": report(last, self._source) if last else None}
        self._write_event("summary", iso(last.at) if last else None, last.build.bytes if last else 0, fields)

    def refuse(self, text: str, remedy: str) -> None:
        """The stream ends without a summary."""

    def _write_event(self, kind: str, at: str | None, offset: int, fields: Mapping[str, object]) -> None:
        self._seq += 1
        self._write({"type": kind, "at": at, "seq": self._seq, "offset": offset, **fields})

    def _write(self, line: Mapping[str, object]) -> None:
        self.writer.write(json_text(Masker().value(line) if self._redact else line))


def _event(change: Change) -> tuple[str, dict[str, object]]:
    match change:
        case RunStateChanged(_, run_state, sub_state, message):
            said = {"run_state": run_state, "sub_state": sub_state, "message": message}
            return "run_state", {name: None if text is None else clean(text) for name, text in said.items()}
        case PhaseChanged(_, phase):
            return "phase", {"phase": phase_dict(phase)}
        case StepBegan(_, step):
            return "step_start", {"step": step_dict(step)}
        case StepMoved(_, step):
            activity = None if step.activity is None else clean(step.activity)
            return "step_progress", {"step": step_dict(step), "activity": activity}
        case StepEnded(_, step):
            return "step_end", {"step": step_dict(step)}
        case AlertOpened(_, alert):
            return "alert_open", {"rule": alert.rule, "severity": alert.severity, "alert": alert_dict(alert)}
        case AlertUpdated(_, alert):
            return "alert_update", {"rule": alert.rule, "severity": alert.severity, "alert": alert_dict(alert)}
        case AlertClosed(_, alert):
            return "alert_close", {"rule": alert.rule, "severity": alert.severity, "alert": alert_dict(alert)}
        case TransportChanged(_, transport):
            reason = None if transport.reason is None else clean(transport.reason)
            return "transport", {"state": transport.state, "reason": reason}
        case LogReplaced(_, generation):
            return "log_replaced", {"generation": generation}
        case ForecastChanged(_, told):
            times = {"ends_at": iso(told.ends_at), "low": iso(told.low), "high": iso(told.high)}
            return "forecast", {
                **times,
                "n": told.n,
                "new_steps": [*told.new_steps],
                "changed_steps": [*told.changed_steps],
                "timeout_at": iso(told.timeout_at) if told.timeout_at else None,
                "timeout_chance": told.timeout_chance,
                "timeout_step": told.timeout_step,
                "advised_minutes": told.advised // timedelta(minutes=1) if told.advised else None,
            }
        case HoldBegan(_, hold):
            return "hold_start", _hold_fields(hold)
        case HoldEnded(_, hold):
            return "hold_end", _hold_fields(hold)
        case ReplicaMoved(_, replica):
            return "replica", {
                "replica": {
                    "version": clean(replica.version),
                    "region": clean(replica.region),
                    "state": clean(replica.state),
                    "percent": replica.percent,
                    "details": None if replica.details is None else clean(replica.details),
                }
            }
    assert_never(change)


def _hold_fields(hold: Hold) -> dict[str, object]:
    until = iso(hold.until) if hold.until else None
    began = iso(hold.began_at)
    return {"until": until, "step": hold.step, "seconds": hold.seconds, "planned": hold.planned, "began_at": began}
