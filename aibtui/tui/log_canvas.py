"""The log as a widget without keys: it takes in what is recorded, and draws what of it is on the page."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from typing import Final

from rich.style import Style
from textual import work
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import SafeText
from aibtui.tui.log_map import LogMap
from aibtui.tui.log_marks import Bookmarks, Evidence
from aibtui.tui.log_page import Page
from aibtui.tui.log_paint import Look, Painter, Times
from aibtui.tui.log_prompt import LogPrompt
from aibtui.tui.log_rows import EVERYTHING, HEADLINE, LINE, LogRows, Row, folds_at_first
from aibtui.tui.log_search import Search
from aibtui.tui.log_sections import sections
from aibtui.tui.log_sheet import BAR, Over, Sheet
from aibtui.tui.log_text import LogReader, LogText
from aibtui.tui.titled import Titled

FOLD_ABOVE: Final = 400
"""A finished good step with more lines than this is folded when the log is first seen."""
_TURN: Final = 0.002
"""Seconds of indexing or searching between two turns of the event loop; a key passes through about ten of them."""
_HURRIED_TURN: Final = 0.005
"""The same while somebody waits for the first hit, and much else is drawn because the prompt came or went."""
_DRAWN_EVERY: Final = 0.1
"""Seconds between two drawings while that goes on."""
_GROUNDS: Final = frozenset({"log--cursor", "log--cursor-focused", "log--marked", "log--thumb"})


class LogCanvas(Titled):
    """Rows of the log by step: time, a sign for errors and warnings, the text without Packer's prefix.

    `update` is what is known of the build, `now` the time until which a running step is measured, `recorded` where
    the log is kept.
    """

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    recorded: reactive[SafeText | None] = reactive(None, repaint=False)
    follow: reactive[bool] = reactive(True, repaint=False)
    noise: reactive[int] = reactive(2, repaint=False)
    """From 0, steps only, to 3, everything."""
    times: reactive[Times] = reactive("clock", repaint=False)
    wrap: reactive[bool] = reactive(False, repaint=False)
    frozen: reactive[datetime | None] = reactive(None, repaint=False)
    """Since when nothing new is handed to it."""
    column: reactive[int] = reactive(0, repaint=False)
    """Cells of the text that are out of sight on the left."""

    def __init__(self, reader: LogReader, *, zone: tzinfo | None, id: str | None) -> None:
        super().__init__(id=id)
        self._text = LogText(reader)
        self._rows = LogRows(self._text.index)
        self._painter = Painter(self._text, self._rows, self._style_of, lambda: self.rich_style)
        self._page = Page(self._rows, self._tall)
        self._search = Search(self._text, self._rows)
        self._map = LogMap()
        self._sheet = Sheet(self._rows, self._painter, self._map)
        self._zone = zone
        self._wanted: int | None = None
        self._held_at = 0
        self._mark: Row | None = None
        self._bookmarks = Bookmarks()
        self._folded_once = False
        self._evidence = Evidence()
        self._strips: list[Strip] | None = None
        self._laid_out_for = Size()
        self._announced: list[Strip] = []
        self._changing = False

    def on_mount(self) -> None:
        self._grown()
        self.call_after_refresh(self._catch_up)

    def on_resize(self) -> None:
        self._laid_out_anew()

    def watch_has_focus(self, _has_focus: bool) -> None:
        # No style depends on it; Textual would look all of them up again, and those of the prompt's widgets.
        self._write_title()
        self._changed()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget()
        self._sheet.forget()
        self._strips = None

    def selection_updated(self, selection: Selection | None) -> None:
        self._changed()

    def watch_update(self, update: Update | None) -> None:
        if update is not None and self.is_mounted:
            self._catch_up()

    def watch_now(self) -> None:
        # A running step's headline is all that time alone changes.
        if any(row.kind == HEADLINE for row, _ in self._page.strips):
            self._changed()

    def watch_follow(self, follow: bool) -> None:
        if follow:
            self._page.go_to_end()
        elif self._page.follow:
            self._page.hold()
        self._moved()

    def watch_frozen(self) -> None:
        if self.is_mounted:
            self._say()

    def watch_noise(self, noise: int) -> None:
        self._rows.noise = noise
        self._rows_changed()

    def watch_times(self) -> None:
        self._laid_out_anew()

    def watch_wrap(self) -> None:
        self._laid_out_anew()

    def watch_column(self) -> None:
        self._laid_out_anew()

    def validate_noise(self, noise: int) -> int:
        return min(max(noise, 0), EVERYTHING)

    def jump(self, number: int) -> None:
        """Bring a line (numbers count from 1) into sight, with the cursor on it; following stops."""
        self._wanted = number
        self._jump_if_known()

    # What is on the page.

    def render_line(self, y: int) -> Strip:
        """A row as the mouse sees it: each of its cells knows what it shows."""
        rows, strips = self._page.strips, self._drawn()
        if y >= len(strips):
            return Strip([])
        return self._painter.placed(strips[y], *rows[y]) if y < len(rows) else strips[y]

    def render_lines(self, crop: Region) -> list[Strip]:
        """The title, and rows as they are: Textual would make each anew, and keeps what it made of a strip with it."""
        top, width, strips = self.gutter.top, self.size.width, self._drawn()
        title = super().render_lines(Region(crop.x, crop.y, crop.width, top - crop.y)) if crop.y < top else []
        ground, blank = self.background_colors[1], self.visual_style.rich_style
        rows = strips[max(0, crop.y - top) : crop.bottom - top]
        rows += [Strip([])] * (crop.height - len(title) - len(rows))
        rows = [row if row.cell_length == width else row.adjust_cell_length(width, blank) for row in rows]
        for each in self.get_line_filters():
            rows = [row.apply_filter(each, ground) for row in rows]
        return title + (rows if crop.column_span == (0, width) else [row.crop(crop.x, crop.right) for row in rows])

    def _drawn(self) -> list[Strip]:
        if self._laid_out_for != self.size:  # Textual paints before it tells of the size
            self._look_anew()
            self._page.settle()
            self._strips = None
        if self._strips is None:
            self._strips = self._draw()
        return self._strips

    def _draw(self) -> list[Strip]:
        end, marked, said = self._page.cursor, None, ""
        if self._mark is not None and end is not None:
            marked = min(self._mark, end)[:2], max(self._mark, end)[:2]
        if self.update is not None and self._search.filter is not None:
            said = " no line passes the filter; Esc clears it"
        elif self.update is not None:
            said = " the build prints nothing yet; + shows more" if self._text.index.lines else " no log yet"
        now = max((at for at in (self.now, self.update.at if self.update else None) if at), default=None)
        selected = self.screen.get_component_rich_style("screen--selection")
        over = Over(None if self.follow else end, self.has_focus, marked, self.text_selection, selected, now, said)
        return self._sheet.draw(self._page, over)

    def _style_of(self, component: str) -> Style:
        """A component's style; its background only where that is the point of it."""
        style = self.screen.get_component_rich_style(component)
        if component in _GROUNDS:
            return Style(bgcolor=style.bgcolor, bold=style.bold, underline=style.underline)
        ground = style.bgcolor if component == "log--hit" else None
        return Style(color=style.color, bgcolor=ground, bold=style.bold, italic=style.italic, underline=style.underline)

    def _tall(self, row: Row) -> int:
        return len(self._painter.draw(row, None)) if self.wrap and row.kind == LINE else 1

    # Taking in what was recorded.

    def _catch_up(self) -> None:
        """Take in what was recorded since; what is too much for one turn of the event loop is left to the worker."""
        if self._text.restarted():
            self._renewed(None)
        if self._go_on() and (self._text.behind or self._search.behind):
            self._catch_up_with_rest()
        elif self.update is not None and self.update.ended and self._text.finish():
            self._painter.forget()
        self._take_in()
        self._grown()

    @work(exclusive=True, group="index", exit_on_error=False)
    async def _catch_up_with_rest(self) -> None:
        clock = asyncio.get_running_loop().time
        drawn = clock()
        while self._go_on():
            if clock() > drawn + _DRAWN_EVERY:
                drawn = clock()
                if self._text.complete:
                    self._take_in()
                    self._grown()
                else:
                    self._say()
            await asyncio.sleep(0)  # a turn for everybody else
        if self.update is not None and self.update.ended and not self._text.behind and self._text.finish():
            self._painter.forget()
        self._take_in()
        self._grown()

    def _go_on(self) -> bool:
        """Index or search for one turn of the event loop; False when nothing is left, or it cannot be read."""
        clock = asyncio.get_running_loop().time
        turn = clock() + (_HURRIED_TURN if self._is_awaited() else _TURN)
        while more := self._step():
            if clock() > turn:
                break
        return more

    def _is_awaited(self) -> bool:
        """Somebody waits for what is searched."""
        return False

    def _step(self) -> bool:
        """Index one slice, or search one; False when nothing is left, or it cannot be read."""
        if self._text.behind:
            moved = self._text.step()
            if self._text.index is not self._rows.index:
                self._renewed(moved)
            if self._search.fresh or not self._text.complete:
                self._search.step()
            return True
        return self._search.step()

    def _renewed(self, moved: int | None) -> None:
        """The lines are in another index: `moved` down, or another log where it is None."""
        self._rows.renew(self._text.index, moved)
        self._evidence.renew()
        self._page.renew(moved)
        self._painter.forget()
        self._bookmarks.renew(moved)
        if moved is None:
            self.follow = True
            self._mark = self._wanted = None
            self._held_at = 0
            self._folded_once = False
        else:
            self._mark = self._mark.moved(moved) if self._mark else None
            self._held_at += moved
        cursor = self._page.cursor
        self._search.renew(cursor.line if cursor is not None else 0)

    def _take_in(self) -> None:
        """Sections and evidence from the newest Update, once line numbers are known."""
        update = self.update
        if update is None or not self._text.complete:
            return
        self._evidence.take(update.alerts, self._rows.index)
        made = sections(update.build)
        if made != self._rows.sections:
            self._rows.sections = made
            self._page.grown()
            self._painter.forget()
        if not self._folded_once and made and self._rows.index.lines and not self._text.behind:
            self._folded_once = True
            self._rows.fold(folds_at_first(made, self._rows, FOLD_ABOVE), folded=True)
            self._page.settle()
        self._jump_if_known()

    def _jump_if_known(self) -> None:
        number = self._wanted
        if number is not None and self._text.complete and number <= self._rows.index.lines:
            self._wanted = None
            self._go(number - 1)

    def _go(self, line: int) -> None:
        """The cursor to a line, whatever hides it."""
        place = self._page.strips[0] if self._page.strips else None
        self._rows.reveal(line)
        if place is not None and not self.follow:
            self._page.settle()
        self._page.go(self._rows.at(line))
        self._moved()

    # After a change.

    def _changed(self) -> None:
        """Something on the page may look different now."""
        self._strips = None
        if not self._changing:
            self._changing = True
            self.call_later(self._refresh_changed)

    def _refresh_changed(self) -> None:
        """Have those lines painted again that look different; all of them would take several times as long."""
        self._changing = False
        before, self._strips = self._announced, self._draw()
        self._announced = strips = self._strips
        width = self.scrollable_content_region.width
        changed = [y for y, strip in enumerate(strips) if y >= len(before) or _differ(strip, before[y])]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def _grown(self) -> None:
        self._page.grown()
        self._look_anew()
        self._say()
        self._changed()

    def _rows_changed(self) -> None:
        """Other rows are seen now; what is held stays."""
        self._page.settle()
        self._say()
        self._changed()

    def _laid_out_anew(self) -> None:
        """The room or the looks of rows are others now."""
        self._look_anew()
        self._page.settle()
        self._changed()

    def _look_anew(self) -> None:
        region, self._laid_out_for = self.scrollable_content_region, self.size
        prompts = self.query(LogPrompt)
        self._page.height = max(1, region.height - bool(prompts and prompts.first().display))
        update, cause = self.update, self.update.root_cause if self.update is not None else None
        self._painter.look = Look(
            width=max(1, region.width - BAR),
            column=self.column,
            wrap=self.wrap,
            times=self.times,
            zone=self._zone,
            started_at=update.build.run_started_at if update is not None else None,
            query=self._search.query,
            cause=cause.line - 1 if cause is not None and cause.line is not None else None,
            bookmarks=frozenset(self._bookmarks.lines),
        )

    def _moved(self) -> None:
        """The page or the cursor went somewhere; following may have begun or ended."""
        if self._page.follow != self.follow:
            self._held_at = self._rows.index.lines
            self.set_reactive(LogCanvas.follow, self._page.follow)
        self._say()
        self._changed()

    def _say(self) -> None:
        """Say in the title where we are, following or not, and what is hidden; below what was searched."""
        new = self._rows.seen(self._held_at) if not self.follow else 0
        if self.frozen is not None:
            state = "frozen  = goes on"
        elif new:
            state = f"+{new:,} new  G follows"
        elif self.update is not None and self.update.ended:
            state = "end" if self.follow else "G to the end"
        elif not self.follow:
            state = "held  G follows"
        else:
            state = "following"
        lines = self._rows.index.lines
        hidden = lines - self._rows.seen()
        what = "hidden" if self._rows.filtered is None else "filtered or hidden"
        note = f"noise {self.noise}/{EVERYTHING}: {hidden:,} {what}" if hidden else wording.count(lines, "line")
        if not self._text.complete:
            note = f"reading the whole log, {self._text.progress:.0%}"
        if self._text.unreadable:
            note = "the recording cannot be read"
        loud = "pill-warn" if new or self.frozen else "pill" if state.startswith("held") else "note"
        self.entitle("Log", state, note, loud)
        self._say_below()

    def _say_below(self) -> None:
        """What was searched, where that is said."""


def _differ(strip: Strip, other: Strip) -> bool:
    return strip is not other and strip != other
