"""What was measured, and against what: rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `theirs` are samples of one run, taken by turns; a `peer` without samples is absent here.

    `goal` is for the ratio of the medians where there is a peer, else for our median.
    """

    what: str
    unit: str
    ours: tuple[float, ...]
    peer: str = ""
    theirs: tuple[float, ...] = ()
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our median over the peer's."""
        return median(self.ours) / median(self.theirs) if self.theirs else None

    def __str__(self) -> str:
        low, middle, high = min(self.ours), median(self.ours), max(self.ours)
        ours = f"{self.what:<52}{low:>10.2f}{middle:>10.2f}{high:>10.2f} {self.unit:<8}"
        goal = f"  goal {self.goal:g}" if self.goal is not None else ""
        if not self.peer:
            return ours + goal
        if self.ratio is None:
            return f"{ours}{self.peer}: absent"
        return f"{ours}{self.ratio:>7.2f} x {self.peer} ({median(self.theirs):.2f}){goal}"


def table(rows: Iterable[Row]) -> str:
    """All of them, one a line, below their headings."""
    heading = f"{'':<52}{'min':>10}{'median':>10}{'max':>10}"
    return "\n".join([heading, *(str(row) for row in rows)])
