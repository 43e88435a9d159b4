"""Sleeps in the source of a script, found before it runs. Reads text alone: it runs nothing and knows no build.

Windows PowerShell, its guests from cmd, and POSIX shells; strings, comments and here-documents are no code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from aibtui.core.durations import FOR_EVER, clock_span, number, shell_span, timespan

Dialect = Literal["powershell", "shell"]

LEAST_SECONDS: Final = 120.0
_LONGEST_SOURCE: Final = 400_000
_DEEPEST: Final = 3
_LONGEST_COMMAND: Final = 4000
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Sleep:
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What a source says of sleeping: the long sleeps in order, all that it prints literally.

    `short_only` is true where it has sleeps, and all are short or part of a loop: a word about one then means those.
    """

    sleeps: tuple[Sleep, ...] = ()
    prints: tuple[re.Pattern[str], ...] = ()
    short_only: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A simple command, or the opening (with its header) or closing of a block."""

    kind: Literal["run", "open", "close"]
    text: str = ""
    line: int = 0
    background: bool = False


@dataclass(slots=True)
class _Reading:
    """What is known while the pieces go by."""

    values: dict[str, float] = field(default_factory=dict)
    blocks: list[str] = field(default_factory=list)
    said: re.Pattern[str] | None = None
    opaque: bool = False
    some: bool = False
    unknown: bool = False


_LOOP = re.compile(
    r"(?i)(?:^|[\s|.(])(?:while|for|foreach|do|until|catch|trap|foreach-object|%|start-job|start-threadjob)(?=[\s({.]|$)"
    r"|\.foreach\s*\(|\bregister-\w+|\bwhere-object\b|\s\?\s*$"
)
_BRANCH = re.compile(r"(?i)(?:^|\s)(?:if|elseif|else|elif|switch|case|function|filter|class)\b|\(\)\s*$|\w\s*=\s*$")
_PREFIX = re.compile(
    r"(?i)^(?:[&.@]\s*|(?:sudo(?:\s+-\S+)*|nohup|time|exec|command|call|then|else|!|\[void\])\s+|\$null\s*=\s*)+"
)
_REDIRECT = re.compile(r"(?i)\s*(?:\d|\*)?(?:>>?|<)\s*(?:&\d|\$null|\S+)")
_COMMON = re.compile(r"(?i)\s+-(?:erroraction|ea|warningaction|informationaction)[\s:]+\w+|\s+-(?:verbose|debug)\b")
_START_SLEEP = re.compile(r"(?i)^(?:[\w.]+\\)?(?:start-sleep|sleep)\s+(.+)$")
_SLEEP = re.compile(r"(?i)^(?:/\S*/)?sleep(?:\.exe)?\s+(.+)$")
_PARAMETER = re.compile(r"(?i)^-(\w+)(?:\s*:\s*|\s+)(.+)$")
_TIMEOUT = re.compile(r"(?i)^(?:\S*\\)?timeout(?:\.exe)?\s+(?:/nobreak\s+)?(?:/t\s*)?(\S+?)(?:\s+/nobreak)?$")
_PING = re.compile(r"(?i)^(?:\S*[\\/])?ping(?:\.exe)?\s+(?=.*\s)(?:.*\s)?[-/][nc]\s+(\S+)(?:\s.*)?$")
_CALLED = re.compile(
    r"(?i)\[(?:system\.)?threading\.(?:thread\]::sleep|tasks\.task\]::delay)\s*\((.+?)\)(?:\.wait\(\))?$"
)
_PYTHON = re.compile(r"(?i)\btime\.sleep\(([^()]+)\)")
_WAITFOR = re.compile(r"(?i)^(?:\S*\\)?(?:waitfor(?:\.exe)?\s+.*?/t\s+(\S+).*|wait-event\s+.*?-timeout\s+(\S+).*)$")
_INTERPRETER = re.compile(
    r"(?i)^(?:\S*[\\/])?(?:(?P<ps>powershell|pwsh)(?:\.exe)?\b.*?\s-c(?:ommand)?|(?P<cmd>cmd)(?:\.exe)?(?:\s+/\w)*?\s+/[ck]"
    r"|(?P<sh>(?:ba|da|k|z)?sh)\s+-\w*c|(?P<py>python[\d.]*)(?:\.exe)?\s+-c)\s+(?P<body>.+)$",
    re.DOTALL,
)
_SET = re.compile(
    r"(?i)^(?:\[\w+\]\s*)?\$(?:\w+:)?(\w+)\s*=\s*(.+)$|^(?:export\s+|local\s+|readonly\s+|set\s+)?(\w+)=(\S+)$"
)
_TRIVIAL = re.compile(
    r"(?i)^(?:exit|return|break|continue|out-null|out-host|true|:|sync|popd|pop-location|cd|set-location|shopt"
    r"|stop-transcript|start-transcript|set-strictmode|set|param|using|import-module|set-executionpolicy|get-date|date|in"
    r"|try|finally|begin|end|process|done|fi|esac)\b|^#!|^\$[\w:]+\s*(?:\+\+|--)$|^\[cmdletbinding"
)
_PRINT = re.compile(
    r"(?i)^(?:(?:write-(?:host|output|information)|echo|printf|out-host)(?:\s+-(?:object|messagedata|inputobject|e|n))*\s+"
    r"(?P<said>.+?)(?:\s+-\w.*)?|\[console\]::writeline\((?P<line>.+)\)|(?P<bare>\"[^\"]*\"|'[^']*'))$",
    re.DOTALL,
)
_INSERTED = re.compile(r"\$\([^()]*\)|\$\{[^}]*\}|\$[\w:]+(?:\.\w+)*|\{\d+[^}]*\}|%[sd]|`.|\\[nrt]")


def plan_of(source: str, dialect: Dialect, depth: int = 0) -> Plan:
    """All that a source plans to sleep. A source without any word of it costs one search."""
    source = source[:_LONGEST_SOURCE]
    if not re.search(r"(?i)sleep|timeout|ping|::delay|waitfor|wait-event", source):
        return Plan()
    reading, sleeps, prints = _Reading(), list[Sleep](), list[re.Pattern[str]]()
    for piece in _pieces(source, dialect):
        if piece.kind == "open":
            reading.blocks.append(piece.text)
            continue
        if piece.kind == "close":
            if reading.blocks:
                reading.blocks.pop()
            continue
        seconds = _seconds(piece.text, dialect, reading.values, depth)
        if seconds is None:
            _take_other(piece, reading, prints, sleeps)
            continue
        reading.some = True
        if seconds != seconds:  # not a number: it depends on what only the run knows
            reading.unknown = True
        looped = any(_LOOP.search(header) for header in reading.blocks)
        if looped or piece.background or not seconds >= LEAST_SECONDS:
            continue
        certain = not any(_BRANCH.search(header) for header in reading.blocks)
        length = None if seconds >= FOR_EVER else seconds
        sleeps.append(Sleep(length, piece.text, piece.line, reading.said, certain, reading.opaque))
        reading.said, reading.opaque = None, False
    short_only = reading.some and not sleeps and not reading.unknown
    return Plan(tuple(sleeps), tuple(prints), short_only)


def _take_other(piece: _Piece, reading: _Reading, prints: list[re.Pattern[str]], sleeps: list[Sleep]) -> None:
    text = piece.text
    assigned = _SET.match(text)
    if assigned:
        name, value = (assigned[1], assigned[2]) if assigned[1] else (assigned[3], assigned[4])
        worth = number(value, reading.values)
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
    return re.compile(r"\s*" + r".*?".join(re.escape(part) for part in literal) + r"\s*", re.IGNORECASE)


def _seconds(text: str, dialect: Dialect, values: Mapping[str, float], depth: int) -> float | None:
    """How long a command sleeps; not-a-number where that cannot be told, None where it is no sleep."""
    text = _PREFIX.sub("", text.strip())
    nested = _INTERPRETER.match(text)
    if nested and depth < _DEEPEST:
        return _nested(nested, depth)
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
        return number(match[1] or match[2], values)
    return None


def _start_sleep(arguments: str, values: Mapping[str, float]) -> float:
    named = _PARAMETER.match(arguments)
    name, value = (named[1].lower(), named[2]) if named else ("seconds", arguments)
    span = timespan(value)
    if span is not None and not name.startswith("m"):
        return span
    if "milliseconds".startswith(name) or name == "ms":
        return span if span is not None else number(value, values) / 1000
    if "duration".startswith(name):
        spanned = clock_span(value)
        return spanned if spanned is not None else float("nan")
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


# The shape of a source: commands and blocks


class _Command:
    """The text of a command as it is read; the middle of a very long one is not kept."""

    def __init__(self) -> None:
        self.line = 1
        self._clear()

    def _clear(self) -> None:
        self.parts: list[str] = []
        self.empty = True
        self.last = ""
        self._room = _LONGEST_COMMAND

    def add(self, text: str, line: int) -> None:
        if self.empty and text.strip():
            self.empty, self.line = False, line
        if self._room > 0:
            self.parts.append(text[: self._room])
            self._room -= len(text)
        self.last = text[-1:]

    def take(self) -> str:
        text = "".join(self.parts).strip()
        self._clear()
        return text

    @property
    def begins(self) -> bool:
        """Whether a word begins here."""
        return not self.parts or self.last.isspace() or self.last in "(,=|"


_HERE = re.compile(r"<<-?\s*[\"'\\]?(\w+)[\"']?")
_REMARK = re.compile(r"(?i)@?rem(?:\s|$)|::(?!\w+\()")


def _pieces(source: str, dialect: Dialect) -> Iterator[_Piece]:
    windows = dialect == "powershell"
    command, skipper = _Command(), _Skipper(source, windows)
    parens, stack = 0, list[int]()
    here: str | None = None
    at, line = 0, 1

    def flush(background: bool = False) -> Iterator[_Piece]:
        text = command.take()
        if text and not _REMARK.match(text):
            yield from _split(text, command.line, background, windows)

    while at < len(source):
        char = source[at]
        skipped = skipper.skip(at, command.begins)
        if skipped is not None:
            keep, end = skipped
            command.add(source[at:end] if keep else " ", line)
            line += source.count("\n", at, end)
            at = end
            continue
        if char == "<" and not windows and here is None and (told := _HERE.match(source, at)):
            here = told[1]
            command.add(" ", line)
            at = told.end()
            continue
        if char == "\n" and here is not None:
            ended = re.compile(rf"^[ \t]*{re.escape(here)}[ \t]*$", re.MULTILINE).search(source, at + 1)
            end = ended.end() if ended else len(source)
            yield from flush()
            line += source.count("\n", at, end)
            at, here = end, None
            continue
        if char == "{" and (windows or (source[at + 1 : at + 2].isspace() and (command.empty or command.last in ") "))):
            yield _Piece("open", command.take(), line)
            stack.append(parens)
            parens = 0
        elif char == "}" and (windows or command.empty):
            yield from flush()
            yield _Piece("close")
            parens = stack.pop() if stack else 0
        elif char in "\n;|&" and not parens and not _belongs(source, at):
            double = source[at + 1 : at + 2] == char
            if char == "&" and not double and windows and command.empty:
                command.add(" ", line)  # the call operator
            else:
                yield from flush(background=char == "&" and not double and not windows)
            at += double and char in "|&"
        else:
            parens = max(0, parens + (char == "(") - (char == ")"))
            command.add(char, line)
        line += char == "\n"
        at += 1
    yield from flush()


def _belongs(source: str, at: int) -> bool:
    """Whether an ampersand is part of a redirection."""
    return source[at] == "&" and (source[at - 1 : at] in (">", "<") or source[at + 1 : at + 2] == ">")


_QUOTES = {
    '@"': re.compile(r"@\"[ \t]*\n.*?\n\"@", re.DOTALL),
    "@'": re.compile(r"@'[ \t]*\n.*?\n'@", re.DOTALL),
    "'": re.compile(r"'[^']*'"),
    "`": re.compile(r"\"(?:[^\"`]|`.)*\"", re.DOTALL),
    "\\": re.compile(r"\"(?:[^\"\\]|\\.)*\"", re.DOTALL),
}
_JOINED = re.compile(r".[ \t\r]*\n", re.DOTALL)


class _Skipper:
    """Strings, comments, escapes and braced names of one source."""

    def __init__(self, source: str, windows: bool) -> None:
        self._source = source
        self._windows = windows
        self._escape = "`" if windows else "\\"
        self._open: set[str] = set()

    def skip(self, at: int, begins: bool) -> tuple[bool, int] | None:
        """Where what begins here ends, and whether to keep it; None for what is plain code."""
        source, char = self._source, self._source[at]
        if char == "#" and begins:
            end = source.find("\n", at)
            return False, len(source) if end < 0 else end
        if char == "<" and self._windows and source.startswith("<#", at):
            end = source.find("#>", at)
            return False, len(source) if end < 0 else end + 2
        if char in "\"'" or (char == "@" and self._windows and source[at + 1 : at + 2] in ('"', "'")):
            kind = source[at : at + 2] if char == "@" else self._escape if char == '"' else char
            return self._quoted(kind, at)
        if char == self._escape and at + 1 < len(source):
            joined = _JOINED.match(source, at)
            return (False, joined.end()) if joined else (True, at + 2)
        if char == "$" and source.startswith("${", at):
            end = source.find("}", at, at + _LONGEST_NAME)
            return (True, end + 1) if end >= 0 else None
        return None

    def _quoted(self, kind: str, at: int) -> tuple[bool, int] | None:
        """One that nothing closes is a plain character, and so is every later one of its kind."""
        match = None if kind in self._open else _QUOTES[kind].match(self._source, at)
        if match is None and (not kind.startswith("@") or self._source.find(f"\n{kind[1]}@", at) < 0):
            self._open.add(kind)
        return (True, match.end()) if match else None


_OPENERS = re.compile(r"^(?:(do)|(then))\b\s*")
_HEADERS = re.compile(r"^(?:while|until|for|if|elif|case|select)\b")


def _split(text: str, line: int, background: bool, windows: bool) -> Iterator[_Piece]:
    """A command; in a POSIX shell its words may open and close blocks."""
    if windows:
        yield _Piece("run", text, line)
        return
    if opened := _OPENERS.match(text):
        yield _Piece("open", opened[0].strip() if opened[1] else "if", line)
        text = text[opened.end() :]
    elif re.match(r"^(?:done|fi)\b", text):
        yield _Piece("close")
        return
    elif _HEADERS.match(text):
        return
    else:
        text = re.sub(r"^(?:else\s+|\(+\s*)", "", text)
    if text:
        yield _Piece("run", text.rstrip(")") if text.count(")") > text.count("(") else text, line, background)
