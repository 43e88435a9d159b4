"""Runs the rules over lines, run states and time; what they find are the alerts of one run, in the order of finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aibtui.core import standing
from aibtui.core.build import Build
from aibtui.core.lines import Line
from aibtui.core.moment import Moment
from aibtui.core.polls import Status
from aibtui.core.pulse import Pulse
from aibtui.core.rulebook import (
    LINE_PLACES,
    LOG_PLACES,
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
    any_of,
    needle,
)
from aibtui.core.telling import because, fill, joined, known_of, meanings, minutes, remedy_of
from aibtui.core.thresholds import Limit, Limits
from aibtui.core.updates import Alert, Evidence, Severity

_MOST_EVIDENCE = 20
# A loop with a known beat that was silent for so many of them has ended; the next line begins another.
_MISSED_BEATS = 12


@dataclass(slots=True)
class _Loop:
    """A stage of a repetition under way: its first and last line, how often, since when."""

    first: Line
    last: Line
    since: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Chain:
    """Parts of a sequence that were found, and what their groups say."""

    lines: tuple[Line, ...] = ()
    values: Mapping[str, str | None] = field(default_factory=dict)

    def with_part(self, line: Line, values: Mapping[str, str | None]) -> _Chain:
        return _Chain((*self.lines, line), {**self.values, **values})


@dataclass(slots=True)
class _Memory:
    """What one rule remembers between lines. A sequence has the newest chain of each length, or, where order does not
    matter, the first finding of each part.
    """

    chains: dict[int, _Chain] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)
    loops: dict[int, _Loop] = field(default_factory=dict)
    armed: bool = False
    step: int | None = None
    since: datetime | None = None
    lasted: timedelta = timedelta()
    stage: Slow | None = None


def place_of(line: Line) -> str:
    """What a rule's `where` calls a line."""
    if line.stream in ("ui", "error"):
        return "output" if line.builder else "packer"
    return "debug" if line.stream == "log" else "raw"


