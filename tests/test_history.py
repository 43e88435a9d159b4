"""Earlier runs of the same kind become a Baseline, from their reports alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aibtui.core.build import Step
from aibtui.core.polls import Customizer, Status, Template
from aibtui.history import baseline, belongs, earlier_runs, last_good

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


def status(started_at: str, name: str = "t_1688703999999", *customizers: Customizer) -> Status:
    template = Template(f"/x/imageTemplates/{name}", name, source="contoso:desktop:pro:2.0.0", customizers=customizers)
    return Status("Running", started_at=datetime.fromisoformat(started_at), template=template)


def test_earlier_runs_are_those_that_began_before_never_the_run_itself() -> None:
    own = {**report(9, 20), "run": {"started_at": "2026-05-04T08:55:00Z"}}
    known = [report(7, 5), own, report(8, 10), report(10, 30)]
    found = earlier_runs(known, status("2026-05-04T08:55:00Z"))
    assert [each["started_at"][11:13] for each in found] == ["08", "07"]


def test_templates_of_one_name_and_image_with_other_customizers_are_of_another_kind() -> None:
    shell = Customizer("Shell", "a")
    assert len(earlier_runs([report(8, 10)], status("2026-05-04T09:00:00Z", "t_1", shell))) == 1
    assert earlier_runs([report(8, 10)], status("2026-05-04T09:00:00Z", "t_1", Customizer("Shell", "install"))) == []
    assert earlier_runs([report(8, 10)], status("2026-05-04T09:00:00Z", "t_1", Customizer("PowerShell", "a"))) == []


def test_what_a_step_slept_by_plan_is_no_part_of_what_it_takes() -> None:
    slept = report(8, 30)
    slept["steps"][0] |= {"held_seconds": 1200, "silent_seconds": 240}
    slept["run"] = {"scripts": ["abc"]}
    known = baseline([slept])
    key = ("shell", "a", 1)
    assert (known.steps[key], known.held[key]) == ((10 * MINUTE,), (20 * MINUTE,))
    assert (known.silences[key], known.scripts[key]) == ((4 * MINUTE,), "abc")
    assert baseline([{**slept, "format": "g1"}]).silences == {}


def test_the_last_good_run_is_the_newest_that_succeeded() -> None:
    found = last_good([report(8, 10), report(10, 30, outcome="failed"), report(9, 20)])
    assert found is not None
    assert found.build.started_at == datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert found.build.steps[0].name == "a"
    assert last_good([report(8, 10, outcome="stopped")]) is None
