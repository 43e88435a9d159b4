"""The line at the bottom of the log where a pattern or a place is typed, and where it says what came of it."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from aibtui.safetext import clean

Purpose = Literal["find", "filter", "go to"]
SIGNS: Final[dict[Purpose, str]] = {"find": "/", "filter": "&", "go to": ":"}
_HINTS: Final[dict[Purpose, str]] = {
    "find": "text or regular expression",
    "filter": "show only lines with this; ! in front hides them instead",
    "go to": "line, time as 14:05, +1:30:00 after the start, 50%, or s5 for step 5",
}


class _Line(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Give up", id="prompt.leave", tooltip="Leave everything as it was before"),
        Binding("ctrl+t", "toggle_plain", "Plain text", id="prompt.plain", tooltip="Take every sign as it is, or not"),
    ]

    class Left(Message):
        """Escape."""

    class PlainToggled(Message):
        """Another way to read what is typed."""

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_toggle_plain(self) -> None:
        self.post_message(self.PlainToggled())


class LogPrompt(Horizontal):
    """Hidden while there is nothing to type and nothing to say."""

    plain: reactive[bool] = reactive(False)
    """What is typed is no regular expression, whatever signs are in it."""

    class Typed(Message):
        """What is typed became another text, or is read in another way."""

        def __init__(self, purpose: Purpose, text: str, plain: bool) -> None:
            super().__init__()
            self.purpose, self.text, self.plain = purpose, text, plain

        def can_replace(self, message: Message) -> bool:
            """What was typed faster than it can be looked for is looked for as a whole."""
            return isinstance(message, LogPrompt.Typed)

    class Done(Typed):
        """Enter: it is to hold."""

        def can_replace(self, message: Message) -> bool:
            return False

    class Left(Message):
        """Escape: everything is to be as it was before."""

        def __init__(self, purpose: Purpose) -> None:
            super().__init__()
            self.purpose = purpose

    def __init__(self) -> None:
        super().__init__()
        self._purpose: Purpose = "find"
        self._said: tuple[str, str, bool] = ("", "", False)
        self._opened = False
        self._sign = ""
        self._last_key: events.Key | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="prompt-sign", markup=False)
        yield _Line(id="prompt-line", compact=True, select_on_focus=False)
        yield Static("", id="prompt-said", markup=False)

    def on_mount(self) -> None:
        self._show()

    @property
    def opened(self) -> bool:
        """Something is being typed."""
        return self._opened

    def ask(self, purpose: Purpose, text: str = "") -> None:
        """Let something be typed."""
        self._purpose, self._opened = purpose, True
        line = self.query_one(_Line)
        with line.prevent(Input.Changed):
            line.value = text
        line.placeholder = _HINTS[purpose]
        line.cursor_position = len(text)
        self._show()
        # At once, not by `focus`, which waits for its turn: what is typed next belongs here already.
        self.screen.set_focus(line)

    def take(self, event: events.Key) -> bool:
        """A key that was meant for the line but came to the log, since it was pressed before the focus had moved.

        False where the line had the key already, and wants nothing of it.
        """
        if not self._opened or event is self._last_key:
            return False
        # As if it came from the line: what its parents send, Textual does not let rise above them, and Enter must.
        line = self.query_one(_Line)
        line.post_message(events.Key(event.key, event.character).set_sender(line))
        return True

    def on_key(self, event: events.Key) -> None:
        self._last_key = event

    def close(self) -> None:
        """Nothing is typed any more; what was said stays."""
        self._opened = False
        self._show()

    def say(self, standing: str, said: str, *, bad: bool = False) -> None:
        """`standing` is what holds, as `/timed out`; `said` is what came of it. With neither the line goes away."""
        if self._said != (standing, said, bad):
            self._said = (standing, said, bad)
            self._show()

    def watch_plain(self) -> None:
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        standing, said, bad = self._said
        self.display = bool(self._opened or standing or said)
        self.query_one(_Line).display = self._opened
        typing = f" {self._purpose}{', plain' if self.plain else ''} {SIGNS[self._purpose]}"
        sign = typing if self._opened else f" {clean(standing)}"
        if sign != self._sign:
            self._sign = sign
            self.query_one("#prompt-sign", Static).update(Content(sign))
        result = self.query_one("#prompt-said", Static)
        # Its width is fixed, so that counting up does not lay out the whole screen again and again.
        result.update(Content(f" {clean(said)} "), layout=False)
        result.set_class(bad, "-bad")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._opened:
            self.post_message(self.Typed(self._purpose, event.value, self.plain))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done(self._purpose, event.value, self.plain))

    def on__line_left(self, event: _Line.Left) -> None:
        event.stop()
        self.post_message(self.Left(self._purpose))

    def on__line_plain_toggled(self, event: _Line.PlainToggled) -> None:
        event.stop()
        self.plain = not self.plain
        self.post_message(self.Typed(self._purpose, self.query_one(_Line).value, self.plain))
