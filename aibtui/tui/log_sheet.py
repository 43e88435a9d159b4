"""The page of the log as strips: its rows, what lies over them, and the map at the right edge."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from rich.style import Style
from textual.cache import LRUCache
from textual.selection import Selection
from textual.strip import Strip

from aibtui.tui.log_map import Cell, LogMap
from aibtui.tui.log_page import Page
from aibtui.tui.log_paint import Painter
from aibtui.tui.log_rows import LogRows, Row

BAR: Final = 1
"""Cells of the map at the right edge."""


class Over(NamedTuple):
    """What lies over the rows: the cursor, and whether keys move it; marked rows from one to the other, a selection.

    `now` is the time until which a running step is measured; `said` stands where there are no rows.
    """

    cursor: Row | None
    focused: bool
    marked: tuple[tuple[int, int], tuple[int, int]] | None
    selection: Selection | None
    selected: Style
    now: datetime | None
    said: str


class Sheet:
    """Draws a page; a row that looks as it did is the same strip as before."""

    def __init__(self, rows: LogRows, painter: Painter, log_map: LogMap) -> None:
        self._rows = rows
        self._painter = painter
        self._map = log_map
        self._finished: LRUCache[tuple[int, int, int, Cell], tuple[Strip, Strip]] = LRUCache(512)

    def draw(self, page: Page, over: Over) -> list[Strip]:
        """As many strips as the page is high."""
        rows, bar = page.strips, self._bar(page)
        drawn = [self._row(row, part, cell, over) for (row, part), cell in zip(rows, bar, strict=False)]
        for cell in bar[len(drawn) :]:
            drawn.append(self._finish(self._painter.said("" if drawn else over.said), cell))
        return drawn

    def forget(self) -> None:
        """Styles are others now."""
        self._finished.clear()

    def _row(self, row: Row, part: int, cell: Cell, over: Over) -> Strip:
        strips = self._painter.draw(row, over.now)
        strip = drawn = strips[min(part, len(strips) - 1)]
        if over.selection is not None:
            strip = self._painter.selected(strip, row, part, over.selection, over.selected)
        if over.marked is not None and over.marked[0] <= row[:2] <= over.marked[1]:
            strip = self._painter.overlay(strip, "log--marked")
        if row == over.cursor:
            strip = self._painter.overlay(strip, "log--cursor-focused" if over.focused else "log--cursor")
        if strip is not drawn:
            return self._finish(strip, cell)
        key = row.line, row.kind, part, cell
        made = self._finished.get(key)
        if made is None or made[0] is not drawn:
            made = self._finished[key] = drawn, self._finish(drawn, cell)
        return made[1]

    def _finish(self, strip: Strip, cell: Cell) -> Strip:
        """A strip with its cell of the map."""
        return Strip([*strip, self._painter.cell(cell)], strip.cell_length + BAR)

    def _bar(self, page: Page) -> list[Cell]:
        rows = page.strips
        top, bottom = (rows[0][0].line, rows[-1][0].until) if rows else (0, 0)
        if page.at_end:
            bottom = self._rows.index.lines - 1
        return self._map.cells(self._rows, page.height, top, bottom)
