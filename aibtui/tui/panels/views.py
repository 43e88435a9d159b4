"""Where one can go, and by which key: a line of names, the one that is shown marked."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from aibtui.tui.drawing import part, row

PLACES: Final = (
    ("1", "steps", "Steps"),
    ("2", "now", "Now"),
    ("3", "log", "Log"),
    ("4", "alerts", "Alerts"),
    ("5", "timeline", "Timeline"),
    ("7", "run", "Run"),
)
"""Key, pane and name."""


class Views(Widget):
    """One line; a click goes there too. A screen with little room has no such line."""

    shown: reactive[str] = reactive("log")
    """The pane that is focused."""

    several: reactive[bool] = reactive(False)
    """There is a table of builds to go back to."""

    def render(self) -> Content:
        names = [self._place(key, f"screen.go('{pane}')", name, pane == self.shown) for key, pane, name in PLACES]
        if self.several:
            names.append(self._place("8", "app.builds", "Builds", False))
        return part(" ") + row(*names, gap=3)

    def _place(self, key: str, action: str, name: str, here: bool) -> Content:
        said = row(part(key, "key"), part(name, "name" if here else "dim"))
        return said.stylize(Style.from_meta({"@click": action}))
