"""The log on the screen: what keys, mouse and prompt do to it. It follows the end, or holds still while one reads."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar, Final, Literal

from textual import events
from textual.binding import BindingType
from textual.selection import Selection

from aibtui.safetext import clean
from aibtui.tui import log_keys
from aibtui.tui.log_copy import Taken, take_lines, take_rows, take_span
from aibtui.tui.log_finder import LogFinder
from aibtui.tui.log_paint import SELECT_AT, TIMES
from aibtui.tui.log_rows import HEADLINE, LINE, RUN_ROW, Row
from aibtui.tui.log_stream import PlainRows
from aibtui.tui.log_text import LogReader

SIDEWAYS: Final = 16
"""How many cells a step to the left or right is."""
WHEEL: Final = 3
"""How many lines a turn of the mouse wheel is."""

_NAMES: Final = {"error": "error", "warning": "warning", "silence": "stretch without output"}


class LogView(LogFinder, can_focus=True, inherit_bindings=False):
    """The log with its keys. With `mask`, what is copied has its likely secrets masked."""

    HELP = log_keys.HELP
    BINDINGS: ClassVar[list[BindingType]] = log_keys.BINDINGS

    def __init__(
        self, reader: LogReader, *, zone: tzinfo | None = None, mask: bool = True, id: str | None = None
    ) -> None:
        super().__init__(reader, zone=zone, id=id)
        self._mask = mask

    # Moving.

    def action_move(self, direction: int) -> None:
        self._page.move(direction)
        self._moved()

    def action_page(self, direction: int) -> None:
        self._page.scroll(direction * max(1, self._page.height - 1))
        self._moved()

    def action_half_page(self, direction: int) -> None:
        self._page.scroll(direction * max(1, self._page.height // 2))
        self._moved()

    def action_top(self) -> None:
        self._page.to_top()
        self._moved()

    def action_follow(self) -> None:
        self.follow = True

    def action_sideways(self, direction: int) -> None:
        shown = {row.line for row, _ in self._page.strips if row.kind == LINE}
        widest = max((len(self._text.line(line).text) for line in shown), default=0)
        self.column = max(0, min(self.column + direction * SIDEWAYS, widest - SIDEWAYS))

    def action_seek(self, what: str, direction: int) -> None:
        line, from_other_end = self._page.sought(what, direction)
        if line is None:
            self.notify(f"The log shows no {_NAMES[what]}.", markup=False)
            return
        self._go(line)
        if from_other_end and not self._page.follow:
            self._tell_wrapped(direction)

    def action_section(self, direction: int) -> None:
        cursor = self._page.cursor
        line = cursor.line if cursor is not None else 0
        on_headline = cursor is not None and cursor.kind == HEADLINE
        section = self._rows.section_of(line) if direction < 0 and not on_headline else None
        section = section or self._rows.section_beyond(line, direction)
        if section is not None:
            self._page.go(Row(section.first, HEADLINE, section.first))
            self._moved()

    def action_hit(self, direction: int) -> None:
        cursor = self._page.cursor
        line = cursor.line if cursor is not None and not (self.follow and direction > 0) else -1
        found = self._search.next_hit(line, direction)
        if found is None:
            return
        self._go(found)
        if (found <= line) == (direction > 0) and line >= 0:
            self._tell_wrapped(direction)

    def action_bookmark(self) -> None:
        cursor = self._page.cursor
        if cursor is not None:
            self._bookmarks.toggle(cursor.until if cursor.kind == RUN_ROW else cursor.line)
            self._look_anew()
            self._changed()

    def action_bookmarked(self, direction: int) -> None:
        cursor = self._page.cursor
        at = -1
        if cursor is not None and not (self.follow and direction > 0):
            at = cursor.line - (direction > 0 and cursor.kind != LINE)  # a headline stands above its line
        line, from_other_end = self._bookmarks.beyond(at, direction)
        if line is None:
            self.notify("No line is marked; m marks the one under the cursor.", markup=False)
            return
        self._go(line)
        if from_other_end and at >= 0:
            self._tell_wrapped(direction)

    def _tell_wrapped(self, direction: int) -> None:
        said = "From the top again." if direction > 0 else "From the end again."
        self.notify(said, timeout=2, markup=False)

    # Showing more, or less.

    def action_open(self) -> None:
        cursor = self._page.cursor
        if cursor is None:
            return
        if cursor.kind == HEADLINE:
            self._toggle(cursor)
        elif cursor.kind == RUN_ROW:
            self._rows.open_run(cursor.line)
            self._let_rows_change()
        elif cursor.kind == LINE:
            self._open_line(cursor.line)

    def action_fold_or_page(self) -> None:
        cursor = self._page.cursor
        if self.follow or cursor is None:
            return
        if cursor.kind == HEADLINE:
            self._toggle(cursor)
        elif cursor.kind == RUN_ROW:
            self._rows.open_run(cursor.line)
            self._let_rows_change()
        elif cursor.kind == LINE and self._rows.close_run(cursor.line):
            self._let_rows_change()
        else:
            self.action_page(1)

    def action_fold_all(self, fold: bool) -> None:
        self._rows.fold([section.name for section in self._rows.sections], folded=fold)
        self._let_rows_change()

    def _toggle(self, headline: Row) -> None:
        section = self._rows.section_of(headline.line)
        if section is not None:
            self._rows.fold([section.name], folded=section.name not in self._rows.folded)
            self._let_rows_change()

    def _let_rows_change(self) -> None:
        """A fold is a wish to look at this place: the end is not followed any more, and the top line stays."""
        self._rows_changed()
        self._moved()

    def _open_line(self, line: int) -> None:
        whole = self._text.whole_line(line)
        at = f"  {self._painter.time(whole).strip()}" if whole.at is not None else ""
        title = clean(f"line {whole.number:,}{at}  {len(whole.text):,} characters")

        def then(copy: bool | None) -> None:
            if copy:
                row = Row(line, LINE, line)
                self._hand_over(take_rows(self._text, self._rows, row, row, mask=self._mask))

        from aibtui.tui.log_line import WholeLine

        self.app.push_screen(WholeLine(title, whole.text), then)

    def action_noise(self, direction: int) -> None:
        self.noise += direction

    def action_times(self) -> None:
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]
        self.notify(f"Time: {'of day' if self.times == 'clock' else self.times}", timeout=2, markup=False)

    def action_wrap(self) -> None:
        self.wrap = not self.wrap

    def action_back(self) -> None:
        if self._mark is not None:
            self._mark = None
        elif self.text_selection is not None:
            self.screen.clear_selection()
        elif self._search.found is not None:
            self._search.find(None, 0)
        elif self._search.filter is not None:
            self._search.filter_by(None, 0)
        self._look_anew()
        self._rows_changed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "hit":
            return self._search.found is not None
        if action == "back":
            standing = (self._mark, self.text_selection, self._search.found, self._search.filter)
            return any(each is not None for each in standing) and not self.screen.query("HelpPanel")
        return super().check_action(action, parameters)

    # Copying.

    def action_copy_bookmarked(self) -> None:
        if self._bookmarks.lines:
            self._hand_over(take_lines(self._text, self._bookmarks.lines, mask=self._mask))
        else:
            self.notify("No line is marked; m marks the one under the cursor.", markup=False)

    def plain(self) -> PlainRows:
        """The rows as lines of text, from the top of the page on."""
        return PlainRows(self._text, self._rows, self._page, self._painter)

    def action_select(self) -> None:
        self._page.hold()
        self._mark = self._page.cursor if self._mark is None else None
        self._moved()

    def action_copy(self) -> None:
        selection, cursor = self.text_selection, self._page.cursor
        if selection is not None:
            taken = self._selected(selection)
            if taken is not None:
                self._hand_over(taken)
        elif cursor is not None:
            self._hand_over(take_rows(self._text, self._rows, self._mark or cursor, cursor, mask=self._mask))
            self._mark = None
            self._changed()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        taken = self._selected(selection)
        return None if taken is None or taken.too_much else (taken.text, "\n")

    def _selected(self, selection: Selection) -> Taken | None:
        page = self._page.strips
        if not page:
            return None
        start, end = selection
        begin = (start.y, start.x - SELECT_AT) if start is not None else (page[0][0].line, 0)
        stop = (end.y, max(0, end.x - SELECT_AT)) if end is not None else (page[-1][0].line, None)
        return take_span(self._text, self._rows, begin, stop, mask=self._mask)

    def _hand_over(self, taken: Taken) -> None:
        if not taken.too_much:
            self.app.copy_to_clipboard(taken.text)
        severity: Literal["warning", "information"] = "warning" if taken.too_much else "information"
        self.notify(taken.sentence(self.recorded), severity=severity, markup=False)

    # The mouse.

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self._page.scroll(WHEEL)
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self._page.scroll(-WHEEL)
        self._moved()

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        page = self._page.strips
        if place is None or place.y >= self._page.height:
            return
        event.stop()
        if place.x >= self._painter.look.width:
            line = self._map.line_at(self._rows, self._page.height, place.y)
            self._page.show(self._rows.at(line))
            self._moved()
        elif place.y < len(page):
            row = page[place.y][0]
            if row.kind in (HEADLINE, RUN_ROW) or event.chain == 2:
                self._page.put_cursor(place.y)
                self.action_open()
            elif not self.follow:
                self._page.put_cursor(place.y)
            self._moved()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.text_selection is not None and self.screen.get_selected_text():
            self.action_copy()
