"""Why a run failed or was stopped: the first cause in the step that ran, not the last echo of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aibtui.core.build import Build, Step
from aibtui.core.lines import Block, Line, parse_line
from aibtui.core.updates import Alert, RootCause

ClueKind = Literal["record", "error", "warning"]

_MOST_CLUES = 400
_LOOK_BACK_LINES = 60
_LONGEST_MESSAGE = 14
_WRAP_COLUMN = 105

# What a line looks like that may be the cause. Needles are RE2, for the scanner; the patterns below decide.
NEEDLES: tuple[str, ...] = (
    r"\+ CategoryInfo  ",
    r"npm (?:error|ERR!)",
    r"(?i:\berror\b|\bfatal\b|\bexception\b|\bfailed\b|not found|cannot|denied)",
    r"WARNING: ",
    r"azure-arm: E: ",
)
_POSITION = re.compile(r"At (?:line|[A-Za-z]:\\.*|/.*):\d+ char:\d+$")
_CATEGORY = re.compile(r"\s+\+ CategoryInfo ")
_HEADER = re.compile(r"(?:[A-Za-z]:\\[^:*?<>|]*|[\w.+/-]+(?:\.\w+)?|'[^']+'|&) : \S")
_PATH_HEAD = re.compile(r"(?:[A-Za-z]:\\[^:*?<>|]*|[\w.-]+-?[\w.-]*)$")
_ERROR = re.compile(
    r"npm (?:error|ERR!)|(?:\S+ \S+ )?ERROR[ :]|error:|Error:|E: |fatal:|FATAL|FAILED|Exception"
    r"|\S+: (?:error|fatal|cannot|command not found)"
    r"|.*\b(?:command not found|No such file or directory|Permission denied|Access is denied|is not recognized as)\b"
)
_WARNING = re.compile(r"WARNING: ")
# Restarts print these as errors; they are part of every good one.
_BENIGN = re.compile(r".*\((?:1115|1190)\)\s*$|A system shutdown")
_DECORATION = re.compile(r"\s*\+( |$)|\s*~+\s*$|\s*$")


@dataclass(frozen=True, slots=True)
class Clue:
    """A line of a step that may be the cause, with the record it belongs to unwrapped into one text."""

    line: int
    kind: ClueKind
    text: str


class Clues:
    """The clues of the step that runs; a new step starts with none."""

    def __init__(self) -> None:
        self._step: int | None = None
        self._clues: list[Clue] = []

    @property
    def all(self) -> Sequence[Clue]:
        """Clues in the order of their lines."""
        return self._clues

    def see(self, line: Line, block: Block, offset: int, step: Step | None) -> None:
        """Take a candidate line at `offset` of `block`, printed while `step` ran."""
        if step is None or step.state != "running" or not line.builder or _BENIGN.match(line.text):
            return
        if step.index != self._step:
            self._step, self._clues = step.index, []
        clue = self._read(line, block, offset)
        if clue is None:
            return
        # A record is known by its last lines: what was taken for a clue inside it was a part of it.
        while clue.kind == "record" and self._clues and self._clues[-1].line >= clue.line:
            self._clues.pop()
        if len(self._clues) < _MOST_CLUES:
            self._clues.append(clue)

    def _read(self, line: Line, block: Block, offset: int) -> Clue | None:
        if _CATEGORY.match(line.text):
            return _record(line, block, offset)
        if _WARNING.match(line.text):
            return Clue(line.number, "warning", line.text.strip())
        if line.stream == "error" or _ERROR.match(line.text):
            return Clue(line.number, "error", line.text.strip())
        return None


def _record(category: Line, block: Block, offset: int) -> Clue:
    """The PowerShell error record that the line with its category belongs to."""
    above = []
    for shown in _screen_lines_above(block, offset, category.number):
        if not shown.text.strip() or "FullyQualifiedErrorId" in shown.text:
            break
        above.append(shown)
    positions = [place for place, shown in enumerate(above) if _POSITION.match(shown.text)]
    if "ParserError:" in category.text and positions:
        # A parse error has no header: it begins with `At file:line char:n`, and the message comes below the code.
        said = above[: positions[-1]][::-1]
        message = next((shown for shown in said if not _POSITION.match(shown.text) and not _is_code(shown)), category)
        return Clue(above[positions[-1]].number, "record", message.text.strip())
    said = above[positions[0] + 1 :] if positions else above
    head = next((place for place, shown in enumerate(said[:_LONGEST_MESSAGE]) if _HEADER.match(shown.text)), None)
    if head is None:
        # `throw "text"` prints the text alone; only its wrapping tells where it began.
        head = 0
        while head + 1 < len(said) and len(said[head + 1].text) >= _WRAP_COLUMN:
            head += 1
    elif head + 1 < len(said) and len(said[head + 1].text) >= _WRAP_COLUMN and _PATH_HEAD.match(said[head + 1].text):
        head += 1
    parts = [shown for shown in said[: head + 1][::-1] if not _is_code(shown)]
    if not parts:
        return Clue(category.number, "record", category.text.strip())
    return Clue(parts[0].number, "record", _unwrap(shown.text for shown in parts))


def _is_code(shown: Line) -> bool:
    return _DECORATION.match(shown.text) is not None


def _screen_lines_above(block: Block, offset: int, number: int) -> list[Line]:
    """What the screen showed above an offset, newest first, debug lines left out."""
    data = block.before + block.data
    end = len(block.before) + offset
    shown: list[Line] = []
    while end > 0 and len(shown) < _LOOK_BACK_LINES:
        start = data.rfind(b"\n", 0, end - 1) + 1
        number -= 1
        line = parse_line(data[start : end - 1], number)
        if line.builder:
            shown.append(line)
        end = start
    return shown


def _unwrap(parts: Iterable[str]) -> str:
    """PowerShell wraps at 120 columns; a part that begins with a blank continues the word before it."""
    text = ""
    for part in parts:
        text += part if not text or part.startswith(" ") else f" {part}"
    return text.strip()


def root_cause(build: Build, alerts: Sequence[Alert], clues: Sequence[Clue]) -> RootCause | None:
    """The first cause of a run that did not succeed; None while it runs or when it went well."""
    if build.outcome in ("running", "succeeded"):
        return None
    step = build.step
    ended_badly = step if step and step.state in ("failed", "stopped") else None
    errors = [alert for alert in alerts if alert.severity == "error"]
    if build.outcome in ("stopped", "canceled", "timed-out") or (ended_badly and ended_badly.state == "stopped"):
        return _cause_of_stop(alerts, ended_badly)
    named = next((alert for alert in errors if alert.rule not in _CARRIERS and alert.line is not None), None)
    if named:
        text = named.evidence[0].text if named.evidence else named.title
        return RootCause(named.rule, named.line, named.step, text)
    clue = _best(clues) if ended_badly else None
    if clue and ended_badly:
        return RootCause("script-failed", clue.line, ended_badly.index, clue.text)
    carrier = next(iter(errors), None)
    if carrier:
        text = carrier.evidence[0].text if carrier.evidence else build.message or carrier.title
        return RootCause(carrier.rule, carrier.line, ended_badly.index if ended_badly else None, text)
    if build.message:
        return RootCause("script-failed", None, ended_badly.index if ended_badly else None, build.message)
    return None


# Alerts that say that something failed, not what: Packer's and the service's last words.
_CARRIERS = frozenset({"script-failed", "packer-build-failed", "build-timeout"})


def _cause_of_stop(alerts: Sequence[Alert], step: Step | None) -> RootCause | None:
    open_alerts = [alert for alert in alerts if alert.open and alert.rule not in _CARRIERS]
    here = [alert for alert in open_alerts if step is None or alert.step == step.index]
    if not here:
        return None
    first = min(here, key=lambda alert: (alert.line is None, alert.line or 0))
    return RootCause(first.rule, first.line, first.step, first.title)


def _best(clues: Sequence[Clue]) -> Clue | None:
    """The first error record of the step; else its first error-like line; else its last warning."""
    for kind in ("record", "error"):
        first = next((clue for clue in clues if clue.kind == kind), None)
        if first:
            return first
    return clues[-1] if clues else None
