"""The screen of the watching commands: its options, and what stays behind when it is gone."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct, field

from aibtui.cli.holding import HoldOptions
from aibtui.cli.later import asyncio
from aibtui.cli.options import fail

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from aibtui.cli.acting import Acts
    from aibtui.cli.holding import Grabs
    from aibtui.cli.watching import Limits
    from aibtui.config import Config
    from aibtui.core.updates import Update
    from aibtui.history import EarlierRun
    from aibtui.outputs.webhook import Webhook
    from aibtui.session import Clock, Watch
    from aibtui.sources.credentials import Voice
    from aibtui.tui.app import WatchApp
    from aibtui.tui.log_text import LogReader

_NOTICE_SECONDS = 20
set_option = click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting for this once, as noise=1; `aibtui config show` names them. May be given again.",
)
_OPTIONS = (
    click.option("--ascii", is_flag=True, default=None, help="Draw the screen in ASCII alone."),
    click.option(
        "--no-notify",
        is_flag=True,
        help="No bell, no notifications and no taskbar progress; alerts stay on the screen.",
    ),
    click.option("--no-redact", is_flag=True, help="Leave likely secrets in what is printed, copied and grabbed."),
    set_option,
)


def _usual() -> Config:
    return settings({})


class ScreenOptions(Struct, frozen=True):
    """What the options say; `config` is the settings with those options over them. `quiet` is for no live build."""

    no_redact: bool = False
    quiet: bool = False
    config: Config = field(default_factory=_usual)


def screen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options, as one argument `screen`."""

    @functools.wraps(command)
    def with_options(
        ascii: bool | None,
        no_notify: bool,
        no_redact: bool,
        assignments: tuple[str, ...],
        holds: HoldOptions | None = None,
        **arguments: Any,
    ) -> Any:
        silent, holds = False if no_notify else None, holds or HoldOptions()
        notices = {"notify": silent, "bell": silent, "on_hold": holds.on_hold, "hold_marker": holds.marker}
        options = ScreenOptions(no_redact, config=settings({"ascii": ascii, **notices}, assignments))
        return command(screen=options, **arguments)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


def settings(options: dict[str, object], assignments: Sequence[str] = ()) -> Config:
    """The settings, or exit 2 with a clear word."""
    from aibtui.config import ConfigError, load

    try:
        return load(os.environ, options, assignments)
    except ConfigError as error:
        fail(f"{error}.", "Mend it there, or name another file with AIBTUI_CONFIG.", 2)


def _no_run() -> None:
    return None


class Shown(Struct, frozen=True):
    """A build on the screen, and what it is called. `words` are those of the command that comes back to it.

    `last_good` is the newest earlier run of its kind that succeeded. `in_azure` is False for what an emulator plays.
    `redact` hides likely secrets in what is printed. `log` is where the log of a run lies that is played again, `file`
    a file that is followed.
    """

    watch: Watch
    title: str
    target: str
    grabs: Grabs | None = None
    webhook: Webhook | None = None
    words: tuple[str, ...] = ()
    last_good: Callable[[], EarlierRun | None] = field(default=_no_run)
    in_azure: bool = True
    voice: Voice | None = None
    acts: Acts | None = None
    redact: bool = True
    log: Path | None = None
    file: Path | None = None

    def kept_in(self) -> str | None:
        """Where the log is kept; None where it is not."""
        log = self.log or (self.watch.run.path if self.watch.run.kept else None)
        return str(log) if log is not None else None


async def on_screen(
    shown: Sequence[Shown],
    limits: Limits,
    clock: Clock,
    screen: ScreenOptions,
    reloading: Callable[[Callable[[str], None]], AbstractAsyncContextManager[None]],
) -> list[tuple[int, bool]]:
    """Show them until the user leaves; for each its exit code, and whether it ended by itself."""
    from aibtui.safetext import clean
    from aibtui.session import ExitCode

    reached: list[int | None] = [None] * len(shown)

    def build(place: int) -> Callable[[], AsyncIterator[Update]]:
        async def updates() -> AsyncIterator[Update]:
            first_at: datetime | None = None
            async for update in shown[place].watch.updates():
                first_at = first_at or update.at
                yield update
                if grabs := shown[place].grabs:
                    grabs.see(update)
                if acts := shown[place].acts:
                    acts.see(update)
                if webhook := shown[place].webhook:
                    webhook.see(shown[place].target, update)
                reached[place] = limits.code(update, first_at)
                if reached[place] is not None:
                    app.exit()
                    return

        return updates

    app = _app(shown, build, clock, screen)

    def say(text: str) -> None:
        app.notify(clean(text), title="Rules", markup=False, timeout=_NOTICE_SECONDS)

    def say_grab(text: str) -> None:
        app.notify(clean(text, None), title="Grab", markup=False, timeout=_NOTICE_SECONDS)

    def say_action(text: str) -> None:
        app.notify(clean(text, None), title="Run", severity="warning", markup=False, timeout=_NOTICE_SECONDS)

    def say_webhook(text: str) -> None:
        app.notify(clean(text, None), title="Webhook", markup=False, timeout=_NOTICE_SECONDS)

    for one in shown:
        if one.grabs is not None:
            one.grabs.say = say_grab
        if one.acts is not None:
            one.acts.say = say_action
        if one.webhook is not None:
            one.webhook.say = say_webhook

    with suppress(asyncio.CancelledError), _signing_in(shown, app):
        async with reloading(say):
            await app.show()
    task = asyncio.current_task()
    interrupted = task is not None and task.cancelling() > 0  # Textual returns as if somebody had left
    if len(shown) == 1 and app.failure is not None and not interrupted:
        raise app.failure
    _say_farewell(shown, app)
    if interrupted:
        return [(ExitCode.INTERRUPTED, False)] * len(shown)
    if app.return_code:
        return [(ExitCode.UNKNOWN, False)] * len(shown)
    return [_ending(app, place, reached[place]) for place in range(len(shown))]


