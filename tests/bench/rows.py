"""What was measured, and against what: rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

HEADING = f"{'':<52}{'min':>10}{'median':>10}{'max':>10}"


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `theirs` are samples of one run, taken by turns; a `peer` without samples is not installed here.

    `goal` is the most that the figure may be, or the least where `at_least` is set. One sample stands alone.
    """

    what: str
    unit: str
    ours: tuple[float, ...]
    peer: str = ""
    theirs: tuple[float, ...] = ()
    goal: float | None = None
    at_least: bool = False

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours over the peer's, turn by turn; of the medians where the two were not taken in pairs."""
        if not self.theirs:
            return ()
        if len(self.ours) != len(self.theirs):
            return (median(self.ours) / median(self.theirs),)
        return tuple(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def figure(self) -> float | None:
        """What the goal is for: the median, of the ratios where there is a peer; None where that is absent."""
        samples = self.ratios if self.peer else self.ours
        return median(samples) if samples else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none, or nothing to hold against it."""
        if self.goal is None or self.figure is None:
            return None
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal

    def __str__(self) -> str:
        samples = self.ratios or self.ours
        unit = f"x {self.peer}" if self.ratios else self.unit
        low, high = (_told(end(samples)) if len(samples) > 1 else "" for end in (min, max))
        line = f"{self.what:<52}{low:>10}{_told(median(samples)):>10}{high:>10} {unit:<18}"
        if self.peer and not self.ratios:
            return f"{line}{self.peer}: not installed"
        if self.goal is not None:
            goal = f"goal {'>= ' if self.at_least else ''}{self.goal:.3g}"
            line += f"{goal:<13}{'MISSED' if self.met is False else '':<8}"
        elif self.ratios:
            line += " " * 21
        if self.ratios:
            line += f"{_told(median(self.ours))} / {_told(median(self.theirs))} {self.unit}"
        return line.rstrip()


def table(rows: Iterable[Row]) -> str:
    """All of them, one a line, below their headings."""
    return "\n".join([HEADING, *map(str, rows)])


def _told(figure: float) -> str:
    """About three digits of it."""
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.2f}" if abs(figure) >= 0.1 or figure == 0 else f"{figure:.4f}"
