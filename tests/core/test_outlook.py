"""What history says while a build runs: the forecast in the Update, the time-out ahead, the step over its time."""

from __future__ import annotations

from datetime import datetime, timedelta

from aibtui.core.forecast import Baseline, step_keys
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.core.updates import ForecastChanged, Update
from tests.core.logs import START, Log
from tests.core.run import rules

MINUTE = timedelta(minutes=1)
PLAN = ("file", "powershell", "powershell", "powershell")


def watch(log: Log, minutes: list[int], timeout: int = 240, looks: int = 1) -> list[Update]:
    """Looks a minute apart while the first of two scripts runs that took `minutes` in each earlier run."""
    monitor = Monitor(rules())
    at = log.at
    template = Template("id", "t", build_timeout=timeout * MINUTE)
    status = Status("Running", "Customizing", START, template=template)
    first = monitor.feed(Poll(at, status, (Chunk("customization.log", 0, 0, log.data),), log_read=True))
    keys = step_keys(first.build.steps)
    monitor.expect(Baseline(runs=len(minutes), steps=dict.fromkeys(keys, tuple(took * MINUTE for took in minutes))))
    return [monitor.feed(Poll(at + look * MINUTE, log_read=True)) for look in range(looks)]


def begun() -> Log:
    return Log().prepare(*PLAN).hidden_upload().powershell().out("at work")


def alerts(update: Update) -> dict[str, str]:
    return {alert.rule: alert.severity for alert in update.alerts if alert.open}


def ends_at(update: Update) -> datetime | None:
    return update.forecast.ends_at if update.forecast else None


def test_the_forecast_is_in_the_update_and_told_once() -> None:
    first, second = watch(begun(), [10, 10, 10], looks=2)
    assert ends_at(first) is not None
    assert [type(change) for change in first.changes].count(ForecastChanged) == 1
    assert [type(change) for change in second.changes].count(ForecastChanged) == 0


def test_a_time_out_ahead_is_warned_of_with_what_to_set() -> None:
    (update,) = watch(begun(), [30, 31, 32], timeout=45)
    assert alerts(update) == {"timeout-ahead": "warning"}
    (alert,) = update.alerts
    assert "buildTimeoutInMinutes" in alert.remedy


def test_a_build_well_within_its_time_out_is_not_warned_of() -> None:
    (update,) = watch(begun(), [30, 31, 32])
    assert alerts(update) == {}


def test_a_step_beyond_its_longest_run_is_warned_of_once() -> None:
    updates = watch(begun(), [5, 5, 6], looks=15)
    assert alerts(updates[5]) == {}
    assert alerts(updates[14]) == {"step-over": "warning"}
    assert updates[14].alerts[0].at == updates[10].alerts[0].at


def test_without_history_nothing_is_forecast() -> None:
    monitor = Monitor(rules())
    update = monitor.feed(Poll(START, chunks=(Chunk("customization.log", 0, 0, begun().data),)))
    assert update.forecast is None
