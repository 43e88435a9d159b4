"""Holds: planned sleeps that keep the build VM within reach. Finds them in the source, and says when one has begun.

A hold begins where the running step prints its marker, or falls silent right where its source sleeps; it ends when the
step prints again or ends, or when its time is over. What only looks like one is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.alerts import Alerts
from aibtui.core.build import Build, Output, Step
from aibtui.core.commands import Dialect
from aibtui.core.durations import shell_span
from aibtui.core.lines import Block, Line, parse_line
from aibtui.core.polls import Template
from aibtui.core.regex import regex
from aibtui.core.rulebook import Match, Rule
from aibtui.core.scan import Needle
from aibtui.core.sleeps import LEAST_SECONDS, Plan, Sleep, plan_of
from aibtui.core.updates import Alert, Change, Evidence, Hold, HoldBegan, HoldEnded, PlannedHold

MARKER: Final = "Sleep"
RULE: Final = "sleep-hold"
_DIALECTS: Final[dict[str, Dialect]] = {"powershell": "powershell", "windows-shell": "powershell", "shell": "shell"}
_SETTLES: Final = timedelta(seconds=10)
"""A marker that nothing was planned for counts once nothing has come for so long."""
_STILL_ANNOUNCING: Final = timedelta(seconds=5)
_SILENT: Final = timedelta(minutes=1)
_LONGEST_UNKNOWN: Final = timedelta(hours=1)
_MOST_SOURCE_LINES: Final = 20_000
_FOUND = "Found command: "
_HEADLINE = "Provisioning with "
_SOURCE_ENDS = regex(r"Writing PowerShell script to file: |Opening \S+ for reading$|Uploading env vars to ")


class _Marked(Struct, frozen=True):
    """A marker without a plan, not yet believed."""

    line: Line
    seconds: float | None


class Holds:
    """The holds of one log. `alerts` gets the alert of `rule`, which also knows the usual words for a marker."""

    def __init__(self, alerts: Alerts, rule: Rule | None, marker: str = MARKER) -> None:
        self.hold: Hold | None = None
        self.ended_at: datetime | None = None
        """When the last one ended: silence counts from there."""
        self.held = timedelta()
        """How long the holds of the running step have lasted that are over."""
        self._slept_in: dict[int, timedelta] = {}
        self._alerts = alerts
        self._rule = rule
        self._marker = marker.strip()
        self._by_template: dict[int, Plan] = {}
        self._by_source: dict[int, Plan] = {}
        self._step: int | None = None
        self._pending: list[Sleep] = []
        self._slept: Sleep | None = None
        self._doubted: set[int] = set()
        self._marked: _Marked | None = None
        self._news: list[tuple[int, Change]] = []
        self._source: list[str] | None = None
        self._read_to = 0

    @staticmethod
    def needle(marker: str) -> Needle:
        """What the scanner must look for so that no marker is missed."""
        return Needle.at_the_start(rf" *(?i:{re.escape(marker.strip())})")

    def use(self, rule: Rule | None) -> None:
        """Another rule from now on."""
        self._rule = rule

    @property
    def attentive(self) -> bool:
        """Whether the next line that the step prints has a meaning, whatever it says."""
        return self.hold is not None or self._marked is not None

    def take_news(self) -> list[tuple[int, Change]]:
        """What began and ended since this was asked last, each with its place among the lines."""
        news, self._news = self._news, []
        return news

    def counted(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps, with how long each has slept by plan."""
        if not self._slept_in:
            return steps
        return tuple(replace(step, held=self._slept_in.get(step.index, step.held)) for step in steps)

    def planned(self, build: Build) -> tuple[PlannedHold, ...]:
        """The holds that are still to come."""
        current = build.step.index if build.step else 0
        over = build.step is not None and not _runs(build.step)
        found: list[PlannedHold] = []
        for index in sorted({*self._by_template, *self._by_source}):
            if index < current or (index == current and over) or build.outcome != "running":
                continue
            sleeps = self._pending if index == self._step else self._plan(index).sleeps
            found += [PlannedHold(index, sleep.seconds, sleep.text) for sleep in sleeps]
        return tuple(found)

    # What is planned

    def know(self, template: Template | None, steps: Sequence[Step]) -> None:
        """The template's own scripts: customizer n is step n + 2, where the plan has one for each besides AIB's two."""
        customizers = template.customizers if template else ()
        if steps and len(customizers) != len(steps) - 2:
            self._by_template = {}
            return
        if self._by_template or not any(each.inline for each in customizers):
            return
        for place, each in enumerate(customizers):
            dialect = {"PowerShell": "powershell", "Shell": "shell"}.get(each.type)
            if each.inline and dialect:
                plan = plan_of("\n".join(each.inline), "powershell" if dialect == "powershell" else "shell")
                if plan.sleeps or plan.short_only:
                    self._by_template[place + 2] = plan

    def find_source(self, block: Block, offset: int) -> None:
        """A script's source begins at this line of the block: read it as far as it has come."""
        if self._source is None and offset >= self._read_to:
            self._source = []
            self._read_source(block.data, offset)

    def go_on(self, block: Block) -> None:
        """More lines: a source may go on in them."""
        self._read_to = 0
        if self._source is not None:
            self._read_source(block.data, 0)

    def _read_source(self, data: bytes, at: int) -> None:
        """Only the provisioner's own lines and those without a prefix are source; others may stand between them."""
        assert self._source is not None
        while at < len(data):
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            line = parse_line(data[at:end], 0)
            mine = line.stream == "log" and (line.process or "").startswith("packer-provisioner-")
            if (mine and _SOURCE_ENDS.match(line.text)) or len(self._source) >= _MOST_SOURCE_LINES:
                self._understand(self._source)
                self._source, self._read_to = None, at
                return
            if mine or line.stream == "raw":
                self._source.append(line.text.removeprefix(_FOUND) if mine else line.text)
            at = end + 1
        self._read_to = len(data)

    def _understand(self, source: list[str]) -> None:
        if self._step is None:
            return
        self._by_source[self._step] = plan = plan_of("\n".join(source), "powershell")
        self._pending = list(plan.sleeps)

    def _plan(self, index: int | None) -> Plan:
        known = self._by_source.get(index or 0)
        return known if known is not None else self._by_template.get(index or 0, Plan())

    # What happens

    def enter(self, step: Step | None) -> None:
        """Where the build is now, before its next line is looked at."""
        index = step.index if step is not None and _runs(step) else None
        if index != self._step:
            self._step, self.held, self._slept = index, timedelta(), None
            self._pending = list(self._plan(index).sleeps)

    def see(self, line: Line, step: Step | None) -> None:
        """A line that may be a marker, or the end of a step."""
        if step is None or not _runs(step) or step.index != self._step:
            stopped = step is not None and step.state == "stopped"
            self._end(line.at, line.number, "stopped" if stopped else "")
            self._marked = None
            self.enter(step)
            return
        if not line.builder or not line.text.strip():
            return
        announced = self._announced(line.text.strip())
        if announced is None or step.type not in _DIALECTS:
            self.printed(line)
            return
        if self.hold is not None:
            self.printed(line)
            if self.hold is not None:
                return
        seconds = announced if announced > 0 else None
        sleep = self._due(line.text)
        if sleep is not None:
            self._begin(step, line, sleep.seconds, sleep)
        elif (seconds is None or seconds >= LEAST_SECONDS) and not self._plan(step.index).short_only:
            self._marked = _Marked(line, seconds)

    def printed(self, line: Line) -> None:
        """The running step printed a line."""
        at = line.at
        marked, hold = self._marked, self.hold
        if marked is not None and line.number > marked.line.number:
            if at is not None and marked.line.at is not None and at - marked.line.at >= _SETTLES:
                self._believe()
                hold = self.hold
            self._marked = None
        if hold is None or at is None or hold.line is None or line.number <= hold.line:
            return
        if at - hold.began_at > (_STILL_ANNOUNCING if hold.planned else timedelta()):
            self._end(at, line.number, "printed")

    def pass_time(self, at: datetime, quiet_since: datetime | None, build: Build) -> None:
        """Time passes. `quiet_since` is when the last line came, if it is known."""
        hold, step = self.hold, build.step
        if hold is not None:
            until = hold.until or hold.began_at + _LONGEST_UNKNOWN
            if hold.seconds is None and hold.planned:
                return
            if at >= until:
                self._end(until, max(hold.line or 0, build.lines), "over")
            return
        if self._marked and self._marked.line.at and at - self._marked.line.at >= _SETTLES:
            self._believe()
            return
        if step is None or not _runs(step) or step.index != self._step or self._source is not None:
            return
        output = build.output
        if quiet_since is not None and at - quiet_since >= _SILENT and output is not None and self._pending:
            sleep = self._silent_at(output, step)
            if sleep is not None:
                line = Line(output.line, quiet_since, "ui", output.text)
                self._begin(step, line, sleep.seconds, sleep)

    def finish(self) -> None:
        """No look comes any more: a marker that stands at the very end is believed."""
        if self.hold is None and self._marked is not None:
            self._believe()

    def _announced(self, text: str) -> float | None:
        """The seconds that a marker names, 0 where it names none; None for what is no marker."""
        exact = text.rstrip(".!").strip().casefold() == self._marker.rstrip(".!").casefold()
        rule = self._rule
        values = rule.condition.pattern.find(text) if rule and isinstance(rule.condition, Match) else None
        length = values.get("time") if values else None
        if values is not None and (length or self._marker.casefold() == MARKER.casefold()):
            return _length(length) if length else 0.0
        return 0.0 if exact else None

    def _due(self, text: str) -> Sleep | None:
        """The planned sleep that a marker announces; those before it are past."""
        for place, sleep in enumerate(self._pending):
            if sleep.said is not None and sleep.said.fullmatch(text):
                del self._pending[:place]
                return sleep
        return self._pending[0] if self._pending else None

    def _silent_at(self, output: Output, step: Step) -> Sleep | None:
        """The planned sleep that a silence after this output must be; None where it may be anything else."""
        said = output.text.strip()
        for place, sleep in enumerate(self._pending):
            if sleep.said is not None and not sleep.opaque and sleep.said.fullmatch(said):
                del self._pending[:place]
                return sleep
        sleep = self._pending[0]
        if not sleep.certain or sleep.line in self._doubted or len(self._pending) > 1:
            return None
        nothing_yet = said.startswith(_HEADLINE)
        if not sleep.opaque:
            return sleep if sleep.said is None and nothing_yet else None
        echoed = any(each.fullmatch(said) for each in self._plan(step.index).prints)
        return sleep if sleep.last and not nothing_yet and not echoed else None

    def _believe(self) -> None:
        marked, self._marked = self._marked, None
        if marked is not None and self._step is not None:
            self._begin(Step(self._step, ""), marked.line, marked.seconds, None)

    def _begin(self, step: Step, line: Line, seconds: float | None, sleep: Sleep | None) -> None:
        if line.at is None:
            return
        if sleep is not None and sleep in self._pending:
            self._pending.remove(sleep)
        self._slept, self._marked = sleep, None
        until = line.at + timedelta(seconds=seconds) if seconds is not None else None
        self.hold = Hold(step.index, line.at, until, seconds, line.number, sleep is not None)
        self._news.append((line.number * 4 + 3, HoldBegan(line.at, self.hold)))
        if self._rule is not None:
            self._alerts.note(_alert(self._rule, self.hold, line), anew=True)

    def _end(self, at: datetime | None, number: int, why: str) -> None:
        hold = self.hold
        if hold is None:
            return
        at = max(at or hold.began_at, hold.began_at)
        self.hold, self.ended_at = None, at
        self.held += at - hold.began_at
        self._slept_in[hold.step] = self._slept_in.get(hold.step, timedelta()) + (at - hold.began_at)
        self._news.append((max(number * 4 - 1, (hold.line or 0) * 4 + 3), HoldEnded(at, hold)))
        if why != "stopped":
            self._alerts.end(RULE, at)
        sleep = self._slept
        if why == "printed" and sleep and hold.seconds and at - hold.began_at < timedelta(seconds=hold.seconds / 2):
            # It was none: the sleep is still to come, and silence has deceived once.
            self._doubted.add(sleep.line)
            self._pending.insert(0, sleep)


