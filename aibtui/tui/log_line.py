"""One line of the log whole: wrapped, to be scrolled and copied."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from aibtui.safetext import SafeText
from aibtui.tui.key_bar import KeyBar


class _Scroll(VerticalScroll, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", "Up", id="line.up", tooltip="Up", show=False),
        Binding("down,j", "scroll_by(1)", "Down", id="line.down", tooltip="Down", show=False),
        Binding("pageup,b", "scroll_by(-10)", "Page up", id="line.page-up", tooltip="Ten lines up", show=False),
        Binding("pagedown,space", "scroll_by(10)", "Page down", id="line.page-down", tooltip="Ten down", show=False),
        Binding("home,g", "scroll_by(-100000)", "Top", id="line.top", tooltip="To the beginning", show=False),
        Binding("end,G", "scroll_by(100000)", "End", id="line.end", tooltip="To the end", show=False),
    ]

    def action_scroll_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False)


class WholeLine(ModalScreen[bool]):
    """Shows one text; it returns True where that is to be copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(False)", "Close", key_display="Esc", id="line.close", tooltip="Close"),
        Binding("c", "dismiss(True)", "Copy", id="line.copy", tooltip="Copy the whole line"),
    ]

    def __init__(self, title: SafeText, text: SafeText) -> None:
        super().__init__()
        self._text = text
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(id="whole-line") as box:
            box.border_title = Content(f" {self._title} ")
            with _Scroll():
                yield Static(Content(self._text), markup=False)
            yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(_Scroll).focus()
