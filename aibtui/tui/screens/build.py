"""One build: panels around a view, which is the log, the timeline or the facts of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import ClassVar, Final

from msgspec.structs import replace
from textual import events
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from aibtui import wording
from aibtui.core.portal import portal_page
from aibtui.core.updates import Alert, Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.log_paint import COMPONENTS
from aibtui.tui.log_view import LogView
from aibtui.tui.normal_screen import any_key, write_lines
from aibtui.tui.panels import PANELS
from aibtui.tui.panels.alerts import Alerts, Snoozed, identity, in_order, is_snoozed
from aibtui.tui.panels.panel import Place, ShowLine
from aibtui.tui.panels.views import PLACES, Views
from aibtui.tui.screen import WatchScreen
from aibtui.tui.watched import Watched

_VIEWS: Final = {"log": "body", "steps": "body", "now": "body", "timeline": "timeline", "run": "run"}
"""For each pane the view that it stands in."""
_PANES: Final = frozenset(pane for _, pane, _ in PLACES)


class BuildScreen(WatchScreen[None]):
    """Draws one build. What it owns is which view is shown, which alerts are snoozed, and whether the view is frozen.

    `chat` puts an Update into a message for a chat; without it nothing can be copied so. `noise` is how much of the
    log is shown at first; with `mask` likely secrets in what is copied of it are masked. `browse` opens an address in
    a browser, and returns False where there is none.
    """

    # The log's looks are here and not with the log: Textual looks all of a widget's up again when its focus changes.
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENTS)
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
        Binding("plus", "noise(1)", "More", id="log.more", tooltip="Show more of the log", show=False),
        Binding(
            "d",
            "compare",
            "Compare",
            id="run.compare",
            tooltip="Compare with the last good run, step by step",
            show=False,
        ),
        Binding("ctrl+s", "grab", "Grab", id="run.grab", tooltip="Collect all that is known of the run", show=False),
        Binding(
            "y", "screen.copy_staging", "Group", id="run.staging", tooltip="Copy the staging group's name", show=False
        ),
        Binding("equals_sign", "freeze", "Freeze", id="view.freeze", tooltip="Freeze the view, or go on", show=False),
        Binding("ctrl+l", "stream", "Plain", id="log.stream", tooltip="Show the log as plain text", show=False),
        Binding("o", "screen.portal", "Portal", id="run.portal", tooltip="Open the template in the portal", show=False),
        Binding(
            "O",
            "screen.portal(True)",
            "Group in the portal",
            id="run.portal-staging",
            tooltip="Open the staging group in the portal",
            show=False,
        ),
        Binding("minus", "noise(-1)", "Less", id="log.less", tooltip="Show less of the log", show=False),
    ]

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
    recorded: reactive[SafeText | None] = reactive(None, repaint=False)
    failure: reactive[SafeText | None] = reactive(None, repaint=False)
    drawn: reactive[Update | None] = reactive(None, repaint=False)
    """What is drawn: the newest Update, or that of the moment when the view was frozen."""
    drawn_at: reactive[datetime | None] = reactive(None, repaint=False)
    frozen: reactive[datetime | None] = reactive(None, repaint=False)
    """Since when the view is frozen."""
    snoozed: reactive[Snoozed] = reactive(frozenset(), repaint=False)
    shown: reactive[str] = reactive("log")
    several: reactive[bool] = reactive(False)

    def __init__(
        self,
        watched: Watched,
        *,
        zone: tzinfo | None = None,
        chat: Callable[[Update], str] | None = None,
        noise: int | None = None,
        mask: bool = True,
        browse: Callable[[str], Awaitable[bool]] | None = None,
        name: str | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id)
        self.watched = watched
        self._zone = zone
        self._chat = chat
        self._noise = noise
        self._mask = mask
        self._browse = browse
        self._came = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield from self._panels("top")
        yield Views(id="places").data_bind(BuildScreen.shown, BuildScreen.several)
        with ContentSwitcher(initial="body", id="views"):
            with Horizontal(id="body"):
                with Vertical(id="side"):
                    yield from self._panels("side")
                log = LogView(self.watched.log, zone=self._zone, mask=self._mask, id="log")
                log.data_bind(BuildScreen.recorded, BuildScreen.frozen)
                yield log.data_bind(update=BuildScreen.drawn, now=BuildScreen.drawn_at)
            yield from self._panels("view")
        yield from self._panels("bottom")
        yield KeyBar(palette=True)

    def _panels(self, place: Place) -> ComposeResult:
        for panel in PANELS:
            if place != panel.PLACE:
                continue
            widget = panel(title=self.watched.name, zone=self._zone)
            widget.data_bind(BuildScreen.recorded, BuildScreen.failure)
            if panel.LIVE:
                widget.data_bind(BuildScreen.update, BuildScreen.now)
            else:
                widget.data_bind(update=BuildScreen.drawn, now=BuildScreen.drawn_at)
            yield widget.data_bind(BuildScreen.snoozed if isinstance(widget, Alerts) else BuildScreen.frozen)

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
        if self.frozen is None:
            self.drawn = update
            self._came.set()
        if self._actions(before) != self._actions(update):
            self.refresh_bindings()

    def watch_now(self, now: datetime | None) -> None:
        if self.frozen is None:
            self.drawn_at = now

    def watch_frozen(self, frozen: datetime | None) -> None:
        if frozen is None:
            self.drawn, self.drawn_at = self.update, self.now

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
        if self.query("HelpPanel"):
            self.app.action_hide_help_panel()
        elif self.focused is log and len(self.app.screen_stack) > 1:
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

        from aibtui.tui.screens.explain import Explain

        ended = self.update is not None and self.update.ended
        self.app.push_screen(Explain(alert, zone=self._zone, ended=ended), then)

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

    def action_compare(self) -> None:
        earlier, update = self.watched.last_good(), self.update
        if earlier is None or update is None:
            self.notify("No good run of this kind is known here to compare with.", markup=False)
            return
        from aibtui.tui.screens.compare import Compare

        self.app.push_screen(Compare(earlier, self))

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

    def action_freeze(self) -> None:
        self.frozen = None if self.frozen is not None else self.now

    def action_portal(self, staging: bool = False) -> None:
        status = self.update.build.status if self.update is not None else None
        template = status.template if status is not None else None
        what = "staging group" if staging else "template"
        if template is None or (staging and not template.staging_group):
            self.notify(f"The {what} is not known yet.", markup=False)
        elif not self.watched.in_azure:
            self.notify(f"The {what} is made up; the portal has no page of it.", markup=False)
        elif page := portal_page(template.staging_group if staging else template.id, template.location):
            self.run_worker(self._open(page), group="portal", exit_on_error=False)
        else:
            self.notify(f"The {what} has no id that an address could be made of.", markup=False)

    async def _open(self, page: str) -> None:
        opened = self._browse is not None and await self._browse(page)
        self.app.copy_to_clipboard(page)
        said = "Opened in the browser, and copied" if opened else "No browser can be opened here; copied"
        self.notify(clean(f"{said}: {page}", None), markup=False, timeout=10)

    def action_stream(self) -> None:
        self.run_worker(self._stream(), group="stream", exclusive=True, exit_on_error=False)

    async def _stream(self) -> None:
        """The log on the terminal's own screen, where it can be selected, until a key is pressed."""
        rows = self.query_one(LogView).plain()
        try:
            # Nothing may be drawn meanwhile: Textual's writer has stopped, and what is queued for it would block.
            with self.app.batch_update(), self.app.suspend():
                write_lines([clean(f"{self.watched.name}: the log as text; any key leads back")])
                key = asyncio.create_task(any_key())
                try:
                    while not key.done():
                        self._came.clear()
                        write_lines(rows.new(self.drawn_at))
                        came = asyncio.create_task(self._came.wait())
                        await asyncio.wait({key, came}, return_when=asyncio.FIRST_COMPLETED)
                        came.cancel()
                finally:
                    key.cancel()
        except SuspendNotSupported:
            self.notify("This terminal cannot be lent out.", severity="warning", markup=False)
        self.app.refresh(layout=True)
