"""One build: panels around a view, which is the log, the timeline or the facts of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Footer

from aibtui import wording
from aibtui.core.updates import Alert, Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_view import LogView
from aibtui.tui.panels import PANELS
from aibtui.tui.panels.alerts import Alerts, Snoozed, identity, in_order, is_snoozed
from aibtui.tui.panels.panel import Place, ShowLine
from aibtui.tui.panels.views import PLACES, Views
from aibtui.tui.screen import WatchScreen
from aibtui.tui.screens.explain import Explain
from aibtui.tui.watched import Watched

_VIEWS: Final = {"log": "body", "steps": "body", "now": "body", "timeline": "timeline", "run": "run"}
"""For each pane the view that it stands in."""
_PANES: Final = frozenset(pane for _, pane, _ in PLACES)


class BuildScreen(WatchScreen[None]):
    """Draws one build. What it owns is which view is shown, and which alerts are snoozed.

    `chat` puts an Update into a message for a chat; without it nothing can be copied so. `noise` is how much of the
    log is shown at first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('steps')", "Steps", id="go.steps", tooltip="Go to the steps", show=False),
        Binding("2", "go('now')", "Now", id="go.now", tooltip="Go to what happens now", show=False),
        Binding("3", "go('log')", "Log", id="go.log", tooltip="Go to the log", show=False),
        Binding("4,a", "go('alerts')", "Alerts", id="go.alerts", tooltip="Go to the alerts", show=False),
        Binding(
            "5",
            "go('timeline')",
            "Timeline",
            id="go.timeline",
            tooltip="Phases and steps on an axis of time",
            show=False,
        ),
        Binding("7,i", "go('run')", "Run", id="go.run", tooltip="What is known of the run", show=False),
        Binding("escape", "back", "Back", id="go.back", tooltip="Back to the log, or to the builds", show=False),
        Binding("r", "cause", "Cause", id="log.cause", tooltip="Show the line that made the build fail"),
        Binding("x", "explain", "Why", id="alerts.explain-worst", tooltip="Explain the worst alert in full"),
        Binding("F", "follow", "Follow", id="log.follow", tooltip="Follow the end of the log", show=False),
        Binding("plus,equals_sign", "noise(1)", "More", id="log.more", tooltip="Show more of the log", show=False),
        Binding("ctrl+s", "grab", "Grab", id="run.grab", tooltip="Collect all that is known of the run", show=False),
        Binding("y", "copy_staging", "Group", id="run.staging", tooltip="Copy the staging group's name", show=False),
        Binding("minus", "noise(-1)", "Less", id="log.less", tooltip="Show less of the log", show=False),
    ]

    update: reactive[Update | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)
    recorded: reactive[SafeText | None] = reactive(None)
    failure: reactive[SafeText | None] = reactive(None)
    snoozed: reactive[Snoozed] = reactive(frozenset())
    shown: reactive[str] = reactive("log")
    several: reactive[bool] = reactive(False)

    def __init__(
        self,
        watched: Watched,
        *,
        zone: tzinfo | None = None,
        chat: Callable[[Update], str] | None = None,
        noise: int | None = None,
        name: str | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id)
        self.watched = watched
        self._zone = zone
        self._chat = chat
        self._noise = noise

    def compose(self) -> ComposeResult:
        yield from self._panels("top")
        yield Views(id="places").data_bind(BuildScreen.shown, BuildScreen.several)
        with ContentSwitcher(initial="body", id="views"):
            with Horizontal(id="body"):
                with Vertical(id="side"):
                    yield from self._panels("side")
                log = LogView(self.watched.log, zone=self._zone, id="log")
                yield log.data_bind(BuildScreen.update, BuildScreen.now, BuildScreen.recorded)
            yield from self._panels("view")
        yield from self._panels("bottom")
        yield Footer(compact=True)

    def _panels(self, place: Place) -> ComposeResult:
        for panel in PANELS:
            if place != panel.PLACE:
                continue
            widget = panel(title=self.watched.name, zone=self._zone).data_bind(
                BuildScreen.update, BuildScreen.now, BuildScreen.recorded, BuildScreen.failure
            )
            yield widget.data_bind(BuildScreen.snoozed) if isinstance(widget, Alerts) else widget

    def on_mount(self) -> None:
        log = self.query_one(LogView)
        if self._noise is not None:
            log.noise = self._noise
        log.focus()
        self.several = len(self.app.screen_stack) > 1

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = event.widget.id
        if pane in _PANES:
            self.shown = pane

    def watch_update(self, before: Update | None, update: Update | None) -> None:
        if self._actions(before) != self._actions(update):
            self.refresh_bindings()

    def _actions(self, update: Update | None) -> tuple[bool, bool]:
        return (update is not None and update.root_cause is not None, update is not None and bool(update.alerts))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "cause":
            return self._actions(self.update)[0]
        if action == "explain":
            return self._actions(self.update)[1]
        return super().check_action(action, parameters)

    def on_show_line(self, message: ShowLine) -> None:
        message.stop()
        self.show_line(message.number)

    def show_line(self, number: int) -> None:
        """Bring a line of the log (numbers count from 1) into sight."""
        self.action_go("log")
        self.query_one(LogView).jump(number)

    def on_alerts_explain(self, message: Alerts.Explain) -> None:
        message.stop()
        self._explain(message.alert)

    def on_alerts_snooze(self, message: Alerts.Snooze) -> None:
        message.stop()
        mark = (identity(message.alert), message.alert.severity)
        if not message.alert.open:
            self.notify("This alert is over.", markup=False)
        elif is_snoozed(message.alert, self.snoozed):
            self.snoozed -= {mark}
        else:
            self.snoozed |= {mark}

    def on_alerts_copy(self, message: Alerts.Copy) -> None:
        message.stop()
        self._copy(message.alert)

    def action_go(self, pane: str) -> None:
        """Show a pane, and focus it; one that is out of sight on a small screen is not focused."""
        if view := _VIEWS.get(pane):
            self.query_one("#views", ContentSwitcher).current = view
        target = self.query_one(f"#{pane}", Widget)
        if target.can_focus and target.display and target.size.height != 1:
            target.focus()

    def action_back(self) -> None:
        log = self.query_one("#log")
        if self.focused is log and len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            self.action_go("log")

    def action_cause(self) -> None:
        cause = self.update.root_cause if self.update is not None else None
        if cause is not None and cause.line is not None:
            self.show_line(cause.line)

    def action_explain(self) -> None:
        update = self.update
        if update is not None and update.alerts:
            cause = wording.cause_alert(update)
            self._explain(cause or in_order(update.alerts, None, self.snoozed)[0])

    def _explain(self, alert: Alert) -> None:
        def then(wish: int | str | None) -> None:
            if isinstance(wish, int):
                self.show_line(wish)
            elif wish == "copy":
                self._copy(alert)

        self.app.push_screen(Explain(alert, zone=self._zone), then)

    def _copy(self, alert: Alert) -> None:
        if self._chat is None or self.update is None:
            self.notify("There is nothing to copy yet.", markup=False)
            return
        cause = self.update.root_cause
        about = self.update if cause and cause.rule == alert.rule else replace(self.update, root_cause=None)
        self.app.copy_to_clipboard(self._chat(replace(about, alerts=(alert,))))
        again = f" If the terminal did not take it: aibtui explain {self.watched.name} --output chat"
        self.notify(f"Copied as a message for a chat.{again}", markup=False)

    def action_follow(self) -> None:
        log = self.query_one(LogView)
        log.follow = not log.follow

    def action_grab(self) -> None:
        if self.watched.grab is None:
            self.notify("There is no template to collect from.", markup=False)
        elif not self.watched.grab():
            self.notify("It is being collected already.", markup=False)

    def action_copy_staging(self) -> None:
        build = self.update.build if self.update is not None else None
        template = build.status.template if build is not None and build.status else None
        known = (template.staging_group if template else None) or (build.facts.staging_group if build else None)
        if not known:
            self.notify("The staging group is not known yet.", markup=False)
            return
        name = clean(known.rstrip("/").rpartition("/")[2])
        self.app.copy_to_clipboard(name)
        self.notify(f"Copied: {name}", markup=False)

    def action_noise(self, direction: int) -> None:
        self.query_one(LogView).action_noise(direction)
