"""The report as one HTML page that loads nothing: what `explain` says, a waterfall, and the log by step."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from aibtui import __version__
from aibtui.core.build import Phase, State, Step
from aibtui.core.forecast import Baseline, step_keys
from aibtui.core.updates import Update
from aibtui.history import EarlierRun
from aibtui.outputs.diagnosis import diagnose
from aibtui.outputs.fitting import is_command, plain_cause, remedy_lines
from aibtui.outputs.log_excerpt import LogBytes, excerpt
from aibtui.outputs.masking import Masker
from aibtui.outputs.redaction import hidden_count_note, without_secrets
from aibtui.outputs.report import against_dict, report
from aibtui.outputs.timeline import begun_steps, phases_not_reached, reached_phases
from aibtui.outputs.writer import json_text
from aibtui.safetext import HIDDEN, clean
from aibtui.side_by_side import against, heading, rows
from aibtui.wording import (
    OUTCOMES,
    SEVERITIES,
    capital,
    clock,
    count,
    duration,
    elapsed,
    iso,
    phase_name,
    run_elapsed,
    severity_glyph,
    size,
    state_glyph,
    step_name,
)

_DATA: Final = '<script type="application/json"'
_LEAST: Final = 0.3  # percent of the width, so that a short step is seen
_SAME: Final = timedelta(seconds=5)
_OUTCOME_STATES: Final[dict[str, State]] = {
    "running": "running",
    "succeeded": "done",
    "partially-succeeded": "done",
    "stopped": "stopped",
    "canceled": "stopped",
}


class Bar(Struct, frozen=True):
    """A row of the waterfall: where it begins and how wide it is, in percent of the run's time."""

    part: Phase | Step
    name: str
    took: timedelta | None
    left: float
    width: float


class StepRow(Struct, frozen=True):
    """A row of the step table: what the step took, and what it usually takes, by how many earlier runs."""

    step: Step
    name: str
    took: timedelta | None
    usual: timedelta | None
    runs: int

    @property
    def delta(self) -> str | None:
        """Against the median, planned sleeps left aside: `+3:10`, `-0:20`; None where there is nothing to speak of."""
        if self.took is None or self.usual is None:
            return None
        worked = self.took - self.step.held
        if abs(worked - self.usual) < _SAME:
            return None
        return f"{'+' if worked > self.usual else '-'}{duration(abs(worked - self.usual))}"


def html(
    update: Update,
    source: str,
    log: LogBytes | None,
    baseline: Baseline,
    *,
    redact: bool = True,
    earlier: EarlierRun | None = None,
) -> str:
    """The page. `source` names the file or the template, `log` is read for its lines, `baseline` holds earlier runs.

    `earlier` is the run that this one is compared with. Secrets are hidden and counted unless `redact` is False. The
    data for programs in it is the report of `explain`.
    """
    shown = without_secrets(update) if redact else update
    compared = against_dict(shown, earlier) if earlier else None
    known: Mapping[str, object] = {**report(shown, source), **({"against": compared} if compared else {})}
    if redact:
        masked = Masker().value(known)
        known = masked if isinstance(masked, dict) else known
    environment = _environment()
    style, script = (_asset(environment, name) for name in ("report.css", "report.js"))
    template = environment.get_template("report.html")
    succeeded = shown.build.outcome in ("succeeded", "partially-succeeded")
    drawn = {
        "update": shown,
        "build": shown.build,
        "told": diagnose(shown),
        "title": _title(shown, source),
        "outcome": OUTCOMES[shown.build.outcome],
        "outcome_state": _OUTCOME_STATES.get(shown.build.outcome, "failed"),
        "facts": list(_facts(shown, source)),
        "bars": list(_bars(shown)),
        "not_reached": [] if succeeded else [phase_name(phase.name) for phase in phases_not_reached(shown.build)],
        "steps": list(_steps(shown, baseline)),
        "compared": (heading(earlier), list(rows(against(shown, earlier)))) if earlier and shown.build.steps else None,
        "parts": excerpt(shown, log, redact=redact) if log is not None and log.size else (),
        "report": known,
        "version": __version__,
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
    }
    text = template.render(drawn, note=None)
    # Counted in what is drawn; the data for programs only says it once more.
    note = hidden_count_note(text[: text.index(_DATA)].count(HIDDEN)) if redact else None
    text = template.render(drawn, note=note) if note else text
    # In ASCII it survives any stream, and without `##` on a stream that a build runner reads too.
    return text.replace("##", "#&#35;").encode("ascii", "xmlcharrefreplace").decode()


