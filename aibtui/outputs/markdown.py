"""The diagnosis as Markdown, for an issue or a wiki: the decisive things open, evidence and timeline folded away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC

from aibtui.core.updates import Evidence, Update
from aibtui.history import EarlierRun
from aibtui.outputs.diagnosis import Diagnosis, diagnose
from aibtui.outputs.fitting import is_command, plain_cause, remedy_lines
from aibtui.outputs.redaction import hidden_note, without_secrets
from aibtui.outputs.timeline import all_steps, reached_phases
from aibtui.safetext import SafeText, clean, neutralise_ci
from aibtui.side_by_side import against, heading, rows
from aibtui.wording import alert_line, clock, count, duration, elapsed, iso, phase_name, size

_PUNCTUATION = re.compile(r"([\\`*_\[\]|~#>])")
_FENCE = re.compile(r"`+")
_CAUSE_LIMIT = 1_000
_LEFT_OUT = "_The rest does not fit on this page; the report has it._"


def markdown(update: Update, source: str, *, redact: bool = True, earlier: EarlierRun | None = None) -> str:
    """The text, without an end of line at its end; secrets are hidden unless `redact` is False.

    `earlier` is the run that this one is compared with.
    """
    shown = without_secrets(update) if redact else update
    told = diagnose(shown)
    sections = [_head(told), _why(told), _missing(told), _facts(shown, source)]
    sections += [_folded_evidence(told), _folded("Timeline", _timeline(shown)), _against(shown, earlier), _others(told)]
    text = "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))
    note = hidden_note(text) if redact else None
    return neutralise_ci(SafeText(f"{text}\n\n_{note}._" if note else text))


def summary(update: Update, title: str, source: str, limit: int) -> str:
    """The page of a pipeline's run: cause, remedy and timeline open, no secrets, at most `limit` bytes of UTF-8.

    What does not fit is left out by whole sections, the last ones first, and the page says so.
    """
    shown = without_secrets(update)
    told = diagnose(shown)
    timeline = _timeline(shown)
    sections: list[Iterable[str]] = [_head(told, f"{title}: "), _why(told), _missing(told)]
    sections += [["**Timeline**", "", *timeline] if timeline else []]
    sections += [_facts(shown, source), _others(told), _folded_evidence(told)]
    texts = ["\n".join(lines) for section in sections if (lines := list(section))]
    note = hidden_note("\n".join(texts), remedy="")
    texts += [f"_{note}._"] if note else []
    kept: list[str] = []
    room = limit - len(f"{_LEFT_OUT}\n")
    for text in texts:
        room -= len(text.encode()) + 2 + text.count("#") + text.count(":")  # a mark that is broken grows by a blank
        if room < 0:
            kept.append(_LEFT_OUT)
            break
        kept.append(text)
    return neutralise_ci(SafeText("\n\n".join(kept) + "\n"))


def _head(told: Diagnosis, before: str = "") -> Iterator[str]:
    yield f"## {_text(f'{before}{told.headline}')}"


def _why(told: Diagnosis) -> Iterator[str]:
    if not told.cause:
        return
    yield f"**{told.label}**" + (f" ({_text(told.place)})" if told.place else "")
    yield ""
    yield from _fenced([clean(told.cause, _CAUSE_LIMIT)])
    if told.message:
        yield from ("", "In its own words:", "", *_fenced([clean(told.message)]))
    if told.why:
        yield from ("", _text(told.why))
    if told.remedy:
        yield from ("", "**What to do**")
        for line in remedy_lines(told.remedy):
            yield from ("", *(_fenced([line]) if is_command(line) else [_text(line)]))
    if told.doc:
        yield from ("", f"<{clean(told.doc).replace('>', '%3E').replace('<', '%3C')}>")


def _missing(told: Diagnosis) -> Iterator[str]:
    if told.missing:
        yield from (_text(told.missing), "")
        yield from _fenced(told.commands)


def _facts(update: Update, source: str) -> Iterator[str]:
    build, facts, status = update.build, update.build.facts, update.build.status
    amount = f", {size(build.bytes)}, {count(build.lines, 'line')}" if build.bytes else ""
    ended = build.ended_at or (status.ended_at if status else None)
    rows = {
        "Template": status.template.name if status and status.template else None,
        "Run state": ", ".join(filter(None, (status.run_state, status.sub_state))) if status else None,
        "Started": iso(build.run_started_at) if build.run_started_at else None,
        "Ended": iso(ended) if ended and build.outcome != "running" else None,
        "Source image": facts.source,
        "VM size": facts.vm_size,
        "Packer": facts.packer,
        "Operation id": facts.operation_id,
        "Log" if build.format else "File": f"{source}{amount}",
    }
    yield from ("| | |", "|---|---|")
    yield from (f"| {name} | {_text(value)} |" for name, value in rows.items() if value)


def _folded_evidence(told: Diagnosis) -> Iterator[str]:
    if told.evidence:
        yield from _folded(f"Evidence: {count(len(told.evidence), 'line')} of the log", _numbered(told.evidence))


def _numbered(evidence: tuple[Evidence, ...]) -> list[str]:
    digits = max(len(str(line.line)) for line in evidence)
    return _fenced([f"{line.line:>{digits}}  {clean(plain_cause(line.text))}" for line in evidence])


def _timeline(update: Update) -> list[str]:
    build = update.build
    if build.format is None or not (reached := reached_phases(build)):
        return []
    rows = ["| | state | began (UTC) | took | lines |", "|---|---|---|---|---|"]
    for phase in reached:
        took = elapsed(phase, build.ended_at)
        cells = [phase_name(phase.name), phase.state, clock(phase.started_at, UTC) if phase.started_at else ""]
        rows.append(_row(*cells, duration(took) if took else "", f"{phase.first_line or ''}-{phase.last_line or ''}"))
        for step in all_steps(build) if phase.name == "customize" else ():
            cells = [f"step {step.numbers} {step.name}", step.state]
            cells += [clock(step.started_at, UTC) if step.started_at else "", duration(step.took) if step.took else ""]
            rows.append(_row(*cells, f"{step.first_line or ''}-{step.last_line or ''}"))
    return rows


def _against(update: Update, earlier: EarlierRun | None) -> Iterator[str]:
    if earlier is None or not update.build.steps:
        return
    table = ["| | this run | that run | delta | |", "|---|---|---|---|---|"]
    for row in rows(against(update, earlier)):
        name = f"step {row.name.strip()}" if row.kind == "step" else row.name
        table.append(_row(name, row.here, row.there, row.delta, row.note))
    yield from _folded(f"Against {_text(heading(earlier))}", table)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _others(told: Diagnosis) -> Iterator[str]:
    if told.others:
        yield "**Also seen**" if told.cause else "**Seen**"
        yield ""
        yield from (f"- {_text(alert_line(alert))}" for alert in told.others)


def _folded(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from ("<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>")


def _fenced(lines: list[str] | tuple[str, ...]) -> list[str]:
    """As code, within a fence that no line can close."""
    cleaned = [clean(line) for line in lines]
    longest = max((len(run) for line in cleaned for run in _FENCE.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *cleaned, fence]


def _text(text: str) -> str:
    """Remote text as plain words: no markup, no HTML, and nobody is called by an `@`."""
    said = _PUNCTUATION.sub(r"\\\1", clean(text)).replace("&", "&amp;").replace("<", "&lt;")
    return said.replace("@", "@<!-- -->")
