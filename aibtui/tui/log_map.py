"""The log's scrollbar: where in the log the screen is, and where errors, warnings, evidence and hits are."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from aibtui.core.index import ERROR, EVIDENCE, GROUP, HIT, MATCH, WARNING, LineIndex, ranking, table
from aibtui.tui.log_rows import LogRows

_PARTS: Final = 200
"""Of so many parts of the log it is known how many of their lines can be seen."""

_MARKS: Final = (
    ("▲", "log--step", table(EVIDENCE)),
    ("•", "log--hit-mark", table(HIT)),
    ("━", "log--error", table(ERROR)),
    ("─", "log--warning", table(WARNING)),
)
"""What is most worth a cell's sign comes first."""
_RANKS: Final = ranking(*(wanted for _, _, wanted in _MARKS))
_NOTHING: Final = (" ", "log--track")


class Cell(NamedTuple):
    """What one cell of the bar shows."""

    sign: str
    component: str
    thumb: bool


class LogMap:
    """Divides the lines that noise and filter let be seen among the cells of the bar; folds do not move anything."""

    def __init__(self) -> None:
        self._counted: tuple[object, ...] = ()
        self._made: tuple[object, ...] = ()
        self._lines = 0
        self._worst: list[tuple[str, str]] = []
        self._bounds: list[int] = []
        self._ranks: list[int] = []

    def cells(self, rows: LogRows, height: int, top: int, bottom: int) -> list[Cell]:
        """The bar while the lines from `top` to `bottom`, with both, are on the screen."""
        self._make(rows, height)
        if not self._worst:
            return [Cell(*_NOTHING, False)] * height
        total = max(1, self._ranks[-1])
        whole = bottom >= rows.index.lines - 1
        first = min(height - 1, int(self._rank(top) * height / total))
        last = height if whole else min(height, max(first + 1, round(self._rank(bottom + 1) * height / total)))
        if whole and top > 0:
            first = min(first, height - 1)
        return [Cell(*worst, first <= place < last) for place, worst in enumerate(self._worst)]

    def line_at(self, rows: LogRows, height: int, cell: int) -> int:
        """The first line of a cell's part of the log."""
        self._make(rows, height)
        rank = self._ranks[-1] * cell // max(1, height) if self._ranks else 0
        place = max(0, bisect_right(self._ranks, rank) - 1)
        return self._bounds[min(place, len(self._bounds) - 1)] if self._bounds else 0

    def _make(self, rows: LogRows, height: int) -> None:
        index = rows.index
        if not 0 <= index.lines - self._lines <= self._lines // _PARTS:  # less would not be seen in the bar
            self._lines = index.lines
        counted = (id(index), self._lines, index.changes(EVIDENCE, MATCH), rows.seen_table)
        made = (*counted, index.changes(HIT), height)
        if made == self._made:
            return
        if counted != self._counted:
            self._count(rows)
        self._counted, self._made = counted, made
        total = self._ranks[-1]
        edges = [self._line_of(total * cell / height) for cell in range(height)] + [index.lines] if total else []
        self._worst = [_worst(index, begin, max(end, begin + 1)) for begin, end in pairwise(edges)]

    def _count(self, rows: LogRows) -> None:
        index = rows.index
        step = max(1, index.lines // _PARTS)
        step -= step % GROUP if step > GROUP else 0  # what is counted in whole groups is known already
        self._bounds = list(range(0, index.lines, step))
        seen = (index.count(rows.seen_table, begin, begin + step) for begin in self._bounds)
        self._ranks = [0, *accumulate(seen)]

    def _rank(self, line: int) -> float:
        if not self._bounds:
            return 0
        place = min(bisect_right(self._bounds, line) - 1, len(self._bounds) - 1)
        step = self._bounds[1] if len(self._bounds) > 1 else max(1, line)
        part = min(1.0, (line - self._bounds[place]) / step)
        return self._ranks[place] + part * (self._ranks[place + 1] - self._ranks[place])

    def _line_of(self, rank: float) -> int:
        place = min(max(0, bisect_right(self._ranks, rank) - 1), len(self._bounds) - 1)
        step = self._bounds[1] if len(self._bounds) > 1 else 1
        within = self._ranks[place + 1] - self._ranks[place]
        return self._bounds[place] + (int((rank - self._ranks[place]) * step / within) if within else 0)


def _worst(index: LineIndex, begin: int, end: int) -> tuple[str, str]:
    """The sign, and its component, of what most matters among some lines."""
    best = index.best(_RANKS, begin, end)
    return _MARKS[best - 1][:2] if best else _NOTHING
