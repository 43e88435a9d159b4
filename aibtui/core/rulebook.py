"""Rules are rows of TOML. Compiles rule files into Rules and refuses, with file and rule, what could not work.

A rule has one condition: `match` (a line), `sequence` (all parts within a step or a time), `repeat` (again and again
without an unlocking line), `silence` (no output), `stall` (a transfer that does not come further), `loop` (the same few
lines, whatever they say) or `status` (a state that lasts). There is no language for expressions; what these cannot say
is code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, get_args

import re2
import tomli
from msgspec import Struct, field

from aibtui.core.build import PHASES
from aibtui.core.pattern import Pattern, check
from aibtui.core.regex import regex
from aibtui.core.updates import Severity

Where = Literal["output", "packer", "debug", "raw", "message", "provisioning", "devops"]
# Alerts that no row can raise: they compare with history, or with what became of the log.
FOUND_BY_CODE = frozenset({"step-over", "timeout-ahead", "log-replaced", "log-absent", "job-limit-ahead"})
LOG_PLACES: frozenset[str] = frozenset({"output", "packer", "debug", "raw"})
LINE_PLACES = LOG_PLACES | {"devops"}
DOCS = "https://learn.microsoft.com/azure/virtual-machines/linux/image-builder-troubleshoot"


class RuleError(ValueError):
    """A rule file that cannot be used: which file, which rule, what is wrong with it."""


class Match(Struct, frozen=True):
    """One line is enough."""

    pattern: Pattern


class Succession(Struct, frozen=True):
    """All parts, in this order or in any, within one step, or within `within`."""

    parts: tuple[Pattern, ...]
    within: timedelta | None
    any_order: bool = False


class Stage(Struct, frozen=True):
    """A repetition that has lasted `over`, with at least `times` lines, is of `severity`.

    `by_history` moves `over` to what is unusual for the step by earlier runs; an error only comes later by that.
    """

    pattern: Pattern
    over: timedelta
    times: int
    severity: Severity
    title: str | None = None
    cause: str | None = None
    by_history: bool = False


class Repeat(Struct, frozen=True):
    """The same again and again, from a line that matches `after` on, without one that matches `until`.

    `beat` is the time between two of them where it is known: the oldest format has no stamps on what a script prints.
    """

    stages: tuple[Stage, ...]
    until: Pattern | None
    after: Pattern | None
    beat: timedelta


class Silence(Struct, frozen=True):
    """No line for that long, which may differ by the step's type; `last` must have been found in the last line of
    output, where it is given."""

    over: timedelta
    last: Pattern | None
    by_step: Mapping[str, timedelta] = field(default_factory=dict)


class Slow(Struct, frozen=True):
    """A transfer that is for `over` below a tenth of its own earlier rate, or that will end after the time-out."""

    over: timedelta
    title: str
    cause: str


class Stall(Struct, frozen=True):
    """A transfer that has not come further for that long, or is slow."""

    over: timedelta
    slow: Slow | None = None


class Loop(Struct, frozen=True):
    """The same few lines of output over and over, for that long."""

    over: timedelta


class Lasting(Struct, frozen=True):
    """A run state or provisioning state that lasts, or a run state with its sub-state: `Failed Validating`."""

    state: str
    over: timedelta


Condition = Match | Succession | Repeat | Silence | Stall | Loop | Lasting


class Rule(Struct, frozen=True):
    """One row. `likely` makes an error of a warning once its step or the build fails; a
    `fallback` of a message holds only where no other rule did. `large_vm_remedy` is the remedy
    where the build VM has 8 cores or more, `step_remedies` has others by the type of the step. `steps` and `phases`
    narrow where in the run it may hold; empty is anywhere.
    `meanings` explains the values of a named group: `{code}` has its sentence in `{code_meaning}`. `leads_to` is the id
    of what this brings about: where both are there, both are errors, and the other names this one.
    """

    id: str
    severity: Severity
    condition: Condition
    title: str
    cause: str
    remedy: str
    where: frozenset[str]
    doc: str | None = None
    large_vm_remedy: str | None = None
    step_remedies: Mapping[str, str] = field(default_factory=dict)
    likely: bool = False
    fallback: bool = False
    steps: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()
    unless: Pattern | None = None
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    leads_to: str | None = None
    samples: tuple[Any, ...] = ()
    others: tuple[Any, ...] = ()
    file: str = ""

    @property
    def all_patterns(self) -> tuple[Pattern, ...]:
        """Every pattern that it has."""
        last = self.condition.last if isinstance(self.condition, Silence) else None
        return (*self.patterns, *(pattern for pattern in (last, self.unless) if pattern))

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """Every pattern that looks at a line of the log."""
        match self.condition:
            case Match(pattern):
                return (pattern,)
            case Succession(parts=parts):
                return parts
            case Repeat(stages, until, after, _):
                return (*(stage.pattern for stage in stages), *(p for p in (until, after) if p))
            case _:
                return ()


_NEEDED = frozenset({"id", "severity", "title", "cause", "remedy"})
_CONDITIONS = frozenset({"match", "sequence", "repeat", "silence", "stall", "loop", "status"})
_OTHER_KEYS = frozenset(
    {
        "where",
        "doc",
        "large_vm_remedy",
        "likely",
        "fallback",
        "steps",
        "phases",
        "unless",
        "samples",
        "others",
        "within",
        "until",
    }
    | {"any_order", "leads_to", "meanings", "after", "beat", "over", "last", "slow", "step_remedies"}
)
_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("id", "title", "cause", "remedy", "doc", "large_vm_remedy"), str),
    **dict.fromkeys(("steps", "phases", "samples", "others"), list),
    "likely": bool,
    "fallback": bool,
}
_DURATION = regex(r"(\d+)([smh])")
_ID = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HEAD = regex(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)
_ID_LINE = regex(r"^[ \t]*id[ \t]*=", re.MULTILINE)


def parse_duration(text: str) -> timedelta:
    """`90s`, `15m`, `2h` as a timedelta. Raises ValueError."""
    match = _DURATION.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no duration; write it like 90s, 15m or 2h")
    return timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours"}[match[2]]: int(match[1])})


def compile_rules(text: str, file: str, *, tested: bool = False) -> tuple[Rule, ...]:
    """The rules of one file, given as its text. Raises RuleError with the file, the line and the rule.

    The patterns of `tested` ones are known to work.
    """
    try:
        whole = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise RuleError(f"{file}: {error}") from error
    tables = whole.get("rule", [])
    if whole.keys() - {"rule"} or not isinstance(tables, list) or not all(isinstance(row, dict) for row in tables):
        raise RuleError(f"{file}: a rule file holds tables headed [[rule]], and nothing besides")
    rules: dict[str, Rule] = {}
    for place, table in enumerate(tables):
        try:
            rule = _compile(table, file)
            for pattern in () if tested else rule.all_patterns:
                check(pattern)
        except (ValueError, KeyError, TypeError, AttributeError, re2.error) as error:
            where = f"{file}, line {_line_of(text, place)}"
            raise RuleError(f"{where}: rule {table.get('id', '?')!r}: {_reason(error)}") from error
        if rule.id in rules:
            raise RuleError(f"{file}, line {_line_of(text, place)}: rule {rule.id!r} stands there twice")
        rules[rule.id] = rule
    return tuple(rules.values())


def _line_of(text: str, place: int) -> int:
    """The line of the id of the rule at `place`, from 0; that of its head where it has no id."""
    heads = [head.start() for head in _HEAD.finditer(text)]
    head, *following = heads[place:] or [0]
    named = _ID_LINE.search(text, head, following[0] if following else len(text))
    return text.count("\n", 0, named.start() if named else head) + 1


def lay_over(base: Sequence[Rule], own: Sequence[Rule]) -> tuple[Rule, ...]:
    """Rules with `own` laid over `base` by id: a known id replaces its rule, a new one is added."""
    by_id = {rule.id: rule for rule in base} | {rule.id: rule for rule in own}
    return tuple(by_id.values())


def _compile(table: Mapping[str, Any], file: str) -> Rule:
    kinds = sorted(_CONDITIONS & set(table))
    complaints = [f"unknown key {key!r}" for key in sorted(set(table) - _NEEDED - _CONDITIONS - _OTHER_KEYS)]
    complaints += [f"no {key!r}" for key in sorted(_NEEDED - set(table))]
    if len(kinds) != 1:
        complaints.append(f"it needs one condition of {', '.join(sorted(_CONDITIONS))}, and has {kinds or 'none'}")
    complaints += [
        f"{key!r} is not a {kind.__name__}"
        for key, kind in _TYPES.items()
        if not isinstance(table.get(key, kind()), kind)
    ]
    if complaints:
        raise ValueError("; ".join(complaints))
    where = table.get("where", "output")
    places = frozenset([where] if isinstance(where, str) else map(str, where if isinstance(where, list) else [where]))
    if table["severity"] not in get_args(Severity):
        raise ValueError(f"severity {table['severity']!r} is none of {', '.join(get_args(Severity))}")
    if places - set(get_args(Where)):
        raise ValueError(f"where {sorted(places)} is not all of {', '.join(get_args(Where))}")
    if unknown := set(map(str, table.get("phases", ()))) - set(PHASES):
        raise ValueError(f"{sorted(unknown)[0]!r} is no phase; there are {', '.join(PHASES)}")
    if not _ID.fullmatch(table["id"]):
        raise ValueError("an id is of small letters, digits and single hyphens")
    return Rule(
        id=table["id"],
        severity=table["severity"],
        condition=_condition(kinds[0], table),
        title=table["title"],
        cause=table["cause"],
        remedy=table["remedy"],
        where=places,
        doc=_link(table.get("doc")),
        large_vm_remedy=table.get("large_vm_remedy"),
        step_remedies=dict(table.get("step_remedies", {})),
        likely=table.get("likely", False),
        fallback=table.get("fallback", False),
        steps=frozenset(table.get("steps", ())),
        phases=frozenset(table.get("phases", ())),
        unless=Pattern(table["unless"]) if "unless" in table else None,
        meanings={
            group: {value.lower(): sentence for value, sentence in sentences.items()}
            for group, sentences in table.get("meanings", {}).items()
        },
        leads_to=table.get("leads_to"),
        samples=tuple(table.get("samples", ())),
        others=tuple(table.get("others", ())),
        file=file,
    )


def _condition(kind: str, table: Mapping[str, Any]) -> Condition:
    value = table[kind]
    match kind:
        case "match":
            return Match(Pattern(value))
        case "sequence":
            within = table.get("within", "step")
            return Succession(
                tuple(Pattern(part) for part in value),
                None if within == "step" else parse_duration(within),
                bool(table.get("any_order", False)),
            )
        case "repeat":
            rows = [value] if isinstance(value, dict) else value
            stages = tuple(_stage(row, table["severity"]) for row in rows)
            beat = parse_duration(table.get("beat", "0s"))
            return Repeat(stages, _optional(table, "until"), _optional(table, "after"), beat)
        case "silence":
            spans = {kind: parse_duration(text) for kind, text in (value if isinstance(value, dict) else {}).items()}
            over = spans.pop("other") if spans else parse_duration(value)
            return Silence(over, _optional(table, "last"), spans)
        case "stall":
            slow = table.get("slow")
            return Stall(
                parse_duration(value),
                Slow(parse_duration(slow["over"]), slow["title"], slow["cause"]) if slow else None,
            )
        case "loop":
            return Loop(parse_duration(value))
        case _:
            return Lasting(value, parse_duration(table["over"]))


def _stage(row: Mapping[str, Any], severity: Severity) -> Stage:
    unknown = set(row) - {"match", "over", "times", "severity", "title", "cause", "by_history"}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in repeat")
    if row.get("severity", severity) not in get_args(Severity):
        raise ValueError(f"severity {row['severity']!r} is none of {', '.join(get_args(Severity))}")
    return Stage(
        Pattern(row["match"]),
        parse_duration(row.get("over", "0s")),
        int(row.get("times", 2)),
        row.get("severity", severity),
        row.get("title"),
        row.get("cause"),
        row.get("by_history") is True,
    )


def _optional(table: Mapping[str, Any], key: str) -> Pattern | None:
    return Pattern(table[key]) if key in table else None


def _link(doc: str | None) -> str | None:
    return f"{DOCS}{doc}" if doc and doc.startswith("#") else doc


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    text = error.args[0] if error.args else error
    return text.decode() if isinstance(text, bytes) else str(text)
