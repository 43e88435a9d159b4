"""The watch on a screen: a worker for each build takes Updates in, a tick keeps elapsed and ages moving."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.reactive import reactive
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from aibtui.core.updates import TransportChanged, Update
from aibtui.safetext import clean, clean_lines
from aibtui.tui.commands import Actions
from aibtui.tui.notices import Notices
from aibtui.tui.plain_glyphs import PlainGlyphs
from aibtui.tui.screens.build import BuildScreen
from aibtui.tui.ticks import Frames, Ticks
from aibtui.tui.watched import Seen, Watched, failure_sentence

if TYPE_CHECKING:
    from aibtui.tui.screens.runs import Builds, RunsScreen

_TURN = 0.01
"""Seconds for keys and drawing after a look that took longer to digest; after a short one a turn of the loop does."""


class WatchApp(App[None]):
    """Shows one build, or a table of several. It ends when the user leaves; when the builds end the screen stays.

    `clock` gives the time that Updates are stamped with (UTC); `zone` is that of the times shown, the machine's own
    where None; `chat` puts an Update into a message for a chat; with `mask` likely secrets in copied lines are masked;
    `browse` opens an address in a browser, and returns False where there is none; `keys` maps ids of bindings to keys;
    `ascii` draws nothing but ASCII; `remember_theme` hears of a theme that somebody chose. After `run`, `seen` and
    `failures` are there for the caller.
    """

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = App.COMMANDS | {Actions}
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (80, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-short"), (30, "-tall")]  # noqa: RUF012 - Textual declares it so
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Leave", id="app.leave", tooltip="Back, then leave; the build goes on"),
        Binding(
            "ctrl+q",
            "quit",
            "Leave",
            id="app.quit",
            tooltip="Leave at once; the build goes on",
            show=False,
            priority=True,
        ),
        Binding("8", "builds", "Builds", id="app.builds", tooltip="Back to the table of builds", show=False),
        Binding(
            "question_mark,f1", "explain_pane", "Help", id="app.help", tooltip="Explain the focused pane and the keys"
        ),
    ]

    now: reactive[datetime | None] = reactive(None, repaint=False)

    def __init__(
        self,
        builds: Sequence[Watched],
        *,
        clock: Callable[[], datetime],
        zone: tzinfo | None = None,
        chat: Callable[[Update], str] | None = None,
        noise: int | None = None,
        mask: bool = True,
        browse: Callable[[str], Awaitable[bool]] | None = None,
        notices: Notices | None = None,
        theme: str | None = None,
        remember_theme: Callable[[str], None] | None = None,
        keys: Mapping[str, str] | None = None,
        ascii: bool = False,
    ) -> None:
        if os.environ.get("NO_COLOR") == "":
            del os.environ["NO_COLOR"]  # Textual takes an empty one for set
        super().__init__()
        self.title = ", ".join(watched.name for watched in builds)
        self.seen: list[Seen] = [Seen(watched.name) for watched in builds]
        self.failures: list[BaseException | None] = [None] * len(builds)
        self._watched = tuple(builds)
        self._screens = [
            BuildScreen(watched, zone=zone, chat=chat, noise=noise, mask=mask, browse=browse, name=f"build-{place}")
            for place, watched in enumerate(builds)
        ]
        self._table = _table(zone) if len(builds) > 1 else None
        self._clock = clock
        self._ticks: Ticks | None = None
        self._frames = Frames(self, self._draw_seen, lambda: asyncio.get_running_loop().time())
        self._aside = False
        self._notices = notices or Notices({}, bell=False, notify=False)
        self._remember_theme = remember_theme
        if ascii:
            self._filters.append(PlainGlyphs())
        if self.no_color:
            # Without colours an ANSI theme would be black on black.
            self.theme = "textual-dark"
        elif theme in self.available_themes:
            self.theme = theme
        self.set_keymap(dict(keys or {}))

    @property
    def last_update(self) -> Update | None:
        """The newest Update of the only, or first, build."""
        return self.seen[0].update

    @property
    def failure(self) -> BaseException | None:
        """What broke the watch of the only, or first, build off."""
        return self.failures[0]

    def get_default_screen(self) -> Screen[None]:
        screen = self._table or self._screens[0]
        # Textual sets these when the first page is drawn already, and then lays out and draws it anew.
        for size, breakpoints in zip(self.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True):
            screen.add_class(max(each for each in breakpoints if size >= each[0])[1], update=False)
        return screen

    def on_mount(self) -> None:
        self._notices.open(self._to_terminal)
        if not self.is_headless:
            self.call_after_refresh(self._settle)
        self.app_suspend_signal.subscribe(self, lambda _: self._put_aside())
        self.app_resume_signal.subscribe(self, lambda _: self._come_back())
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember(theme.name))
        if len(self._screens) > 1:
            for screen in self._screens:
                self.install_screen(screen, screen.name or "")
        self._tick()
        self._ticks = Ticks(self, self._tick)
        self.call_after_refresh(self._begin)

    async def show(self) -> None:
        """Run to the end. The terminal's taskbar is cleared on every way out."""
        try:
            await self.run_async()
        finally:
            self._notices.close(_to_stderr)

    def watch_now(self, now: datetime | None) -> None:
        for screen in self._screens:
            if screen in self.screen_stack:
                screen.now = now
        if self._table is not None:
            self._table.now = now

    async def on_event(self, event: events.Event) -> None:
        if self._ticks is not None and isinstance(event, events.InputEvent | events.AppFocus):
            self._ticks.stir()
        await super().on_event(event)

    def _begin(self) -> None:
        """Watch, now that the screen shows what is there already: the first look may take its time."""
        for place in range(len(self._watched)):
            self.run_worker(self._watch(place), group=f"watch-{place}", name=str(place), exit_on_error=False)

    def _settle(self) -> None:
        """What stands when the first page is drawn stays to the end: looking through all of it for garbage, again and
        again, would hold up keys by a tenth of a second. Whoever starts the screen may have put that off until now.
        """
        gc.freeze()
        gc.enable()

    def _put_aside(self) -> None:
        self._notices.pause()
        self._aside = True

    def _come_back(self) -> None:
        self._aside = False
        self._notices.resume()

    def _tick(self) -> None:
        self.now = self._clock()

    async def _watch(self, place: int) -> None:
        watched = self._watched[place]
        updates, time = watched.updates(), asyncio.get_running_loop().time
        try:
            since = time()
            async for update in updates:
                self._stir(self.seen[place].update, update)
                self._see(place, replace(self.seen[place], update=update))
                self._notices.update(watched.name, update)
                await asyncio.sleep(_TURN if time() - since > _TURN else 0)
                since = time()
        finally:
            if isinstance(updates, AsyncGenerator):
                await updates.aclose()

    def _stir(self, before: Update | None, update: Update) -> None:
        if self._ticks is None:
            return
        grown = before is None or before.build.bytes != update.build.bytes
        if grown or any(not isinstance(change, TransportChanged) for change in update.changes):
            self._ticks.stir()
        else:
            self._ticks.looked()

    def _see(self, place: int, seen: Seen) -> None:
        self.seen[place] = seen
        self._frames.came()

    def _draw_seen(self) -> None:
        for watched, screen, seen in zip(self._watched, self._screens, self.seen, strict=True):
            if screen.update is not seen.update:
                recording = watched.recording()
                screen.recorded = clean(recording) if recording else None
                screen.update = seen.update
        if self._table is not None:
            self._table.builds = tuple(self.seen)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR:
            return
        said = failure_sentence(event.worker.error)
        if event.worker.group.startswith("watch-"):
            place = int(event.worker.name)
            self.failures[place] = event.worker.error
            self._screens[place].failure = said
            self._see(place, replace(self.seen[place], failure=said))
        else:
            self.notify(said, severity="error", markup=False)

    def on_builds_opened(self, message: Builds.Opened) -> None:
        self._screens[message.place].now = self.now
        self.push_screen(f"build-{message.place}")

    async def action_leave(self) -> None:
        """Back from a table's build; at the bottom of the stack, leave."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            await self.action_quit()

    async def action_quit(self) -> None:
        self.workers.cancel_all()
        self.exit()

    def action_help_quit(self) -> None:
        self.notify("Press q to leave; the build goes on.", markup=False)

    def action_builds(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_explain_pane(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def _remember(self, theme: str) -> None:
        if self._remember_theme is not None and not self.no_color:
            self._remember_theme(theme)

    def _fatal_error(self) -> None:
        """A bug of ours: its traceback without the locals, which hold what the log says; no sequence gets through."""
        lines = traceback.format_exception(self._exception) if self._exception else []
        self.panic(Text("\n".join(line for entry in lines for line in clean_lines(entry))))

    def _to_terminal(self, sequence: str) -> None:
        """Write to the terminal itself, between two frames."""
        if self._aside:
            _to_stderr(sequence)  # Textual's writer has stopped
        elif self._driver is not None and not self.is_headless:
            self._driver.write(sequence)


def _table(zone: tzinfo | None) -> RunsScreen:
    from aibtui.tui.screens.runs import RunsScreen

    return RunsScreen(zone=zone, id="runs")


def _to_stderr(sequence: str) -> None:
    """The driver is gone, the terminal may still be there: Textual draws on stderr."""
    stream = sys.__stderr__
    if stream is not None and stream.isatty():
        stream.write(sequence)
        stream.flush()
