"""A script's source as simple commands and blocks; strings, comments and here-documents are no code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from aibtui.core.regex import regex

Dialect = Literal["powershell", "shell"]

_LONGEST_COMMAND: Final = 4000
_LONGEST_NAME: Final = 200


class Piece(Struct, frozen=True):
    """A simple command, or the opening (with its header) or closing of a block.

    In a POSIX shell the header of a loop is a command of its own (`head`), and what opens its block comes after it.
    """

    kind: Literal["run", "open", "close", "head"]
    text: str = ""
    line: int = 0
    background: bool = False


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


_HERE = regex(r"<<-?\s*[\"'\\]?(\w+)[\"']?")
_REMARK = regex(r"(?i)@?rem(?:\s|$)|::(?!\w+\()")


def pieces(source: str, dialect: Dialect) -> Iterator[Piece]:
    """The commands and blocks of a source, in order."""
    windows = dialect == "powershell"
    command, skipper = _Command(), _Skipper(source, windows)
    parens, stack = 0, list[int]()
    here: str | None = None
    at, line = 0, 1

    def flush(background: bool = False) -> Iterator[Piece]:
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
            ended = regex(rf"^[ \t]*{re.escape(here)}[ \t]*$", re.MULTILINE).search(source, at + 1)
            end = ended.end() if ended else len(source)
            yield from flush()
            line += source.count("\n", at, end)
            at, here = end, None
            continue
        if char == "{" and (windows or (source[at + 1 : at + 2].isspace() and (command.empty or command.last in ") "))):
            yield Piece("open", command.take(), line)
            stack.append(parens)
            parens = 0
        elif char == "}" and (windows or command.empty):
            yield from flush()
            yield Piece("close")
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
    '@"': regex(r"@\"[ \t]*\n.*?\n\"@", re.DOTALL),
    "@'": regex(r"@'[ \t]*\n.*?\n'@", re.DOTALL),
    "'": regex(r"'[^']*'"),
    "`": regex(r"\"(?:[^\"`]|`.)*\"", re.DOTALL),
    "\\": regex(r"\"(?:[^\"\\]|\\.)*\"", re.DOTALL),
}
_JOINED = regex(r".[ \t\r]*\n", re.DOTALL)


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


_OPENERS = regex(r"^(?:(do)|(then))\b\s*")
_HEADERS = regex(r"^(?:while|until|for|if|elif|case|select)\b")


def _split(text: str, line: int, background: bool, windows: bool) -> Iterator[Piece]:
    """A command; in a POSIX shell its words may open and close blocks."""
    if windows:
        yield Piece("run", text, line)
        return
    if opened := _OPENERS.match(text):
        yield Piece("open", opened[0].strip() if opened[1] else "if", line)
        text = text[opened.end() :]
    elif re.match(r"^(?:done|fi)\b", text):
        yield Piece("close")
        return
    elif _HEADERS.match(text):
        yield Piece("head", text, line)
        return
    else:
        text = re.sub(r"^(?:else\s+|\(+\s*)", "", text)
    if text:
        yield Piece("run", text.rstrip(")") if text.count(")") > text.count("(") else text, line, background)
