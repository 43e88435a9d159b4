"""What is looked for in the log and what it is filtered by: scans over the whole of it, and what to say of them."""

from __future__ import annotations

from typing import Final

from aibtui import wording
from aibtui.core.index import HIT, MATCH, table
from aibtui.tui.log_find import Query, Scan
from aibtui.tui.log_rows import LogRows
from aibtui.tui.log_text import LogText

HITS: Final = table(HIT)


class Search:
    """A find and a filter, each there or not. `step` searches one more slice for both."""

    def __init__(self, text: LogText, rows: LogRows) -> None:
        self._text = text
        self._rows = rows
        self.found: Scan | None = None
        self.filter: Scan | None = None

    @property
    def query(self) -> Query | None:
        """What is looked for."""
        return self.found.query if self.found is not None else None

    @property
    def behind(self) -> bool:
        """There are lines that were not searched yet; while only the end of the log is known, there are."""
        scans = self._scans()
        return any(not scan.done for scan in scans) or (bool(scans) and not self._text.complete)

    @property
    def fresh(self) -> bool:
        """Only what was appended last is left to search: one slice."""
        return any(scan.has_searched_all_but_new for scan in self._scans())

    def find(self, query: Query | None, start: int) -> None:
        """Look for something, beginning at a line; for nothing where it is None."""
        if self.found is not None:
            self.found.forget()
        self.found = Scan(query, self._text, HIT, start) if query is not None else None

    def filter_by(self, query: Query | None, start: int, *, inverse: bool = False) -> None:
        """Let only lines with a pattern be seen, or only those without it; all where it is None."""
        if self.filter is not None:
            self.filter.forget()
        self.filter = Scan(query, self._text, MATCH, start) if query is not None else None
        self._rows.filtered = None if query is None else "inverse" if inverse else "match"

    def step(self) -> bool:
        """Search one slice for each; False when there is nothing left, or it cannot be read."""
        return any([scan.step() for scan in self._scans() if not scan.done])

    def renew(self, start: int) -> None:
        """The lines are in another index now; begin anew, at a line."""
        if self.found is not None:
            self.found = Scan(self.found.query, self._text, HIT, start)
        if self.filter is not None:
            self.filter = Scan(self.filter.query, self._text, MATCH, start)

    def next_hit(self, line: int, direction: int) -> int | None:
        """The next line that was found and is not filtered away, beyond a line; from the other end where none is."""
        wanted, index = self._rows.unfiltered(HITS), self._rows.index
        if direction > 0:
            found = index.next(wanted, line + 1)
            return found if found is not None else index.next(wanted, 0)
        found = index.last(wanted, line - 1)
        return found if found is not None else index.last(wanted, index.lines)

    def first_hit(self, line: int) -> int | None:
        """The first found line at or below a line, else the nearest above it; None until that is certain."""
        if self.found is None:
            return None
        wanted, index = self._rows.unfiltered(HITS), self._rows.index
        below = index.next(wanted, line)
        return below if below is not None or self.behind else index.last(wanted, line)

    def standing(self) -> str:
        """What holds, as it would be typed."""
        said = [f"/{self.found.query.text}"] if self.found is not None else []
        if self.filter is not None:
            said.append(f"&{'!' if self._rows.filtered == 'inverse' else ''}{self.filter.query.text}")
        return "  ".join(said)

    def said(self, line: int | None) -> str:
        """What came of it; `line` is where the cursor is."""
        parts = []
        if self.found is not None:
            hits = self.found.hits
            here = line is not None and line < self._rows.index.lines and HITS[self._rows.index.byte(line)]
            place = f"{self._rows.index.count(HITS, 0, (line or 0) + 1):,} of " if here else ""
            progress = self._progress(self.found)
            parts.append(f"{place}{hits:,}" if hits else "" if progress else "nothing found")
            parts.append(f"searching {progress}" if progress else "")
        if self.filter is not None:
            lines = self._rows.seen()
            parts.append(f"{wording.count(lines, 'line')} shown")
            progress = self._progress(self.filter)
            parts.append(f"filtering {progress}" if progress else "")
        return ", ".join(part for part in parts if part)

    def _scans(self) -> list[Scan]:
        return [scan for scan in (self.found, self.filter) if scan is not None]

    def _progress(self, scan: Scan) -> str:
        """How much of the log was searched; nothing when all of it was."""
        if not self._text.complete:
            return f"{self._text.progress:.0%}"
        return "" if scan.done else f"{scan.progress:.0%}"
