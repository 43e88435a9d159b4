"""Finding a pattern in the whole log, slice by slice, so that whoever waits for a key waits for one slice at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import re2

from aibtui.core.lines import parse_line
from aibtui.core.looks import text_column
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_text import LogText, displayed

SLICE: Final = 64 * 1024
"""Bytes that are searched in one step: with the worst of patterns, that still takes no more than some milliseconds."""
LEAP: Final = 1024 * 1024
"""As many bytes without a plain text in them are passed over in one step: that takes less than one."""
MOST: Final = 60
"""Lines that are looked at in one step; where the pattern is in many, a slice is shorter."""
LONGEST: Final = 64 * 1024
_FEW: Final = 1000

_SPECIAL: Final = frozenset("\\.^$*+?{}[]|()")
_ANCHORS: Final = ("^", "$", "\\b", "\\B")
_OF_EACH: Final = {"\\A": "^", "\\z": "$"}
"""Where many texts are searched at once, the beginning and the end of the whole are those of each."""


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
        self.plain = plain
        source = re2.escape(text) if plain else text
        source = source if plain else re.sub(r"\\.", lambda sign: _OF_EACH.get(sign[0], sign[0]), source)
        self._shown = _compile(source, any_case=self.any_case)
        self._in_many = _compile(f"(?m:{source})", any_case=self.any_case)
        # In the bytes a line begins with Packer's prefix, where an anchor finds nothing: then every text is looked at.
        self._anchored = not plain and any(anchor in source.replace("[^", "[") for anchor in _ANCHORS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and (self.text, self.plain) == (other.text, other.plain)

    def __hash__(self) -> int:
        return hash((self.text, self.plain))

    def spans(self, shown: SafeText) -> list[tuple[int, int]]:
        """Where the pattern is in a text that is shown."""
        data = shown.encode()  # RE2's binding is slow at a str
        spans = [match.span() for match in self._shown.finditer(data) if match.end() > match.start()]
        if shown.isascii():
            return spans
        return [(len(data[:begin].decode()), len(data[:end].decode())) for begin, end in spans]

    def matches(self, shown: SafeText) -> bool:
        """The pattern is in a text that is shown."""
        return self._shown.search(shown.encode()) is not None

    def place_in(self, data: bytes) -> int | None:
        """No line of `data` that ends before this place can hold it, none at all where it is None; costs little."""
        if self._anchored:
            return 0
        found = self._shown.search(data)
        return None if found is None else found.start()

    def among(self, texts: list[bytes]) -> Iterator[int]:
        """Which of many texts hold it, where each is shown as it is."""
        together = b"\n".join(texts)
        place = counted = position = 0
        while texts and (match := self._in_many.search(together, position)) is not None:
            at = match.start()
            place += together.count(b"\n", counted, at)
            counted = at
            yield place
            position = together.find(b"\n", at) + 1
            if not position:
                return


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


def _as_shown(line: bytes) -> bytes | None:
    """The text of a line whose text is shown as it is; None for one whose form or signs make it look different."""
    column = text_column(line) if len(line) <= LONGEST else None
    return line[column:] if column is not None and line.isascii() and line.decode("ascii").isprintable() else None


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
        self.hits = 0
        """How many lines hold it, as far as was searched."""
        self._next = self.start
        self._above = 0
        self._leap = SLICE
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
        stretch, data = self._text.stretch(line, self._leap)
        if not data:
            return line
        if line > stretch.first:
            data = data.split(b"\n", line - stretch.first)[-1]
        place = self.query.place_in(data)
        if place is None:
            self._leap = min(self._leap * 4, LEAP) if self.query.plain else SLICE
            return min(stretch.last, stop)
        self._leap = SLICE
        begin = data.rfind(b"\n", 0, place) + 1
        end = data.rfind(b"\n", place, begin + SLICE)
        end = end if end >= 0 else data.find(b"\n", place)
        first = line + data.count(b"\n", 0, begin)
        lines = data[begin : end if end >= 0 else None].split(b"\n")
        return first + self._look_at(lines[: max(0, stop - first)], first) if first < stop else stop

    def _look_at(self, lines: list[bytes], first: int) -> int:
        """Set the bit of each of these lines that holds the pattern; how many of them were looked at."""
        places, texts, looked_at = [], [], 0
        for place, raw in enumerate(lines):
            text = _as_shown(raw)
            if text is not None:
                places.append(place)
                texts.append(text)
                continue
            looked_at += 1
            if looked_at > MOST:
                del lines[place:]
                break
            if self.query.matches(clean(displayed(parse_line(raw[:LONGEST], 0)), None)):
                self._found(first + place)
        for place in self.query.among(texts):
            self._found(first + places[place])
        return len(lines)

    def _found(self, line: int) -> None:
        self.hits += self._index.set(line, self.bit)

    def forget(self) -> None:
        """Clear the bit."""
        self._index.clear(self.bit)
