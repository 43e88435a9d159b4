"""Why a run failed or was stopped: the first cause in the step that ran, not the last echo of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core import families
from aibtui.core.build import Build, Step
from aibtui.core.clues import Clues
from aibtui.core.families import Clue, ClueKind
from aibtui.core.lines import Line
from aibtui.core.scan import Needle
from aibtui.core.updates import Alert, Evidence, RootCause

# What a line looks like that may be the cause, for the scanner; `families` decides.
NEEDLES: tuple[Needle, ...] = (
    *map(
        Needle.at_the_start,
        (
            r"At .* char:[0-9]",
            r"(?:E|W|dpkg|Line|Err|Failures|[A-Z][a-z]+-\w+|No package|Traceback|curl|The )\b",
        ),
    ),
    *map(
        Needle.anywhere,
        (
            r"\+ CategoryInfo  ",
            r"npm (?:error|ERR!)",
            r"(?i:\berror\b|\bfatal\b|failure|\w(?:error|exception):|\bexception\b|\bfailed\b|not found)",
            r"(?i:cannot|can't|denied)",
            r"(?i:\bunable to\b|could ?n[o']t|not installed|is missing|abort(?:ed|ing)|no such file|is not recognized)",
            r"(?i:exit(?:ed)? (?:with|code|status)|MainEngineThread|0x8a15[0-9a-f]|\bwarn(?:ing)?\b)",
            r"(?i:(?:exit|code|returned|error|status)[^0-9\n]{0,16}\b16[0-5][0-9]\b)",
            r": (?:line )?[0-9]+: ",
            r'<S S="Error">',
            r"No space left|Read-only file|Operation not|There is not enough|Invalid drive",
        ),
    ),
)

# Alerts that say that something failed, not what: Packer's and the service's last words.
_CARRIERS = frozenset(
    {"script-failed", "packer-build-failed", "build-timeout", "deployment-failed", "provisioning-failed"}
)

# Every other message of a failed build names the reason itself, and has a rule of its own.
_SCRIPT_EXIT = "exited with non-zero exit status"
_MOST_EVIDENCE = 20
_BELOW = 8
_STILL_THE_END = 12
_STILL_TOGETHER = 3


class Verdict(Struct, frozen=True):
    """The root cause, and the lines that prove it: its own first, then what came below it."""

    cause: RootCause
    evidence: tuple[Evidence, ...] = ()

    def proves(self, alerts: Sequence[Alert]) -> tuple[Alert, ...]:
        """The alerts, with the proof in the one that names the cause; what proved it before comes last."""
        if not self.evidence:
            return tuple(alerts)
        return tuple(
            replace(alert, evidence=self._joined(alert)) if alert.rule == self.cause.rule else alert for alert in alerts
        )

    def _joined(self, alert: Alert) -> tuple[Evidence, ...]:
        known = {evidence.line for evidence in self.evidence}
        others = tuple(evidence for evidence in alert.evidence if evidence.line not in known)
        room = max(_MOST_EVIDENCE - min(len(others), 2), 1)
        return (*self.evidence[:room], *others)[:_MOST_EVIDENCE]


def judge(build: Build, alerts: Sequence[Alert], clues: Clues) -> Verdict | None:
    """The first cause of a run that did not succeed; None while it runs or when it went well."""
    if build.outcome in ("running", "succeeded"):
        return None
    step = build.step if build.step and build.step.state in ("failed", "stopped") else None
    if build.outcome in ("stopped", "canceled", "timed-out") or (step and step.state == "stopped"):
        return _cause_of_stop(alerts, step)
    errors = [alert for alert in alerts if alert.severity == "error"]
    named = sorted(
        (alert for alert in errors if alert.rule not in _CARRIERS and alert.line is not None),
        key=lambda alert: (step is not None and alert.step != step.index, alert.line or 0),
    )
    runs = clues.screen(step) if step else []
    read = [families.read_clues(run) for run in runs]
    first = _first(runs, read)
    scripted = build.message is None or _SCRIPT_EXIT in build.message
    if step and first and (scripted or not named):
        return _in_step(step, first, named, runs, [clue for found in read for clue in found])
    if named:
        text = named[0].evidence[0].text if named[0].evidence else named[0].title
        return Verdict(RootCause(named[0].rule, named[0].line, named[0].step, text))
    carrier = next((alert for alert in errors if alert.rule not in _CARRIERS), next(iter(errors), None))
    index = step.index if step else None
    if carrier:
        text = carrier.evidence[0].text if carrier.evidence else build.message or carrier.title
        return Verdict(RootCause(carrier.rule, carrier.line, index, text))
    return Verdict(RootCause("script-failed", None, index, build.message)) if build.message else None


def _in_step(
    step: Step, first: Clue, named: Sequence[Alert], runs: Sequence[Sequence[Line]], clues: Sequence[Clue]
) -> Verdict:
    """The cause in a failed step, and its name: the alert that the record raised, else one raised before it in the
    step, else, where no more than a sentence or a warning speaks, one raised after it."""
    here = [alert for alert in named if alert.step == step.index]
    exact = next((alert for alert in here if any(_holds(first, proof.line) for proof in alert.evidence)), None)
    vague = first.kind in ("plain", "warning", "harmless")
    other = next((alert for alert in here if vague or (alert.line or 0) < first.line), None)
    if exact is None and other is not None:
        said = other.evidence[0].text if other.evidence else other.title
        line = other.line or first.line
        first = next((clue for clue in clues if _holds(clue, line)), Clue(line, line, "error", said))
    chosen = exact or other
    cause = RootCause(chosen.rule if chosen else "script-failed", first.line, step.index, first.text)
    return Verdict(cause, _evidence(first, runs))


def _holds(clue: Clue, line: int) -> bool:
    return clue.line <= line <= clue.last


def _evidence(clue: Clue, runs: Sequence[Sequence[Line]]) -> tuple[Evidence, ...]:
    """The record and some of what the step printed below it; bars, underlines and stack frames left out."""
    lines = [line for run in runs for line in run if line.number >= clue.line]
    shown = [*lines[:1], *families.without_decoration(lines[1:])]
    record = sum(1 for line in shown if line.number <= clue.last)
    return tuple(Evidence(line.number, line.text.strip()) for line in shown[: min(record + _BELOW, _MOST_EVIDENCE)])


def _first(runs: Sequence[Sequence[Line]], read: Sequence[Sequence[Clue]]) -> Clue | None:
    """The first cause among the clues of a failed step.

    A PowerShell record that ended the script, or the first of those that stand together with it at the end. Else the
    first error, records that the script survived last; else a sentence; else a warning, one that tells of a failure
    before one that does not.
    """
    clues = [clue for found in read for clue in found]
    ended = _that_ended(runs[-1], read[-1]) if runs else None
    if ended:
        return ended
    ranks: tuple[tuple[ClueKind, ...], ...] = (("tool", "error"), ("powershell",), ("plain",))
    for kinds in ranks:
        found = next((clue for clue in clues if clue.kind in kinds), None)
        if found:
            return found
    warnings = [clue for clue in clues if clue.kind == "warning"]
    failing = (clue for clue in warnings if families.tells_of_failure(clue.text))
    return next(failing, warnings[-1] if warnings else clues[-1] if clues else None)


def _that_ended(run: Sequence[Line], clues: Sequence[Clue]) -> Clue | None:
    """The first of the records that stand together at the end of a step, if the last of them is PowerShell's own."""
    records = [clue for clue in clues if clue.kind in ("powershell", "harmless", "tool")]
    last = next((clue for clue in reversed(records) if clue.kind != "tool"), None)
    if last is None or _others(run, clues, last.last, run[-1].number + 1) > _STILL_THE_END:
        return None
    first = last
    for clue in reversed(records[: records.index(last)]):
        if _others(run, clues, clue.last, first.line) > _STILL_TOGETHER:
            break
        if clue.kind != "harmless":
            first = clue
    return first


def _others(run: Sequence[Line], clues: Sequence[Clue], after: int, before: int) -> int:
    """How many lines with a text, of no record, stand between two lines."""
    return sum(
        1
        for line in run
        if after < line.number < before and line.text.strip() and not any(_holds(clue, line.number) for clue in clues)
    )


def _cause_of_stop(alerts: Sequence[Alert], step: Step | None) -> Verdict | None:
    open_alerts = [alert for alert in alerts if alert.open and alert.rule not in _CARRIERS]
    here = [alert for alert in open_alerts if step is None or alert.step == step.index]
    if not here:
        told = next((alert for alert in alerts if alert.severity == "error" and alert.rule in _CARRIERS), None)
        return Verdict(RootCause(told.rule, told.line, step.index if step else None, told.title)) if told else None
    first = min(here, key=lambda alert: (alert.severity == "info", alert.line is None, alert.line or 0))
    return Verdict(RootCause(first.rule, first.line, first.step, first.title))
