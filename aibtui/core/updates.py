"""What a look changed: the Update that every front end draws, and the changes inside it, in order."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from aibtui.core.build import Build, Phase, Step
from aibtui.core.forecast import Forecast
from aibtui.core.polls import Replica, Surroundings
from aibtui.core.tempo import Tempo
from aibtui.core.thresholds import Limits

if TYPE_CHECKING:
    from aibtui.core.validation import Validation

TransportState = Literal["live", "quiet", "blind", "waiting", "log-done", "status-only", "ended"]
Severity = Literal["error", "warning", "info"]


class Transport(Struct, frozen=True):
    """Whether we can see the build: one of seven words, since when, and why in one sentence when it is not plain.

    `looked_at` is the last look, `next_look_at` the next one as the source plans it, `quiet_since` when the last new
    byte came (arrival, not stamp).
    """

    state: TransportState
    since: datetime
    reason: str | None = None
    remedy: str | None = None
    looked_at: datetime | None = None
    next_look_at: datetime | None = None
    quiet_since: datetime | None = None


class Evidence(Struct, frozen=True):
    """A line that proves an alert: its number in customization.log (from 1) and its text, not yet safe to draw."""

    line: int
    text: str


class Alert(Struct, frozen=True):
    """One finding: what was seen, since when, why it matters, what to do.

    `line` is the first line of the condition, None when no log line carries it. `count` is the number of matches.
    `ended_at` is set when the condition no longer holds; `step` is the index of the step that ran. `grown` belongs to
    a condition of time: it is one more each time it has lasted twice as long, and only then is there something to tell.
    """

    rule: str
    severity: Severity
    title: str
    cause: str
    remedy: str
    at: datetime
    line: int | None = None
    count: int = 1
    doc: str | None = None
    evidence: tuple[Evidence, ...] = ()
    step: int | None = None
    ended_at: datetime | None = None
    grown: int | None = None

    @property
    def open(self) -> bool:
        """The condition still holds."""
        return self.ended_at is None


class RunStateChanged(Struct, frozen=True):
    """The service says another word."""

    at: datetime
    run_state: str | None
    sub_state: str | None
    message: str | None


class PhaseChanged(Struct, frozen=True):
    """A phase began or ended; `phase.state` tells which."""

    at: datetime
    phase: Phase


class StepBegan(Struct, frozen=True):
    """A provisioner started."""

    at: datetime
    step: Step


class StepMoved(Struct, frozen=True):
    """A provisioner is doing something else now, or its transfer came further: `step.activity` says what."""

    at: datetime
    step: Step


class StepEnded(Struct, frozen=True):
    """A provisioner ended; `step.state` says how."""

    at: datetime
    step: Step


class AlertOpened(Struct, frozen=True):
    """A rule began to hold."""

    at: datetime
    alert: Alert


class AlertUpdated(Struct, frozen=True):
    """It still holds, and there is more of it: count, severity or evidence changed."""

    at: datetime
    alert: Alert


class AlertClosed(Struct, frozen=True):
    """It holds no more."""

    at: datetime
    alert: Alert


class TransportChanged(Struct, frozen=True):
    """The status word changed."""

    at: datetime
    transport: Transport


class LogReplaced(Struct, frozen=True):
    """The blob was replaced by another one; everything read from the log starts anew."""

    at: datetime
    generation: int


class ForecastChanged(Struct, frozen=True):
    """The expected end is known, or has moved by a minute or more."""

    at: datetime
    forecast: Forecast


class PlannedHold(Struct, frozen=True):
    """A sleep of two minutes or more that the script of a step will make; `seconds` is None where it has no end."""

    step: int
    seconds: float | None
    text: str


class Hold(Struct, frozen=True):
    """A step sleeps. `until` is None where nobody knows how long; `line` is the last one before it.

    `planned` says that its source was seen; else only a marker tells of it. Times are the log's own.
    """

    step: int
    began_at: datetime
    until: datetime | None
    seconds: float | None
    line: int | None
    planned: bool


class HoldBegan(Struct, frozen=True):
    """A planned sleep has begun."""

    at: datetime
    hold: Hold


class HoldEnded(Struct, frozen=True):
    """It is over."""

    at: datetime
    hold: Hold


class ReplicaMoved(Struct, frozen=True):
    """The copy of an image version in one region is there now, or came further; `before` is what it was."""

    at: datetime
    replica: Replica
    before: Replica | None = None


Change = (
    RunStateChanged
    | PhaseChanged
    | StepBegan
    | StepMoved
    | StepEnded
    | AlertOpened
    | AlertUpdated
    | AlertClosed
    | TransportChanged
    | LogReplaced
    | HoldBegan
    | HoldEnded
    | ForecastChanged
    | ReplicaMoved
)


class RootCause(Struct, frozen=True):
    """The first cause of a run that failed or was stopped: rule id, line (from 1), step index, the unwrapped text."""

    rule: str
    line: int | None
    step: int | None
    text: str


class Update(Struct, frozen=True, eq=False):
    """One look, digested: the whole build, all alerts in the order in which they were raised, and what changed.

    Compared by identity, so that a reactive may hold it.
    """

    at: datetime
    build: Build
    alerts: tuple[Alert, ...]
    changes: tuple[Change, ...]
    transport: Transport
    root_cause: RootCause | None = None
    generation: int = 0
    ended: bool = False
    tempo: Tempo = field(default_factory=Tempo)
    forecast: Forecast | None = None
    hold: Hold | None = None
    planned_holds: tuple[PlannedHold, ...] = ()
    around: Surroundings = field(default_factory=Surroundings)
    validation: Validation | None = None
    limits: Limits | None = None
