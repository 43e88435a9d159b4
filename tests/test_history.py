"""Earlier runs of the same kind become a Baseline, from their reports alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aibtui.core.build import Step
from aibtui.history import baseline, belongs

MINUTE = timedelta(minutes=1)


def report(
    hour: int, minutes: int, *, name: str = "t_1588703313152", outcome: str = "succeeded", state: str = "done"
) -> dict[str, Any]:
    begun, ended = f"2026-05-04T{hour:02}:00:00Z", f"2026-05-04T{hour:02}:{minutes:02}:00Z"
    return {
        "source": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.VirtualMachineImages/imageTemplates/{name}",
        "started_at": begun,
        "ended_at": ended,
        "outcome": outcome,
        "build": {"source": "contoso:desktop:pro:1.2.3"},
        "steps": [{"index": 1, "type": "shell", "name": "a", "state": state, "started_at": begun, "ended_at": ended}],
        "phases": [{"name": "deploy", "state": "done", "started_at": begun, "ended_at": ended}],
    }


def test_steps_and_phases_that_went_well_count_the_newest_first() -> None:
    known = baseline([report(8, 10), report(9, 20), report(10, 30)])
    assert known.runs == 3
    assert known.steps == {("shell", "a", 1): (30 * MINUTE, 20 * MINUTE, 10 * MINUTE)}
    assert known.phases["deploy"] == (30 * MINUTE, 20 * MINUTE, 10 * MINUTE)
    assert known.totals == (30 * MINUTE, 20 * MINUTE, 10 * MINUTE)


def test_a_failed_step_teaches_nothing() -> None:
    known = baseline([report(8, 10, outcome="failed", state="failed")])
    assert (known.runs, known.steps, known.totals) == (0, {}, ())


def test_runs_of_throw_away_templates_belong_together() -> None:
    assert belongs(report(8, 10), "t_1688703999999", "contoso:desktop:pro:2.0.0")
    assert not belongs(report(8, 10), "u_1688703999999", "contoso:desktop:pro:2.0.0")
    assert not belongs(report(8, 10), "t_1688703999999", "contoso:desktop:enterprise:2.0.0")


def test_a_run_with_other_steps_is_of_another_kind() -> None:
    assert belongs(report(8, 10), "t_1", None, [Step(1, "shell", "a"), Step(2, "shell", "b")])
    assert not belongs(report(8, 10), "t_1", None, [Step(1, "powershell", "x"), Step(2, "powershell", "y")])
