"""The watch on a screen: one worker takes Updates in, panels draw the newest, a tick keeps elapsed and ages moving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from datetime import datetime, tzinfo
from typing import ClassVar, Literal

from textual import work
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer, HelpPanel
from textual.worker import Worker, WorkerState

from aibtui.core.updates import Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_text import LogReader
from aibtui.tui.log_view import LogView
from aibtui.tui.panels import PANELS
from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.panel import Place
from aibtui.tui.screen import WatchScreen

TICK = 1.0
"""Seconds of real time between two drawings of what only the clock changes."""


class WatchApp(App[None]):
    """Shows one build. It ends when the user leaves; when the build ends the screen stays.

    `updates` is called once and starts the watch; `log` reads what it records; `clock` gives the time that Updates are
    stamped with (UTC); `recording` names what is recorded to, on the screen; `zone` is that of the times shown, the
    machine's own where None. After `run`, `last_update` and `failure` are there for the caller.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (80, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Leave", id="app.leave", tooltip="Leave; the build goes on", priority=True),
        Binding(
            "ctrl+q", "quit", "Leave", id="app.quit", tooltip="Leave; the build goes on", show=False, priority=True
        ),
        Binding("F", "follow", "Follow", id="log.follow", tooltip="Follow the end of the log, or hold still"),
        Binding(
            "plus,equals_sign", "noise(1)", "Noise", key_display="+ -", id="log.more", tooltip="Also show the debug log"
        ),
        Binding("minus", "noise(-1)", "Less noise", id="log.less", tooltip="Hide the debug log", show=False),
        Binding("r", "cause", "Cause", id="log.cause", tooltip="Show the line that made the build fail"),
        Binding("a", "go('Alerts')", "Alerts", id="app.alerts", tooltip="Go to the alerts"),
        Binding("escape", "go('LogView')", "Log", id="app.log", tooltip="Go back to the log", show=False),
        Binding("question_mark,f1", "explain", "Help", id="app.help", tooltip="Explain the focused pane and the keys"),
    ]

    update: reactive[Update | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)
    recorded: reactive[SafeText | None] = reactive(None)
    failure_text: reactive[SafeText | None] = reactive(None)

    def __init__(
        self,
        updates: Callable[[], AsyncIterator[Update]],
        log: LogReader,
        *,
        title: str,
        clock: Callable[[], datetime],
        recording: Callable[[], str | None] = lambda: None,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self.title = clean(title)
        self.failure: BaseException | None = None
        self._updates = updates
        self._reader = log
        self._clock = clock
        self._recording = recording
        self._zone = zone
        if self.no_color:
            # Without colours an ANSI theme would be black on black.
            self.theme = "textual-dark"

    @property
    def last_update(self) -> Update | None:
        """The newest Update that came in."""
        return self.update

    def get_default_screen(self) -> Screen[None]:
        return WatchScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield from self._panels("top")
        with Horizontal(id="body"):
            with Vertical(id="side"):
                yield from self._panels("side")
            yield LogView(self._reader, zone=self._zone, id="log").data_bind(WatchApp.update)
        yield from self._panels("bottom")
        yield Footer(compact=True)

    def _panels(self, place: Place) -> ComposeResult:
        for panel in PANELS:
            if place == panel.PLACE:
                yield panel(title=SafeText(self.title), zone=self._zone).data_bind(
                    WatchApp.update, WatchApp.now, WatchApp.recorded, failure=WatchApp.failure_text
                )

    def on_mount(self) -> None:
        self._tick()
        self.set_interval(TICK, self._tick)
        self.query_one(LogView).focus()
        self._watch()

    def watch_update(self, before: Update | None, update: Update | None) -> None:
        known = [state is not None and state.root_cause is not None for state in (before, update)]
        if known[0] != known[1]:
            self.refresh_bindings()

    def _tick(self) -> None:
        self.now = self._clock()

    @work(exclusive=True, group="watch", exit_on_error=False)
    async def _watch(self) -> None:
        updates = self._updates()
        try:
            async for update in updates:
                self.now = self._clock()
                recording = self._recording()
                self.recorded = clean(recording) if recording else None
                self.update = update
                await asyncio.sleep(0)  # a turn for the screen where updates come faster than it draws
        finally:
            if isinstance(updates, AsyncGenerator):
                await updates.aclose()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.group == "watch":
            self.failure = event.worker.error
            self.failure_text = _failure_sentence(event.worker.error)
        elif event.state is WorkerState.ERROR:
            self.notify(_failure_sentence(event.worker.error), severity="error", markup=False)

    def on_alerts_chosen(self, message: Alerts.Chosen) -> None:
        self._show(message.number)

    def _show(self, number: int) -> None:
        log = self.query_one(LogView)
        log.jump(number)
        log.focus()

    async def action_quit(self) -> None:
        self.workers.cancel_all()
        self.exit()

    def action_help_quit(self) -> None:
        self.notify("Press q to leave; the build goes on.", markup=False)

    def action_follow(self) -> None:
        log = self.query_one(LogView)
        log.follow = not log.follow

    def action_cause(self) -> None:
        cause = self.update.root_cause if self.update is not None else None
        if cause is not None and cause.line is not None:
            self._show(cause.line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "cause":
            return self.update is not None and self.update.root_cause is not None
        return super().check_action(action, parameters)

    def action_noise(self, direction: int) -> None:
        self.query_one(LogView).everything = direction > 0

    def action_go(self, pane: Literal["Alerts", "LogView"]) -> None:
        self.query_one(pane).focus()

    def action_explain(self) -> None:
        if self.screen.query(HelpPanel):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield SystemCommand("Follow the log", "Go to the end and stay there, or hold still", self.action_follow)
        yield SystemCommand("Show more", "Also show Packer's own debug log", lambda: self.action_noise(1))
        yield SystemCommand("Show less", "Show only what the build prints", lambda: self.action_noise(-1))
        yield SystemCommand("Alerts", "Go to the alerts", lambda: self.action_go("Alerts"))
        yield from super().get_system_commands(screen)


def _failure_sentence(error: BaseException | None) -> SafeText:
    """What broke the watch off, and what to do next where the error says so."""
    said = str(error).strip() or type(error).__name__
    remedy = getattr(error, "remedy", None) or "The build goes on; press q and watch it again."
    return clean(f"The watch broke off: {said.rstrip('.')}. {remedy}")
