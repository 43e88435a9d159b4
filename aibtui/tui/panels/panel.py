"""What all panels share: the newest Update, the time, and a `draw` that makes Content of them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from itertools import zip_longest
from typing import ClassVar, Final, Literal, Self

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import SafeText
from aibtui.tui.titled import Titled

_NOTHING: Final = Content("")
_BLANK: Final = Content(" ")
Place = Literal["top", "side", "view", "bottom"]


class ShowLine(Message):
    """Somebody wants to see a line of the log; numbers count from 1."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Panel(Titled):
    """A part of the screen that draws an Update. It counts nothing, and keeps nothing but what it looks like.

    A second changes a line or two of it: those alone are made into cells and painted again.
    """

    PLACE: ClassVar[Place]
    """Above the log, beside it, in place of it, or below it; in the order of PANELS."""

    LIVE: ClassVar[bool] = False
    """It goes on while the view is frozen."""

    update: reactive[Update | None] = reactive(None, repaint=False)
    now: reactive[datetime | None] = reactive(None, repaint=False)
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
        self._painted: list[Content] | None = None
        self._changing = False
        self._strips: dict[int, Strip] = {}
        self._styles: dict[str, Style] = {}
        self._made_for = Size()

    def render(self) -> Content:
        return Content("\n").join(self._draw())

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        """The lines for a width and height in cells."""
        raise NotImplementedError

    def draw_empty(self, width: int) -> list[Content]:
        """The lines before the first look came back."""
        return []

    def _draw(self) -> list[Content]:
        update, now = self.update, self.now
        if update is None or now is None:
            return self.draw_empty(self.size.width)
        return self.draw(update, max(now, update.at), self.size.width, self.size.height)

    def _watch_update(self) -> None:
        self._changed()

    def _watch_now(self) -> None:
        self._changed()

    def _changed(self) -> None:
        """It may look different now. Update and time often come together, and are drawn together."""
        if not self._changing and self._painted is not None:
            self._changing = True
            self.call_later(self._redraw)

    def _redraw(self) -> None:
        """Have those lines painted that look different now."""
        self._changing = False
        before = self._painted
        if before is None:
            return  # all of it waits to be painted
        if not self.is_on_screen:
            self.refresh()
            return
        self._painted = self._draw()
        pairs = enumerate(zip_longest(before, self._painted, fillvalue=_NOTHING))
        changed = [y for y, (was, line) in pairs if not line.is_same(was)]
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if not regions:
            self._painted = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips, self._styles = {}, {}

    def render_line(self, y: int) -> Strip:
        if self._painted is None or self._made_for != self.size:
            self._painted, self._strips, self._made_for = self._draw(), {}, self.size
        if y not in self._strips:
            line = self._painted[y] if y < len(self._painted) else _NOTHING
            self._strips[y] = self._strip(line, y)
        return self._strips[y]

    def _strip(self, line: Content, y: int) -> Strip:
        if self.text_selection is not None:
            line = Content("\n" * y) + line  # a selection goes by the line's place
            return Visual.to_strips(self, line, self.size.width, None, self.visual_style)[y]
        ground, x, segments = self.visual_style, 0, []
        line = line.truncate(self.size.width) if line.cell_length > self.size.width else line
        for text, style in line.render(ground, end="", parse_style=self._style_of):
            segments.append(Segment(text, (ground + style).rich_style_with_offset(x, y)))
            x += len(text)
        return Strip(segments, line.cell_length)

    def _style_of(self, meaning: str | Style) -> Style:
        if isinstance(meaning, Style):
            return meaning
        if meaning not in self._styles:
            self._styles[meaning] = self.screen.get_visual_style(meaning.removeprefix("."), partial=True)
        return self._styles[meaning]


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


def padded(lines: list[Content]) -> list[Content]:
    """Lines with a blank at the left edge."""
    return [_BLANK + line for line in lines]
