"""An alert in full: what was seen, why it matters, what to do, every line that proves it, where to read on."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from aibtui import wording
from aibtui.core.updates import Alert
from aibtui.safetext import SafeText, clean
from aibtui.tui.drawing import SEVERITY_MEANINGS, part, remote, row
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.screen import WatchScreen
from aibtui.tui.titled import Titled


class Paper(VerticalScroll, Titled):
    """The scrolled text, with a title line."""


class Explain(WatchScreen[int | str | None], ModalScreen[int | str | None]):
    """Ends with the number of the line to show, with `copy`, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "show", "Show in the log", id="explain.show", tooltip="Show the first line of evidence"),
        Binding("c", "copy", "Copy", id="explain.copy", tooltip="Copy the alert as a message for a chat"),
        Binding("escape,q,x", "close", "Close", key_display="esc", id="explain.close", tooltip="Back to the build"),
        Binding("down,j", "scroll(1)", "Down", id="explain.down", tooltip="One line down", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="explain.up", tooltip="One line up", show=False),
    ]

    def __init__(self, alert: Alert, *, zone: tzinfo | None = None, ended: bool = False) -> None:
        super().__init__()
        self._alert = alert
        self._zone = zone
        self._ended = ended

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            with Paper(id="paper"):
                yield Static(_told(self._alert, self._zone, self._ended), markup=False, id="told")
            yield KeyBar()

    def on_mount(self) -> None:
        alert = self._alert
        paper = self.query_one(Paper)
        meaning = SEVERITY_MEANINGS[alert.severity]
        paper.entitle(wording.SEVERITIES[alert.severity], clean(alert.rule), "" if alert.open else "over", meaning)
        paper.focus()

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_show(self) -> None:
        number = self._alert.evidence[0].line if self._alert.evidence else self._alert.line
        self.dismiss(number)

    def action_copy(self) -> None:
        self.dismiss("copy")

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(Paper).scroll_relative(y=lines, animate=False)


def _told(alert: Alert, zone: tzinfo | None, ended: bool) -> Content:
    since = f"since {wording.clock(alert.at, zone)} {wording.zone_name(alert.at, zone)}"
    lasts = "to the end of the run" if ended else "still so"
    until = f"until {wording.clock(alert.ended_at, zone)}" if alert.ended_at else lasts
    facts = [
        part(since),
        part(until),
        part(f"seen {wording.count(alert.count, 'time')}" if alert.count > 1 else ""),
        part(f"in step {alert.step}" if alert.step is not None else ""),
        part(f"line {alert.line:,}" if alert.line is not None else ""),
    ]
    meaning = SEVERITY_MEANINGS[alert.severity] if alert.open else "dim"
    title = row(part(wording.severity_glyph(alert.severity), meaning), remote(alert.title, "strong"))
    lines = [title, row(*(fact.stylize(".is-dim") for fact in facts), gap=3)]
    lines += _section("Why it matters", clean(alert.cause)) + _section("What to do", clean(alert.remedy))
    if alert.evidence:
        lines += [part(""), part("What the log says", "name")]
        wide = max(len(f"{each.line:,}") for each in alert.evidence)
        lines += [
            row(part(f"{each.line:>{wide},}", "dim"), remote(each.text.strip(), "code"), gap=2)
            for each in alert.evidence
        ]
    if alert.doc:
        lines += _section("Read more", clean(alert.doc))
    return Content("\n").join(lines)


def _section(heading: str, text: SafeText) -> list[Content]:
    return [part(""), part(heading, "name"), part(text)] if text else []
