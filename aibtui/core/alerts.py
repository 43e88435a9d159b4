"""Runs the rules over lines, run states and time; what they find are the alerts of one run, in the order of finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from aibtui.core import standing
from aibtui.core.build import Build
from aibtui.core.lines import Line
from aibtui.core.memory import Memory, Running, Said
from aibtui.core.moment import Moment
from aibtui.core.pattern import Pattern, any_of
from aibtui.core.polls import Status
from aibtui.core.pulse import Pulse
from aibtui.core.raised import Raised
from aibtui.core.rulebook import (
    LINE_PLACES,
    Lasting,
    Loop,
    Match,
    Repeat,
    Rule,
    Silence,
    Slow,
    Stage,
    Stall,
    Succession,
)
from aibtui.core.telling import minutes
from aibtui.core.thresholds import Limit, Limits
from aibtui.core.updates import Alert, Severity

# A loop with a known beat that was silent for so many of them has ended; the next line begins another.
_MISSED_BEATS = 12


def place_of(line: Line) -> str:
    """What a rule's `where` calls a line."""
    if line.stream in ("ui", "error"):
        return "output" if line.builder else "packer"
    return "debug" if line.stream == "log" else "raw"


class Alerts:
    """All alerts of one run."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._memory: dict[str, Memory] = {}
        self._raised: dict[str, Raised] = {}
        self._settled: frozenset[str] = frozenset()
        self.limits: Limits | None = None
        """What is unusual for the running step, by earlier runs."""
        self.use(rules)

    @property
    def all(self) -> tuple[Alert, ...]:
        """Every alert of the run, ended ones too."""
        return tuple(raised.alert for raised in self._raised.values())

    def use(self, rules: Iterable[Rule]) -> None:
        """Go on with these rules. What is raised stays; a rule that did not change remembers what it has seen."""
        before = {rule.id: rule for rule in self._rules}
        self._rules = tuple(rules)
        self._by_place = {place: [rule for rule in self._rules if place in rule.where] for place in LINE_PLACES}
        self._any: dict[str, Pattern | None] = {}
        self._timed = [rule for rule in self._rules if isinstance(rule.condition, Silence | Stall | Loop | Lasting)]
        self._leading: dict[str, list[str]] = {}
        for rule in self._rules:
            if rule.leads_to:
                self._leading.setdefault(rule.leads_to, []).append(rule.id)
        self._settled = frozenset()
        self._memory = {
            rule.id: self._memory[rule.id] if before.get(rule.id) == rule else Memory() for rule in self._rules
        }

    def see(self, line: Line, now: Moment, rules: Iterable[Rule], sources: frozenset[str]) -> None:
        """Run these rules over one line of the log; `sources` are all patterns that are found in its text."""
        place, said = place_of(line), Said(line.text.strip(), sources)
        for rule in rules:
            if place in rule.where and _applies(rule, now, place):
                self._see(rule, line, said, now)

    def count(self, rules: Iterable[Rule]) -> list[Rule]:
        """Count a line of output with what these rules look for; the rules that want to see it are returned.

        The others have all that a line could tell them, until the step or the phase is another one.
        """
        wanting = []
        for rule in rules:
            if rule.id in self._settled:
                self._raised[rule.id].add_count()
            else:
                wanting.append(rule)
        return wanting

    def unsettle(self) -> None:
        """The build is elsewhere now, so other rules may hold."""
        self._settled = frozenset()

    def see_line(self, line: Line, now: Moment, place: str | None = None) -> None:
        """Run the rules of the log over one line, or those of `place`, where it comes from another log."""
        place = place or place_of(line)
        if place not in self._any:  # many patterns in one are slow to make, and few places are asked for so
            self._any[place] = any_of(pattern for rule in self._by_place[place] for pattern in rule.patterns)
        some = self._any[place]
        said = Said(line.text.strip())
        if some is None or some.find(said.text) is None:
            return
        for rule in self._by_place[place]:
            if _applies(rule, now, place):
                self._see(rule, line, said, now)

    def see_text(self, place: str, text: str, now: Moment, line: Line | None = None) -> None:
        """Run the rules of a run's message or a provisioning error; `line` is the one that quotes it, if one does.

        Rules see the text as one line, however it is broken.
        """
        text = " ".join(text.split())
        here = [rule for rule in self._rules if place in rule.where]
        for rule in sorted(here, key=lambda rule: rule.fallback):
            if rule.fallback and any(other.id in self._raised for other in here):
                continue
            if isinstance(rule.condition, Match) and rule.id not in self._raised:
                values = rule.condition.pattern.find(text)
                if values is not None and not (rule.unless and rule.unless.find(text) is not None):
                    self._raise(rule, rule.severity, (line,) if line else (), 1, now, {**values, "text": text})

    def tick(self, now: Moment, build: Build, quiet_since: datetime | None) -> None:
        """Let time pass: rules about silence, stalls and lasting states. `quiet_since` is when the last line came."""
        for rule in self._timed:
            if isinstance(rule.condition, Silence) and not _ended_badly(now):
                self._see_silence(rule, rule.condition, now, build, quiet_since)
        self.see_transfer(now, build)

    def see_output(self, at: datetime) -> None:
        """The running step printed a line: it is silent no more."""
        for rule in self._timed:
            if isinstance(rule.condition, Silence):
                self._close(rule.id, at)

    def see_transfer(self, now: Moment, build: Build) -> None:
        """Run the rules about transfers: one has moved, or time has passed."""
        for rule in self._timed:
            if isinstance(rule.condition, Stall) and not _ended_badly(now):
                self._see_stall(rule, rule.condition, now, build)

    def see_beat(self, now: Moment, pulse: Pulse) -> None:
        """Run the rules about output that repeats itself."""
        for rule in self._timed:
            if isinstance(rule.condition, Loop) and not _ended_badly(now):
                known = self._raised.get(rule.id)
                line = known.line if known and known.open else None
                stretch = pulse.repeats(rule.condition.over, now.at, line) if _applies(rule, now) else None
                if stretch is None:
                    self._close(rule.id, now.at)
                    continue
                first, last = stretch.first, stretch.last
                told = {"text": first.text.strip(), "count": str(stretch.rounds), "lines": str(stretch.lines)}
                lasted = now.at - (first.at or now.at)
                self._hold(rule, True, (first, last), now, lasted, told, count=stretch.rounds)

    def see_status(self, status: Status, now: Moment) -> None:
        """Run the rules of the run's message, of the provisioning error and of states that last."""
        if status.message:
            self.see_text("message", status.message, now)
        if status.provisioning_error:
            self.see_text("provisioning", status.provisioning_error, now)
        if "Failed" in (status.run_state, status.provisioning_state):
            self.fail(replace(now, step=None))
        for rule in self._timed:
            if isinstance(rule.condition, Lasting):
                memory = self._memory[rule.id]
                states = (status.run_state, status.provisioning_state, f"{status.run_state} {status.sub_state}")
                holds = rule.condition.state in states
                memory.since = _since(memory.since, rule.condition.state, now) if holds else None
                lasted = now.at - memory.since if memory.since else timedelta()
                self._hold(rule, holds and lasted >= rule.condition.over, (), now, lasted)

    def fail(self, now: Moment) -> None:
        """The step or the build failed: what was likely the reason is an error now."""
        failed = now.step.index if now.step else None
        for rule in self._rules:
            alert = self._raised.get(rule.id)
            if rule.likely and alert and alert.severity != "error" and alert.step in (failed, None):
                alert.worsen()

    def leave_step(self, now: Moment) -> None:
        """Another step began: what was about the last one is over."""
        self.unsettle()
        for rule in self._rules:
            if isinstance(rule.condition, Silence | Stall | Loop | Repeat):
                self._close(rule.id, now.at)
            memory = self._memory[rule.id]
            memory.loops.clear()
            memory.armed = False
            if isinstance(rule.condition, Succession) and rule.condition.within is None:
                memory.chains.clear()

    def note(self, alert: Alert, *, anew: bool = False) -> None:
        """Take an alert that code found and no rule could; `anew` puts it where it was raised last."""
        if anew:
            self._raised.pop(alert.rule, None)
        self._raised[alert.rule] = Raised.noted(alert)

    def end(self, rule_id: str, at: datetime) -> None:
        """The condition of an alert that code found holds no more."""
        self._close(rule_id, at)

    def _see(self, rule: Rule, line: Line, said: Said, now: Moment) -> None:
        if rule.unless and said.find(rule.unless) is not None:
            return
        match rule.condition:
            case Match(pattern):
                values = said.find(pattern)
                if values is not None:
                    self._raise(rule, rule.severity, (line,), 1, now, values)
            case Succession():
                whole = self._memory[rule.id].take_part(rule.condition, line, said, now.at)
                if whole:
                    self._raise(rule, rule.severity, whole.lines, 1, now, whole.values)
            case Repeat():
                self._see_again(rule, rule.condition, line, said, now)
            case _:
                pass

    def _see_again(self, rule: Rule, condition: Repeat, line: Line, said: Said, now: Moment) -> None:
        memory = self._memory[rule.id]
        if condition.until and said.find(condition.until) is not None:
            memory.loops.clear()
            self._close(rule.id, now.at)
            return
        if condition.after and not memory.armed:
            memory.armed = said.find(condition.after) is not None
            return
        holding: list[tuple[Stage, Running, dict[str, str | None]]] = []
        for place, stage in enumerate(condition.stages):
            values = said.find(stage.pattern)
            if values is None:
                continue
            loop = memory.loops.get(place)
            if loop is None or (condition.beat and now.at - (loop.last.at or now.at) > _MISSED_BEATS * condition.beat):
                loop = memory.loops[place] = Running(line, line, now.at, 0)
            loop.last, loop.count = line, loop.count + 1
            lasted = now.at - loop.since
            if condition.beat:
                lasted = max(lasted, condition.beat * (loop.count - 1))
            limit = self.limits.took if self.limits and stage.by_history else None
            over = limit.instead_of(stage.over) if limit else stage.over
            over = max(over, stage.over) if stage.severity == "error" else over
            if lasted >= over and loop.count >= stage.times:
                told = {**values, "minutes": minutes(lasted), "count": str(loop.count), "usual": _usual(limit, over)}
                holding.append((stage, loop, told))
        if not holding:
            return
        stage, loop, told = holding[-1]
        known = self._raised.get(rule.id)
        if known and known.open and known.rule is rule and known.stage is stage and rule.id not in self._leading:
            known.go_on(line, loop.count, now, told)
            return
        severity = "error" if any(each.severity == "error" for each, _, _ in holding) else stage.severity
        self._raise(rule, severity, (loop.first, loop.last), loop.count, now, told, stage)

    def _see_silence(
        self, rule: Rule, condition: Silence, now: Moment, build: Build, quiet_since: datetime | None
    ) -> None:
        quiet = now.at - quiet_since if quiet_since else timedelta()
        runs = now.step is not None and now.step.state == "running" and _applies(rule, now)
        over = condition.by_step.get(now.step.type, condition.over) if now.step else condition.over
        limit = self.limits.silent if self.limits and condition.last is None else None
        over = limit.instead_of(over) if limit else over
        output = build.output
        said = condition.last is None or (output is not None and condition.last.find(output.text) is not None)
        lines = (Line(output.line, output.at, "ui", output.text),) if output else ()
        told = {"text": output.text if output else None, "usual": _usual(limit, over)}
        self._hold(rule, runs and said and quiet >= over, lines, now, quiet, told, line=build.lines)

    def _see_stall(self, rule: Rule, condition: Stall, now: Moment, build: Build) -> None:
        slow = condition.slow
        found = standing.judge(build, now.step, now.at, condition.over, slow.over if slow else None)
        if found is None or not _applies(rule, now):
            self._close(rule.id, now.at)
            return
        download = found.download
        lines = (Line(download.last_line, download.at, "ui", download.text),)
        stage = slow if found.kind == "slow" else None
        told = {**found.told, "text": download.text}
        self._hold(rule, True, lines, now, found.lasted, told, stage, line=download.moved_line)

    def _hold(
        self,
        rule: Rule,
        holds: bool,
        lines: tuple[Line, ...],
        now: Moment,
        lasted: timedelta,
        values: Mapping[str, str | None] | None = None,
        stage: Slow | None = None,
        line: int | None = None,
        count: int = 1,
    ) -> None:
        """A condition of time: raise when it begins to hold, tell how long it lasts, close when it holds no more."""
        if not holds:
            self._close(rule.id, now.at)
            return
        known, memory = self._raised.get(rule.id), self._memory[rule.id]
        again = known if known and known.open else None
        told = {"text": lines[0].text.strip() if lines else None, **(values or {}), "minutes": minutes(lasted)}
        if again and memory.values == told:
            return
        memory.values = dict(told)
        self._raise(rule, rule.severity, lines, count, now, told, stage)
        if again is None:
            memory.lasted, grown = lasted, 0
        else:
            news = lasted >= 2 * memory.lasted or memory.stage is not stage
            memory.lasted = lasted if news else memory.lasted
            grown = (again.grown or 0) + news
        memory.stage = stage
        raised = self._raised[rule.id]
        raised.line = again.line if again else raised.line if line is None else line
        raised.grown = grown

    def _raise(
        self,
        rule: Rule,
        severity: Severity,
        lines: tuple[Line, ...],
        count: int,
        now: Moment,
        values: Mapping[str, str | None],
        stage: Stage | Slow | None = None,
    ) -> None:
        known = self._raised.get(rule.id)
        again = known if known and known.open else None
        if again and isinstance(rule.condition, Match | Succession):
            again.add(rule, lines, count, now, values)
            if lines[0].builder and isinstance(rule.condition, Match) and again.settled:
                self._settled |= {rule.id}
            return
        raised = Raised.by(rule, severity, lines, count, now, values, stage, self._led_to(rule, now))
        if again:
            raised.at = again.at
        elif known:
            self._raised.pop(rule.id)  # raised anew: it stands where it was raised last
        if raised.because or (again and again.severity == "error"):
            raised.severity = "error"
        self._raised[rule.id] = raised

    def _led_to(self, rule: Rule, now: Moment) -> Alert | None:
        """The alert of this step that brought this one about; together they are certain, so it is an error too."""
        for other in self._leading.get(rule.id, ()):
            led = self._raised.get(other)
            if led and led.open and led.step == (now.step.index if now.step else None):
                led.worsen()
                return led.alert
        return None

    def _close(self, rule_id: str, at: datetime) -> None:
        alert = self._raised.get(rule_id)
        if alert and alert.open:
            alert.end(at)
            self._settled -= {rule_id}


def _usual(limit: Limit | None, over: timedelta) -> str | None:
    return f" ({limit.said(over)})" if limit else None


def _applies(rule: Rule, now: Moment, place: str | None = None) -> bool:
    """Whether a rule may hold here. What Packer says without a builder is of the whole build, whatever the phase."""
    if now.adrift:
        return True
    if rule.phases and now.phase not in rule.phases and place != "packer":
        return False
    return not rule.steps or (now.step is not None and now.step.type in rule.steps)


def _ended_badly(now: Moment) -> bool:
    """What held when the step failed or was stopped is part of why: it stays as it is."""
    return now.step is not None and now.step.state in ("failed", "stopped")


def _since(known: datetime | None, state: str, now: Moment) -> datetime:
    """Since when a state holds at least: since it was seen first, or since the run was told to stop."""
    asked = now.around.cancel.at if state == "Canceling" and now.around.cancel else now.at
    return min(known or now.at, asked)
