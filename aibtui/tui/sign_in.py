"""A sign-in that takes its time, on the screen: a line that counts the seconds, a sheet with the device code."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from aibtui.safetext import clean
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.screen import WatchScreen


class SignInLine(Static):
    """One line at the top, while it lasts."""

    DEFAULT_CSS = """
    SignInLine { dock: top; height: 1; padding: 0 1; background: $primary-muted; color: $text-primary; }
    """


class DeviceCode(WatchScreen[None], ModalScreen[None]):
    """Where to sign in, and the code to enter there."""

    DEFAULT_CSS = """
    DeviceCode { align: center middle; background: $background 60%; }
    DeviceCode > Vertical { width: 60; height: 10; max-width: 95%; background: $surface; border: round $primary; }
    DeviceCode Static { height: 1fr; padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy_code", "Copy code", id="device.code", tooltip="Copy the code to the clipboard"),
        Binding("u", "copy_address", "Copy address", id="device.address", tooltip="Copy the address to the clipboard"),
        Binding("escape,q", "close", "Close", key_display="esc", id="device.close", tooltip="The sign-in goes on"),
    ]

    def __init__(self, address: str, code: str) -> None:
        super().__init__()
        self._address = clean(address)
        self._code = clean(code)

    def compose(self) -> ComposeResult:
        with Vertical():
            lines = ("To sign in, open", f"  {self._address}", "and enter the code", f"  {self._code}")
            yield Static(Content("\n".join(lines)), markup=False)
            yield KeyBar()

    def action_copy_code(self) -> None:
        self.app.copy_to_clipboard(self._code)

    def action_copy_address(self) -> None:
        self.app.copy_to_clipboard(self._address)

    def action_close(self) -> None:
        self.dismiss(None)


class SignInOnScreen:
    """Takes over what a sign-in says, for an app that runs."""

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self._line: SignInLine | None = None
        self._sheet: DeviceCode | None = None

    def show_code(self, address: str, code: str) -> None:
        """The code of a device, to be entered elsewhere."""
        self._sheet = DeviceCode(address, code)
        self._app.push_screen(self._sheet)

    def progress(self, text: str) -> None:
        """How the sign-in goes on."""
        if self._sheet is not None and self._sheet.is_current:
            return
        if self._line is None:
            self._line = SignInLine(markup=False)
            self._app.screen.mount(self._line)
        self._line.update(Content(clean(text)))

    def done(self) -> None:
        """It is over, one way or the other."""
        line, self._line = self._line, None
        sheet, self._sheet = self._sheet, None
        if line is not None and line.is_attached:
            line.remove()
        if sheet is not None and sheet.is_current:
            sheet.dismiss(None)
