"""Bookmarks: the lines that a person marked, to come back to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort


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
