"""The keys that matter where the focus is, on the last line.

Textual's own footer is a widget for each key, made anew and laid out whenever one of them comes or goes; that takes
longer than all the rest of what a key does here. This is one widget, which draws one line.
"""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

_PALETTE_SIGN: Final = "▏"
_PALETTE_FROM: Final = 100
"""The width from which there is room for the palette's key, and below, for the names of groups."""
_NAMES_FROM: Final = 80


class Key(NamedTuple):
    """What is shown of a binding. Those of one `group` stand together, with one name for all."""

    key: str
    shown: str
    name: str
    tooltip: str
    enabled: bool
    group: Binding.Group | None


class KeyBar(Widget, can_focus=False):
    """A click on a key is the key. With `palette`, the key of the command palette stands at the right."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-bar--key", "key-bar--name", "key-bar--edge"}

    def __init__(self, *, palette: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self._palette = palette
        self._keys: tuple[Key, ...] = ()
        self._last: Key | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def _take(self, screen: Screen[object]) -> None:
        if not screen.app.app_focus or screen is not self.screen:
            return
        keys: dict[str, Key] = {}
        last = None
        for key, active in screen.active_bindings.items():
            binding, tooltip = active.binding, active.tooltip or active.binding.description
            shown = self.app.get_key_display(binding)
            made = Key(binding.key, shown, binding.description, tooltip, active.enabled, binding.group)
            if binding.show:
                keys.setdefault(binding.action, made)
            if key == self.app.COMMAND_PALETTE_BINDING:
                last = made
        if (tuple(keys.values()), last) != (self._keys, self._last):
            self._keys, self._last = tuple(keys.values()), last
            self.refresh()

    def render(self) -> Content:
        width = self.size.width
        parts = []
        for group, members in groupby(self._keys, key=lambda key: key.group):
            keys = list(members)
            if group is None or len(keys) == 1:
                parts += [
                    self._styled(f"{key.shown} ", key, "key") + self._styled(key.name, key, "name") for key in keys
                ]
                continue
            together = Content("").join([self._styled(key.shown, key, "key") for key in keys])
            named = Content.styled(f" {group.description}", self.get_visual_style("key-bar--name"))
            parts.append(together + named if width >= _NAMES_FROM else together)
        line = Content(" ").join(parts)
        if self._last is None or not self._palette or width < _PALETTE_FROM:
            return line
        last = self._styled(f"{self._last.shown} ", self._last, "key") + self._styled(
            self._last.name, self._last, "name"
        )
        edge = Content.styled(_PALETTE_SIGN, self.get_visual_style("key-bar--edge"))
        return line.truncate(width - last.cell_length - 2, pad=True) + edge + last + " "

    def _named(self, key: Key) -> Content:
        return self._styled(f"{key.shown} ", key, "key") + self._styled(key.name, key, "name")

    def _styled(self, text: str, key: Key, part: str) -> Content:
        style = self.get_visual_style(f"key-bar--{part}") + Style.from_meta({"key": key})
        return Content.styled(text, style if key.enabled else style + Style(dim=True))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        key = event.style.meta.get("key")
        self.tooltip = key.tooltip if isinstance(key, Key) else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        key = event.style.meta.get("key")
        if isinstance(key, Key):
            if key.enabled:
                self.app.simulate_key(key.key)
            else:
                self.app.bell()
