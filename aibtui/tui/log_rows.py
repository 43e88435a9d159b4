"""Which rows a log has: its lines as far as noise level, filter and folds let them be seen, and the rows between them.

Rows have no numbers: they are walked from one to the next, so that neither a fold nor a filter nor a million lines more
cost anything, and a row stays what it is while others come and go. No text is read here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from aibtui.core.index import (
    ERROR,
    EVIDENCE,
    GAP,
    KIND,
    MATCH,
    NOISE,
    OUTPUT,
    SAME,
    WARNING,
    WORDS,
    LineIndex,
    table,
)
from aibtui.tui.log_sections import Section, Sections

NOISE_LEVELS: Final = ("steps only", "script output", "Packer's words", "everything")
"""What a level adds to the ones before it. Errors, warnings and evidence are seen on every level."""
_QUIETEST: Final = (WARNING, OUTPUT, WORDS, NOISE)
"""For each level the least kind that is seen."""
EVERYTHING: Final = 3
RUN: Final = 3
"""So many repeated lines in a row are one row and the newest of them."""

GAP_ROW, HEADLINE, RUN_ROW, LINE = range(4)
"""The kinds of rows, in the order in which they stand on one line."""

FilterMode = Literal["match", "inverse"]


class Row(NamedTuple):
    """A row stands on a line (from 0); a RUN_ROW for all lines from there up to, and with, `until`."""

    line: int
    kind: int
    until: int

    def moved(self, lines: int) -> Row:
        """The same row where its lines are further down."""
        return Row(self.line + lines, self.kind, self.until + lines)


class LogRows:
    """The rows over an index. `after` and `before` walk them; `at` finds the one that stands for a line.

    `noise` is a level from 0 to 3; `filtered` says which lines the bit MATCH lets be seen, None for all; `folded` are
    the names of folded sections; a line in `opened` opens the run of repeated lines that it is in; `pinned` is a line
    that is seen whatever the noise.
    """

    def __init__(self, index: LineIndex) -> None:
        self.folded: set[str] = set()
        self.pinned: int | None = None
        self._sections = Sections(())
        self._opened: list[int] = []
        self._noise = 2
        self._filtered: FilterMode | None = None
        self._run: tuple[tuple[int, int, int], tuple[int, int] | None] = ((-1, -1, -1), None)
        self.index = index
        self._make_tables()

    @property
    def noise(self) -> int:
        """The level, from 0 to 3."""
        return self._noise

    @noise.setter
    def noise(self, level: int) -> None:
        self._noise = min(max(level, 0), EVERYTHING)
        self._make_tables()

    @property
    def filtered(self) -> FilterMode | None:
        """Only lines with the bit MATCH are seen, or only those without it."""
        return self._filtered

    @filtered.setter
    def filtered(self, mode: FilterMode | None) -> None:
        self._filtered = mode
        self._make_tables()

    @property
    def sections(self) -> tuple[Section, ...]:
        """What can be folded, in the order of the lines."""
        return self._sections.all

    @sections.setter
    def sections(self, sections: tuple[Section, ...]) -> None:
        self._sections = Sections(sections)
        self._forget_run()

    def renew(self, index: LineIndex, moved: int | None) -> None:
        """The lines are in another index now, `moved` further down; None where it is another log."""
        self.index = index
        self._opened = [] if moved is None else [line + moved for line in self._opened]
        self.pinned = None if moved is None or self.pinned is None else self.pinned + moved
        if moved is None:
            self.sections = ()
            self.folded.clear()
        self._forget_run()

    def first(self) -> Row | None:
        """The topmost row."""
        return self._from(0)

    def last(self) -> Row | None:
        """The lowest row."""
        return self._up_from(self.index.lines - 1)

    def after(self, row: Row) -> Row | None:
        """The next row down."""
        # Nothing stands below a LINE, and nearly all rows are such.
        below = [each for each in self._on(row.line) if each.kind > row.kind] if row.kind != LINE else []
        return below[0] if below else self._from(row.line + 1)

    def before(self, row: Row) -> Row | None:
        """The next row up."""
        above = [each for each in self._on(row.line) if each.kind < row.kind]
        return above[-1] if above else self._up_from(row.line - 1)

    def down(self, row: Row | None) -> Iterator[Row]:
        """This row and all below it."""
        while row is not None:
            yield row
            row = self.after(row)

    def up(self, row: Row | None) -> Iterator[Row]:
        """This row and all above it."""
        while row is not None:
            yield row
            row = self.before(row)

    def at(self, line: int) -> Row | None:
        """The row that shows a line or stands for it; where there is none, the next one down, else the lowest."""
        line = min(max(line, 0), self.index.lines - 1)
        if line < 0:
            return None
        section = self.section_of(line)
        if section is not None and section.name in self.folded:
            if self._headed(section):
                return Row(section.first, HEADLINE, section.first)
            return self._from(self.end_of(section)) or self.last()
        if rows := self._on(line):
            return rows[-1]
        if (run := self._run_with(line)) is not None and run[0] <= line < run[1]:
            return self._on(run[0])[-1]
        return self._from(line + 1) or self.last()

    def settle(self, row: Row) -> Row | None:
        """The row itself as it is now; where it is seen no more, the one that `at` finds."""
        return next((each for each in self._on(row.line) if each.kind == row.kind), None) or self.at(row.line)

    def section_of(self, line: int) -> Section | None:
        """The section that a line belongs to."""
        return self._sections.of(line)

    def end_of(self, section: Section) -> int:
        """The line behind a section's last one."""
        return self.index.lines if section.last is None else min(section.last + 1, self.index.lines)

    def section_beyond(self, line: int, direction: int) -> Section | None:
        """The next section that begins after a line, or the one before it."""
        return self._sections.beyond(line, direction)

    def fold(self, names: Iterable[str], *, folded: bool) -> None:
        """Fold sections, or unfold them."""
        self.folded = self.folded | set(names) if folded else self.folded - set(names)

    def open_run(self, line: int) -> None:
        """Show every line of the run that a line is in."""
        insort(self._opened, line)
        self._forget_run()

    def close_run(self, line: int) -> bool:
        """Fold the opened run that a line is in; False where there is none."""
        bounds = self._members(line)
        if bounds is None or not self._is_opened(*bounds):
            return False
        first, newest = bounds
        self._opened = [opened for opened in self._opened if not first <= opened <= newest]
        self._forget_run()
        return True

    def reveal(self, line: int) -> None:
        """See to it that a line has a row of its own: unfold what hides it, else pin it."""
        section = self.section_of(line)
        if section is not None:
            self.folded.discard(section.name)
        if (run := self._run_with(line)) is not None and run[0] <= line < run[1]:
            self.open_run(line)
        self.pinned = None if self._seen[self.index.byte(line)] else line
        self._forget_run()

    def repeats(self, row: Row) -> int:
        """How many lines a RUN_ROW stands for."""
        return self.index.count(self._repeated, row.line, row.until + 1)

    def seen(self, first: int = 0, stop: int | None = None) -> int:
        """How many lines noise level and filter let be seen, folds aside."""
        return self.index.count(self._seen, first, stop)

    def unfiltered(self, wanted: bytes) -> bytes:
        """A table of lines to look for, without those that the filter hides."""
        mode = self._filtered
        return (
            wanted
            if mode is None
            else bytes(wanted[byte] and bool(byte & MATCH) == (mode == "match") for byte in range(256))
        )

    @property
    def seen_table(self) -> bytes:
        """Every line that noise level and filter let be seen; repeated ones too."""
        return self._seen

    def _make_tables(self) -> None:
        least, mode = _QUIETEST[self._noise], self._filtered

        def seen(byte: int) -> bool:
            passes = mode is None or bool(byte & MATCH) == (mode == "match")
            return passes and (byte & KIND >= least or bool(byte & EVIDENCE))

        def repeated(byte: int) -> bool:
            return self._noise < EVERYTHING and bool(byte & SAME)

        with_gaps = self._noise > 0 and mode is None
        self._seen = bytes(seen(byte) for byte in range(256))
        self._repeated = bytes(seen(byte) and repeated(byte) for byte in range(256))
        self._news = bytes(seen(byte) and not repeated(byte) for byte in range(256))
        self._gap = table(GAP) if with_gaps else bytes(256)
        self._any = bytes(self._seen[byte] or self._gap[byte] for byte in range(256))
        self._forget_run()

    def _on(self, line: int) -> list[Row]:
        """The rows that stand on a line, from the top."""
        if not 0 <= line < self.index.lines:
            return []
        byte, section = self.index.byte(line), self.section_of(line)
        opens = section is not None and line == section.first and self._headed(section)
        folded = section is not None and section.name in self.folded
        rows = [Row(line, GAP_ROW, line)] if self._gap[byte] and (opens or not folded) else []
        if opens:
            rows.append(Row(line, HEADLINE, line))
        if folded or not (self._seen[byte] or line == self.pinned):
            return rows
        run = self._run_with(line) if self._repeated[byte] else None
        if run is None or line == run[1]:
            rows.append(Row(line, LINE, line))
        elif line == run[0]:
            rows.append(Row(line, RUN_ROW, self.index.last(self._repeated, run[1] - 1, line) or line))
        return rows

    def _from(self, line: int) -> Row | None:
        """The first row on a line or below it."""
        while line < self.index.lines:
            section = self.section_of(line)
            if section is not None and line == section.first and (rows := self._on(line)):
                return rows[0]
            if section is not None and section.name in self.folded:
                line = self.end_of(section)
                continue
            stop = self._stop_of(section, line)
            found = self._least(self.index.next(self._any, line, stop), line, stop)
            if found is None:
                line = stop
                continue
            if rows := self._on(found):
                return rows[0]
            # In the middle of a run: its newest line is the next row, or the pinned one before it.
            run = self._run_with(found)
            line = found + 1 if run is None else min(run[1], self._pin_within(found, run[1], run[1]))
        return None

    def _up_from(self, line: int) -> Row | None:
        """The last row on a line or above it."""
        while line >= 0:
            section = self.section_of(line)
            if section is not None and (line == section.first or section.name in self.folded):
                if rows := self._on(section.first):
                    return rows[-1]
                line = section.first - 1
                continue
            start = section.first if section is not None else self._start_of_loose(line)
            found = self._most(self.index.last(self._any, line, start), line, start)
            if found is None:
                line = start if section is not None else start - 1
                continue
            if rows := self._on(found):
                return rows[-1]
            run = self._run_with(found)
            line = found - 1 if run is None else max(run[0], self._pin_within(run[0], found, run[0]))
        return None

    def _headed(self, section: Section) -> bool:
        """A section has a headline unless the filter lets nothing of it be seen."""
        if self._filtered is None:
            return True
        stop = self.end_of(section)
        pinned = self.pinned is not None and section.first <= self.pinned < stop
        return pinned or self.index.next(self._seen, section.first, stop) is not None

    def _stop_of(self, section: Section | None, line: int) -> int:
        if section is not None:
            return self.end_of(section)
        following = self.section_beyond(line, 1)
        return min(following.first, self.index.lines) if following is not None else self.index.lines

    def _start_of_loose(self, line: int) -> int:
        """The first line of those that belong to no section and stand together with this one."""
        above = self.section_beyond(line, -1)
        return 0 if above is None else self.end_of(above)

    def _least(self, found: int | None, line: int, stop: int) -> int | None:
        pin = self.pinned
        if pin is None or not line <= pin < stop:
            return found
        return pin if found is None else min(found, pin)

    def _most(self, found: int | None, line: int, start: int) -> int | None:
        pin = self.pinned
        if pin is None or not start <= pin <= line:
            return found
        return pin if found is None else max(found, pin)

    def _pin_within(self, low: int, high: int, otherwise: int) -> int:
        return self.pinned if self.pinned is not None and low < self.pinned < high else otherwise

    def _forget_run(self) -> None:
        self._run = ((-1, -1, -1), None)

    def _run_with(self, line: int) -> tuple[int, int] | None:
        """First and newest line of the folded run that a line is in; None where it is in none, or in an open one."""
        low, high, version = self._run[0]
        if not (low <= line <= high and version == self.index.lines + (self.index.changes() << 40)):
            bounds = self._members(line)
            folds = bounds is not None and not self._is_opened(*bounds)
            low, high = bounds or (line, line)
            self._run = ((low, high, self.index.lines + (self.index.changes() << 40)), bounds if folds else None)
        return self._run[1]

    def _members(self, line: int) -> tuple[int, int] | None:
        """First and last of at least RUN repeated lines with nothing new between them, around a line."""
        section = self.section_of(line)
        low = section.first if section is not None else self._start_of_loose(line)
        high = self._stop_of(section, line)
        new = self.index.last(self._news, line, low)
        first = self.index.next(self._repeated, low if new is None else new + 1, high)
        end = self.index.next(self._news, line, high)
        newest = self.index.last(self._repeated, (high if end is None else end) - 1, low)
        if first is None or newest is None or not first <= line <= newest:
            return None
        return (first, newest) if self.index.count(self._repeated, first, newest + 1) >= RUN else None

    def _is_opened(self, first: int, newest: int) -> bool:
        place = bisect_left(self._opened, first)
        return place < len(self._opened) and self._opened[place] <= newest


def folds_at_first(sections: Sequence[Section], rows: LogRows, above: int) -> list[str]:
    """The names of finished good steps and phases that have more than `above` lines to be seen."""
    over = [section for section in sections if section.part.state == "done"]
    return [section.name for section in over if rows.seen(section.first, rows.end_of(section)) > above]


ERRORS: Final = table(ERROR)
WARNINGS: Final = table(WARNING)
PROOFS: Final = table(EVIDENCE)
GAPS: Final = table(GAP)
