"""The hot path: finds the few lines of a block that can mean something, and says which needles each of them holds.

A log of 100 MB has 600,000 lines, and a microsecond of Python for each would double the time of all the rest. So no
line is looked at one by one: one RE2 pattern, made of every needle, runs over the whole block, and only a line that it
hits is cut out. What stands before its text is understood once for all lines of a second, and one RE2 set tells which
needles the text holds, so that nobody has to ask each of a hundred patterns. A Line is made by who wants one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import re2

from aibtui.core.lines import Block, Head, Line, split_line, stamp_before

_MEMORY = 256 << 20
_PORTION = 64 * 1024
_BUILDER = "azure-arm: "


class Candidate(NamedTuple):
    """A line that the scanner has hit.

    `offset` is where it begins in the block. `at` is its own stamp, or the last one before it in the block, or None.
    `found` are the needles that its text holds, by their places among those of the scanner, in no order.
    """

    offset: int
    number: int
    head: Head
    at: datetime | None
    text: bytes
    found: tuple[int, ...]

    def line(self) -> Line:
        """The Line that it is."""
        return self.head.line(self.number, self.at, self.text)


class Needle(NamedTuple):
    """What is looked for, in RE2's syntax: `text` in what a line says, without blanks around it; `block` in its bytes.

    `block` has no anchors; where it is None the needle alone makes no line a candidate.
    """

    text: str
    block: str | None

    @classmethod
    def anywhere(cls, source: str) -> Needle:
        """One that may stand anywhere in a text. Nothing is lost where a text ends with the needle's own blanks."""
        return cls(source.rstrip(" "), source)

    @classmethod
    def at_the_start(cls, source: str) -> Needle:
        """One with which what the builder says begins."""
        return cls(f"^(?:{source})", f"{_BUILDER}(?:{source})")


class Scanner:
    """Looks for `needles`, and knows them by their places among them."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        needles = tuple(needles)
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True  # a class like [^']+ must not run into the next line
        options.max_mem = _MEMORY
        sources = dict.fromkeys(f"(?:{needle.block})" for needle in needles if needle.block)
        self._pattern: Any = re2.compile("|".join(sources).encode(), options)
        self._set: Any = re2.Set.SearchSet(options)
        for needle in needles:
            self._set.Add(needle.text)
        self._set.Compile()

    def candidates(self, block: Block) -> Iterator[Candidate]:
        """The candidate lines of a block, in order."""
        data = block.data
        told, at = 0, None
        broken = _broken_lines(data)
        for start, end in sorted({*self._lines(data), *broken}) if broken else self._lines(data):
            head, text = split_line(data[start:end])
            said = text.strip()
            if (start, end) in broken or not (b" " < said[:1] < b"\x7f" and b" " < said[-1:] < b"\x7f"):
                said = text.decode("utf-8", "replace").strip().encode()  # blanks of other scripts
            at = head.at or stamp_before(data, told, start) or at
            told = start
            yield Candidate(start, block.number_at(start), head, at, text, tuple(self._set.Match(said) or ()))

    def _lines(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where the lines that are hit begin and end; a line is left at its first hit."""
        search, end = self._pattern.search, 0
        while (match := search(data, end)) is not None:
            found = match.start()
            end = _end(data, found)
            yield data.rfind(b"\n", 0, found) + 1, end


def _end(data: bytes, position: int) -> int:
    end = data.find(b"\n", position)
    return end if end >= 0 else len(data)


def _broken_lines(data: bytes) -> set[tuple[int, int]]:
    """Where lines begin and end that are no UTF-8: a needle cannot match what is broken, so each is a candidate."""
    lines: set[tuple[int, int]] = set()
    begin = 0 if not data.isascii() else len(data)
    while begin < len(data):
        end = _end(data, begin + _PORTION) + 1
        if not _is_whole(data[begin:end]):
            start = begin
            for line in data[begin:end].removesuffix(b"\n").split(b"\n"):
                if not _is_whole(line):
                    lines.add((start, start + len(line)))
                start += len(line) + 1
        begin = end
    return lines


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
