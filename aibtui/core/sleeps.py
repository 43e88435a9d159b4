"""Sleeps in the source of a script, found before it runs. Reads text alone: it runs nothing and knows no build.

Windows PowerShell, its guests from cmd, and POSIX shells; strings, comments and here-documents are no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from aibtui.core.commands import Dialect, Piece, pieces
from aibtui.core.durations import FOR_EVER, clock_span, number, shell_span, timespan
from aibtui.core.regex import regex

LEAST_SECONDS: Final = 120.0
_LONGEST_SOURCE: Final = 400_000
_DEEPEST: Final = 3


class Sleep(Struct, frozen=True):
    """A planned sleep of two minutes or more. `seconds` is None where it never ends by itself; `line` counts from 1.

    `said` is what the script prints right before it, `certain` that it stands in no branch and no function, `opaque`
    that commands stand between the last print (or the beginning) and it, `last` that no command follows.
    """

    seconds: float | None
    text: str
    line: int
    said: re.Pattern[str] | None = None
    certain: bool = True
    opaque: bool = False
    last: bool = True


class Plan(Struct, frozen=True):
    """What a source says of sleeping: the long sleeps in order, all that it prints literally.

    `short_only` is true where it has sleeps, and all are short or part of a loop: a word about one then means those.
    """

    sleeps: tuple[Sleep, ...] = ()
    prints: tuple[re.Pattern[str], ...] = ()
    short_only: bool = False


class _Block(Struct):
    """A block that is open. Of a loop that does nothing but sleep: how often it turns, and what a turn sleeps."""

    header: str
    line: int
    times: float = 0.0
    seconds: float = 0.0
    pure: bool = True


class _Reading(Struct):
    """What is known while the pieces go by."""

    values: dict[str, float] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)
    head: str = ""
    said: re.Pattern[str] | None = None
    opaque: bool = False
    some: bool = False
    unknown: bool = False


_LOOP = regex(
    r"(?i)(?:^|[\s|.(])(?:while|for|foreach|do|until|catch|trap|foreach-object|%|start-job|start-threadjob)(?=[\s({.]|$)"
    r"|\.foreach\s*\(|\bregister-\w+|\bwhere-object\b|\s\?\s*$"
)
_BRANCH = regex(r"(?i)(?:^|\s)(?:if|elseif|else|elif|switch|case|function|filter|class)\b|\(\)\s*$|\w\s*=\s*$")
_PREFIX = regex(
    r"(?i)^(?:[&.@]\s*|(?:sudo(?:\s+-\S+)*|nohup|time|exec|command|call|then|else|!|\[void\])\s+|\$null\s*=\s*)+"
)
_REDIRECT = regex(r"(?i)\s*(?:\d|\*)?(?:>>?|<)\s*(?:&\d|\$null|\S+)")
_COMMON = regex(r"(?i)\s+-(?:erroraction|ea|warningaction|informationaction)[\s:]+\w+|\s+-(?:verbose|debug)\b")
_START_SLEEP = regex(r"(?i)^(?:[\w.]+\\)?(?:start-sleep|sleep)\s+(.+)$")
_SLEEP = regex(r"(?i)^(?:/\S*/)?sleep(?:\.exe)?\s+(.+)$")
_PARAMETER = regex(r"(?i)^-(\w+)(?:\s*:\s*|\s+)(.+)$")
_TIMEOUT = regex(r"(?i)^(?:\S*\\)?timeout(?:\.exe)?\s+(?:/nobreak\s+)?(?:/t\s*)?(\S+?)(?:\s+/nobreak)?$")
_PING = regex(r"(?i)^(?:\S*[\\/])?ping(?:\.exe)?\s+(?=.*\s)(?:.*\s)?[-/][nc]\s+(\S+)(?:\s.*)?$")
_CALLED = regex(r"(?i)\[(?:system\.)?threading\.(?:thread\]::sleep|tasks\.task\]::delay)\s*\((.+?)\)(?:\.wait\(\))?$")
_PYTHON = regex(r"(?i)\btime\.sleep\(([^()]+)\)")
_WAITFOR = regex(
    r"(?i)^(?:\S*\\)?(?:waitfor(?:\.exe)?\s+.*?/t\s+(\S+).*|wait-event\s+.*?-timeout\s+(\S+).*"
    r"|choice(?:\.exe)?\s+.*?/t\s+(\S+).*)$"
)
_READ = regex(r"^read\s+(?:.*\s)?-[a-su-z]*t\s*(\d\S*|\$\S+)(?:\s.*)?$")
_LIMITED = regex(r"^(?:/\S*/)?timeout(?:\s+-\S+)*\s+(\d\S*)\s+(.+)$")
_NEVER_ENDS = regex(r"^(?:/\S*/)?tail\s+(?:-\S+\s+)*/dev/null$")
_TOTAL = regex(r"(?i)\.totalseconds\b")
_RANGE = regex(r"(?<![\w.])(\d+|\$\w+)\s*\.\.\s*(\d+|\$\w+)|\{(\d+)\.\.(\d+)\}")
_SEQ = regex(r"\bseq\s+(?:(\d+)\s+)?(\d+|\$\{?\w+\}?)\s*[)`]")
_COUNT_UP = regex(r"(?i)\(+\s*\$?(\w+)\s*=\s*(\d+)\s*;\s*\$?\1\s*(-l[te]|<=?)\s*(\d+|\$?\w+)\s*;")
_WORDS = regex(r"^for\s+\w+\s+in\s+(.+)$")
_MOST_TURNS: Final = 100_000
_INTERPRETER = regex(
    r"(?i)^(?:\S*[\\/])?(?:(?P<ps>powershell|pwsh)(?:\.exe)?\b.*?\s-c(?:ommand)?|(?P<cmd>cmd)(?:\.exe)?(?:\s+/\w)*?\s+/[ck]"
    r"|(?P<sh>(?:ba|da|k|z)?sh)\s+-\w*c|(?P<py>python[\d.]*)(?:\.exe)?\s+-c)\s+(?P<body>.+)$",
    re.DOTALL,
)
_SET = regex(
    r"(?i)^(?:\[\w+\]\s*)?\$(?:\w+:)?(\w+)\s*=\s*(.+)$|^(?:export\s+|local\s+|readonly\s+|set\s+)?(\w+)=(\S+)$"
)
_TRIVIAL = regex(
    r"(?i)^(?:exit|return|break|continue|out-null|out-host|true|:|sync|popd|pop-location|cd|set-location|shopt"
    r"|stop-transcript|start-transcript|set-strictmode|set|param|using|import-module|set-executionpolicy|get-date|date|in"
    r"|try|finally|begin|end|process|done|fi|esac)\b|^#!|^\$[\w:]+\s*(?:\+\+|--)$|^\[cmdletbinding"
)
_LEAVES = regex(r"(?i)^(?:exit|return|break|continue)\b")
_PRINT = regex(
    r"(?i)^(?:(?:write-(?:host|output|information)|echo|printf|out-host)(?:\s+-(?:object|messagedata|inputobject|e|n))*\s+"
    r"(?P<said>.+?)(?:\s+-\w.*)?|\[console\]::writeline\((?P<line>.+)\)|(?P<bare>\"[^\"]*\"|'[^']*'))$",
    re.DOTALL,
)
_INSERTED = regex(r"\$\([^()]*\)|\$\{[^}]*\}|\$[\w:]+(?:\.\w+)*|\{\d+[^}]*\}|%[sd]|`.|\\[nrt]")


def plan_of(source: str, dialect: Dialect, depth: int = 0) -> Plan:
    """All that a source plans to sleep. A source without any word of it costs one search."""
    source = source[:_LONGEST_SOURCE]
    if not re.search(r"(?i)sleep|timeout|ping|::delay|waitfor|wait-event|\bread\b|/dev/null|\bchoice\b", source):
        return Plan()
    reading, sleeps, prints = _Reading(), list[Sleep](), list[re.Pattern[str]]()
    for piece in pieces(source, dialect):
        if piece.kind == "head":
            reading.head = piece.text
        elif piece.kind == "open":
            _enter(piece, reading)
        elif piece.kind == "close":
            if reading.blocks:
                _leave(reading.blocks.pop(), reading, sleeps)
        else:
            seconds = _seconds(piece.text, dialect, reading.values, depth)
            reading.head = piece.text if _RANGE.fullmatch(piece.text.strip("()")) else ""
            if reading.head:
                continue
            if seconds is None:
                _take_other(piece, reading, prints, sleeps)
            else:
                _take_sleep(seconds, piece.text, piece, reading, sleeps)
    short_only = reading.some and not sleeps and not reading.unknown
    return Plan(tuple(sleeps), tuple(prints), short_only)


def _enter(piece: Piece, reading: _Reading) -> None:
    """A block opens. Whatever opens within a loop makes it more than a sleep."""
    header = f"{reading.head} {piece.text}".removesuffix(" do") if reading.head else piece.text
    _taint(reading)
    reading.blocks.append(_Block(header, piece.line, _turns(header, reading.values)))
    reading.head = ""


def _taint(reading: _Reading) -> None:
    """Every open block does something besides sleeping; below one that does all do already."""
    for block in reversed(reading.blocks):
        if not block.pure:
            return
        block.pure = False


def _leave(block: _Block, reading: _Reading, sleeps: list[Sleep]) -> None:
    """A loop that turns so often as is written there, and does nothing but sleep, is one long sleep."""
    if block.pure and block.times and block.seconds:
        piece = Piece("run", line=block.line)
        _take_sleep(block.times * block.seconds, f"{block.header} {{...}}", piece, reading, sleeps)


def _take_sleep(seconds: float, text: str, piece: Piece, reading: _Reading, sleeps: list[Sleep]) -> None:
    reading.some = True
    if seconds != seconds:  # not a number: it depends on what only the run knows
        reading.unknown = True
    elif reading.blocks:
        reading.blocks[-1].seconds += seconds
    looped = any(_LOOP.search(block.header) for block in reading.blocks)
    if looped or piece.background or not seconds >= LEAST_SECONDS:
        return
    certain = not any(_BRANCH.search(block.header) for block in reading.blocks)
    length = None if seconds >= FOR_EVER else seconds
    sleeps.append(Sleep(length, text, piece.line, reading.said, certain, reading.opaque))
    reading.said, reading.opaque = None, False


def _turns(header: str, values: Mapping[str, float]) -> float:
    """How often a loop turns, where it says so in numbers; else 0."""
    if counted := _RANGE.search(header):
        first, last = (number(each, values) for each in (counted[1] or counted[3], counted[2] or counted[4]))
        turns = abs(last - first) + 1
    elif counted := _SEQ.search(header):
        turns = number(counted[2], values) - (number(counted[1], values) if counted[1] else 1) + 1
    elif counted := _COUNT_UP.search(header):
        turns = number(counted[4], values) - number(counted[2], values) + (counted[3] in ("-le", "<="))
    elif counted := _WORDS.search(header):
        turns = 0.0 if re.search(r"[$*`{]", counted[1]) else float(len(counted[1].split()))
    else:
        turns = 0.0
    return turns if 0 < turns <= _MOST_TURNS else 0.0


def _take_other(piece: Piece, reading: _Reading, prints: list[re.Pattern[str]], sleeps: list[Sleep]) -> None:
    text = piece.text
    assigned = _SET.match(text)
    if not assigned and text and not (_TRIVIAL.match(text) and not _LEAVES.match(text)):
        _taint(reading)
    if assigned:
        name, value = (assigned[1], assigned[2]) if assigned[1] else (assigned[3], assigned[4])
        span = timespan(value)
        worth = number(value, reading.values) if span is None else span
        if worth == worth:
            reading.values[name.lower()] = worth
            return
        reading.values.pop(name.lower(), None)
        if not re.search(r"[(&|`]|\b[a-z]+-[a-z]+\b", value, re.IGNORECASE):
            return
    elif printed := _PRINT.match(text):
        reading.said, reading.opaque = _pattern(printed["said"] or printed["line"] or printed["bare"]), False
        if reading.said is not None:
            prints.append(reading.said)
        return
    elif not text or _TRIVIAL.match(text):
        return
    reading.opaque, reading.said = True, None
    sleeps[:] = [Sleep(s.seconds, s.text, s.line, s.said, s.certain, s.opaque, last=False) for s in sleeps]


def _pattern(said: str) -> re.Pattern[str] | None:
    """What a print shows, where enough of it is literal to be known again."""
    said = said.strip()
    if said[:1] in "\"'" and said[-1:] == said[:1]:
        said = said[1:-1]
    literal = [part.strip() for part in _INSERTED.split(said)]
    if sum(len(re.sub(r"\W", "", part)) for part in literal) < 3:
        return None
    return regex(r"\s*" + r".*?".join(re.escape(part) for part in literal) + r"\s*", re.IGNORECASE)


def _seconds(text: str, dialect: Dialect, values: Mapping[str, float], depth: int) -> float | None:
    """How long a command sleeps; not-a-number where that cannot be told, None where it is no sleep."""
    text = _PREFIX.sub("", text.strip())
    nested = _INTERPRETER.match(text)
    if nested and depth < _DEEPEST:
        return _nested(nested, depth)
    if dialect == "shell" and (match := _LIMITED.match(text)):
        limit, inner = shell_span(match[1], values), _seconds(match[2], dialect, values, depth)
        return min(limit, inner) if limit is not None and inner is not None else None
    text = _COMMON.sub("", _REDIRECT.sub("", text)).strip()
    if match := _SLEEP.match(text):
        span = shell_span(match[1], values)
        if span is not None:
            return span
    if match := _START_SLEEP.match(text):
        return _start_sleep(match[1].strip(), values)
    if match := _CALLED.search(text):
        span = timespan(match[1])
        return span if span is not None else number(match[1], values) / 1000
    if match := _TIMEOUT.match(text):
        return number(match[1], values)
    if match := _PING.match(text):
        return number(match[1], values) - 1
    if match := _WAITFOR.match(text):
        return number(match[1] or match[2] or match[3], values)
    if dialect == "shell" and (match := _READ.match(text)):
        return number(match[1], values)
    return FOR_EVER if _NEVER_ENDS.match(text) else None


def _start_sleep(arguments: str, values: Mapping[str, float]) -> float:
    arguments = _TOTAL.sub("", arguments)
    named = _PARAMETER.match(arguments)
    name, value = (named[1].lower(), named[2]) if named else ("seconds", arguments)
    span = timespan(value)
    if span is not None and not name.startswith("m"):
        return span
    if "milliseconds".startswith(name) or name == "ms":
        return span if span is not None else number(value, values) / 1000
    if "duration".startswith(name):
        spanned = clock_span(value)
        return spanned if spanned is not None else number(value, values) if "$" in value else float("nan")
    return number(value, values)


def _nested(match: re.Match[str], depth: int) -> float | None:
    body = match["body"].strip()
    if body[:1] in "\"'" and body[-1:] == body[:1]:
        body = body[1:-1]
    if match["py"]:
        called = [number(each, {}) for each in _PYTHON.findall(body)]
        return sum(called) if called else None
    inner = plan_of(body, "shell" if match["sh"] else "powershell", depth + 1)
    if not inner.sleeps:
        return None
    return sum(FOR_EVER if sleep.seconds is None else sleep.seconds for sleep in inner.sleeps)
