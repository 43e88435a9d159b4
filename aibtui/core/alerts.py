"""Rules are rows of TOML; alerts are what they find. Rules run over lines and over run states."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import re2

from aibtui.core.build import Build
from aibtui.core.lines import Line
from aibtui.core.polls import Status
from aibtui.core.updates import Alert, Evidence, Severity

Where = Literal["output", "packer", "message", "provisioning"]
_MOST_EVIDENCE = 20


class RuleError(ValueError):
    """A rule file that cannot be used: which file, which rule, what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `pattern` looks at what `where` names: a script's output, Packer's own words, a run's message.

    With `over` the pattern must go on matching for that long, without a line that matches `until`; after `error_over` a
    warning becomes an error. `step_type` and `deprovision` narrow where in the run it may hold.
    """

    id: str
    severity: Severity
    where: Where
    pattern: Any
    source: str
    title: str
    cause: str
    remedy: str
    doc: str | None = None
    over: timedelta | None = None
    error_over: timedelta | None = None
    until: Any = None
    until_source: str | None = None
    deprovision: bool = False
    samples: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


_NEEDED = frozenset({"id", "severity", "match", "title", "cause", "remedy"})
_KEYS = _NEEDED | {"where", "over", "error_over", "until", "doc", "deprovision", "samples", "others"}
_DURATION = re.compile(r"(\d+)([smh])")
_DOCS = "https://learn.microsoft.com/azure/virtual-machines/linux/image-builder-troubleshoot#"


def parse_duration(text: str) -> timedelta:
    """`90s`, `15m`, `2h` as a timedelta. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is no duration; write it like 90s, 15m or 2h")
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours"}[match[2]]: int(match[1])})


