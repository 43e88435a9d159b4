"""The screen in ASCII alone, for terminals and encodings that know no more: the last thing before a line is written."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from aibtui.wording import ASCII_TWINS

_MORE: Final = {
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "▏": "|",
    "▎": "|",
    "▍": "|",
    "▌": "|",
    "▋": "#",
    "▊": "#",
    "▉": "#",
    "▐": "#",
    "▔": "-",
    "▕": "|",
    "┊": ":",
    "┆": ":",
    "╷": "|",
    "▼": "v",
    "▾": "v",
    "⏎": "<",
    "↵": "<",
    "▲": "^",
    "●": "*",
    "○": "o",
    "≠": "*",
    "◆": "*",
    "±": "~",
}
_TWINS: Final = _MORE | ASCII_TWINS


class PlainGlyphs(LineFilter):
    """Every character that is not ASCII becomes one that is, in as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or segment.text.isascii() else Segment(in_ascii(segment.text), segment.style)
            for segment in segments
        ]


def in_ascii(text: str) -> str:
    """`text` in ASCII; as wide as it was."""
    return text if text.isascii() else "".join(_twin(char) for char in text)


@lru_cache(maxsize=2048)
def _twin(char: str) -> str:
    if char.isascii():
        return char
    if char in _TWINS:
        return _TWINS[char]
    if "─" <= char <= "╿":
        return _box(char)
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    width = cell_len(char)
    return plain if plain and len(plain) == width else "?" * width


def _box(char: str) -> str:
    name = unicodedata.name(char, "")
    if "HORIZONTAL" in name and "VERTICAL" not in name:
        return "-"
    return "|" if "VERTICAL" in name and "HORIZONTAL" not in name else "+"
