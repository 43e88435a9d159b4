"""What one rule has raised so far. Its Alert is made when somebody asks for it: a log in which every line is an alarm
costs a count for each, not a title.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from aibtui.core.lines import Line
from aibtui.core.moment import Moment
from aibtui.core.rulebook import LOG_PLACES, Rule, Slow, Stage
from aibtui.core.telling import because, fill, filled, joined, known_of, meanings, remedy_of
from aibtui.core.updates import Alert, Evidence, Severity

MOST_EVIDENCE = 20


class Raised(Struct):
    """An alert in the making. `made` is the Alert as it was asked for last, None since something changed."""

    made: Alert | None
    severity: Severity
    step: int | None
    line: int | None
    at: datetime
    count: int = 1
    ended_at: datetime | None = None
    grown: int | None = None
    rule: Rule | None = None
    evidence: list[Evidence] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    now: Moment | None = None
    stage: Stage | Slow | None = None
    because: str = ""

    @classmethod
    def noted(cls, alert: Alert) -> Raised:
        """An alert that code found, and that is as it is."""
        return cls(alert, alert.severity, alert.step, alert.line, alert.at, alert.count, alert.ended_at, alert.grown)

    @classmethod
    def by(
        cls,
        rule: Rule,
        severity: Severity,
        lines: Sequence[Line],
        count: int,
        now: Moment,
        values: Mapping[str, str | None],
        stage: Stage | Slow | None = None,
        led: Alert | None = None,
    ) -> Raised:
        """What a rule raises at these lines; `values` are its groups, `led` what brought it about."""
        return cls(
            None,
            severity,
            now.step.index if now.step and rule.where & LOG_PLACES else None,
            lines[0].number if lines else None,
            now.at,
            count,
            rule=rule,
            evidence=[Evidence(line.number, line.text.strip()) for line in lines],
            values={**known_of(now), **values},
            now=now,
            stage=stage,
            because=because(led),
        )

    @property
    def open(self) -> bool:
        """The condition still holds."""
        return self.ended_at is None

    def add(self, rule: Rule, lines: Sequence[Line], count: int, now: Moment, values: Mapping[str, str | None]) -> None:
        """The same again: it has more evidence, and a later line fills in what no earlier one said."""
        if rule is not self.rule:
            self.rule, self.values = rule, self.values if rule == self.rule else {}
        room = MOST_EVIDENCE - len(self.evidence)
        self.evidence += [Evidence(line.number, line.text.strip()) for line in lines[: max(room, 0)]]
        self.values = joined(self.values, {**known_of(now), **values})
        self.count, self.now, self.because, self.made = self.count + count, now, "", None

    def go_on(self, line: Line, count: int, now: Moment, values: Mapping[str, str | None]) -> None:
        """A repetition under way has come to this line, its newest, which is so many."""
        known = self.values if now is self.now else known_of(now)
        self.evidence[-1] = Evidence(line.number, line.text.strip())
        self.values = {**known, **values}
        self.count, self.now, self.made = count, now, None

    def add_count(self) -> None:
        """Once more, with nothing new to tell."""
        self.count, self.made = self.count + 1, None

    @property
    def settled(self) -> bool:
        """Another line would change no more than the count, while the step and the phase are the same."""
        rule, now = self.rule, self.now
        if rule is None or now is None or len(self.evidence) < MOST_EVIDENCE:
            return False
        told = self._told(rule)
        return all(filled(text, told) for text in (rule.title, rule.cause, remedy_of(rule, now)))

    def end(self, at: datetime) -> None:
        """The condition holds no more."""
        self.ended_at = at
        self._change()

    def worsen(self) -> None:
        """It is an error after all."""
        self.severity = "error"
        self._change()

    def _change(self) -> None:
        noted = self.made if self.rule is None else None
        self.made = replace(noted, severity=self.severity, ended_at=self.ended_at) if noted else None

    @property
    def alert(self) -> Alert:
        """The Alert as it stands."""
        if self.made is None:
            self.made = self._make()
        return self.made

    def _told(self, rule: Rule) -> dict[str, str | None]:
        return self.values | meanings(rule, self.values)

    def _make(self) -> Alert:
        rule, now, stage = self.rule, self.now, self.stage
        assert rule is not None
        assert now is not None
        told = self._told(rule)
        return Alert(
            rule=rule.id,
            severity=self.severity,
            title=fill((stage.title if stage else None) or rule.title, told),
            cause=fill((stage.cause if stage else None) or rule.cause, told) + self.because,
            remedy=fill(remedy_of(rule, now), told),
            at=self.at,
            line=self.line,
            count=self.count,
            doc=rule.doc,
            evidence=tuple(self.evidence),
            step=self.step,
            ended_at=self.ended_at,
            grown=self.grown,
        )
