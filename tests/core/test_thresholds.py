"""From when on a step's time and silence are unusual, and that the warnings go by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from aibtui.core.forecast import Baseline, step_keys
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll
from aibtui.core.thresholds import limits_of
from aibtui.core.updates import Alert, Update
from tests.core.logs import Log
from tests.core.run import rules

MINUTE = timedelta(minutes=1)
DEPROVISION = "if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat c:\\DeprovisioningScript.ps1} else {echo 'no'}"
PLAN = ("file", "powershell", "powershell", "powershell")


def begun() -> Log:
    return Log().prepare(*PLAN).hidden_upload().powershell().out("at work")


def minutes(*amounts: float) -> tuple[timedelta, ...]:
    return tuple(amount * MINUTE for amount in amounts)


def known(
    update: Update, took: Sequence[float] = (), silent: Sequence[float] = (), runs: int | None = None
) -> Baseline:
    keys = step_keys(update.build.steps)
    return Baseline(
        runs=runs or len(took) or len(silent),
        steps=dict.fromkeys(keys, minutes(*took)) if took else {},
        silences=dict.fromkeys(keys, minutes(*silent)) if silent else {},
    )


def silent_for(span: int, *, took: Sequence[float] = (), silent: Sequence[float] = ()) -> list[Alert]:
    """The alerts of a step that has been silent for so many minutes, looked at every half minute."""
    monitor, log = Monitor(rules()), begun()
    first = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),), log_read=True))
    monitor.expect(known(first, took, silent))
    update = first
    for half in range(1, 2 * span + 1):
        update = monitor.feed(Poll(log.at + half * MINUTE / 2, log_read=True))
    return [alert for alert in update.alerts if alert.open and alert.rule == "step-silent"]


@pytest.mark.parametrize(
    ("silent", "after"),
    [
        ((4, 3, 4), 12),  # three times the longest, with three runs
        ((0, 0, 0), 10),  # never less than ten minutes
        ((50, 40, 45), 80),  # never half an hour beyond the longest
        ((4, 3), 30),  # two runs only make the rule come later
        ((25,), 55),
    ],
)
def test_a_silence_is_unusual_by_what_earlier_runs_survived(silent: tuple[float, ...], after: int) -> None:
    assert silent_for(after - 1, silent=silent) == []
    (alert,) = silent_for(after + 1, silent=silent)
    assert f"over {after} min)" in alert.title


def test_without_history_a_silence_is_judged_by_the_rule_alone() -> None:
    assert silent_for(29) == []
    (alert,) = silent_for(31)
    assert alert.title == "No output for 31 minutes"


def test_limits_are_of_the_step_that_runs() -> None:
    log = begun()
    update = Monitor(()).feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),)))
    limits = limits_of(update.build, known(update, took=(10, 20, 12)))
    assert limits is not None
    assert limits.took is not None
    assert (limits.step, limits.took.usual, limits.took.over, limits.silent) == (2, 12 * MINUTE, 26 * MINUTE, None)
    assert limits.took.said() == "usual 12 min, over 26 min"
    assert limits_of(update.build, Baseline()) is None


def test_the_longest_silence_that_a_step_survives_is_kept() -> None:
    log = begun()
    log.wait(420).out("and on").wait(180).out("done").returned(0).powershell().out("next")
    whole = Monitor(()).feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),)))
    monitor, at = Monitor(()), 0
    for end in range(500, len(log.data) + 500, 500):
        pieces = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, at, log.data[at:end]),)))
        at = min(end, len(log.data))
    assert whole.build.steps[1].silent == 7 * MINUTE
    assert whole.build.steps[2].silent == timedelta()
    assert [step.silent for step in pieces.build.steps] == [step.silent for step in whole.build.steps]


@pytest.mark.parametrize(("took", "after"), [((3, 3, 3), 6), ((2, 3, 25), 32), ((40,), 50), ((), 11)])
def test_sysprep_is_given_the_time_that_it_usually_takes(took: tuple[float, ...], after: int) -> None:
    log = begun().returned(0).powershell().returned(0).powershell(dump=(DEPROVISION,)).out(">>> Sysprepping VM ...")
    monitor = Monitor(rules())
    first = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),)))
    monitor.expect(known(first, took))
    sent, raised = len(log.data), None
    for beat in range(1, 12 * 60):
        log.wait(5).out("IMAGE_STATE_UNDEPLOYABLE")
        update = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, sent, log.data[sent:]),)))
        sent = len(log.data)
        if any(alert.rule == "sysprep-loop" for alert in update.alerts):
            raised = beat * 5 / 60
            break
    assert raised is not None
    assert after - 2 <= raised <= after + 1
