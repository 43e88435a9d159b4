"""Runs the rules over lines, run states and time; what they find are the alerts of one run, in the order of finding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aibtui.core.build import Build, Step
from aibtui.core.lines import Line
from aibtui.core.polls import Status
from aibtui.core.rulebook import (
    LOG_PLACES,
    Lasting,
    Match,
    Repeat,
    Rule,
    Silence,
    Stage,
    Stall,
    Succession,
    needle,
)
from aibtui.core.updates import Alert, Evidence, Severity

_MOST_EVIDENCE = 20
_LARGE_VM_CORES = 8
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_CORES = re.compile(r"_[A-Z]+(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the build is while a line is seen or time passes, as far as rules may ask."""

    at: datetime
    phase: str | None = None
    step: Step | None = None
    vm_size: str | None = None
    source: str | None = None


def moment_of(build: Build, at: datetime) -> Moment:
    """The moment of a build at `at`, the log's own time."""
    phase = build.phase
    return Moment(at, phase.name if phase else None, build.step, build.facts.vm_size, build.facts.source)


@dataclass(slots=True)
class _Loop:
    """A stage of a repetition under way: its first and last line, how often, since when."""

    first: Line
    last: Line
    since: datetime
    count: int = 1


@dataclass(slots=True)
class _Memory:
    """What one rule remembers between lines."""

    found: list[Line] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    loops: dict[int, _Loop] = field(default_factory=dict)
    armed: bool = False
    step: int | None = None
    since: datetime | None = None


def place_of(line: Line) -> str:
    """What a rule's `where` calls a line."""
    if line.stream in ("ui", "error"):
        return "output" if line.builder else "packer"
    return "debug" if line.stream == "log" else "raw"


