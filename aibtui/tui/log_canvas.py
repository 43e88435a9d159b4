"""The log as a widget without keys: it takes in what is recorded, and draws what of it is on the page."""

from __future__ import annotations

import asyncio
from datetime import datetime, tzinfo
from typing import ClassVar, Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.cache import LRUCache
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip

from aibtui import wording
from aibtui.core.index import EVIDENCE
from aibtui.core.updates import Alert, Update
from aibtui.safetext import SafeText
from aibtui.tui.log_map import Cell, LogMap
from aibtui.tui.log_page import Page
from aibtui.tui.log_paint import COMPONENTS, Look, Painter, Times
from aibtui.tui.log_prompt import LogPrompt
from aibtui.tui.log_rows import EVERYTHING, HEADLINE, LINE, LogRows, Row, folds_at_first, sections
from aibtui.tui.log_search import Search
from aibtui.tui.log_text import LogReader, LogText
from aibtui.tui.titled import Titled

FOLD_ABOVE: Final = 400
"""A finished good step with more lines than this is folded when the log is first seen."""
BAR: Final = 1
"""Cells of the map at the right edge."""
_TURNS: Final = 24
"""Slices that are indexed or searched between two drawings."""
_GROUNDS: Final = frozenset({"log--cursor", "log--marked", "log--thumb"})


class Frame(NamedTuple):
    """All that drawing a page takes, made once for its lines."""

    page: list[tuple[Row, int]]
    cursor: Row | None
    marked: tuple[tuple[int, int], tuple[int, int]] | None
    bar: list[Cell]
    selection: Selection | None
    selected: Style
    now: datetime | None
    base: Style