def _runs(step: Step) -> bool:
    """Whether a script of the user's may be running in it."""
    return step.state == "running" and not step.hidden and step.exit_code is None


def _length(text: str) -> float:
    """`15 minutes`, `600 s` as seconds."""
    match = re.match(r"(\d+)\s*([smh])", text.lower())
    return (shell_span(f"{match[1]}{match[2]}", {}) or 0.0) if match else 0.0


def rule_of(rules: Iterable[Rule]) -> Rule | None:
    """The row that tells how a hold is announced, and what its alert says."""
    return next((rule for rule in rules if rule.id == RULE), None)


def without_holds(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules that look at lines alone."""
    return tuple(rule for rule in rules if rule.id != RULE)


def _alert(rule: Rule, hold: Hold, line: Line) -> Alert:
    if hold.until is not None and hold.seconds is not None:
        minutes = f"{hold.seconds / 60:.0f} minutes"
        title = f"Step {hold.step} sleeps for {minutes}, until {hold.until:%H:%M} UTC"
    elif hold.planned:
        title = f"Step {hold.step} sleeps without an end of its own"
    else:
        title = f"Step {hold.step} has announced a sleep, and does not say for how long"
    return replace(
        Alert(rule.id, rule.severity, title, rule.cause, rule.remedy, hold.began_at, line.number),
        doc=rule.doc,
        evidence=(Evidence(line.number, line.text.strip()),),
        step=hold.step,
    )
