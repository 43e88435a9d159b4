"""What is wrong and what to do about it: open alerts first, the worst on top; enter shows the line in the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from aibtui import wording
from aibtui.core.updates import Alert, Severity, Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.drawing import SEVERITY_MEANINGS, part, remote, row, spread, wrapped
from aibtui.tui.panels.panel import Place, ShowLine
from aibtui.tui.titled import Titled

Identity = tuple[str, datetime]
Snoozed = frozenset[tuple[Identity, Severity]]
"""Which alerts are out of sight, and how bad they were then: one that becomes worse is back."""

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
- `Enter` shows that line in the log, `x` explains the alert in full, `c` copies it for a chat.
- `z` snoozes: the alert says no more until it becomes worse; `z` again wakes it.
"""
    PLACE: ClassVar[Place] = "bottom"
    LIVE: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", id="alerts.down", tooltip="The next alert", show=False),
        Binding("up,k", "cursor_up", "Up", id="alerts.up", tooltip="The alert before", show=False),
        Binding("home,g", "first", "First", id="alerts.first", tooltip="The first alert", show=False),
        Binding("end,G", "last", "Last", id="alerts.last", tooltip="The last alert", show=False),
        Binding("enter", "select", "Show line", id="alerts.show", tooltip="Show the alert's line in the log"),
        Binding("x", "explain", "Explain", id="alerts.explain", tooltip="Explain this alert in full"),
        Binding("z", "snooze", "Snooze", id="alerts.snooze", tooltip="Be quiet about it until it becomes worse"),
        Binding("c", "copy", "Copy", id="alerts.copy", tooltip="Copy the alert as a message for a chat"),
    ]

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    recorded: reactive[SafeText | None] = reactive(None, repaint=False)
    failure: reactive[SafeText | None] = reactive(None, repaint=False)
    snoozed: reactive[Snoozed] = reactive(frozenset(), repaint=False)

    class Wish(Message):
        """Somebody wants something done with an alert."""

        def __init__(self, alert: Alert) -> None:
            super().__init__()
            self.alert = alert

    class Explain(Wish):
        """Explain it in full."""

    class Snooze(Wish):
        """Be quiet about it, or no longer."""

    class Copy(Wish):
        """Copy it for a chat."""

    def __init__(self, *, title: SafeText, zone: tzinfo | None = None) -> None:
        super().__init__(id="alerts", markup=False, compact=True)
        self.zone = zone
        self._shown: tuple[Alert, ...] = ()
        self._drawn: tuple[object, ...] | None = None

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

    def watch_snoozed(self, snoozed: Snoozed) -> None:
        if self.is_mounted:
            self._fill()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._shown):
            alert = self._shown[event.option_index]
            number = alert.evidence[0].line if alert.evidence else alert.line
            if number is not None:
                self.post_message(ShowLine(number))

    def action_explain(self) -> None:
        self._wish(self.Explain)

    def action_snooze(self) -> None:
        self._wish(self.Snooze)

    def action_copy(self) -> None:
        self._wish(self.Copy)

    def _wish(self, wish: type[Wish]) -> None:
        place = self.highlighted
        if place is not None and place < len(self._shown):
            self.post_message(wish(self._shown[place]))

    def _fill(self) -> None:
        update = self.update
        alerts = update.alerts if update is not None else ()
        cause = update.root_cause.rule if update is not None and update.root_cause else None
        width = self.scrollable_content_region.width or self.app.size.width
        tall = self.app.size.height >= _TALL
        drawn = (alerts, cause, self.snoozed, width, tall, update is not None and update.ended)
        if self._drawn == drawn:
            return
        self._drawn = drawn
        ordered = in_order(alerts, cause, self.snoozed)[:_MOST]
        self._say_how_many(ordered)
        place = self.highlighted
        chosen = identity(self._shown[place]) if place is not None and place < len(self._shown) else None
        self._shown = tuple(ordered)
        if not ordered:
            self.set_options([Option(part(" no alerts", "dim"), disabled=True)])
            return
        self.set_options(
            [
                Option(_alert(alert, width, tall, self.zone, snoozed=is_snoozed(alert, self.snoozed)))
                for alert in ordered
            ]
        )
        if self.has_focus:
            identities = [identity(alert) for alert in ordered]
            self.highlighted = identities.index(chosen) if chosen in identities else 0

    def _say_how_many(self, alerts: list[Alert]) -> None:
        loud = [alert for alert in alerts if alert.open and not is_snoozed(alert, self.snoozed)]
        worst = next((severity for severity in SEVERITY_MEANINGS if any(a.severity == severity for a in loud)), None)
        open_ = "at the end" if self.update is not None and self.update.ended else "open"
        state = f"{wording.severity_glyph(worst)} {len(loud)} {open_}" if worst else ""
        over = sum(not alert.open for alert in alerts)
        quiet = len(alerts) - len(loud) - over
        note = "   ".join(filter(None, (f"{quiet} snoozed" if quiet else "", f"{over} over" if over else "")))
        self.entitle("Alerts", state, note, SEVERITY_MEANINGS[worst] if worst else "note")
        self.set_class(bool(alerts), "-some")


def in_order(alerts: Iterable[Alert], cause: str | None, snoozed: Snoozed = frozenset()) -> list[Alert]:
    """The cause of a failure first; then open ones, errors before others since a short screen shows one; the newest."""
    return sorted(alerts, key=lambda alert: (alert.rule == cause, *_rank(alert, snoozed)), reverse=True)


def identity(alert: Alert) -> Identity:
    """What stays the same while an alert grows."""
    return alert.rule, alert.at


def is_snoozed(alert: Alert, snoozed: Snoozed) -> bool:
    """It was snoozed, and is no worse since."""
    return alert.open and (identity(alert), alert.severity) in snoozed


def _rank(alert: Alert, snoozed: Snoozed) -> tuple[bool, bool, int, datetime]:
    severity = -list(SEVERITY_MEANINGS).index(alert.severity) if alert.open else 0
    return alert.open, not is_snoozed(alert, snoozed), severity, alert.at


def _alert(alert: Alert, width: int, tall: bool, zone: tzinfo | None, *, snoozed: bool) -> Content:
    loud = alert.open and not snoozed
    meaning = SEVERITY_MEANINGS[alert.severity] if loud else "dim"
    times = f"{alert.count:,} times" if alert.count > 1 else ""
    line = f"line {alert.line:,}" if alert.line is not None else ""
    since = f"since {wording.clock(alert.at, zone)[:5]}" if alert.open else "over"
    title = remote(alert.title, "strong" if loud else "dim")
    head = spread(
        row(part(f" {wording.severity_glyph(alert.severity)}", meaning), title),
        row(part("snoozed" if snoozed else times, meaning), part(line, "dim"), part(since, "dim"), gap=2),
        width,
    )
    if not loud:
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