class Alerts:
    """All alerts of one run."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._memory: dict[str, _Memory] = {}
        self._raised: dict[str, Alert] = {}
        self.limits: Limits | None = None
        """What is unusual for the running step, by earlier runs."""
        self.use(rules)

    @property
    def all(self) -> tuple[Alert, ...]:
        """Every alert of the run, ended ones too."""
        return tuple(self._raised.values())

    @staticmethod
    def needles(rules: Iterable[Rule]) -> tuple[str, ...]:
        """What the scanner must look for so that no rule misses a line (RE2 syntax)."""
        return tuple(needle(pattern) for rule in rules if rule.where & LOG_PLACES for pattern in rule.patterns)

    def use(self, rules: Iterable[Rule]) -> None:
        """Go on with these rules. What is raised stays; a rule that did not change remembers what it has seen."""
        before = {rule.id: rule for rule in self._rules}
        self._rules = tuple(rules)
        self._by_place = {place: [rule for rule in self._rules if place in rule.where] for place in LINE_PLACES}
        self._any = {
            place: any_of(pattern for rule in here for pattern in rule.patterns)
            for place, here in self._by_place.items()
        }
        self._timed = [rule for rule in self._rules if isinstance(rule.condition, Silence | Stall | Loop | Lasting)]
        self._memory = {
            rule.id: self._memory[rule.id] if before.get(rule.id) == rule else _Memory() for rule in self._rules
        }

    def see_line(self, line: Line, now: Moment, place: str | None = None) -> None:
        """Run the rules of the log over one line, or those of `place`, where it comes from another log."""
        place = place or place_of(line)
        some = self._any[place]
        if some is None or some.find(line.text) is None:
            return
        for rule in self._by_place[place]:
            if _applies(rule, now, place):
                self._see(rule, line, now)

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
                if values is not None and not _excused(rule, text):
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
                self._raised[rule.id] = replace(alert, severity="error")

    def leave_step(self, now: Moment) -> None:
        """Another step began: what was about the last one is over."""
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
        self._raised[alert.rule] = alert

    def end(self, rule_id: str, at: datetime) -> None:
        """The condition of an alert that code found holds no more."""
        self._close(rule_id, at)

    def _see(self, rule: Rule, line: Line, now: Moment) -> None:
        text = line.text.strip()
        if _excused(rule, text):
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
        chains, within = self._memory[rule.id].chains, condition.within
        for place, chain in list(chains.items()):
            if within and chain.lines[0].at and now.at - chain.lines[0].at > within:
                del chains[place]
        # From the last part to the first, so that a line counts for one part only.
        for place, part in reversed(list(enumerate(condition.parts))):
            before = chains.get(place) if place and not condition.any_order else _Chain()
            values = part.find(text) if before else None
            if before and values is not None and not (condition.any_order and place + 1 in chains):
                chains[place + 1] = before.with_part(line, values)
        whole = _whole(condition, chains)
        if whole:
            chains.clear()
            self._raise(rule, rule.severity, whole.lines, 1, now, whole.values)

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
            loop = memory.loops.get(place)
            if loop is None or (condition.beat and now.at - (loop.last.at or now.at) > _MISSED_BEATS * condition.beat):
                loop = memory.loops[place] = _Loop(line, line, now.at, 0)
            loop.last, loop.count = line, loop.count + 1
            lasted = max(now.at - loop.since, condition.beat * (loop.count - 1))
            limit = self.limits.took if self.limits and stage.by_history else None
            over = limit.instead_of(stage.over) if limit else stage.over
            over = max(over, stage.over) if stage.severity == "error" else over
            if lasted >= over and loop.count >= stage.times:
                told = {**values, "minutes": minutes(lasted), "count": str(loop.count), "usual": _usual(limit, over)}
                self._raise(rule, stage.severity, (loop.first, loop.last), loop.count, now, told, stage)

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
        first = again.line if again else self._raised[rule.id].line if line is None else line
        self._raised[rule.id] = replace(self._raised[rule.id], line=first, grown=grown)

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
        evidence = tuple(Evidence(line.number, line.text.strip()) for line in lines)
        told = {**known_of(now), **values}
        remedy = remedy_of(rule, now)
        if isinstance(rule.condition, Match | Succession):
            memory = self._memory[rule.id]
            memory.values = told = joined(memory.values, told) if known and known.open else told
        told = told | meanings(rule, told)
        if known and known.open and isinstance(rule.condition, Match | Succession):
            self._raised[rule.id] = replace(
                known,
                count=known.count + count,
                evidence=(*known.evidence, *evidence)[:_MOST_EVIDENCE],
                title=fill(rule.title, told),
                cause=fill(rule.cause, told),
                remedy=fill(remedy, told),
            )
            return
        led = self._led_to(rule, now)
        again = known if known and known.open else None
        if known and not again:
            self._raised.pop(rule.id)  # raised anew: it stands where it was raised last
        self._raised[rule.id] = Alert(
            rule=rule.id,
            severity="error" if led or (again and again.severity == "error") else severity,
            title=fill((stage.title if stage else None) or rule.title, told),
            cause=fill((stage.cause if stage else None) or rule.cause, told) + because(led),
            remedy=fill(remedy, told),
            at=again.at if again else now.at,
            line=lines[0].number if lines else None,
            count=count,
            doc=rule.doc,
            evidence=evidence,
            step=now.step.index if now.step and rule.where & LOG_PLACES else None,
        )

    def _led_to(self, rule: Rule, now: Moment) -> Alert | None:
        """The alert of this step that brought this one about; together they are certain, so it is an error too."""
        for other in self._rules:
            led = self._raised.get(other.id) if other.leads_to == rule.id else None
            if led and led.open and led.step == (now.step.index if now.step else None):
                self._raised[other.id] = led = replace(led, severity="error")
                return led
        return None

    def _close(self, rule_id: str, at: datetime) -> None:
        alert = self._raised.get(rule_id)
        if alert and alert.open:
            self._raised[rule_id] = replace(alert, ended_at=at)


def _whole(condition: Succession, chains: Mapping[int, _Chain]) -> _Chain | None:
    """The sequence, once all of its parts are found."""
    parts = range(1, len(condition.parts) + 1)
    if not condition.any_order:
        return chains.get(len(condition.parts))
    if any(part not in chains for part in parts):
        return None
    lines = sorted((line for chain in chains.values() for line in chain.lines), key=lambda line: line.number)
    return _Chain(tuple(lines), {name: value for chain in chains.values() for name, value in chain.values.items()})


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


def _excused(rule: Rule, text: str) -> bool:
    return rule.unless is not None and rule.unless.find(text) is not None
