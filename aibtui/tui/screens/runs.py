"""Several builds in a table, one line each; enter opens one, escape comes back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from itertools import zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import SEVERITY_MEANINGS, STATE_MEANINGS, fit, gauge, part, remote, row, spread
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.panels.header import OUTCOME_MEANINGS, forecast_end, status_pill
from aibtui.tui.panels.panel import run_elapsed
from aibtui.tui.screen import WatchScreen
from aibtui.tui.titled import Titled
from aibtui.tui.watched import Seen

_PILL = 20
_TIME = 9
_ALERTS = 12
_GAUGE = 8


class Builds(OptionList, Titled, inherit_bindings=False):
    """The rows. Owns which one is highlighted."""

    HELP = """\
## Builds

Every build that is watched: its status word, where it is, how long it has run, what alerts it has.
A build that failed or has an alert shows the cause below. `Enter` opens a build, `Esc` comes back here.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor_down", "Down", id="builds.down", tooltip="The next build", show=False),
        Binding("up,k", "cursor_up", "Up", id="builds.up", tooltip="The build before", show=False),
        Binding("home,g", "first", "First", id="builds.first", tooltip="The first build", show=False),
        Binding("end,G", "last", "Last", id="builds.last", tooltip="The last build", show=False),
        Binding("enter", "select", "Open", id="builds.open", tooltip="Open this build"),
    ]

    builds: reactive[tuple[Seen, ...]] = reactive((), repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)

    class Opened(Message):
        """Somebody wants to see a build; places count from 0."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, zone: tzinfo | None = None) -> None:
        super().__init__(id="builds", markup=False, compact=True)
        self.zone = zone
        self._rows: list[Content] = []

    def on_resize(self) -> None:
        self._fill(range(len(self.builds)))

    def watch_builds(self, before: tuple[Seen, ...], builds: tuple[Seen, ...]) -> None:
        self._fill([place for place, (was, seen) in enumerate(zip_longest(before, builds)) if seen is not was])

    def watch_now(self, now: datetime | None) -> None:
        self._fill(range(len(self.builds)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened(event.option_index))

    def _fill(self, places: Iterable[int]) -> None:
        """Draw the rows of these builds anew, as far as they look different now."""
        if not self.is_mounted or self.now is None:
            return
        width = self.scrollable_content_region.width or self.app.size.width
        if len(self._rows) != len(self.builds):
            place = self.highlighted
            self._rows = [_row(seen, self.now, width, self.zone) for seen in self.builds]
            self.set_options([Option(content) for content in self._rows])
            self.highlighted = place if place is not None else 0 if self._rows else None
        else:
            for place in places:
                content = _row(self.builds[place], self.now, width, self.zone)
                if not content.is_same(self._rows[place]):
                    self._rows[place] = content
                    self.replace_option_prompt_at_index(place, content)
        over = sum(seen.update is not None and seen.update.ended for seen in self.builds)
        self.entitle("Builds", f"{len(self.builds)} watched", f"{over} over" if over else "")


class RunsScreen(WatchScreen[None]):
    """The table of all builds."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.hide_help_panel", "Close help", id="builds.back", tooltip="Close the help", show=False),
    ]

    builds: reactive[tuple[Seen, ...]] = reactive((), repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)

    def __init__(self, *, zone: tzinfo | None = None, id: str | None = None) -> None:
        super().__init__(id=id)
        self._zone = zone

    def compose(self) -> ComposeResult:
        yield Builds(zone=self._zone).data_bind(RunsScreen.builds, RunsScreen.now)
        yield KeyBar(palette=True)

    def on_mount(self) -> None:
        self.query_one(Builds).focus()


def _row(seen: Seen, now: datetime, width: int, zone: tzinfo | None) -> Content:
    update = seen.update
    if update is None:
        pill = part(" BLIND ", "pill-bad") if seen.failure else part(" WAITING ", "pill")
        said = part(seen.failure, "bad") if seen.failure else part("for the first look at the build", "dim")
        head = _cells(part(seen.name, "strong"), pill, part(""), part(""), width)
        return Content("\n").join([head, _below(said, width)])
    now = max(now, update.at)
    head = _cells(
        part(seen.name, "strong"),
        status_pill(update, now),
        _time(update, now, width),
        _alerts(update),
        width,
    )
    return Content("\n").join([head, *(_below(said, width) for said in _what(seen, update, zone))])


def _cells(name: Content, pill: Content, time: Content, alerts: Content, width: int) -> Content:
    left = row(_column(pill, _PILL), name)
    return part(" ") + spread(left, row(alerts, time, gap=3), width - 2)


def _column(content: Content, width: int) -> Content:
    return content + Content(" " * max(0, width - content.cell_length))


def _time(update: Update, now: datetime, width: int) -> Content:
    limit, used = update.build.timeout, run_elapsed(update, now)
    elapsed = wording.duration(used) if used is not None else ""
    time = part(f"{elapsed:>{_TIME}}", "strong")
    if not limit or used is None or width < 90 or update.ended:
        return time
    fraction = used / limit
    return row(gauge(fraction, _GAUGE, "bad" if fraction >= 1 else "warn" if fraction > 0.85 else "gauge"), time)


def _alerts(update: Update) -> Content:
    parts = []
    for severity, meaning in SEVERITY_MEANINGS.items():
        number = sum(alert.open and alert.severity == severity for alert in update.alerts)
        if number:
            parts.append(part(f"{wording.severity_glyph(severity)} {number}", meaning))
    return row(*parts, gap=2)


def _below(said: Content, width: int) -> Content:
    return Content(" " * (_PILL + 2)) + fit(said, width - _PILL - 3)


def _what(seen: Seen, update: Update, zone: tzinfo | None) -> list[Content]:
    """Where it is and when it ends, or how it ended, and what it does; of a red one the cause."""
    if seen.failure:
        return [part(seen.failure, "bad")]
    build = update.build
    if update.ended or build.outcome != "running":
        reason = wording.reason(update)
        said = part(wording.outcome_sentence(update), OUTCOME_MEANINGS[build.outcome])
        return [said, part(reason)] if reason else [said]
    worst = next((alert for alert in update.alerts if alert.open and alert.severity == "error"), None)
    step = build.step
    where = part("")
    if step is not None and step.state == "running":
        where = row(
            part(wording.state_glyph(step.state), STATE_MEANINGS[step.state]),
            part(wording.step_phrase(step, len(build.steps))),
            gap=1,
        )
    elif build.phase is not None:
        where = part(wording.phase_name(build.phase.name))
    where = row(where, forecast_end(update, zone), gap=3)
    if worst is not None:
        return [where, row(part(wording.severity_glyph("error"), "bad"), remote(worst.title, "bad"))]
    doing = clean(step.activity) if step is not None and step.activity and step.state == "running" else None
    return [row(where, part(doing, "dim"), gap=3) if doing else where]
