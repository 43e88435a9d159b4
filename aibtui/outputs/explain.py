"""The report for a person: outcome, cause, evidence, remedy, then the timeline, on 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC

from aibtui.core.build import Phase, Step
from aibtui.core.updates import Alert, Update
from aibtui.safetext import SafeText, clean, neutralise_ci
from aibtui.wording import (
    alert_line,
    cause_alert,
    clock,
    count,
    duration,
    elapsed,
    iso,
    outcome_sentence,
    phase_name,
    reason,
    size,
    state_glyph,
    step_name,
)

WIDTH = 80
LABEL_WIDTH = 10
EVIDENCE_LINES = 5
OTHER_ALERTS = 10
_REASON_LIMIT = 600
_EVIDENCE_LIMIT = 240


def explain(update: Update, source: str) -> str:
    """The whole text, without an end of line at its end. `source` is the file's name or the template's id."""
    sections = [_head(update), _cause(update), _log(update, source), _timeline(update), _other_alerts(update)]
    text = "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))
    return neutralise_ci(SafeText(text))  # as a whole, because folding may bring `::` to the front of a line


def _head(update: Update) -> Iterator[str]:
    yield from textwrap.wrap(outcome_sentence(update), WIDTH)


def _cause(update: Update) -> Iterator[str]:
    cause, alert, said = update.root_cause, cause_alert(update), reason(update)
    if said:
        where = f"line {cause.line}: " if cause and cause.line is not None else ""
        yield from _labelled("Cause", f"{where}{clean(said, _REASON_LIMIT)}")
    if alert:
        yield from _labelled("" if said else "Cause", f"{alert_line(alert)}. {alert.cause}")
        yield from _evidence(alert, said)
        yield from _labelled("Remedy", alert.remedy)
        if alert.doc:
            yield f"{'See':<{LABEL_WIDTH}}{clean(alert.doc)}"


def _evidence(alert: Alert, said: str | None) -> Iterator[str]:
    label = "Evidence"
    for evidence in alert.evidence[:EVIDENCE_LINES]:
        if clean(evidence.text) != said:
            yield from _labelled(label, f"line {evidence.line}: {clean(evidence.text, _EVIDENCE_LIMIT)}")
            label = ""
    if len(alert.evidence) > EVIDENCE_LINES:
        yield from _labelled(label, f"and {count(len(alert.evidence) - EVIDENCE_LINES, 'more line')}")


def _log(update: Update, source: str) -> Iterator[str]:
    build, facts = update.build, update.build.facts
    kind = [f"format {build.format}" if build.format else "", build.os or ""]
    yield from _labelled("Log", _listed(source, size(build.bytes), count(build.lines, "line"), *kind))
    if build.started_at and build.ended_at:
        span = f"{iso(build.started_at)} to {iso(build.ended_at)}"
        yield from _labelled("Times", f"{span}, {duration(build.ended_at - build.started_at)}")
    if machine := _listed(facts.source or "", facts.vm_size or "", f"Packer {facts.packer}" if facts.packer else ""):
        yield from _labelled("Build VM", machine)


def _timeline(update: Update) -> Iterator[str]:
    """A row for each phase that was reached, its steps under it; the others in one line."""
    build = update.build
    reached = [phase for phase in build.phases if phase.state not in ("planned", "skipped")]
    if not reached:
        return
    yield f"{'Timeline (UTC)':<50}{'began':>8}{'took':>9}{'lines':>13}"
    for phase in reached:
        yield _row(phase, f"{state_glyph(phase.state)} {phase_name(phase.name)}", update)
        if phase.name == "customize":
            begun = [step for step in build.steps if step.state not in ("planned", "skipped")]
            for step in begun:
                if not (step.hidden and step.type != "file"):  # the phase of deprovisioning is that step
                    yield _row(step, f"  {state_glyph(step.state)} {step.index:>2} {step_name(step)}", update)
            if len(begun) < len(build.steps):
                fate = "to come" if build.outcome == "running" else "not reached"
                yield f"       {count(len(build.steps) - len(begun), 'more step')}, {fate}"
    if skipped := [phase_name(phase.name) for phase in build.phases if phase.state == "skipped"]:
        yield from textwrap.wrap(
            f"not reached: {', '.join(skipped)}", WIDTH, initial_indent="  ", subsequent_indent="  "
        )


def _row(part: Phase | Step, name: str, update: Update) -> str:
    began = clock(part.started_at, UTC) if part.started_at else ""
    took = elapsed(part, update.build.ended_at)
    lines = "" if part.first_line is None else f"{part.first_line}-{part.last_line or ''}"
    return f"{clean(name, 49):<50}{began:>8}{duration(took) if took else '':>9}{lines:>13}"


def _other_alerts(update: Update) -> Iterator[str]:
    cause = cause_alert(update)
    others = [alert for alert in update.alerts if alert is not cause]
    if others:
        yield "Also seen" if cause else "Seen"
    for alert in others[:OTHER_ALERTS]:
        times = f", {count(alert.count, 'time')}" if alert.count > 1 else ""
        yield from textwrap.wrap(f"{alert_line(alert)}{times}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    if len(others) > OTHER_ALERTS:
        yield f"  and {count(len(others) - OTHER_ALERTS, 'more alert')}"


def _labelled(label: str, text: str) -> list[str]:
    indent = " " * LABEL_WIDTH
    return textwrap.wrap(
        clean(text), WIDTH, initial_indent=f"{label:<{LABEL_WIDTH}}", subsequent_indent=indent, break_on_hyphens=False
    )


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
