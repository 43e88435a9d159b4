"""Pieces of Content that panels are made of. A style is named by what it means; app.tcss gives it its looks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Final

from textual.content import Content

from aibtui.core.build import State
from aibtui.core.updates import Severity
from aibtui.safetext import SafeText, clean

MEANINGS: Final = frozenset(
    {"strong", "dim", "good", "busy", "warn", "bad", "rule", "name", "note", "gauge", "track", "cursor", "code", "key"}
    | {"pill", "pill-good", "pill-warn", "pill-bad"}
)
STATE_MEANINGS: Final[dict[State, str]] = {
    "planned": "dim",
    "running": "busy",
    "done": "good",
    "failed": "bad",
    "stopped": "warn",
    "skipped": "dim",
}
SEVERITY_MEANINGS: Final[dict[Severity, str]] = {"error": "bad", "warning": "warn", "info": "busy"}

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_NARROWEST: Final = 8
"""No text is wrapped into fewer cells."""


def part(text: str, meaning: str = "") -> Content:
    """Text of ours, or remote text that was cleaned before, in the style of a meaning. Never markup."""
    return Content.styled(text, f".is-{meaning}") if meaning else Content(text)


def remote(text: str, meaning: str = "") -> Content:
    """Somebody else's text, made safe."""
    return part(clean(text), meaning)


def row(*parts: Content, gap: int = 1) -> Content:
    """Parts side by side; empty ones take no gap."""
    return Content(" " * gap).join([piece for piece in parts if piece])


def fit(content: Content, width: int) -> Content:
    """Cut to a width, with an ellipsis."""
    return content.truncate(max(0, width), ellipsis=True)


def spread(left: Content, right: Content, width: int) -> Content:
    """Left and right at their edges; the left one is cut where both do not fit."""
    room = width - right.cell_length - (2 if right else 0)
    left = fit(left, room)
    return left + Content(" " * max(0, width - left.cell_length - right.cell_length)) + right


def richest(variants: Sequence[tuple[Content, Content]], width: int) -> Content:
    """The first pair of left and right that fits into the width, else the last one, cut."""
    for left, right in variants:
        if left.cell_length + right.cell_length + (2 if right else 0) <= width:
            return spread(left, right, width)
    left, right = variants[-1]
    return spread(left, right, width)


def gauge(fraction: float, width: int, meaning: str = "gauge") -> Content:
    """A bar of `width` cells, heavy from the left. `fraction` from 0 to 1."""
    full = round(min(1.0, max(0.0, fraction)) * width)
    return part("━" * full, meaning) + part("─" * (width - full), "track")


def sparkline(values: Sequence[float], width: int, meaning: str = "gauge") -> Content:
    """The last `width` values as a row of columns, the highest as tall as the line; nothing is a dot."""
    values = values[-width:] if width > 0 else ()
    top = max(values, default=0)
    columns = [_LEVELS[max(0, math.ceil(8 * value / top) - 1)] if value > 0 else "" for value in values]
    return Content("").join([part(column, meaning) if column else part("·", "track") for column in columns])


def span(begin: float, end: float, width: int, meaning: str) -> tuple[int, Content]:
    """A bar between two fractions of `width` cells: the cell it begins in, and its cells. It is never empty.

    Its end is drawn to an eighth of a cell, its beginning to a half.
    """
    low, high = sorted((min(1.0, max(0.0, begin)) * width, min(1.0, max(0.0, end)) * width))
    first = min(int(low), width - 1)
    if high - low < 1 and int(high) <= first:
        eighths = max(1, round(8 * (high - low)))
        return first, part(_EIGHTHS[min(8, eighths) - 1], meaning)
    cells = ""
    if 0.25 <= low - first < 0.75:
        cells = "▐"
    elif low - first >= 0.75:
        first += 1
    last = max(int(high), first + len(cells))
    cells += "█" * (last - first - len(cells))
    eighths = round(8 * (high - last))
    if eighths > 0 and last < width:
        cells += _EIGHTHS[min(8, eighths) - 1]
    return first, part(cells or _EIGHTHS[0], meaning)


def wrapped(text: SafeText, width: int, lines: int) -> list[str]:
    """At most `lines` lines of a text that is safe already; the last ends in an ellipsis where more would follow."""
    if width < _NARROWEST:
        return []
    rows = textwrap.wrap(text, width, break_on_hyphens=False)
    if len(rows) <= lines:
        return rows
    rest = " ".join(rows[lines - 1 :])
    return [*rows[: lines - 1], rest[: width - 1] + "…"]
