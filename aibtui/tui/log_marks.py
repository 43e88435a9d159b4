"""Marked lines: those that a person marked, to come back to, and those that alerts name."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from aibtui.core.index import EVIDENCE, LineIndex
from aibtui.core.updates import Alert


class Bookmarks:
    """Lines, counted from 0, in their order."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def toggle(self, line: int) -> None:
        """Mark a line, or mark it no longer."""
        if line in self.lines:
            self.lines.remove(line)
        else:
            insort(self.lines, line)

    def beyond(self, line: int, direction: int) -> tuple[int | None, bool]:
        """The next one after a line, or the one before it, and whether that was found from the other end."""
        if not self.lines:
            return None, False
        place = bisect_right(self.lines, line) if direction > 0 else bisect_left(self.lines, line) - 1
        if 0 <= place < len(self.lines):
            return self.lines[place], False
        return self.lines[0 if direction > 0 else -1], True

    def renew(self, moved: int | None) -> None:
        """The lines are further down by so many; None where it is another log."""
        self.lines = [] if moved is None else [line + moved for line in self.lines]


class Evidence:
    """The lines that alerts name have their bit in the index, as far as they are indexed."""

    def __init__(self) -> None:
        self._lines: frozenset[int] = frozenset()

    def take(self, alerts: tuple[Alert, ...], index: LineIndex) -> None:
        """These are the alerts now."""
        numbers = [number for alert in alerts if alert.severity != "info" for number in _named_by(alert)]
        named = frozenset(number - 1 for number in numbers if 1 <= number <= index.lines)
        for line in self._lines - named:
            index.unset(line, EVIDENCE)
        for line in named - self._lines:
            index.set(line, EVIDENCE)
        self._lines = named

    def renew(self) -> None:
        """The lines are in another index, without any bits."""
        self._lines = frozenset()


def _named_by(alert: Alert) -> list[int]:
    """The lines that an alert names, from 1."""
    named = [alert.line, *(proof.line for proof in alert.evidence)]
    return [number for number in named if number is not None]
