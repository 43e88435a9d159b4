"""The diagnosis for a person: outcome, cause, evidence, remedy, then the timeline, on 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC

from aibtui.core.build import Phase
from aibtui.core.updates import Alert, Evidence, Update
from aibtui.history import EarlierRun
from aibtui.outputs.diagnosis import Diagnosis, diagnose
from aibtui.outputs.fitting import WHOLE_WORDS, is_command, plain_cause, remedy_lines, short
from aibtui.outputs.timeline import Stretch, phases_not_reached, reached_phases, steps_in_short
from aibtui.safetext import SafeText, clean, neutralise_ci
from aibtui.side_by_side import against, heading, rows
from aibtui.wording import alert_line, clock, count, duration, elapsed, iso, phase_name, size, state_glyph

WIDTH = 80
LABEL_WIDTH = 10
EVIDENCE_LINES = 8
OTHER_ALERTS = 10
_CAUSE_LIMIT = 240
_MESSAGE_LIMIT = 300
_NAME_WIDTH = 46
_COMPARED_WIDTH = 34


def explain(update: Update, source: str, earlier: EarlierRun | None = None) -> str:
    """The whole text, without an end of line at its end. `source` is the file's name or the template's id.

    `earlier` is the run that this one is compared with.
    """
    told = diagnose(update)
    sections = [_wrapped(told.headline), _cause(told), _missing(told), _facts(update, source), _timeline(update)]
    sections += [_against(update, earlier), _others(told)]
    text = "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))
    return neutralise_ci(SafeText(text))  # as a whole, because folding may bring `::` to the front of a line


def _cause(told: Diagnosis) -> Iterator[str]:
    if told.cause is None:
        return
    said = short(told.cause, _CAUSE_LIMIT)
    yield from _labelled(told.label, f"{said} ({told.place})" if told.place else said)
    if told.why:
        yield from _labelled("", told.why)
    if told.message:
        yield from _labelled("Message", short(told.message, _MESSAGE_LIMIT))
    yield from _evidence(told.evidence_beyond(f"{said} {told.message or ''}"))
    if told.remedy:
        yield from _remedy(told.remedy)
    if told.doc:
        yield f"{'See':<{LABEL_WIDTH}}{clean(told.doc)}"


def _evidence(evidence: tuple[Evidence, ...]) -> Iterator[str]:
    """A row a line, cut and never folded: where more is wanted, its number is there."""
    label = "Evidence"
    shown = evidence[:EVIDENCE_LINES]
    digits = max((len(str(line.line)) for line in shown), default=0)
    for line in shown:
        room = WIDTH - LABEL_WIDTH - digits - 2
        yield f"{label:<{LABEL_WIDTH}}{line.line:>{digits}}  {short(plain_cause(line.text), room)}".rstrip()
        label = ""
    if len(evidence) > EVIDENCE_LINES:
        yield " " * (LABEL_WIDTH + digits + 2) + f"and {count(len(evidence) - EVIDENCE_LINES, 'more line')}"


def _remedy(remedy: str) -> Iterator[str]:
    """Sentences are folded; a command on a line of its own stays whole, to be copied."""
    label = "Remedy"
    for line in remedy_lines(remedy):
        yield from [f"  {line}"] if is_command(line) else _wrapped(line, f"{label:<{LABEL_WIDTH}}", " " * LABEL_WIDTH)
        label = ""


def _missing(told: Diagnosis) -> Iterator[str]:
    if told.missing:
        yield from _labelled("Next", told.missing)
        yield from (f"  {command}" for command in told.commands)  # whole, to be copied


def _facts(update: Update, source: str) -> Iterator[str]:
    build, facts, status = update.build, update.build.facts, update.build.status
    if status and status.template and status.template.name:
        yield from _labelled("Template", short(status.template.name))
    if status and status.run_state:
        yield from _labelled("Run state", _listed(status.run_state, status.sub_state or ""))
    kind = [" ".join(filter(None, (build.format, build.os)))]
    amount = [size(build.bytes), count(build.lines, "line")] if build.bytes else []
    yield from _labelled("Log" if build.format else "File", _listed(source, *amount, *kind))
    if build.started_at and build.ended_at:
        yield from _labelled("Times", f"{iso(build.started_at)} to {iso(build.ended_at)}")
    elif build.run_started_at:
        ended = f" to {iso(status.ended_at)}" if status and status.ended_at else ""
        yield from _labelled("Times", f"{iso(build.run_started_at)}{ended}")
    packer = f"Packer {facts.packer}" if facts.packer else ""
    if machine := _listed(facts.source or "", facts.vm_size or "", packer):
        yield from _labelled("Build VM", machine)


def _timeline(update: Update) -> Iterator[str]:
    """A row for each phase that was reached, its steps under it; the others in one line."""
    build = update.build
    reached = reached_phases(build)
    if not reached or build.format is None:
        return
    yield f"{'Timeline (UTC)':<{_NAME_WIDTH}}{'began':>10}{'took':>10}{'lines':>14}"
    for phase in reached:
        yield _row(_stretch_of(phase, update), f"{state_glyph(phase.state)} {phase_name(phase.name)}")
        if phase.name == "customize":
            for stretch in steps_in_short(build):
                yield _row(stretch, f"  {state_glyph(stretch.state)} {stretch.numbers:>5} {stretch.name}")
    if skipped := phases_not_reached(build):
        names = ", ".join(phase_name(phase.name) for phase in skipped)
        yield from textwrap.wrap(f"not reached: {names}", WIDTH, initial_indent="  ", subsequent_indent="  ")


def _stretch_of(phase: Phase, update: Update) -> Stretch:
    took = elapsed(phase, update.build.ended_at)
    return Stretch("", "", phase.state, phase.started_at, took, phase.first_line, phase.last_line)


def _row(part: Stretch, name: str) -> str:
    began = clock(part.started_at, UTC) if part.started_at else ""
    lines = "" if part.first_line is None else f"{part.first_line}-{part.last_line or ''}"
    took = duration(part.took) if part.took else ""
    return f"{short(name, _NAME_WIDTH - 1):<{_NAME_WIDTH}}{began:>10}{took:>10}{lines:>14}".rstrip()


def _against(update: Update, earlier: EarlierRun | None) -> Iterator[str]:
    """Both runs side by side."""
    if earlier is None or not update.build.steps:
        return
    yield from textwrap.wrap(f"Against {heading(earlier)}", WIDTH)
    yield f"{'':<{_COMPARED_WIDTH}}{'this run':>10}{'that run':>10}{'delta':>10}".rstrip()
    for row in rows(against(update, earlier)):
        name = short(f"  {row.name}" if row.kind == "step" else row.name, _COMPARED_WIDTH - 1)
        here = row.here.removesuffix(" so far")
        yield f"{name:<{_COMPARED_WIDTH}}{here:>10}{row.there:>10}{row.delta:>10}  {row.note}".rstrip()


def _others(told: Diagnosis) -> Iterator[str]:
    if told.others:
        yield "Also seen" if told.cause else "Seen"
    for alert in told.others[:OTHER_ALERTS]:
        yield from textwrap.wrap(_other(alert), WIDTH, initial_indent="  ", subsequent_indent="    ")
    if len(told.others) > OTHER_ALERTS:
        yield f"  and {count(len(told.others) - OTHER_ALERTS, 'more alert')}"


def _other(alert: Alert) -> str:
    times = f", {count(alert.count, 'time')}" if alert.count > 1 else ""
    return short(f"{alert_line(alert)}{times}")


def _labelled(label: str, text: str) -> list[str]:
    return _wrapped(short(text, longest=WHOLE_WORDS), f"{label:<{LABEL_WIDTH}}", " " * LABEL_WIDTH)


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        clean(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, drop_whitespace=True
    )


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
