"""What is wrong and what to do about it: open alerts first, the worst on top; enter shows the line in the log."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from aibtui import wording
from aibtui.core.updates import Alert, Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.drawing import SEVERITY_MEANINGS, part, remote, row, spread, wrapped
from aibtui.tui.panels.panel import Place
from aibtui.tui.titled import Titled

_TALL = 30
_MOST = 50
_LABEL = 6


class Alerts(OptionList, Titled, inherit_bindings=False):
    """A list to walk through; the cause of a run that failed stands on top.

    A short screen shows two lines for each alert, a tall one also cause and evidence.
    """

    HELP = """\
## Alerts

What the rules found, the worst and newest first; those that no longer hold stand dimmed below.

- **why** is the cause, **do** the remedy, and the line below is from the log.
- `Enter` shows that line in the log.
"""
    PLACE: ClassVar[Place] = "bottom"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", id="alerts.down", tooltip="The next alert", show=False),
        Binding("up,k", "cursor_up", "Up", id="alerts.up", tooltip="The alert before", show=False),
        Binding("home,g", "first", "First", id="alerts.first", tooltip="The newest alert", show=False),
        Binding("end,G", "last", "Last", id="alerts.last", tooltip="The oldest alert", show=False),
        Binding("enter", "select", "Show line", id="alerts.show", tooltip="Show the alert's line in the log"),
    ]

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    recorded: reactive[SafeText | None] = reactive(None, repaint=False)
    failure: reactive[SafeText | None] = reactive(None, repaint=False)

    class Chosen(Message):
        """Somebody wants to see a line of the log; numbers count from 1."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, *, title: SafeText, zone: tzinfo | None = None) -> None:
        super().__init__(markup=False, compact=True)
        self.zone = zone
        self._shown: tuple[Alert, ...] = ()
        self._drawn: tuple[tuple[Alert, ...], str | None, int, bool] | None = None

    def on_mount(self) -> None:
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def on_focus(self) -> None:
        if self.highlighted is None and self._shown:
            self.highlighted = 0

    def watch_update(self, update: Update | None) -> None:
        if self.is_mounted:
            self._fill()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._shown):
            alert = self._shown[event.option_index]
            number = alert.evidence[0].line if alert.evidence else alert.line
            if number is not None:
                self.post_message(self.Chosen(number))

    def _fill(self) -> None:
        alerts = self.update.alerts if self.update is not None else ()
        cause = self.update.root_cause.rule if self.update is not None and self.update.root_cause else None
        width = self.scrollable_content_region.width or self.app.size.width
        tall = self.app.size.height >= _TALL
        if self._drawn == (alerts, cause, width, tall):
            return
        self._drawn = (alerts, cause, width, tall)
        ordered = sorted(alerts, key=lambda alert: (alert.rule == cause, *_rank(alert)), reverse=True)[:_MOST]
        self._say_how_many(ordered)
        place = self.highlighted
        chosen = _identity(self._shown[place]) if place is not None and place < len(self._shown) else None
        self._shown = tuple(ordered)
        if not ordered:
            self.set_options([Option(part(" no alerts", "dim"), disabled=True)])
            return
        self.set_options([Option(_alert(alert, width, tall, self.zone)) for alert in ordered])
        if self.has_focus:
            identities = [_identity(alert) for alert in ordered]
            self.highlighted = identities.index(chosen) if chosen in identities else 0

    def _say_how_many(self, alerts: list[Alert]) -> None:
        opened = [alert for alert in alerts if alert.open]
        worst = next((severity for severity in SEVERITY_MEANINGS if any(a.severity == severity for a in opened)), None)
        state = f"{wording.severity_glyph(worst)} {len(opened)} open" if worst else ""
        over = len(alerts) - len(opened)
        self.entitle("Alerts", state, f"{over} over" if over else "", SEVERITY_MEANINGS[worst] if worst else "note")
        self.set_class(bool(alerts), "-some")


def _rank(alert: Alert) -> tuple[bool, int, datetime]:
    """Open ones before others, and there errors first, since a short screen shows one; then the newest."""
    return alert.open, -list(SEVERITY_MEANINGS).index(alert.severity) if alert.open else 0, alert.at


def _identity(alert: Alert) -> tuple[str, datetime]:
    """What stays the same while an alert grows."""
    return alert.rule, alert.at


def _alert(alert: Alert, width: int, tall: bool, zone: tzinfo | None) -> Content:
    meaning = SEVERITY_MEANINGS[alert.severity] if alert.open else "dim"
    times = f"{alert.count:,} times" if alert.count > 1 else ""
    line = f"line {alert.line:,}" if alert.line is not None else ""
    since = f"since {wording.clock(alert.at, zone)[:5]}" if alert.open else "over"
    title = remote(alert.title, "strong" if alert.open else "dim")
    head = spread(
        row(part(f" {wording.severity_glyph(alert.severity)}", meaning), title),
        row(part(times, meaning), part(line, "dim"), part(since, "dim"), gap=2),
        width,
    )
    if not alert.open:
        return head
    lines = [head]
    if tall:
        lines += _labelled("why", clean(alert.cause), width, 2, "")
    lines += _labelled("do", clean(alert.remedy), width, 2 if tall else 1, "")
    if tall and alert.evidence:
        proof = alert.evidence[0]
        lines += _labelled(f"{proof.line}", clean(proof.text.strip()), width, 1, "dim")
    return Content("\n").join(lines)


def _labelled(label: str, text: SafeText, width: int, lines: int, meaning: str) -> list[Content]:
    texts = wrapped(text, width - _LABEL - 4, lines)
    return [
        part(f"   {label if place == 0 else '':<{_LABEL}} ", "dim") + part(line, meaning)
        for place, line in enumerate(texts)
    ]