class LogCanvas(Titled):
    """Rows of the log by step: time, a sign for errors and warnings, the text without Packer's prefix.

    `update` is what is known of the build, `now` the time until which a running step is measured, `recorded` where
    the log is kept.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    recorded: reactive[SafeText | None] = reactive(None, repaint=False)
    follow: reactive[bool] = reactive(True, repaint=False)
    noise: reactive[int] = reactive(2, repaint=False)
    """From 0, steps only, to 3, everything."""
    times: reactive[Times] = reactive("clock", repaint=False)
    wrap: reactive[bool] = reactive(False, repaint=False)
    column: reactive[int] = reactive(0, repaint=False)
    """Cells of the text that are out of sight on the left."""

    def __init__(self, reader: LogReader, *, zone: tzinfo | None, id: str | None) -> None:
        super().__init__(id=id)
        self._text = LogText(reader)
        self._rows = LogRows(self._text.index)
        self._painter = Painter(self._text, self._rows, self._style_of)
        self._page = Page(self._rows, self._tall)
        self._search = Search(self._text, self._rows)
        self._map = LogMap()
        self._zone = zone
        self._wanted: int | None = None
        self._held_at = 0
        self._mark: Row | None = None
        self._folded_once = False
        self._evidence: frozenset[int] = frozenset()
        self._frame: Frame | None = None
        self._finished: LRUCache[tuple[int, int, int, Cell | None], tuple[Strip, Strip]] = LRUCache(512)

    def on_mount(self) -> None:
        self._catch_up()

    def on_resize(self) -> None:
        self._laid_out_anew()

    def on_focus(self) -> None:
        self._changed()

    def on_blur(self) -> None:
        self._changed()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget()
        self._finished.clear()
        self._frame = None

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
        frame = self._frame or self._make_frame()
        cell = frame.bar[y] if y < len(frame.bar) else None
        if y >= len(frame.page):
            return self._finish(self._empty() if y == 0 else Strip([]), cell, frame)
        row, part = frame.page[y]
        strips = self._painter.draw(row, frame.now)
        drawn = strips[min(part, len(strips) - 1)]
        strip = drawn
        if frame.selection is not None:
            strip = self._painter.selected(strip, row, frame.selection, frame.selected)
        if frame.marked is not None and frame.marked[0] <= row[:2] <= frame.marked[1]:
            strip = self._painter.overlay(strip, "log--marked")
        if row == frame.cursor:
            strip = self._painter.overlay(strip, "log--cursor")
        if strip is not drawn:
            return self._finish(strip, cell, frame)
        # Most lines are the same as at the last drawing.
        key = row.line, row.kind, part, cell
        made = self._finished.get(key)
        if made is None or made[0] is not drawn:
            made = self._finished[key] = drawn, self._finish(drawn, cell, frame)
        return made[1]

    def _finish(self, strip: Strip, cell: Cell | None, frame: Frame) -> Strip:
        """A strip as wide as the widget, with its cell of the map."""
        width = self._painter.look.width
        blank = Segment(" " * max(0, width - strip.cell_length))
        bar = Segment(cell.sign, self._bar_style(cell)) if cell is not None else Segment(" " * BAR)
        if strip.cell_length > width:
            strip = strip.crop(0, width)
        return Strip(Segment.apply_style([*strip, blank, bar], frame.base), width + BAR)

    def _empty(self) -> Strip:
        if self.update is None:
            return Strip([])
        if self._search.filter is not None:
            said = " no line passes the filter; Esc clears it"
        else:
            said = " the build prints nothing yet; + shows more" if self._text.index.lines else " no log yet"
        return Strip([Segment(said, self._style_of("log--time"))])

    def _make_frame(self) -> Frame:
        page, rows = self._page.strips, self._rows
        cursor = None if self.follow else self._page.cursor
        marked = None
        if self._mark is not None and (end := self._page.cursor) is not None:
            marked = min(self._mark, end)[:2], max(self._mark, end)[:2]
        top, bottom = (page[0][0].line, page[-1][0].until) if page else (0, 0)
        if self._page.at_end:
            bottom = rows.index.lines - 1
        cells = self._map.cells(rows, self._page.height, top, bottom)
        now = max((at for at in (self.now, self.update.at if self.update else None) if at), default=None)
        selected = self.screen.get_component_rich_style("screen--selection")
        self._frame = Frame(page, cursor, marked, cells, self.text_selection, selected, now, self.rich_style)
        return self._frame

    def _bar_style(self, cell: Cell) -> Style:
        style = self._style_of(cell.component)
        return style + self._style_of("log--thumb") if cell.thumb else style

    def _style_of(self, component: str) -> Style:
        """A component's style; its background only where that is the point of it."""
        style = self.get_component_rich_style(component)
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
        self._step()
        if self._text.behind or self._search.behind:
            self._catch_up_with_rest()
        elif self.update is not None and self.update.ended and self._text.finish():
            self._painter.forget()
        self._take_in()
        self._grown()

    @work(exclusive=True, group="index", exit_on_error=False)
    async def _catch_up_with_rest(self) -> None:
        turns = 0
        while self._step():
            turns += 1
            if turns % _TURNS == 0 and not self._text.complete:
                self._say()
            elif turns % _TURNS == 0:
                self._take_in()
                self._grown()
            await asyncio.sleep(0)  # a turn for everybody else
        if self.update is not None and self.update.ended and not self._text.behind and self._text.finish():
            self._painter.forget()
        self._take_in()
        self._grown()

    def _step(self) -> bool:
        """Index one slice, or search one; False when nothing is left, or it cannot be read."""
        if self._text.behind:
            moved = self._text.step()
            if self._text.index is not self._rows.index:
                self._renewed(moved)
            if self._search.fresh:
                self._search.step()
            return True
        return self._text.complete and self._search.step()

    def _renewed(self, moved: int | None) -> None:
        """The lines are in another index: `moved` down, or another log where it is None."""
        self._rows.renew(self._text.index, moved)
        self._evidence = frozenset()
        self._page.renew(moved)
        self._painter.forget()
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
        self._take_evidence(update.alerts)
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

    def _take_evidence(self, alerts: tuple[Alert, ...]) -> None:
        """Mark the lines that alerts name now, as far as they are indexed."""
        index = self._rows.index
        numbers = [number for alert in alerts if alert.severity != "info" for number in _named_by(alert)]
        named = frozenset(number - 1 for number in numbers if 1 <= number <= index.lines)
        for line in self._evidence - named:
            index.unset(line, EVIDENCE)
        for line in named - self._evidence:
            index.set(line, EVIDENCE)
        self._evidence = named

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
        self._frame = None
        self.refresh()

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
        region = self.scrollable_content_region
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
        if new:
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
        self.entitle("Log", state, note, "pill-warn" if new else "pill" if state.startswith("held") else "note")
        self._say_below()

    def _say_below(self) -> None:
        """What was searched, where that is said."""


def _named_by(alert: Alert) -> list[int]:
    """The lines that an alert names, from 1."""
    named = [alert.line, *(proof.line for proof in alert.evidence)]
    return [number for number in named if number is not None]
