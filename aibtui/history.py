"""Earlier runs of the same kind, from their reports: a Baseline. Reports are handed to it; it fetches nothing.

Pipelines make a new template for each build, so runs belong together by the template's name with dates and numbers
masked, by the source image without its version, and by what their steps are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.build import PHASES, Build, Phase, PhaseName, Step
from aibtui.core.forecast import Baseline, StepKey, masked, step_keys
from aibtui.core.polls import Status, Template

Report = Mapping[str, Any]

MOST_RUNS = 10
"""Earlier runs that are looked at; what was longer ago says little."""

_ALIKE = 0.5  # of the steps of either run must be in the other
_GOOD = frozenset({"succeeded", "partially-succeeded"})
_PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
_STEP_TYPES = {
    "Shell": "shell",
    "PowerShell": "powershell",
    "File": "file",
    "WindowsRestart": "windows-restart",
    "WindowsUpdate": "windows-update",
}


class EarlierRun(Struct, frozen=True):
    """An earlier run as far as its report tells; `scripts` has a fingerprint of what each step ran, or None."""

    build: Build
    source: str
    scripts: tuple[str | None, ...] = ()


def earlier_runs(reports: Iterable[Report], status: Status) -> list[Report]:
    """The reports of runs of the same kind that began before the run of `status`, the newest first."""
    template, started_at = status.template, status.started_at
    if template is None:
        return []
    steps = planned_steps(template)
    found = [
        report
        for report in reports
        if belongs(report, template.name, template.source, steps) and _before(report, started_at)
    ]
    return sorted(found, key=_began, reverse=True)


def belongs(report: Report, template: str, source: str | None, steps: Sequence[Step] = ()) -> bool:
    """Whether an earlier run is of the same kind as a build of `template` from `source` (a URN or id) with `steps`."""
    if masked(_name(str(report.get("source") or ""))) != masked(_name(template)):
        return False
    earlier = (report.get("run") or {}).get("source") or (report.get("build") or {}).get("source")
    if earlier and source and earlier.startswith("/") == source.startswith("/") and _kind(earlier) != _kind(source):
        return False
    theirs = _steps(report)
    return not steps or not theirs or _alike(steps, theirs)


def planned_steps(template: Template) -> tuple[Step, ...]:
    """The steps that a template's customizers become, without Image Builder's own two, named only by the template."""
    return tuple(
        Step(place, _STEP_TYPES.get(each.type, each.type.lower()), each.name)
        for place, each in enumerate(template.customizers, start=2)
    )


def baseline(reports: Iterable[Report]) -> Baseline:
    """The durations of earlier runs, the newest first. Only steps that went well count, of any run."""
    steps: dict[StepKey, list[timedelta]] = defaultdict(list)
    held: dict[StepKey, list[timedelta]] = defaultdict(list)
    silences: dict[StepKey, list[timedelta]] = defaultdict(list)
    scripts: dict[StepKey, str] = {}
    phases: dict[PhaseName, list[timedelta]] = defaultdict(list)
    totals: list[timedelta] = []
    runs = 0
    for report in sorted(reports, key=_began, reverse=True)[:MOST_RUNS]:
        known, ran = _steps(report), _scripts(report)
        counted = False
        for step, key in zip(known, step_keys(known), strict=True):
            if step.state != "done" or not step.started_at or not step.ended_at:
                continue
            counted = True
            steps[key].append(max(step.ended_at - step.started_at - step.held, timedelta()))
            held[key].append(step.held)
            if _tells_silence(report):
                silences[key].append(step.silent)
            script = ran[step.index - 1] if step.index <= len(ran) else None
            if script:
                scripts.setdefault(key, script)
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
        held={key: tuple(found) for key, found in held.items() if any(found)},
        silences={key: tuple(found) for key, found in silences.items()},
        scripts=scripts,
        totals=tuple(totals),
    )


def last_good(reports: Iterable[Report]) -> EarlierRun | None:
    """The newest of the runs that succeeded."""
    good = [report for report in reports if report.get("outcome") in _GOOD and _steps(report)]
    return earlier_run(max(good, key=_began)) if good else None


def earlier_run(report: Report) -> EarlierRun:
    """A report as the build that it tells of, with what a comparison asks for."""
    told = {phase.get("name"): phase for phase in report.get("phases", ())}
    phases = tuple(
        Phase(
            name,
            told[name].get("state", "planned"),
            _time(told[name].get("started_at")),
            _time(told[name].get("ended_at")),
        )
        if name in told
        else Phase(name)
        for name in PHASES
    )
    build = replace(
        Build(),
        outcome=report.get("outcome", "running"),
        phases=phases,
        steps=_steps(report),
        started_at=_time(report.get("started_at")),
        ended_at=_time(report.get("ended_at")),
        log_done=True,
    )
    return EarlierRun(build, str(report.get("source") or ""), _scripts(report))


def _alike(mine: Sequence[Step], theirs: Sequence[Step]) -> bool:
    """Whether most steps are of the same types, and most of those that both name have the same names."""
    visible = [step for step in theirs if not step.hidden] or theirs
    types, their_types = Counter(step.type for step in mine), Counter(step.type for step in visible)
    if (types & their_types).total() < _ALIKE * max(types.total(), their_types.total()):
        return False
    names, their_names = ({masked(step.name) for step in steps if step.name} for steps in (mine, visible))
    return not names or not their_names or len(names & their_names) >= _ALIKE * min(len(names), len(their_names))


def _before(report: Report, started_at: datetime | None) -> bool:
    began = _began(report)
    return started_at is None or not began or datetime.fromisoformat(began) < started_at


def _began(report: Report) -> str:
    """When a run began, by the service where that is known: ISO 8601 in UTC, which sorts as text."""
    return str((report.get("run") or {}).get("started_at") or report.get("started_at") or "")


def _scripts(report: Report) -> tuple[str | None, ...]:
    return tuple((report.get("run") or {}).get("scripts") or ())


def _tells_silence(report: Report) -> bool:
    """Reports of the oldest log format have no times of a script's lines, and old reports no field for it."""
    return report.get("format") != "g1" and any("silent_seconds" in step for step in report.get("steps", ()))


def _steps(report: Report) -> tuple[Step, ...]:
    return tuple(
        Step(
            index=step["index"],
            type=step["type"],
            name=step.get("name"),
            hidden=step.get("hidden", False),
            state=step.get("state", "planned"),
            started_at=_time(step.get("started_at")),
            ended_at=_time(step.get("ended_at")),
            held=timedelta(seconds=step.get("held_seconds", 0)),
            silent=timedelta(seconds=step.get("silent_seconds", 0)),
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
