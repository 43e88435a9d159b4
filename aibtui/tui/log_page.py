"""Which rows are on the page, and which one the cursor is on. What is being read stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from aibtui.core.index import GAP, table
from aibtui.tui.log_rows import ERRORS, PROOFS, WARNINGS, LogRows, Row

_SOUGHT: Final = {
    "error": bytes(a or b for a, b in zip(ERRORS, PROOFS, strict=True)),
    "warning": WARNINGS,
    "silence": table(GAP),
}


class Place(NamedTuple):
    """Where one is: following or not, the top row and how many of its strips are above, and the cursor's row."""

    follow: bool
    top: Row | None
    skip: int
    cursor: Row | None

    def moved(self, lines: int) -> Place:
        """The same place where its lines are further down."""
        top, cursor = (row.moved(lines) if row is not None else None for row in (self.top, self.cursor))
        return self._replace(top=top, cursor=cursor)


class Page:
    """A window of `height` strips over the rows. `tall` tells how many strips a row takes.

    While `follow`, the last row is at the bottom and the cursor on it. Else `top` is held: rows that come, go or fold
    elsewhere do not move it, and where it is itself seen no more, the row that stands for it is on top until it is
    seen again.
    """

    def __init__(self, rows: LogRows, tall: Callable[[Row], int]) -> None:
        self.height = 0
        self.follow = True
        self._rows = rows
        self._tall = tall
        self._held: tuple[Row, int] | None = None
        self._top: tuple[Row, int] | None = None
        self._cursor: Row | None = None
        self._strips: list[tuple[Row, int]] | None = None

    @property
    def strips(self) -> list[tuple[Row, int]]:
        """What is on the page from the top: a row, and which of its strips."""
        if self._strips is None:
            self._strips = self._lay_out()
        return self._strips

    @property
    def cursor(self) -> Row | None:
        """The cursor's row as it is now."""
        if self.follow:
            return self._rows.last()
        return self._rows.settle(self._cursor) if self._cursor is not None else None

    @property
    def place(self) -> Place:
        """Where one is, to come back to."""
        top, skip = self._held or (None, 0)
        return Place(self.follow, top, skip, self._cursor)

    @place.setter
    def place(self, place: Place) -> None:
        self.follow = place.follow
        self._held = (place.top, place.skip) if place.top is not None else None
        self._cursor = place.cursor
        self.settle()

    @property
    def at_end(self) -> bool:
        """The last row is on the page, with all its strips."""
        last = self._rows.last()
        if last is None or not self.strips:
            return True
        row, strip = self.strips[-1]
        return row == last and strip == self._tall(last) - 1

    def renew(self, moved: int | None) -> None:
        """The lines are `moved` further down; None where it is another log."""
        if moved is None:
            self.follow, self._held, self._cursor = True, None, None
        else:
            self._held = (self._held[0].moved(moved), self._held[1]) if self._held else None
            self._cursor = self._cursor.moved(moved) if self._cursor else None
        self.settle()

    def settle(self) -> None:
        """Rows are seen or not seen now that were not or were before: find what is held again."""
        self._top = None
        self._strips = None

    def grown(self) -> None:
        """There are rows below now that were not there, or the newest of a run is another one."""
        self._strips = None

    def hold(self) -> None:
        """Let go of the end, and hold what is on the page."""
        if not self.follow:
            return
        strips = self.strips
        self._cursor = strips[-1][0] if strips else None
        self._keep(strips[0] if strips else None)
        self.follow = False

    def go_to_end(self) -> None:
        """Follow."""
        self.follow = True
        self._held = self._top = None
        self._strips = None

    def move(self, direction: int) -> None:
        """The cursor, one row down or up; the page follows it, and at the last row the end is followed."""
        if self.follow and direction > 0:
            return
        self.hold()
        cursor = self.cursor
        if cursor is None:
            return
        beyond = self._rows.after(cursor) if direction > 0 else self._rows.before(cursor)
        self._cursor = beyond or cursor
        self._show_cursor()
        if direction > 0 and self._cursor == self._rows.last() and self.at_end:
            self.go_to_end()

    def scroll(self, strips: int) -> None:
        """The page, down or up; the cursor stays where it is on the screen. At the end it is followed."""
        if self.follow and strips > 0:
            return
        self.hold()
        page = self.strips
        if not page:
            return
        rows = [row for row, _ in page]
        cursor = self.cursor
        place = rows.index(cursor) if cursor in rows else None
        self._keep(self._walk(page[0], strips))
        page = self.strips
        if strips > 0 and self.at_end:
            self.go_to_end()
            return
        if place is not None and page:
            self._cursor = page[min(place, len(page) - 1)][0]
        elif page and cursor is not None:
            self._cursor = page[0][0] if cursor < page[0][0] else page[-1][0]

    def to_top(self) -> None:
        """To the first row."""
        self.hold()
        self._cursor = self._rows.first()
        self._keep((self._cursor, 0) if self._cursor is not None else None)

    def go(self, row: Row | None) -> None:
        """The cursor to a row; the page moves only where that is out of sight, and shows what is around it."""
        if row is None:
            return
        self.hold()
        self._cursor = row
        self._strips = None
        if not self.holds(row):
            self._keep(self._walk((row, 0), -(self.height // 3)))

    def show(self, row: Row | None) -> None:
        """A row to the top of the page, with the cursor on it."""
        if row is not None:
            self.hold()
            self._cursor = row
            self._keep((row, 0))

    def put_cursor(self, y: int) -> None:
        """The cursor to what is in a line of the page, if anything."""
        if y < len(self.strips):
            row = self.strips[y][0]
            self.hold()
            self._cursor = row

    def holds(self, row: Row) -> bool:
        """A row is on the page as a whole, or fills it."""
        on_page = [strip for each, strip in self.strips if each[:2] == row[:2]]
        return bool(on_page) and (on_page[0] == 0 or len(on_page) == self.height)

    def sought(self, what: str, direction: int) -> tuple[int | None, bool]:
        """The next line of a kind beyond the cursor, and whether that was found from the other end of the log."""
        index, wanted = self._rows.index, self._rows.unfiltered(_SOUGHT[what])
        if self.follow and direction > 0:
            return index.next(wanted, 0), True
        cursor = self.cursor
        line = cursor.line if cursor is not None else 0
        if direction > 0:
            # Errors come in blocks; one is enough.
            while line + 1 < index.lines and wanted[index.byte(line)] and wanted[index.byte(line + 1)]:
                line += 1
            found = index.next(wanted, line + 1)
            return (found, False) if found is not None else (index.next(wanted, 0), True)
        found = index.last(wanted, index.lines if self.follow else line - 1)
        while found is not None and found > 0 and wanted[index.byte(found - 1)]:
            found -= 1
        return (found, False) if found is not None else (index.last(wanted, index.lines), True)

    def _show_cursor(self) -> None:
        """Scroll as little as needed until the cursor is on the page."""
        cursor = self._cursor
        if cursor is None or self.holds(cursor) or not self.strips:
            return
        if cursor < self.strips[0][0] or cursor[:2] == self.strips[0][0][:2]:
            self._keep((cursor, 0))
        else:
            last = (cursor, self._tall(cursor) - 1)
            self._keep(self._walk(last, 1 - self.height))

    def _keep(self, top: tuple[Row, int] | None) -> None:
        self._held = self._top = top
        self._strips = None

    def _lay_out(self) -> list[tuple[Row, int]]:
        if self.follow:
            return self._upwards(self._rows.last())
        if self._top is None:
            self._top = self._settled(self._held)
        top = self._settled(self._top)
        page = self._downwards(top)
        if len(page) < self.height and top is not None:
            page = self._upwards(self._rows.last())
            self._top = page[0] if page else None
        return page

    def _settled(self, top: tuple[Row, int] | None) -> tuple[Row, int] | None:
        if top is None:
            first = self._rows.first()
            return None if first is None else (first, 0)
        row = self._rows.settle(top[0])
        return None if row is None else (row, min(top[1], self._tall(row) - 1) if row == top[0] else 0)

    def _downwards(self, top: tuple[Row, int] | None) -> list[tuple[Row, int]]:
        page: list[tuple[Row, int]] = []
        if top is None:
            return page
        for row in self._rows.down(top[0]):
            page += [(row, strip) for strip in range(top[1] if row == top[0] else 0, self._tall(row))]
            if len(page) >= self.height:
                break
        return page[: self.height]

    def _upwards(self, row: Row | None) -> list[tuple[Row, int]]:
        page: list[tuple[Row, int]] = []
        for each in self._rows.up(row):
            page += [(each, strip) for strip in range(self._tall(each) - 1, -1, -1)]
            if len(page) >= self.height:
                break
        return page[: self.height][::-1]

    def _walk(self, start: tuple[Row, int], strips: int) -> tuple[Row, int]:
        """So many strips down or up from a place, as far as there are any."""
        row, strip = start
        while strips > 0:
            left = self._tall(row) - 1 - strip
            if strips <= left:
                return row, strip + strips
            below = self._rows.after(row)
            if below is None:
                return row, self._tall(row) - 1
            row, strip, strips = below, 0, strips - left - 1
        while strips < 0:
            if -strips <= strip:
                return row, strip + strips
            above = self._rows.before(row)
            if above is None:
                return row, 0
            row, strips = above, strips + strip + 1
            strip = self._tall(row) - 1
        return row, strip
