"""The shape of a progress line: zeros for its digits, and where its parts are in it.

Nothing in a form tells one digit from another, so lines of one shape are understood once, and then read by their parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import NamedTuple

from aibtui.core.regex import regex

NUMBER = r"\d[\d.,]*"
"""How a size is written."""

_DIGITS = regex(r"[0-9]+")
_THOUSANDS = regex(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SIZE_LETTER = regex(rf"({NUMBER})([kKMGTP]?)$")
_POWERS = " KMGTP"
_NO_COMMAS, _COMMA_IS_POINT = str.maketrans("", "", ","), str.maketrans(",", ".")

Parts = Callable[[bytes], tuple[bytes, ...]]
"""Some parts of a text."""


class Course(NamedTuple):
    """How lines of one shape go on: of one transfer while what `stays` is the same, further where what `moves` grows.

    `length` is that of their text in bytes.
    """

    length: int
    stays: Parts
    moves: Parts


class Shape:
    """A line with zeros for its digits, where its parts are in it. What it says in letters all lines like it say."""

    def __init__(self, text: str, spans: Mapping[str, tuple[int, int]]) -> None:
        self._text = text
        self._spans = spans

    def span(self, name: str) -> tuple[int, int]:
        """Where a part begins and ends; both the same where it is missing."""
        begin, end = self._spans.get(name, (-1, -1))
        return (begin, end) if begin >= 0 else (0, 0)

    @property
    def length(self) -> int:
        """That of the whole line in bytes."""
        return len(self._text.encode())

    def numbers(self, name: str) -> Iterator[tuple[int, int]]:
        """Where the numbers of a part begin and end."""
        begin, end = self.span(name)
        return (number.span() for number in _DIGITS.finditer(self._text, begin, end))

    def parts(self, spans: Iterable[tuple[int, int]]) -> Parts:
        """Gets what lies in these places of a line."""
        offsets = [(len(self._text[:begin].encode()), len(self._text[:end].encode())) for begin, end in spans]
        slices = [slice(begin, end) for begin, end in offsets]
        return itemgetter(slice(0), slice(0), *slices)  # of one place alone it would make no tuple

    def letters(self, name: str) -> str:
        """A part with zeros for its digits."""
        begin, end = self.span(name)
        return self._text[begin:end]

    def find(self, pattern: re.Pattern[str], *names: str) -> tuple[int, int]:
        """Where a pattern is found first in one of these parts."""
        for name in names:
            begin, end = self.span(name)
            found = pattern.search(self._text[begin:end])
            if found:
                return begin + found.start(), begin + found.end()
        return 0, 0

    def size(self, name: str, unit: str, base: int | None = None) -> Callable[[str], int | None]:
        """Reads a number with this unit in bytes. Decimal and binary units are told apart by the `i`."""
        (begin, end), letter = self.span(name), unit[:1].upper()
        power = _POWERS.index(letter) if letter and letter in _POWERS else 0
        scale: int = (base or (1024 if "i" in unit.lower() else 1000)) ** power
        dropped = _NO_COMMAS if _THOUSANDS.fullmatch(self._text[begin:end]) else _COMMA_IS_POINT

        def read(line: str) -> int | None:
            number = line[begin:end]
            if number.isdecimal():
                return int(number) * scale
            try:
                return round(float(number.rstrip(".,").translate(dropped)) * scale)
            except ValueError:
                return None

        return read

    def size_with_letter(self, name: str) -> Callable[[str], int | None]:
        """Reads `45.6M` as curl and wget print it, in binary units."""
        said = _SIZE_LETTER.match(self.letters(name))
        if said is None:
            return lambda line: None
        begin, _ = self.span(name)
        here = Shape(self._text, {name: (begin, begin + said.end(1))})
        return here.size(name, said[2], 1024)
