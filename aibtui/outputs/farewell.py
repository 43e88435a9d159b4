"""What stays in the terminal after the screen is gone: where the build stands or how it ended, in about ten lines."""

from __future__ import annotations

from collections.abc import Iterator

from aibtui.core.updates import Severity, Update
from aibtui.outputs.redaction import without_secrets
from aibtui.safetext import SafeText, clean
from aibtui.wording import (
    SEVERITIES,
    alert_line,
    cause_alert,
    count,
    duration,
    elapsed,
    outcome_sentence,
    reason,
    size,
    step_title,
)

_LABEL = 9
_MOST_ALERTS = 3
_LIMIT = 300
_WORST: tuple[Severity, ...] = tuple(SEVERITIES)


def farewell(name: str, update: Update, recorded: str | None) -> list[SafeText]:
    """The lines, without likely secrets. `recorded` is where the log is kept."""
    update = without_secrets(update)
    lines = [clean(f"{name}: {outcome_sentence(update)}", _LIMIT)]
    lines += [clean(f"  {label:<{_LABEL}} {said}", _LIMIT) for label, said in _facts(update, recorded)]
    return lines


def farewell_in_one(name: str, width: int, update: Update | None, failure: str | None) -> SafeText:
    """One line for one build of several; `width` is that of the names."""
    said = failure or "it was not looked at"
    if failure is None and update is not None:
        safe = without_secrets(update)
        why = reason(safe)
        said = outcome_sentence(safe) + (f": {why}" if why else "")
    return clean(f"{clean(name):<{width}}  {said}", _LIMIT)


def _facts(update: Update, recorded: str | None) -> Iterator[tuple[str, str]]:
    build = update.build
    step = build.step
    if step is not None:
        took = elapsed(step, update.at)
        yield "step", step_title(step, len(build.steps)) + (f", {duration(took)}" if took is not None else "")
    opened = sorted((alert for alert in update.alerts if alert.open), key=lambda alert: _WORST.index(alert.severity))
    for place, alert in enumerate(opened[:_MOST_ALERTS]):
        yield ("alerts" if place == 0 else ""), alert_line(alert)
    if len(opened) > _MOST_ALERTS:
        yield "", f"and {count(len(opened) - _MOST_ALERTS, 'more alert')}"
    why, about = reason(update), cause_alert(update)
    if why:
        where = update.root_cause.line if update.root_cause else None
        yield "cause", (f"line {where}: " if where is not None else "") + why
    remedy = about or (opened[0] if opened else None)
    if remedy is not None:
        yield "do", remedy.remedy
    if build.lines:
        kept = f", kept in {recorded}" if recorded else ", not kept"
        yield "log", f"{count(build.lines, 'line')}, {size(build.bytes)}{kept}"
