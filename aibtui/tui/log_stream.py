"""The log as plain lines for the terminal's normal screen: what stands on the page, then what comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from aibtui.core.index import ERROR, KIND, WARNING
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_page import Page
from aibtui.tui.log_paint import Painter
from aibtui.tui.log_rows import LINE, LogRows, Row
from aibtui.tui.log_text import LogText

_SIGNS = {ERROR: "E", WARNING: "W"}


class PlainRows:
    """Hands out each row once, whole and safe to print. Nothing more comes where the end is not followed."""

    def __init__(self, text: LogText, rows: LogRows, page: Page, painter: Painter) -> None:
        self._text = text
        self._rows = rows
        self._page = page
        self._painter = painter
        self._index = rows.index
        self._last: Row | None = None

    def new(self, now: datetime | None) -> Iterator[SafeText]:
        """What was not handed out yet. `now` is the time until which a running step is measured."""
        if self._rows.index is not self._index:  # another log, or the same one with its beginning
            self._index, self._last = self._rows.index, None
        for row in self._unseen():
            self._last = row
            yield self._line(row) if row.kind == LINE else clean(self._painter.draw(row, now)[0].text.rstrip(), None)

    def _unseen(self) -> Iterator[Row]:
        if self._last is None:
            yield from dict.fromkeys(row for row, _ in self._page.strips)
        elif self._page.follow:
            yield from self._rows.down(self._rows.after(self._last))

    def _line(self, row: Row) -> SafeText:
        line = self._text.whole_line(row.line)
        sign = _SIGNS.get(self._rows.index.byte(row.line) & KIND, " ")
        time = f"{self._painter.time(line)} " if self._painter.look.times != "none" else ""
        return clean(f"{time}{sign} {line.text}", None)
