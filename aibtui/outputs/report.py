"""The report of a run, schema aibtui.report/1: an Update as plain JSON values, every text safe to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypedDict, TypeVar

from aibtui.core.build import Build, Download, LogFormat, OsType, Outcome, Phase, PhaseName, State, Step
from aibtui.core.compare import Difference, Took
from aibtui.core.forecast import scripts
from aibtui.core.polls import Status
from aibtui.core.updates import Alert, RootCause, Severity, Update
from aibtui.core.validation import Validation
from aibtui.history import EarlierRun
from aibtui.safetext import SafeText, clean, clean_lines
from aibtui.side_by_side import against
from aibtui.wording import iso

SCHEMA: Final = "aibtui.report/1"

Iso = str
T = TypeVar("T")
R = TypeVar("R")


class BuildDict(TypedDict):
    """The builder's own block of the log; `plugins` gives each plug-in's version."""

    vm_size: SafeText | None
    source: SafeText | None
    image_name: SafeText | None
    staging_group: SafeText | None
    packer: SafeText | None
    operation_id: SafeText | None
    plugins: dict[SafeText, SafeText]


class PhaseDict(TypedDict):
    """A phase; lines count from 1."""

    name: PhaseName
    state: State
    started_at: Iso | None
    ended_at: Iso | None
    first_line: int | None
    last_line: int | None


class StepDict(TypedDict):
    """A step of the plan; `index` counts from 1 and counts Image Builder's two hidden steps too.

    `held_seconds` is how long it slept by plan, `silent_seconds` the longest time without a line that it survived.
    """

    index: int
    type: SafeText
    name: SafeText | None
    hidden: bool
    state: State
    exit_code: int | None
    started_at: Iso | None
    ended_at: Iso | None
    first_line: int | None
    last_line: int | None
    held_seconds: int
    silent_seconds: int


class DownloadDict(TypedDict):
    """A transfer that the log shows; `percent` goes from 0 to 100."""

    name: SafeText
    bytes: int | None
    total: int | None
    percent: float | None
    first_line: int
    last_line: int


class EvidenceDict(TypedDict):
    """A line that proves an alert."""

    line: int
    text: SafeText


class AlertDict(TypedDict):
    """A finding; `line` is the first line of the condition, `count` the number of matches."""

    rule: str
    severity: Severity
    line: int | None
    count: int
    title: SafeText
    cause: SafeText
    remedy: str
    doc: SafeText | None
    evidence: list[EvidenceDict]


class RootCauseDict(TypedDict):
    """The first cause of a run that failed or was stopped."""

    rule: str
    line: int | None
    step: int | None
    text: SafeText


class ValidationDict(TypedDict):
    """What the validators' own log shows, validation.log; lines are those of that log, `last` its last words."""

    outcome: Outcome
    bytes: int
    lines: int
    root_cause: RootCauseDict | None
    last: list[SafeText]


class RunDict(TypedDict):
    """What the service, or a pipeline's task, says of the run. `scripts` has a fingerprint of what each step runs."""

    template: SafeText | None
    source: SafeText | None
    started_at: Iso | None
    run_state: SafeText | None
    sub_state: SafeText | None
    message: SafeText | None
    scripts: list[str | None]


class TookDict(TypedDict):
    """What something took in this run and in the earlier one; None where it did not run."""

    seconds: int | None
    earlier_seconds: int | None


class ComparedPhaseDict(TookDict):
    """A phase in both runs."""

    name: PhaseName


class ComparedStepDict(TookDict):
    """A step in both runs; a missing one has no `index`, because this run does not have it."""

    index: int | None
    type: SafeText
    name: SafeText | None
    difference: Difference


class AgainstDict(TypedDict):
    """This run against an earlier one, which `source` and `started_at` name."""

    source: SafeText
    started_at: Iso | None
    phases: list[ComparedPhaseDict]
    steps: list[ComparedStepDict]
    total: TookDict


class Report(TypedDict):
    """The whole report, its keys in the order in which they are printed."""

    schema: Literal["aibtui.report/1"]
    source: SafeText
    bytes: int
    lines: int
    started_at: Iso | None
    ended_at: Iso | None
    os: OsType | None
    format: LogFormat | None
    outcome: Outcome
    stopped_by: Literal["probably-timed-out"] | None
    build: BuildDict
    phases: list[PhaseDict]
    steps: list[StepDict]
    downloads: list[DownloadDict]
    alerts: list[AlertDict]
    root_cause: RootCauseDict | None
    run: RunDict | None
    validation: ValidationDict | None


