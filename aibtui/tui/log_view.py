"""The log on the screen: only visible lines are read and drawn. It follows the end, or holds still while one reads."""

from __future__ import annotations

import asyncio
from datetime import tzinfo
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from aibtui import wording
from aibtui.core.index import ERROR, NOISE, OUTPUT, WARNING
from aibtui.core.updates import Update
from aibtui.tui.log_text import Drawable, LogReader, LogText
from aibtui.tui.titled import Titled

SIDEWAYS: Final = 16
"""How many cells a step to the left or right is."""

_GUTTERS: Final = {NOISE: " ", OUTPUT: " ", WARNING: "W", ERROR: "E"}
_STYLES: Final = {NOISE: "log--noise", OUTPUT: "log--output", WARNING: "log--warning", ERROR: "log--error"}


class LogView(ScrollView, Titled, can_focus=True, inherit_bindings=False):
    """Rows of the log, one line each: time of day, a sign for errors and warnings, the text without Packer's prefix."""

    HELP = """\
## Log

What the build prints, as it comes. The times are local.

- **E** and **W** mark lines that look like errors and warnings, **▸** the line that opens a step.
- Scrolling up lets go of the end: nothing moves while you read. `G`, `End` or `F` follows again.
- `+` also shows Packer's own debug log, `-` hides it. The recording always holds every line.
"""
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--noise",
        "log--output",
        "log--warning",
        "log--error",
        "log--step",
        "log--target",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", id="log.up", tooltip="One line up", show=False),
        Binding("down,j", "scroll_down", "Down", id="log.down", tooltip="One line down", show=False),
        Binding("pageup,b", "page_up", "Page up", id="log.page-up", tooltip="One page up", show=False),
        Binding("pagedown,space", "page_down", "Page down", id="log.page-down", tooltip="One page down", show=False),
        Binding("ctrl+u", "half_page(-1)", "Half up", id="log.half-up", tooltip="Half a page up", show=False),
        Binding("ctrl+d", "half_page(1)", "Half down", id="log.half-down", tooltip="Half a page down", show=False),
        Binding("home,g", "scroll_home", "Top", id="log.top", tooltip="To the first line", show=False),
        Binding("end,G", "follow", "End", id="log.end", tooltip="To the last line, and follow", show=False),
        Binding("left,h", "sideways(-1)", "Left", id="log.left", tooltip="Show what is left of the cut", show=False),
        Binding("right,l", "sideways(1)", "Right", id="log.right", tooltip="Show what is right of the cut", show=False),
    ]

    update: reactive[Update | None] = reactive(None, repaint=False)
    follow: reactive[bool] = reactive(True, repaint=False)
    everything: reactive[bool] = reactive(False, repaint=False)
    column: reactive[int] = reactive(0)
    """Cells of the text that are out of sight on the left."""

    def __init__(self, reader: LogReader, *, zone: tzinfo | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = LogText(reader)
        self._zone = zone
        self._new = 0
        self._target: int | None = None
        self._wanted: int | None = None
        self._steps: frozenset[int] = frozenset()
        self._strips: LRUCache[tuple[int, int, int], Strip] = LRUCache(512)

    def on_mount(self) -> None:
        self._catch_up()

    def on_resize(self) -> None:
        self._to_end_if_following()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def watch_update(self, update: Update | None) -> None:
        if update is None or not self.is_mounted:
            return
        steps = frozenset(step.first_line for step in update.build.steps if step.first_line is not None)
        if steps != self._steps:
            self._steps = steps
            self._redraw()
        self._catch_up()

    def watch_follow(self, follow: bool) -> None:
        self._new = 0
        self._to_end_if_following()
        self._label()

    def watch_everything(self, everything: bool) -> None:
        top = self._number_at(self.scroll_offset.y)
        self._text.everything = everything
        self._strips.clear()
        self._new = 0
        self._measure()
        if not self.follow and top is not None:
            self._scroll_to_line(top)
        self._redraw()
        self._label()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value and new_value < self.max_scroll_y:
            self.follow = False
        elif new_value > old_value and new_value >= self.max_scroll_y:
            self.follow = True

    def jump(self, number: int) -> None:
        """Bring a line (numbers count from 1) to the middle of the view and mark it; following stops."""
        self._wanted = number
        self._jump_if_known()

    def action_follow(self) -> None:
        self.follow = True
        self._to_end_if_following()

    def action_half_page(self, direction: int) -> None:
        self._scroll(self.scroll_offset.y + direction * max(1, self._height // 2))

    def action_scroll_up(self) -> None:
        self._scroll(self.scroll_offset.y - 1)

    def action_scroll_down(self) -> None:
        self._scroll(self.scroll_offset.y + 1)

    def action_page_up(self) -> None:
        self._scroll(self.scroll_offset.y - max(1, self._height - 1))

    def action_page_down(self) -> None:
        self._scroll(self.scroll_offset.y + max(1, self._height - 1))

    def action_scroll_home(self) -> None:
        self._scroll(0)

    def action_sideways(self, direction: int) -> None:
        top = self.scroll_offset.y
        shown = range(top, min(top + self._height, self._text.rows))
        widest = max((len(self._text.row(row).text) for row in shown), default=0)
        self.column = max(0, min(self.column + direction * SIDEWAYS, widest - SIDEWAYS))

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if row == 0 and not self._text.rows and self.update is not None:
            said = " the build prints nothing yet; + shows the debug log" if self._text.lines else " no log yet"
            empty = Strip([Segment(said, self.get_component_rich_style("log--noise"))])
            return empty.crop_extend(0, width, self.rich_style)
        if row >= self._text.rows:
            return Strip.blank(width, self.rich_style)
        key = (row, self.column, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(self._text.row(row), width)
        return strip

    def _draw(self, line: Drawable, width: int) -> Strip:
        base = self.rich_style
        opens_step = line.number in self._steps and self._text.complete
        name = "log--step" if opens_step and line.kind == OUTPUT else _STYLES[line.kind]
        style = self.get_component_rich_style(name)
        time_style = self.get_component_rich_style("log--time")
        if line.number == self._target:
            mark = Style(bgcolor=self.get_component_rich_style("log--target").bgcolor)
            style, time_style, base = style + mark, time_style + mark, base + mark
        time = wording.clock(line.at, self._zone) if line.at else " " * 8
        gutter = "▸" if opens_step and line.kind == OUTPUT else _GUTTERS[line.kind]
        head = Strip([Segment(f" {time} ", time_style), Segment(f"{gutter} ", style + Style(bold=True))])
        room = max(0, width - head.cell_length)
        text = Strip([Segment(line.text, style)])
        cut = text.cell_length > self.column + room
        text = text.crop_extend(self.column, self.column + room, base)
        if cut and room:
            text = Strip.join([text.crop(0, room - 1), Strip([Segment("…", time_style)])])
        return Strip.join([head, text])

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def _catch_up(self) -> None:
        """Take in what was recorded since; what is too much for one turn of the event loop is left to the worker."""
        if self._text.restarted():
            self._new = 0
            self._target = self._wanted = None
            self._measure()
            self._scroll(0)
            self._redraw()
        if self._text.behind:
            self._step()
        if self._text.behind:
            self._index_rest()
        elif self.update is not None and self.update.ended:
            self._text.finish()
            self._measure()
        self._jump_if_known()
        self._label()

    @work(exclusive=True, group="index", exit_on_error=False)
    async def _index_rest(self) -> None:
        while self._text.behind:
            self._step()
            await asyncio.sleep(0)  # a turn for everybody else
        self._catch_up()

    def _step(self) -> None:
        rows = self._text.rows
        moved = self._text.step()
        if moved:
            self._strips.clear()
            self._measure()
            if not self.follow:
                self._scroll(self.scroll_offset.y + moved)
        elif self._text.rows != rows:
            self._new += self._text.rows - rows
            self._measure()

    def _measure(self) -> None:
        size = Size(self.size.width, self._text.rows)
        if size != self.virtual_size:
            self.virtual_size = size
            self._redraw()
        self._to_end_if_following()

    def _to_end_if_following(self) -> None:
        if self.follow:
            self._scroll(self.max_scroll_y)

    def _scroll(self, y: float) -> None:
        self.scroll_to(y=y, animate=False)

    def _number_at(self, row: int) -> int | None:
        return self._text.number(row) if 0 <= row < self._text.rows else None

    def _scroll_to_line(self, number: int, above: int = 0) -> None:
        row = self._text.row_of(number)
        if row is not None:
            self._scroll(max(0, row - above))

    def _jump_if_known(self) -> None:
        number = self._wanted
        if number is None or self._text.row_of(number) is None:
            return
        self._wanted = None
        self._target = number
        self.follow = False
        if self._text.is_noise(number):
            self.everything = True
        self._scroll_to_line(number, above=self._height // 3)
        self._redraw()

    def _redraw(self) -> None:
        self._strips.clear()
        self.refresh()

    def _label(self) -> None:
        """Say in the title where we are: following or not, and what is hidden."""
        if not self.follow and self._new:
            state = f"+{self._new:,} new  G follows"
        elif not self.follow:
            state = "held  G follows"
        elif self.update is not None and self.update.ended:
            state = "end"
        else:
            state = "following"
        hidden, lines = self._text.hidden, wording.count(self._text.lines, "line")
        note = f"{hidden:,} of {lines} hidden" if hidden else lines
        if not self._text.complete:
            note = f"reading the whole log, {self._text.progress:.0%}"
        if self._text.unreadable:
            note = "the recording cannot be read"
        self.entitle("Log", state, note, "note" if self.follow else "pill-warn")
