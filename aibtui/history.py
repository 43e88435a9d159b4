"""Earlier runs of the same kind, from their reports: a Baseline. Reports are handed to it; it fetches nothing.

Pipelines make a new template for each build, so runs belong together by the template's name with dates and numbers
masked, by the source image without its version, and by what their steps are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from aibtui.core.build import PhaseName, Step
from aibtui.core.forecast import Baseline, StepKey, masked, step_keys

Report = Mapping[str, Any]

_MOST_RUNS = 10
_ALIKE = 0.5  # of the steps of either run must be in the other
_GOOD = frozenset({"succeeded", "partially-succeeded"})
_PHASES: tuple[PhaseName, ...] = get_args(PhaseName)


def belongs(report: Report, template: str, source: str | None, steps: Sequence[Step] = ()) -> bool:
    """Whether an earlier run is of the same kind as a build of `template` from `source` (a URN or id) with `steps`."""
    if masked(_name(str(report.get("source") or ""))) != masked(_name(template)):
        return False
    earlier = (report.get("build") or {}).get("source")
    if earlier and source and _kind(earlier) != _kind(source):
        return False
    if not steps:
        return True
    mine, theirs = set(step_keys(steps)), set(step_keys(_steps(report)))
    return len(mine & theirs) >= _ALIKE * max(len(mine), len(theirs), 1)


def baseline(reports: Iterable[Report]) -> Baseline:
    """The durations of earlier runs, the newest first. Only steps that went well count, of any run."""
    steps: dict[StepKey, list[timedelta]] = defaultdict(list)
    phases: dict[PhaseName, list[timedelta]] = defaultdict(list)
    totals: list[timedelta] = []
    runs = 0
    for report in sorted(reports, key=lambda report: str(report.get("started_at") or ""), reverse=True)[:_MOST_RUNS]:
        known = _steps(report)
        counted = False
        for step, key in zip(known, step_keys(known), strict=True):
            if step.state == "done" and step.started_at and step.ended_at:
                steps[key].append(step.ended_at - step.started_at)
                counted = True
        for phase in report.get("phases", ()):
            took = _took(phase)
            if phase.get("state") == "done" and took is not None and phase.get("name") in _PHASES:
                phases[phase["name"]].append(took)
        whole = _took(report)
        if report.get("outcome") in _GOOD and whole is not None:
            totals.append(whole)
        runs += counted
    return Baseline(
        runs=runs,
        steps={key: tuple(found) for key, found in steps.items()},
        phases={name: tuple(found) for name, found in phases.items()},
        totals=tuple(totals),
    )


def _steps(report: Report) -> tuple[Step, ...]:
    return tuple(
        Step(
            index=step["index"],
            type=step["type"],
            name=step.get("name"),
            state=step.get("state", "planned"),
            started_at=_time(step.get("started_at")),
            ended_at=_time(step.get("ended_at")),
        )
        for step in report.get("steps", ())
    )


def _took(part: Mapping[str, Any]) -> timedelta | None:
    started, ended = _time(part.get("started_at")), _time(part.get("ended_at"))
    return ended - started if started and ended and ended >= started else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _name(source: str) -> str:
    return source.rstrip("/").rpartition("/")[2]


def _kind(source: str) -> str:
    """A source image without its version: `publisher:offer:sku`, or a gallery image's id without `/versions/...`."""
    if source.startswith("/"):
        return source.lower().partition("/versions/")[0]
    return ":".join(source.lower().split(":")[:3])