@contextmanager
def _signing_in(shown: Sequence[Shown], app: WatchApp) -> Iterator[None]:
    """What a sign-in says goes to the screen while it is drawn: on stderr it would tear it."""
    voices = {id(one.voice): one.voice for one in shown if one.voice is not None}.values()
    if not voices:
        yield
        return
    from aibtui.cli.access import signing_in
    from aibtui.sources.credentials import Voice
    from aibtui.tui.sign_in import SignInOnScreen

    before = [(voice, Voice(voice.code, voice.progress, voice.done)) for voice in voices]
    pane = SignInOnScreen(app)
    for voice in voices:
        voice.code = pane.show_code
        voice.progress = lambda how, seconds: pane.progress(signing_in(how, seconds))
        voice.done = pane.done
    try:
        yield
    finally:
        for voice, was in before:
            voice.code, voice.progress, voice.done = was.code, was.progress, was.done


def _app(
    shown: Sequence[Shown],
    build: Callable[[int], Callable[[], AsyncIterator[Update]]],
    clock: Clock,
    screen: ScreenOptions,
) -> WatchApp:
    gc.disable()  # until the first page is drawn: nothing of what is imported is garbage, and to look takes its time
    from aibtui.config import remember_theme, remembered_theme
    from aibtui.recording import default_state_dir
    from aibtui.tui.app import WatchApp
    from aibtui.tui.commands import binding_ids
    from aibtui.tui.log_text import CurrentLog
    from aibtui.tui.notices import Notices
    from aibtui.tui.watched import Watched

    def chat(update: Update) -> str:
        from aibtui.outputs.chat import chat

        return chat(update, shown[0].title, redact=not screen.no_redact)

    async def browse(page: str) -> bool:
        from aibtui.cli.browsing import browse

        return await browse(page)

    def reader(place: int) -> LogReader:
        one = shown[place]
        if one.file is None:
            return CurrentLog(lambda: one.watch.run)
        from aibtui.sources.file_ahead import FileAhead

        return FileAhead(one.file, lambda: one.watch.run)

    config, state = screen.config, default_state_dir(os.environ)
    keys, theme = config.keys, config.theme
    if keys.value and (unknown := sorted(set(keys.value) - set(binding_ids()))):
        fail(f"{keys.origin}: keys: there is no binding {unknown[0]!r}.", f"There are {', '.join(binding_ids())}.", 2)

    def watched(place: int) -> Watched:
        grabs = shown[place].grabs
        return Watched(
            shown[place].title,
            build(place),
            reader(place),
            shown[place].kept_in,
            shown[place].target,
            grabs.start if grabs else None,
            last_good=shown[place].last_good,
            in_azure=shown[place].in_azure,
        )

    loud, holds = not screen.quiet, config.on_hold.value != "ignore"
    app = WatchApp(
        [watched(place) for place in range(len(shown))],
        clock=clock.now,
        chat=chat,
        mask=not screen.no_redact,
        browse=browse,
        noise=config.noise.value,
        notices=Notices(os.environ, bell=loud and config.bell.value, notify=loud and config.notify.value, holds=holds),
        theme=theme.value or remembered_theme(state),
        remember_theme=lambda name: remember_theme(state, name),
        keys=keys.value,
        ascii=_ascii(config.ascii.value),
    )
    if theme.value is not None and theme.value not in app.available_themes:
        names = ", ".join(sorted(app.available_themes))
        fail(f"{theme.origin}: theme cannot be {theme.value!r}.", f"There are {names}.", 2)
    return app


def _ascii(chosen: bool | None) -> bool:
    """What was chosen, else whether the terminal's encoding cannot say more."""
    if chosen is not None:
        return chosen
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return not encoding.lower().replace("_", "-").startswith("utf")


def _say_farewell(shown: Sequence[Shown], app: WatchApp) -> None:
    from aibtui.outputs.farewell import farewell, farewell_in_one
    from aibtui.outputs.writer import LineWriter
    from aibtui.tui.watched import failure_sentence

    writer = LineWriter(sys.stdout)
    if len(shown) == 1:
        if app.last_update is not None:
            writer.write(*farewell(shown[0].title, app.last_update, shown[0].kept_in()))
        return
    width = max(len(one.title) for one in shown)
    for one, seen, error in zip(shown, app.seen, app.failures, strict=True):
        writer.write(farewell_in_one(one.title, width, seen.update, failure_sentence(error) if error else None))


def _ending(app: WatchApp, place: int, reached: int | None) -> tuple[int, bool]:
    from aibtui.session import ExitCode, exit_code

    last, failure = app.seen[place].update, app.failures[place]
    if reached is not None:
        return reached, False
    if failure is not None:
        return getattr(failure, "exit_code", ExitCode.UNKNOWN), False
    if last is None or not last.ended:
        return ExitCode.SUCCEEDED, False
    return exit_code(last.build), True