def report(update: Update, source: str) -> Report:
    """The report of a run as it stands at `update`; `source` is the file's name or the template's id."""
    build = update.build
    return {
        "schema": SCHEMA,
        "source": clean(source),
        "bytes": build.bytes,
        "lines": build.lines,
        "started_at": _optional(iso, build.started_at),
        "ended_at": _optional(iso, build.ended_at),
        "os": build.os,
        "format": build.format,
        "outcome": build.outcome,
        "stopped_by": "probably-timed-out" if build.probably_timed_out else None,
        "build": _build_dict(build),
        "phases": [phase_dict(phase) for phase in build.phases],
        "steps": [step_dict(step) for step in build.steps],
        "downloads": [_download_dict(download) for download in build.downloads],
        "alerts": [alert_dict(alert) for alert in update.alerts],
        "root_cause": _optional(_root_cause_dict, update.root_cause),
        "run": _run_dict(build, build.status) if build.status else None,
        "validation": _optional(_validation_dict, update.validation),
    }


def against_dict(update: Update, earlier: EarlierRun) -> AgainstDict:
    """Both runs side by side; not part of the report by itself, because it needs an earlier run."""
    compared = against(update, earlier)
    return {
        "source": clean(earlier.source),
        "started_at": _optional(iso, earlier.build.started_at),
        "phases": [{"name": each.phase.name, **_took_dict(each.took)} for each in compared.phases],
        "steps": [
            {
                "index": None if each.difference == "missing" else each.step.index,
                "type": clean(each.step.type),
                "name": _optional(clean, each.step.name),
                "difference": each.difference,
                **_took_dict(each.took),
            }
            for each in compared.steps
        ],
        "total": _took_dict(compared.total),
    }


def _took_dict(took: Took) -> TookDict:
    return {
        "seconds": round(took.here.total_seconds()) if took.here is not None else None,
        "earlier_seconds": round(took.there.total_seconds()) if took.there is not None else None,
    }


def phase_dict(phase: Phase) -> PhaseDict:
    """A phase in the report's form."""
    return {
        "name": phase.name,
        "state": phase.state,
        "started_at": _optional(iso, phase.started_at),
        "ended_at": _optional(iso, phase.ended_at),
        "first_line": phase.first_line,
        "last_line": phase.last_line,
    }


def step_dict(step: Step) -> StepDict:
    """A step in the report's form."""
    return {
        "index": step.index,
        "type": clean(step.type),
        "name": _optional(clean, step.name),
        "hidden": step.hidden,
        "state": step.state,
        "exit_code": step.exit_code,
        "started_at": _optional(iso, step.started_at),
        "ended_at": _optional(iso, step.ended_at),
        "first_line": step.first_line,
        "last_line": step.last_line,
        "held_seconds": round(step.held.total_seconds()),
        "silent_seconds": round(step.silent.total_seconds()),
    }


def alert_dict(alert: Alert) -> AlertDict:
    """An alert in the report's form."""
    return {
        "rule": alert.rule,
        "severity": alert.severity,
        "line": alert.line,
        "count": alert.count,
        "title": clean(alert.title),
        "cause": clean(alert.cause),
        "remedy": "\n".join(clean_lines(alert.remedy)),
        "doc": _optional(clean, alert.doc),
        "evidence": [{"line": evidence.line, "text": clean(evidence.text)} for evidence in alert.evidence],
    }


def _build_dict(build: Build) -> BuildDict:
    facts = build.facts
    return {
        "vm_size": _optional(clean, facts.vm_size),
        "source": _optional(clean, facts.source),
        "image_name": _optional(clean, facts.image_name),
        "staging_group": _optional(clean, facts.staging_group),
        "packer": _optional(clean, facts.packer),
        "operation_id": _optional(clean, facts.operation_id),
        "plugins": {clean(name): clean(version) for name, version in facts.plugins},
    }


def _download_dict(download: Download) -> DownloadDict:
    return {
        "name": clean(download.name),
        "bytes": download.bytes,
        "total": download.total,
        "percent": download.percent,
        "first_line": download.first_line,
        "last_line": download.last_line,
    }


def _root_cause_dict(cause: RootCause) -> RootCauseDict:
    return {"rule": cause.rule, "line": cause.line, "step": cause.step, "text": clean(cause.text)}


def _validation_dict(seen: Validation) -> ValidationDict:
    return {
        "outcome": seen.outcome,
        "bytes": seen.bytes,
        "lines": seen.lines,
        "root_cause": _optional(_root_cause_dict, seen.cause),
        "last": [clean(text) for text in seen.last],
    }


def _run_dict(build: Build, status: Status) -> RunDict:
    template = status.template.id or status.template.name if status.template else None
    return {
        "template": _optional(clean, template),
        "source": _optional(clean, status.template.source if status.template else None),
        "started_at": _optional(iso, status.started_at),
        "run_state": _optional(clean, status.run_state),
        "sub_state": _optional(clean, status.sub_state),
        "message": _optional(clean, status.message or status.provisioning_error),
        "scripts": [*scripts(build)],
    }


def _optional(convert: Callable[[T], R], value: T | None) -> R | None:
    return None if value is None else convert(value)
