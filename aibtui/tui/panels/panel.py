"""What all panels share: the newest Update, the time, and a `draw` that makes Content of them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Literal

from textual.content import Content
from textual.message import Message
from textual.reactive import reactive

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import SafeText
from aibtui.tui.drawing import part
from aibtui.tui.titled import Titled

Place = Literal["top", "side", "view", "bottom"]


class ShowLine(Message):
    """Somebody wants to see a line of the log; numbers count from 1."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Panel(Titled):
    """A part of the screen that draws an Update. It keeps nothing and counts nothing."""

    PLACE: ClassVar[Place]
    """Above the log, beside it, in place of it, or below it; in the order of PANELS."""

    LIVE: ClassVar[bool] = False
    """It goes on while the view is frozen."""

    update: reactive[Update | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)
    failure: reactive[SafeText | None] = reactive(None)
    """Why the watch itself broke off, in a sentence."""

    recorded: reactive[SafeText | None] = reactive(None)
    """Where the log is kept; None where it is not."""

    frozen: reactive[datetime | None] = reactive(None)
    """Since when the view is frozen."""

    def __init__(self, *, title: SafeText, zone: tzinfo | None = None) -> None:
        super().__init__(id=type(self).__name__.lower())
        self.watched = title
        self.zone = zone

    def render(self) -> Content:
        update, now = self.update, self.now
        if update is None or now is None:
            return self.draw_empty(self.size.width)
        return self.draw(update, max(now, update.at), self.size.width, self.size.height)

    def draw(self, update: Update, now: datetime, width: int, height: int) -> Content:
        """The Content for a width and height in cells."""
        raise NotImplementedError

    def draw_empty(self, width: int) -> Content:
        """The Content before the first look came back."""
        return Content("")


def ago(now: datetime, at: datetime | None) -> timedelta | None:
    """How long ago something was, never less than nothing."""
    return None if at is None else max(now - at, timedelta())


def run_elapsed(update: Update, now: datetime) -> timedelta | None:
    """From the run's start to its end, to `now` while it goes on."""
    started = update.build.run_started_at
    if update.ended or started is None:
        return wording.run_elapsed(update)
    status = update.build.status
    ended = status.ended_at if status is not None and status.terminal else None
    return max((ended or now) - started, timedelta())


def padded(lines: list[Content]) -> Content:
    """Lines one below the other, with a blank at the left edge."""
    return Content("\n").join([part(" ") + line for line in lines])