def _environment() -> Environment:
    """Whatever the template writes goes through `clean`, and is escaped then, unless it is part of the page itself."""
    made = Environment(
        loader=PackageLoader("aibtui.outputs", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_drawn,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Any] = {
        "clock": lambda at: clock(at, UTC),
        "count": count,
        "duration": duration,
        "iso": iso,
        "is_command": is_command,
        "plain_cause": plain_cause,
        "remedy_lines": remedy_lines,
        "severity": SEVERITIES.__getitem__,
        "severity_glyph": severity_glyph,
        "state_glyph": state_glyph,
    }
    made.filters.update(words)
    made.policies.update({"json.dumps_function": json_text, "json.dumps_kwargs": {}})
    return made


def _drawn(value: object) -> object:
    return clean(value, None) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(environment: Environment, name: str) -> Markup:
    """A part of the page itself, as it is."""
    loader = environment.loader
    if loader is None:
        raise RuntimeError("the environment was made with a loader")
    return Markup(loader.get_source(environment, name)[0])


def _hash(text: str) -> str:
    """What the page's policy calls an inline style or script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _title(update: Update, source: str) -> str:
    template = update.build.status.template if update.build.status else None
    return template.name if template and template.name else source.rstrip("/").rpartition("/")[2] or source


def _facts(update: Update, source: str) -> Iterator[tuple[str, str]]:
    build, facts, status = update.build, update.build.facts, update.build.status
    ended = (status.ended_at if status else None) or build.ended_at
    took = run_elapsed(update)
    rows = {
        "Template": status.template.id or status.template.name if status and status.template else None,
        "Run state": ", ".join(filter(None, (status.run_state, status.sub_state))) if status else None,
        "Started": iso(build.run_started_at) if build.run_started_at else None,
        "Ended": iso(ended) if ended and build.outcome != "running" else None,
        "Took": duration(took) if took is not None else None,
        "Time-out": f"{duration(build.timeout)}" if build.timeout else None,
        "Source image": facts.source,
        "VM size": facts.vm_size,
        "Staging group": facts.staging_group,
        "Packer": facts.packer,
        "Operation id": facts.operation_id,
        "Log" if build.format else "File": f"{source}, {size(build.bytes)}, {count(build.lines, 'line')}",
    }
    yield from ((name, value) for name, value in rows.items() if value)


def _bars(update: Update) -> Iterator[Bar]:
    """The phases that were reached, the steps under the one that they make up."""
    build = update.build
    parts: list[Phase | Step] = []
    for phase in reached_phases(build):
        parts.append(phase)
        if phase.name == "customize":
            parts += begun_steps(build)
    ends = [at for part in parts if (at := part.ended_at or build.ended_at)]
    if not parts or not ends:
        return
    begin = min(part.started_at for part in parts if part.started_at)
    span = max((max(ends) - begin).total_seconds(), 1.0)

    def percent(at: datetime) -> float:
        return min(max(round(100 * (at - begin).total_seconds() / span, 2), 0.0), 100 - _LEAST)

    for part in parts:
        if part.started_at is None:
            continue
        took = elapsed(part, build.ended_at)
        left = percent(part.started_at)
        right = percent(part.started_at + took) if took is not None else left
        name = capital(phase_name(part.name)) if isinstance(part, Phase) else f"{part.index} {step_name(part)}"
        yield Bar(part, name, took, left, max(round(right - left, 2), _LEAST))


def _steps(update: Update, baseline: Baseline) -> Iterator[StepRow]:
    build = update.build
    for step, key in zip(build.steps, step_keys(build.steps), strict=True):
        samples = baseline.steps.get(key, ())
        usual = timedelta(seconds=median(sample.total_seconds() for sample in samples)) if samples else None
        yield StepRow(step, step_name(step), elapsed(step, build.ended_at), usual, len(samples))
