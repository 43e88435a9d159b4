"""Two runs of one kind, side by side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from aibtui.core.build import Build, Phase, Step
from aibtui.core.compare import Comparison, compare

START = datetime(2026, 5, 4, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def build(*plan: tuple[str, int], running: bool = False) -> Build:
    """Steps one after the other, each with its name and minutes; the last one still runs, if it is said."""
    steps, at = [], START
    for index, (name, minutes) in enumerate(plan, start=1):
        steps.append(Step(index, "powershell", name, state="done", started_at=at, ended_at=at + minutes * MINUTE))
        at += minutes * MINUTE
    if running:
        steps[-1] = replace(steps[-1], state="running", ended_at=None)
    phases = (Phase("prepare", "done", START, START + MINUTE), *Build().phases[1:])
    outcome = "running" if running else "succeeded"
    return Build(outcome=outcome, steps=tuple(steps), phases=phases, started_at=START, ended_at=at)


def deltas(comparison: Comparison) -> list[tuple[str | None, str, timedelta | None]]:
    return [(each.step.name, each.difference, each.took.delta) for each in comparison.steps]


def test_steps_are_matched_by_name_and_what_is_gone_stands_where_it_was() -> None:
    told = compare(build(("a", 5), ("new", 2), ("c", 9)), build(("a", 3), ("b", 4), ("c", 10)))
    assert deltas(told) == [
        ("a", "same", 2 * MINUTE),
        ("b", "missing", None),
        ("new", "new", None),
        ("c", "same", -MINUTE),
    ]
    assert told.total.delta == -MINUTE
    assert [each.phase.name for each in told.phases] == ["prepare"]


def test_a_step_that_is_gone_from_the_front_comes_first() -> None:
    told = compare(build(("c", 9)), build(("a", 3), ("b", 4), ("c", 10)))
    assert [name for name, _, _ in deltas(told)] == ["a", "b", "c"]


def test_what_runs_is_compared_only_once_it_is_over_its_time() -> None:
    here, there = build(("a", 5), ("b", 0), running=True), build(("a", 5), ("b", 10))
    assert deltas(compare(here, there, START + 12 * MINUTE))[1] == ("b", "same", None)
    told = compare(here, there, START + 18 * MINUTE)
    assert deltas(told)[1] == ("b", "same", 3 * MINUTE)
    assert told.steps[1].took.going
    assert told.total.here == 18 * MINUTE


def test_another_script_under_the_same_name_is_a_changed_step() -> None:
    here, there = build(("a", 5), ("b", 4), ("c", 1)), build(("a", 5), ("b", 4), ("c", 1))
    told = compare(here, there, None, ("x", "y", None), ("x", "z", "w"))
    assert [each.difference for each in told.steps] == ["same", "changed", "same"]