class Alerts:
    """All alerts of one run."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_place = {place: [rule for rule in self._rules if place in rule.where] for place in LOG_PLACES}
        self._timed = [rule for rule in self._rules if isinstance(rule.condition, Silence | Stall | Lasting)]
        self._memory = {rule.id: _Memory() for rule in self._rules}
        self._raised: dict[str, Alert] = {}

    @property
    def all(self) -> tuple[Alert, ...]:
        """Every alert of the run, ended ones too."""
        return tuple(self._raised.values())

    @staticmethod
    def needles(rules: Iterable[Rule]) -> tuple[str, ...]:
        """What the scanner must look for so that no rule misses a line (RE2 syntax)."""
        return tuple(needle(pattern) for rule in rules if rule.where & LOG_PLACES for pattern in rule.patterns)

    def see_line(self, line: Line, now: Moment) -> None:
        """Run the rules of the log over one line."""
        for rule in self._by_place[place_of(line)]:
            if _applies(rule, now):
                self._see(rule, line, now)

    def see_text(self, place: str, text: str, now: Moment) -> None:
        """Run the rules of a text that is no log: a run's message, a provisioning error, a task's output line."""
        for rule in self._rules:
            if place in rule.where and isinstance(rule.condition, Match) and rule.id not in self._raised:
                values = rule.condition.pattern.find(text)
                if values is not None and not (rule.unless and rule.unless.find(text) is not None):
                    self._raise(rule, rule.severity, (), 1, now, {**values, "text": text})

    def tick(self, now: Moment, build: Build, quiet_since: datetime | None) -> None:
        """Let time pass: rules about silence, stalls and lasting states. `quiet_since` is when the last line came."""
        for rule in self._timed:
            match rule.condition:
                case Silence(over, last):
                    quiet = now.at - quiet_since if quiet_since else timedelta()
                    runs = now.step is not None and now.step.state == "running" and _applies(rule, now)
                    said = last is None or (build.output is not None and last.find(build.output.text) is not None)
                    lines = (Line(build.lines, quiet_since, "ui", build.output.text if build.output else ""),)
                    self._hold(rule, runs and said and quiet >= over, lines, now, quiet)
                case Stall(over):
                    self._see_stall(rule, over, now, build)
                case Lasting():
                    pass

    def see_status(self, status: Status, now: Moment) -> None:
        """Run the rules of the run's message, of the provisioning error and of states that last."""
        if status.message:
            self.see_text("message", status.message, now)
        if status.provisioning_error:
            self.see_text("provisioning", status.provisioning_error, now)
        for rule in self._timed:
            if isinstance(rule.condition, Lasting):
                memory = self._memory[rule.id]
                holds = rule.condition.state in (status.run_state, status.provisioning_state)
                memory.since = (memory.since or now.at) if holds else None
                lasted = now.at - memory.since if memory.since else timedelta()
                self._hold(rule, holds and lasted >= rule.condition.over, (), now, lasted)

    def fail(self, now: Moment) -> None:
        """The step or the build failed: what was likely the reason is an error now."""
        failed = now.step.index if now.step else None
        for rule in self._rules:
            alert = self._raised.get(rule.id)
            if rule.likely and alert and alert.severity != "error" and alert.step in (failed, None):
                self._raised[rule.id] = replace(alert, severity="error")

    def leave_step(self, now: Moment) -> None:
        """Another step began: what was about the last one is over."""
        for rule in self._rules:
            if isinstance(rule.condition, Silence | Stall | Repeat):
                self._close(rule.id, now.at)
            memory = self._memory[rule.id]
            memory.loops.clear()
            memory.armed = False
            if isinstance(rule.condition, Succession) and rule.condition.within is None:
                memory.found.clear()

    def note(self, alert: Alert) -> None:
        """Take an alert that code found and no rule could."""
        self._raised[alert.rule] = alert

    def end(self, rule_id: str, at: datetime) -> None:
        """The condition of an alert that code found holds no more."""
        self._close(rule_id, at)

    def _see(self, rule: Rule, line: Line, now: Moment) -> None:
        text = line.text.strip()
        if rule.unless and rule.unless.find(text) is not None:
            return
        match rule.condition:
            case Match(pattern):
                values = pattern.find(text)
                if values is not None:
                    self._raise(rule, rule.severity, (line,), 1, now, values)
            case Succession():
                self._see_part(rule, rule.condition, line, text, now)
            case Repeat():
                self._see_again(rule, rule.condition, line, text, now)
            case _:
                pass

    def _see_part(self, rule: Rule, condition: Succession, line: Line, text: str, now: Moment) -> None:
        memory = self._memory[rule.id]
        if condition.within and memory.found and memory.found[0].at and now.at - memory.found[0].at > condition.within:
            memory.found.clear()
        values = condition.parts[len(memory.found)].find(text)
        if values is None:
            return
        memory.found.append(line)
        memory.values |= values
        if len(memory.found) == len(condition.parts):
            self._raise(rule, rule.severity, tuple(memory.found), 1, now, memory.values)
            memory.found.clear()

    def _see_again(self, rule: Rule, condition: Repeat, line: Line, text: str, now: Moment) -> None:
        memory = self._memory[rule.id]
        if condition.until and condition.until.find(text) is not None:
            memory.loops.clear()
            self._close(rule.id, now.at)
            return
        if condition.after and not memory.armed:
            memory.armed = condition.after.find(text) is not None
            return
        for place, stage in enumerate(condition.stages):
            values = stage.pattern.find(text)
            if values is None:
                continue
            loop = memory.loops.setdefault(place, _Loop(line, line, now.at, 0))
            loop.last, loop.count = line, loop.count + 1
            lasted = max(now.at - loop.since, condition.beat * (loop.count - 1))
            if lasted >= stage.over and loop.count >= stage.times:
                told = {**values, "minutes": _minutes(lasted), "count": str(loop.count)}
                self._raise(rule, stage.severity, (loop.first, loop.last), loop.count, now, told, stage)

    def _see_stall(self, rule: Rule, over: timedelta, now: Moment, build: Build) -> None:
        download = build.downloads[-1] if build.downloads else None
        holds = False
        lines: tuple[Line, ...] = ()
        stood = timedelta()
        if download and download.at and now.step and now.step.state == "running" and _applies(rule, now):
            unfinished = download.percent is None or download.percent < 100
            in_step = now.step.first_line is not None and download.first_line >= now.step.first_line
            stood = now.at - download.at
            holds = unfinished and in_step and stood >= over
            amount = f"{download.name} {download.percent or 0:.0f} %"
            lines = (Line(download.last_line, download.at, "ui", amount),)
        self._hold(rule, holds, lines, now, stood)

    def _hold(self, rule: Rule, holds: bool, lines: tuple[Line, ...], now: Moment, lasted: timedelta) -> None:
        """A condition of time: raise when it begins to hold, tell how long it lasts, close when it holds no more."""
        if not holds:
            self._close(rule.id, now.at)
            return
        known, memory = self._raised.get(rule.id), self._memory[rule.id]
        told = {"minutes": _minutes(lasted), "text": lines[0].text.strip() if lines else None}
        if known is None or not known.open or memory.values != told:
            memory.values = told
            self._raise(rule, rule.severity, lines, 1, now, told)

    def _raise(
        self,
        rule: Rule,
        severity: Severity,
        lines: tuple[Line, ...],
        count: int,
        now: Moment,
        values: Mapping[str, str | None],
        stage: Stage | None = None,
    ) -> None:
        known = self._raised.get(rule.id)
        evidence = tuple(Evidence(line.number, line.text.strip()) for line in lines)
        if known and known.open and isinstance(rule.condition, Match | Succession):
            grown = (*known.evidence, *evidence)[:_MOST_EVIDENCE]
            self._raised[rule.id] = replace(known, count=known.count + count, evidence=grown)
            return
        told = {"vm_size": now.vm_size, "source": now.source, "step": now.step.type if now.step else None, **values}
        remedy = (
            rule.large_vm_remedy if rule.large_vm_remedy and _cores(now.vm_size) >= _LARGE_VM_CORES else rule.remedy
        )
        again = known if known and known.open else None
        if known and not again:
            self._raised.pop(rule.id)  # raised anew: it stands where it was raised last
        self._raised[rule.id] = Alert(
            rule=rule.id,
            severity="error" if again and again.severity == "error" else severity,
            title=_fill((stage.title if stage else None) or rule.title, told),
            cause=_fill((stage.cause if stage else None) or rule.cause, told),
            remedy=_fill(remedy, told),
            at=again.at if again else now.at,
            line=lines[0].number if lines else None,
            count=count,
            doc=rule.doc,
            evidence=evidence,
            step=now.step.index if now.step and rule.where & LOG_PLACES else None,
        )

    def _close(self, rule_id: str, at: datetime) -> None:
        alert = self._raised.get(rule_id)
        if alert and alert.open:
            self._raised[rule_id] = replace(alert, ended_at=at)


def _applies(rule: Rule, now: Moment) -> bool:
    if rule.phases and now.phase not in rule.phases:
        return False
    return not rule.steps or (now.step is not None and now.step.type in rule.steps)


def _cores(vm_size: str | None) -> int:
    """`Standard_D8ads_v5` has 8; 0 where the name does not say."""
    match = _CORES.search(vm_size) if vm_size else None
    return int(match[1]) if match else 0


def _minutes(span: timedelta) -> str:
    return str(int(span.total_seconds() // 60))


def _fill(text: str, values: Mapping[str, str | None]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or "?", text)
