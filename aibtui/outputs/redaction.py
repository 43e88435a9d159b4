"""An Update, or lines, without secrets, for whoever may read them. Names stay: they are what people search for."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from aibtui.core.updates import Alert, Evidence, Update
from aibtui.core.validation import Validation
from aibtui.outputs.masking import Masker
from aibtui.outputs.writer import LineWriter
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
        alerts=tuple(map(alert_without_secrets, update.alerts)),
        root_cause=replace(cause, text=mask_secrets(cause.text)[0]) if cause else None,
        validation=_validation(update.validation) if update.validation else None,
    )


class RedactedWriter(LineWriter):
    """Lines without likely secrets: what a command prints is kept by pipelines and terminals, and many may read it."""

    def write(self, *lines: str) -> None:
        super().write(*lines_without_secrets(lines))


def lines_without_secrets(lines: Iterable[str]) -> list[str]:
    """The same lines, masked before anything cuts them; a private key goes on from one to the next."""
    masker = Masker()
    return [masker.block(line) for line in lines]


def hidden_note(text: str, remedy: str = "; --no-redact shows") -> str | None:
    """How many places of a text are hidden, in words; None where none is. `remedy` says how to see them."""
    return hidden_count_note(text.count(HIDDEN) + text.count(_ESCAPED), remedy)


def hidden_count_note(number: int, remedy: str = "; --no-redact shows") -> str | None:
    """So many hidden places, in words; None for none."""
    if number < 2:
        return f"1 likely secret is hidden{remedy and f'{remedy} it'}" if number else None
    return f"{number} likely secrets are hidden{remedy and f'{remedy} them'}"


def _validation(seen: Validation) -> Validation:
    cause = replace(seen.cause, text=mask_secrets(seen.cause.text)[0]) if seen.cause else None
    return replace(seen, cause=cause, last=tuple(mask_secrets(text)[0] for text in seen.last))


def alert_without_secrets(alert: Alert) -> Alert:
    """The same alert with every likely secret in its texts hidden."""
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
