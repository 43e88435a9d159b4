"""What earlier runs say of this one while it runs: the forecast, and the two warnings that only history can give."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from aibtui.core.alerts import Alerts
from aibtui.core.build import Build
from aibtui.core.forecast import Baseline, Forecast, Sleeping, forecast
from aibtui.core.thresholds import Limits, limits_of
from aibtui.core.updates import Alert, Hold, PlannedHold

_LIKELY = 0.5
_UNLIKELY = 0.3  # a chance that falls below this closes the warning, so that it does not flicker
_TOLD_AGAIN = timedelta(minutes=1)
_NOTHING = timedelta()


class Outlook:
    """Forecasts one run against a Baseline; remembers what it told last."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self._told: Forecast | None = None

    def look(
        self,
        build: Build,
        now: datetime,
        alerts: Alerts,
        hold: Hold | None = None,
        held: timedelta = _NOTHING,
        planned: Iterable[PlannedHold] = (),
    ) -> Forecast | None:
        """The forecast at `now`, the log's own time; raises and ends `timeout-ahead` and `step-over`.

        `hold` is the one under way, which mutes `step-over`; `held` how long the running step has slept before it.
        """
        told = forecast(build, self.baseline, now, _sleeping(now, hold, held, planned))
        if told is not None:
            self._judge_timeout(build, told, now, alerts)
            limits = limits_of(build, self.baseline) if hold is None else None
            self._judge_step(build, limits, now - held, now, alerts)
        return told

    def news(self, told: Forecast | None) -> bool:
        """Whether a front end should say it: it is the first, or the end has moved by a minute or more."""
        last = self._told
        fresh = told is not None and (last is None or abs(told.ends_at - last.ends_at) >= _TOLD_AGAIN)
        if fresh:
            self._told = told
        return fresh

    def _judge_timeout(self, build: Build, told: Forecast, now: datetime, alerts: Alerts) -> None:
        known = next((alert for alert in alerts.all if alert.rule == "timeout-ahead" and alert.open), None)
        chance = told.timeout_chance
        if told.timeout_at is None or chance is None or chance < (_UNLIKELY if known else _LIKELY):
            alerts.end("timeout-ahead", now)
            return
        if known is None:
            alerts.note(_timeout_ahead(build, told, told.timeout_at, chance, now))

    def _judge_step(
        self, build: Build, limits: Limits | None, worked_until: datetime, now: datetime, alerts: Alerts
    ) -> None:
        step, limit = build.step, limits.took if limits else None
        if limit is None or step is None or step.started_at is None or worked_until - step.started_at < limit.over:
            alerts.end("step-over", now)
            return
        if any(alert.rule == "step-over" and alert.open and alert.step == step.index for alert in alerts.all):
            return
        spent, worst = worked_until - step.started_at, _minutes(limit.longest)
        alerts.note(
            Alert(
                rule="step-over",
                severity="warning",
                title=f"Step {step.index} has run for {_minutes(spent)} minutes ({limit.said()})",
                cause=f"{_longest(limit.n)} took {worst} minutes for it. It has more to do, or hangs.",
                remedy="Look at its last output. If nothing new comes, cancel the build; do not wait for the time-out.",
                at=now,
                line=step.first_line,
                step=step.index,
            )
        )


def _timeout_ahead(build: Build, told: Forecast, at: datetime, chance: float, now: datetime) -> Alert:
    where = f" in step {told.timeout_step}" if told.timeout_step else ""
    advised = f"{_minutes(told.advised)}" if told.advised else "more"
    return Alert(
        rule="timeout-ahead",
        severity="warning",
        title=f"The build will probably hit its time-out at {at:%H:%M} UTC{where}: {chance:.0%}",
        cause=f"By {told.n} earlier runs it needs until {told.ends_at:%H:%M} UTC; its time-out ends it before.",
        remedy=f"A running build keeps its limit. Set buildTimeoutInMinutes to {advised} for the next run (6 to 960).",
        at=now,
        step=build.step.index if build.step else None,
    )


def _sleeping(now: datetime, hold: Hold | None, held: timedelta, planned: Iterable[PlannedHold]) -> Sleeping:
    """What is slept by plan in this run. A hold whose length nobody knows adds nothing to what is left."""
    ahead: dict[int, timedelta | None] = {}
    for each in planned:
        before = ahead.get(each.step, _NOTHING)
        ahead[each.step] = (
            before + timedelta(seconds=each.seconds) if each.seconds is not None and before is not None else None
        )
    if hold is None:
        return Sleeping(held, ahead)
    rest = ahead.get(hold.step, _NOTHING)
    if hold.until is not None:
        ahead[hold.step] = rest + max(hold.until - now, _NOTHING) if rest is not None else None
    elif hold.planned:
        ahead[hold.step] = None
    return Sleeping(held + max(now - hold.began_at, _NOTHING), ahead)


def _longest(runs: int) -> str:
    return f"The longest of {runs} earlier runs" if runs > 1 else "The only earlier run"


def _minutes(span: timedelta) -> int:
    return round(span.total_seconds() / 60)
