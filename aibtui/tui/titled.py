"""The line on top of a panel: its name, what state it is in, and a note at the right."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.widget import Widget

_EDGES: Final = 2
"""Cells of the border line that a title cannot have, left and right."""


class Titled(Widget):
    """A widget whose upper border is its title line. Beside another widget class it comes second."""

    _title: tuple[str, str, str, str] = ("", "", "", "")

    def entitle(self, name: str, state: str = "", note: str = "", meaning: str = "note") -> None:
        """Write the line: `─ Log ─ following ──────── 2,179 lines hidden ─`; `meaning` is the style of `state`."""
        if self._title != (name, state, note, meaning):
            self._title = (name, state, note, meaning)
            self._write_title()

    def on_resize(self) -> None:
        self._write_title()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._write_title()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._write_title()

    def _write_title(self) -> None:
        name, state, note, meaning = self._title
        if not name or not self.outer_size.width:
            return
        sign = "▌" if self.has_focus else ""
        left = self._in_style(f" {sign}{name} ", "name")
        if state:
            left += self._in_style(f" {state} ", meaning) + Content(" ")
        right = self._in_style(f" {note} ", "note") if note else Content("")
        room = self.outer_size.width - _EDGES - left.cell_length - right.cell_length
        if room < 1:
            right, room = Content(""), max(0, room + right.cell_length)
        self.border_title = left + self._in_style("─" * room, "rule") + right

    def _in_style(self, text: str, meaning: str) -> Content:
        """In a title a style must be a value; Textual looks no name up there."""
        return Content.styled(text, self.screen.get_visual_style(f"is-{meaning}", partial=True))
