"""The diagnosis in at most twelve plain lines, to paste into a chat: no markup, nothing to scroll."""

from __future__ import annotations

from collections.abc import Iterator

from aibtui.core.updates import Update
from aibtui.outputs.diagnosis import diagnose
from aibtui.outputs.fitting import plain_cause, short
from aibtui.outputs.redaction import hidden_note, without_secrets
from aibtui.safetext import SafeText, clean, clean_lines, neutralise_ci
from aibtui.wording import iso, step_phrase

MOST_LINES = 12
_EVIDENCE_LINES = 3
_LINE_LIMIT = 300


def chat(update: Update, source: str, *, redact: bool = True) -> str:
    """The lines, joined; `source` names the file, where no template is known."""
    lines = list(_lines(without_secrets(update) if redact else update, source))[: MOST_LINES - 1]
    if redact and (note := hidden_note("\n".join(lines))):
        lines.append(note)
    return "\n".join(neutralise_ci(SafeText(line)) for line in lines)


def _lines(update: Update, source: str) -> Iterator[str]:
    build, told = update.build, diagnose(update)
    template = build.status.template if build.status else None
    yield short(f"{template.name if template and template.name else source}: {told.headline}", _LINE_LIMIT)
    if build.run_started_at:
        yield f"Start: {iso(build.run_started_at)}"
    step = next((step for step in build.steps if step.state in ("failed", "stopped", "running")), None)
    if step:
        code = f", exit code {step.exit_code}" if step.exit_code is not None else ""
        yield short(f"Step: {step_phrase(step, len(build.steps)).removeprefix('step ')}{code}", _LINE_LIMIT)
    if told.cause:
        place = f" ({told.place})" if told.place else ""
        yield f"{told.label}: {short(told.cause, _LINE_LIMIT)}{place}"
    if told.message:
        yield f"Message: {short(told.message, _LINE_LIMIT)}"
    for line in told.evidence_beyond(f"{told.cause or ''} {told.message or ''}")[:_EVIDENCE_LINES]:
        yield f"  {line.line}: {short(plain_cause(line.text), _LINE_LIMIT)}"
    if told.remedy:
        yield f"What to do: {' '.join(clean_lines(told.remedy))}"
    if told.missing:
        yield f"The log: {clean(told.commands[0])}"
    if told.doc:
        yield f"More: {clean(told.doc)}"
    if build.facts.operation_id:
        yield f"Operation id: {clean(build.facts.operation_id)}"