def compile_rules(text: str, file: str) -> tuple[Rule, ...]:
    """The rules of one file. Raises RuleError with the file and the rule."""
    try:
        tables = tomllib.loads(text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{file}: {error}") from error
    return tuple(_compile(table, file) for table in tables)


def _compile(table: Mapping[str, Any], file: str) -> Rule:
    name = f"{file}: rule {table.get('id', '?')!r}"
    unknown = set(table) - _KEYS
    missing = _NEEDED - set(table)
    if unknown or missing:
        words = [f"unknown key {key!r}" for key in sorted(unknown)] + [f"no {key!r}" for key in sorted(missing)]
        raise RuleError(f"{name}: {', '.join(words)}")
    severity, where = table["severity"], table.get("where", "output")
    if severity not in get_args(Severity) or where not in get_args(Where):
        raise RuleError(f"{name}: severity is one of {get_args(Severity)}, where one of {get_args(Where)}")
    try:
        return Rule(
            id=table["id"],
            severity=severity,
            where=where,
            pattern=_pattern(table["match"]),
            source=table["match"],
            title=table["title"],
            cause=table["cause"],
            remedy=table["remedy"],
            doc=_DOCS + table["doc"][1:] if table.get("doc", "").startswith("#") else table.get("doc"),
            over=parse_duration(table["over"]) if "over" in table else None,
            error_over=parse_duration(table["error_over"]) if "error_over" in table else None,
            until=_pattern(table["until"]) if "until" in table else None,
            until_source=table.get("until"),
            deprovision=table.get("deprovision", False),
            samples=tuple(table.get("samples", ())),
            others=tuple(table.get("others", ())),
        )
    except (ValueError, re2.error) as error:
        raise RuleError(f"{name}: {error}") from error


def _pattern(source: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    return re2.compile(source, options)


@dataclass(slots=True)
class _Loop:
    """A repetition under way: its first and last line, when it began, how often it was seen."""

    first: Line
    last: Line
    since: datetime
    count: int = 1


class Alerts:
    """All alerts of one run, in the order in which they were raised."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._raised: dict[str, Alert] = {}
        self._loops: dict[str, _Loop] = {}
        self._message: str | None = None

    @property
    def all(self) -> tuple[Alert, ...]:
        """Every alert of the run, ended ones too."""
        return tuple(self._raised.values())

    @property
    def needles(self) -> tuple[str, ...]:
        """What the scanner must look for so that no rule misses a line (RE2 syntax)."""
        sources = [f"(?i:{_unanchored(rule.source)})" for rule in self._rules if rule.where in ("output", "packer")]
        untils = [f"(?i:{_unanchored(rule.until_source)})" for rule in self._rules if rule.until_source]
        return (*sources, *untils)

    def see_line(self, line: Line, build: Build) -> None:
        """Run the rules of the log over one line."""
        if line.stream not in ("ui", "error"):
            return
        where = "output" if line.builder else "packer"
        for rule in self._rules:
            if rule.where == where and not (rule.deprovision and not _deprovisions(build)):
                self._see(rule, line, build)

    def _see(self, rule: Rule, line: Line, build: Build) -> None:
        text = line.text.strip()
        if rule.until is not None and rule.until.search(text):
            self._loops.pop(rule.id, None)
            self._close(rule.id, line.at)
            return
        match = rule.pattern.search(text)
        if not match:
            return
        if rule.over is None:
            self._raise(rule, rule.severity, line, (line,), 1, build, match.groupdict())
            return
        at = line.at or build.ended_at
        if at is None:
            return
        loop = self._loops.get(rule.id)
        if loop is None:
            self._loops[rule.id] = _Loop(line, line, at)
            return
        loop.last, loop.count = line, loop.count + 1
        lasted = at - loop.since
        if lasted >= rule.over:
            worse = rule.error_over is not None and lasted >= rule.error_over
            named = {**match.groupdict(), "minutes": str(int(lasted.total_seconds() // 60)), "count": str(loop.count)}
            severity: Severity = "error" if worse else rule.severity
            self._raise(rule, severity, loop.first, (loop.first, loop.last), loop.count, build, named)

    def see_status(self, status: Status, at: datetime) -> None:
        """Run the rules of the run's message and of the provisioning error."""
        for where, text in (("message", status.message), ("provisioning", status.provisioning_error)):
            for rule in self._rules:
                match = rule.pattern.search(text) if text and rule.where == where else None
                if match and rule.id not in self._raised:
                    values = {**match.groupdict(), "text": text}
                    self._raised[rule.id] = _alert(rule, rule.severity, at, None, 1, (), None, values)

    def end_loops(self, at: datetime | None) -> None:
        """The build went on or ended well: what repeated is over."""
        for rule in self._rules:
            if rule.over is not None:
                self._close(rule.id, at)
        self._loops.clear()

    def _raise(
        self,
        rule: Rule,
        severity: Severity,
        first: Line,
        lines: tuple[Line, ...],
        count: int,
        build: Build,
        values: Mapping[str, str | None],
    ) -> None:
        known = self._raised.get(rule.id)
        evidence = tuple(Evidence(line.number, line.text.strip()) for line in lines)
        at = lines[-1].at or build.ended_at
        if at is None:
            return
        step = build.step.index if build.step else None
        if known is None or known.ended_at is not None:
            self._raised[rule.id] = _alert(rule, severity, at, first.number, count, evidence, step, values)
        elif rule.over is not None:
            fresh = _alert(rule, severity, known.at, first.number, count, evidence, step, values)
            self._raised[rule.id] = fresh
        else:
            grown = (*known.evidence, *evidence)[:_MOST_EVIDENCE]
            self._raised[rule.id] = replace(known, count=known.count + 1, evidence=grown)

    def _close(self, rule_id: str, at: datetime | None) -> None:
        alert = self._raised.get(rule_id)
        if alert and alert.ended_at is None and at is not None:
            self._raised[rule_id] = replace(alert, ended_at=at)


def _alert(
    rule: Rule,
    severity: Severity,
    at: datetime,
    line: int | None,
    count: int,
    evidence: tuple[Evidence, ...],
    step: int | None,
    values: Mapping[str, str | None],
) -> Alert:
    filled: Callable[[str], str] = lambda text: _fill(text, values)  # noqa: E731  # three uses of one line
    return Alert(
        rule=rule.id,
        severity=severity,
        title=filled(rule.title),
        cause=filled(rule.cause),
        remedy=filled(rule.remedy),
        at=at,
        line=line,
        count=count,
        doc=rule.doc,
        evidence=evidence,
        step=step,
    )


_NAMED_GROUP = re.compile(r"\(\?P<\w+>")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _fill(text: str, values: Mapping[str, str | None]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or "?", text)


def _unanchored(source: str) -> str:
    """A pattern for a whole line's text turned into one that finds it anywhere in a block, and captures nothing."""
    return _NAMED_GROUP.sub("(?:", source.removeprefix("^").removesuffix("$"))


def _deprovisions(build: Build) -> bool:
    phase = build.phase
    return phase is not None and phase.name == "deprovision"
