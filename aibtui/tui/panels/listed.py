"""A panel of rows that one can walk through; enter shows a row's line in the log."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from aibtui.core.updates import Update
from aibtui.tui.drawing import part
from aibtui.tui.panels.panel import Panel, ShowLine


class Listed(Panel, can_focus=True, inherit_bindings=False):
    """Owns the cursor alone. While nobody has moved it, it stands on the row where the build is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", id="list.down", tooltip="The next row", show=False),
        Binding("up,k", "move(-1)", "Up", id="list.up", tooltip="The row before", show=False),
        Binding("pagedown,space", "page(1)", "Page down", id="list.page-down", tooltip="One page down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", id="list.page-up", tooltip="One page up", show=False),
        Binding("home,g", "move_to(0)", "First", id="list.first", tooltip="The first row", show=False),
        Binding("end,G", "move_to(-1)", "Last", id="list.last", tooltip="The last row", show=False),
        Binding("enter", "show", "Show in the log", id="list.show", tooltip="Show where it begins in the log"),
    ]

    cursor: reactive[int | None] = reactive(None)

    def lines(self, update: Update) -> list[int | None]:
        """For each row the line that it begins with, None where the log has none."""
        raise NotImplementedError

    def current(self, update: Update) -> int:
        """The row where the build is."""
        raise NotImplementedError

    def place(self, update: Update) -> int:
        """The row of the cursor."""
        count = len(self.lines(update))
        here = self.current(update) if self.cursor is None else self.cursor
        return min(max(0, here), max(0, count - 1))

    def window(self, update: Update, height: int) -> tuple[int, int]:
        """Which rows to show, as a slice; the lines that say how many are left out have their room."""
        count = len(self.lines(update))
        if count <= height:
            return 0, count
        here = self.place(update) if self.has_focus else self.current(update)
        room = max(1, height - 2)
        first = min(max(0, here - room // 2), count - room)
        if first <= 1:
            return 0, height - 1
        if first + room >= count - 1:
            return count - height + 1, count
        return first, first + room

    def mark(self, line: Content, width: int) -> Content:
        """A row as the cursor shows it."""
        line = line + Content(" " * max(0, width - line.cell_length))
        return line.stylize(".is-cursor")

    def left_out(self, first: int, last: int, count: int) -> tuple[list[Content], list[Content]]:
        """What to write above and below the window."""
        above = [part(f"  ↑ {first} earlier", "dim")] if first > 0 else []
        below = [part(f"  ↓ {count - last} more", "dim")] if last < count else []
        return above, below

    def action_move(self, rows: int) -> None:
        if self.update is not None:
            self.action_move_to(min(max(0, self.place(self.update) + rows), len(self.lines(self.update)) - 1))

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 1))

    def action_move_to(self, row: int) -> None:
        if self.update is not None:
            count = len(self.lines(self.update))
            self.cursor = max(0, row if row >= 0 else count + row)

    def action_show(self) -> None:
        if self.update is None:
            return
        lines = self.lines(self.update)
        number = lines[self.place(self.update)] if lines else None
        if number is not None:
            self.post_message(ShowLine(number))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-1)
