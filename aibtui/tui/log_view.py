"""The log on the screen: what keys, mouse and prompt do to it. It follows the end, or holds still while one reads."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar, Final, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.selection import Selection

from aibtui.safetext import clean
from aibtui.tui import log_keys
from aibtui.tui.log_canvas import LogCanvas
from aibtui.tui.log_copy import Taken, take_rows, take_span
from aibtui.tui.log_find import BadPattern, Query
from aibtui.tui.log_goto import NoPlace, line_of
from aibtui.tui.log_line import WholeLine
from aibtui.tui.log_page import Place
from aibtui.tui.log_paint import SELECT_AT, TIMES
from aibtui.tui.log_prompt import SIGNS, LogPrompt, Purpose
from aibtui.tui.log_rows import HEADLINE, LINE, RUN_ROW, Row
from aibtui.tui.log_text import LogReader

SIDEWAYS: Final = 16
"""How many cells a step to the left or right is."""
WHEEL: Final = 3
"""How many lines a turn of the mouse wheel is."""

_NAMES: Final = {"error": "error", "warning": "warning", "silence": "stretch without output"}


class LogView(LogCanvas, can_focus=True, inherit_bindings=False):
    """The log with its keys. With `mask`, what is copied has its likely secrets masked."""

    HELP = log_keys.HELP
    BINDINGS: ClassVar[list[BindingType]] = log_keys.BINDINGS

    def __init__(
        self, reader: LogReader, *, zone: tzinfo | None = None, mask: bool = True, id: str | None = None
    ) -> None:
        super().__init__(reader, zone=zone, id=id)
        self._mask = mask
        self._left: Place | None = None
        self._from = 0
        self._sought_from: int | None = None
        self._before: tuple[Query | None, Query | None, bool] = (None, None, False)
        self._wrong = ""

    def compose(self) -> ComposeResult:
        yield LogPrompt()

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

        self.app.push_screen(WholeLine(title, whole.text), then)

    def action_noise(self, direction: int) -> None:
        self.noise += direction

    def action_times(self) -> None:
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]
        self.notify(f"Time: {'of day' if self.times == 'clock' else self.times}", timeout=2, markup=False)

    def action_wrap(self) -> None:
        self.wrap = not self.wrap

    # Finding.

    def on_key(self, event: events.Key) -> None:
        # A binding is looked up only after the key has gone the whole way up; what is typed right behind it would come
        # here and not to the prompt.
        if self.query_one(LogPrompt).take(event):
            event.stop()
        elif self.has_focus and (bound := self.app.active_bindings.get(event.key)) and bound.node is self:
            purpose = next((each for each in SIGNS if bound.binding.action == f"ask('{each}')"), None)
            if purpose is not None:
                event.stop()
                self.action_ask(purpose)

    def action_ask(self, purpose: Purpose) -> None:
        self._left = self._page.place
        self._before = self._search.query, self._filter_query(), self._rows.filtered == "inverse"
        page = self._page.strips
        self._from = page[0][0].line if page else 0
        self.query_one(LogPrompt).ask(purpose)
        self._room_changed()

    def on_log_prompt_typed(self, event: LogPrompt.Typed) -> None:
        event.stop()
        if event.purpose != "go to":
            self._look_for(event.purpose, event.text, event.plain)

    def on_log_prompt_done(self, event: LogPrompt.Done) -> None:
        event.stop()
        if event.purpose == "go to":
            if event.text.strip() and not self._go_to(event.text):
                return
        else:
            self._look_for(event.purpose, event.text, event.plain)
            if self._wrong:
                return
            if not event.text and self._left is not None and event.purpose == "find":
                self._page.place = self._left
        self._close_prompt()

    def on_log_prompt_left(self, event: LogPrompt.Left) -> None:
        event.stop()
        query, filter_query, inverse = self._before
        self._wrong = ""
        self._sought_from = None
        if event.purpose == "find":
            self._search.find(query, self._from)
        elif event.purpose == "filter":
            self._search.filter_by(filter_query, self._from, inverse=inverse)
        if self._left is not None:
            self._page.place = self._left
        self._close_prompt()
        self._search_on()

    def _close_prompt(self) -> None:
        self._wrong = ""
        self._left = None
        self.query_one(LogPrompt).close()
        self.screen.set_focus(self)
        self._room_changed()
        self._moved()

    def _look_for(self, purpose: Purpose, text: str, plain: bool) -> None:
        inverse = purpose == "filter" and text.startswith("!")
        text = text[1:] if inverse else text
        self._wrong = ""
        query = None
        if text:
            try:
                query = Query(text, regex=not plain)
            except BadPattern as error:
                self._wrong = f"no regular expression: {error}; ctrl+t takes it as plain text"
                self._say()
                return
        if purpose == "find":
            if query is None or query != self._search.query:
                self._search.find(query, self._from)
            if self._left is not None and query is not None:
                self._sought_from = self._from
        else:
            self._search.filter_by(query, self._from, inverse=inverse)
        self._search_on()

    def _search_on(self) -> None:
        self._look_anew()
        self._rows_changed()
        self._catch_up()
        self._go_to_sought()

    def _go_to_sought(self) -> None:
        """While a pattern is typed, its first hit is shown as soon as it is known."""
        if self._sought_from is None:
            return
        found = self._search.first_hit(self._sought_from)
        if found is not None or not self._search.behind:
            self._sought_from = None
        if found is not None:
            self._go(found)

    def _take_in(self) -> None:
        super()._take_in()
        self._go_to_sought()

    def _say_below(self) -> None:
        cursor = self._page.cursor
        said = self._wrong or self._search.said(cursor.line if cursor is not None and not self.follow else None)
        prompt = self.query_one(LogPrompt)
        shown = prompt.display
        prompt.say(self._search.standing(), said, bad=bool(self._wrong))
        if prompt.display != shown:
            self._room_changed()

    def _room_changed(self) -> None:
        self._look_anew()
        self._page.settle()
        self._changed()

    def _filter_query(self) -> Query | None:
        return self._search.filter.query if self._search.filter is not None else None

    def _go_to(self, said: str) -> bool:
        started = self.update.build.run_started_at if self.update is not None else None
        since_start = self.times == "since start"
        try:
            line = line_of(said, self._text, self._rows, started_at=started, since_start=since_start, zone=self._zone)
        except NoPlace as error:
            self._wrong = str(error)
            self._say()
            return False
        self._go(line)
        return True

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
            return any(each is not None for each in standing)
        return super().check_action(action, parameters)

    # Copying.

    def action_mark(self) -> None:
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
