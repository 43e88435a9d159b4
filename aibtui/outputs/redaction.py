"""An Update without its secrets, for texts that are sent to others. Names stay: they are what people search for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from aibtui.core.updates import Alert, Evidence, Update
from aibtui.safetext import HIDDEN, mask_secrets

_ESCAPED = HIDDEN.replace("[", "\\[").replace("]", "\\]")  # as Markdown writes it


def without_secrets(update: Update) -> Update:
    """The same Update with every likely secret in its texts hidden, before anything cuts or folds them."""
    build, cause = update.build, update.root_cause
    status = build.status
    if status:
        message, error = _masked(status.message), _masked(status.provisioning_error)
        status = replace(status, message=message, provisioning_error=error)
    steps = tuple(replace(step, name=_masked(step.name)) for step in build.steps)
    return replace(
        update,
        build=replace(build, status=status, message=_masked(build.message), steps=steps),
        alerts=tuple(map(_alert, update.alerts)),
        root_cause=replace(cause, text=mask_secrets(cause.text)[0]) if cause else None,
    )


def hidden_note(text: str) -> str | None:
    """How many places of a text are hidden, in words; None where none is."""
    number = text.count(HIDDEN) + text.count(_ESCAPED)
    if number < 2:
        return "1 likely secret is hidden; --no-redact shows it" if number else None
    return f"{number} likely secrets are hidden; --no-redact shows them"


def _alert(alert: Alert) -> Alert:
    title, cause, remedy = (mask_secrets(text)[0] for text in (alert.title, alert.cause, alert.remedy))
    return replace(alert, title=title, cause=cause, remedy=remedy, evidence=tuple(_lines(alert.evidence)))


def _lines(evidence: Iterable[Evidence]) -> Iterable[Evidence]:
    """Line by line; a private key goes on over lines until its end."""
    in_key = False
    for line in evidence:
        in_key = in_key or ("-----BEGIN" in line.text and "PRIVATE KEY" in line.text)
        ends = in_key and "-----END" in line.text
        text = HIDDEN if in_key else mask_secrets(line.text)[0]
        in_key = in_key and not ends
        yield replace(line, text=text)


def _masked(text: str | None) -> str | None:
    return None if text is None else mask_secrets(text)[0]
