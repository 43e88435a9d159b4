"""Finding a pattern in the whole log, slice by slice, so that whoever waits for a key waits for one slice at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import re2

from aibtui.core.index import table
from aibtui.core.lines import parse_line
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_text import LogText, displayed

SLICE: Final = 512 * 1024
"""Bytes that are searched between two turns of the event loop."""
MOST: Final = 400
"""Lines that are looked at between two turns; where the pattern is in many, a slice is shorter."""
LONGEST: Final = 64 * 1024
_FEW: Final = 1000

_SPECIAL: Final = frozenset("\\.^$*+?{}[]|()")
_ANCHORS: Final = ("^", "$", "\\b", "\\B", "\\A", "\\z")


class BadPattern(ValueError):
    """The text is no regular expression; says in words what is wrong with it."""


class Query:
    """A pattern as a person typed it: plain text, or a regular expression where it has the signs of one.

    Without a capital letter in it, it finds both cases. It is matched against what the screen shows of a line, never
    against Packer's prefix. `regex=False` takes every sign as it is.
    """

    def __init__(self, text: str, *, regex: bool = True) -> None:
        self.text = text
        said = re.sub(r"\\.", "", text)
        self.any_case = said == said.lower()
        plain = not regex or not _SPECIAL & set(text)
        self._plain: bytes | None = text.encode() if plain and (text.isascii() or not self.any_case) else None
        source = re2.escape(text) if plain else text
        self._shown = _compile(source, any_case=self.any_case)
        # In the bytes a line begins with Packer's prefix, where an anchor finds nothing: then every line is looked at.
        anchored = any(anchor in source.replace("[^", "[") for anchor in _ANCHORS) and not plain
        self._raw = None if anchored else self._shown

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and (self.text, self._plain) == (other.text, other._plain)

    def __hash__(self) -> int:
        return hash((self.text, self._plain))

    def spans(self, shown: SafeText) -> list[tuple[int, int]]:
        """Where the pattern is in a text that is shown."""
        return [match.span() for match in self._shown.finditer(shown) if match.end() > match.start()]

    def matches(self, shown: SafeText) -> bool:
        """The pattern is in a text that is shown."""
        return self._shown.search(shown) is not None

    def candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The lines of `data` that may hold it: how many lines stand before each, and where it begins."""
        if self._plain is not None:
            return self._by_text(data.lower() if self.any_case else data, self._plain)
        return self._by_pattern(data) if self._raw is not None else _every_line(data)

    def _by_text(self, data: bytes, wanted: bytes) -> Iterator[tuple[int, int]]:
        number = counted = position = 0
        while (found := data.find(wanted, position)) >= 0:
            begin = data.rfind(b"\n", 0, found) + 1
            number += data.count(b"\n", counted, begin)
            counted = begin
            yield number, begin
            end = data.find(b"\n", found)
            if end < 0:
                return
            position = end + 1

    def _by_pattern(self, data: bytes) -> Iterator[tuple[int, int]]:
        number = counted = done = 0
        for match in self._shown.finditer(data):
            if match.start() < done:
                continue
            begin = data.rfind(b"\n", 0, match.start()) + 1
            number += data.count(b"\n", counted, begin)
            counted = begin
            yield number, begin
            end = data.find(b"\n", match.start())
            if end < 0:
                return
            done = end + 1


def _every_line(data: bytes) -> Iterator[tuple[int, int]]:
    begin, number = 0, 0
    while begin < len(data):
        yield number, begin
        end = data.find(b"\n", begin)
        if end < 0:
            return
        begin, number = end + 1, number + 1


def _compile(source: str, *, any_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not any_case
    options.never_nl = True
    try:
        return re2.compile(source, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise BadPattern(str(clean(said.decode() if isinstance(said, bytes) else str(said)))) from error


class Scan:
    """Sets a bit on every line that holds a query's pattern: from a line on to the end, then from the top.

    What is appended later is searched by further steps; `step` does one slice.
    """

    def __init__(self, query: Query, text: LogText, bit: int, start: int = 0) -> None:
        self.query = query
        self.bit = bit
        self.start = min(start, text.index.lines)
        self._text = text
        self._index = text.index
        self._wanted = table(bit)
        self._next = self.start
        self._above = 0
        self._index.clear(bit)

    @property
    def done(self) -> bool:
        """Everything there is has been searched."""
        return self._next >= self._index.lines and self._above >= self.start

    @property
    def has_searched_all_but_new(self) -> bool:
        """Nothing is left but some lines at the end."""
        return self._above >= self.start and 0 < self._index.lines - self._next < _FEW

    @property
    def progress(self) -> float:
        """How much has been searched, from 0 to 1."""
        return (self._next - self.start + self._above) / max(1, self._index.lines)

    @property
    def hits(self) -> int:
        """How many lines hold it, as far as was searched."""
        return self._index.count(self._wanted)

    def hits_up_to(self, line: int) -> int:
        """How many of them are this line or above it."""
        return self._index.count(self._wanted, 0, line + 1)

    def step(self) -> bool:
        """Search one slice; False when there is nothing left, or it cannot be read."""
        if self._next < self._index.lines:
            reached = self._search(self._next, self._index.lines)
            moved, self._next = reached > self._next, reached
        elif self._above < self.start:
            reached = self._search(self._above, self.start)
            moved, self._above = reached > self._above, reached
        else:
            return False
        return moved

    def _search(self, line: int, stop: int) -> int:
        """Search from a line on; the line behind the last one searched."""
        stretch, data = self._text.stretch(line, SLICE)
        if not data:
            return line
        looked_at = 0
        for number, begin in self.query.candidates(data):
            here = stretch.first + number
            if here >= min(stretch.last, stop):
                break
            if here < line:
                continue
            looked_at += 1
            if looked_at > MOST:
                return here
            end = data.find(b"\n", begin)
            raw = data[begin : min(end if end >= 0 else len(data), begin + LONGEST)]
            if self.query.matches(clean(displayed(parse_line(raw, 0)), None)):
                self._index.set(here, self.bit)
        return min(stretch.last, stop)

    def forget(self) -> None:
        """Clear the bit."""
        self._index.clear(self.bit)
