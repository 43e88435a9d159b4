"""This run against the last good one of its kind: what each phase and step took, side by side, while it goes on."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from aibtui.core.updates import Update
from aibtui.history import EarlierRun
from aibtui.side_by_side import Row, against, heading, rows
from aibtui.tui.drawing import fit, part, spread
from aibtui.tui.key_bar import KeyBar
from aibtui.tui.screen import WatchScreen
from aibtui.tui.screens.explain import Paper

_TIME = 10
_NOTE = 9
_NARROW = 64
"""Below so many cells there is no room for a column of words; they stand behind the name."""


class Times(Widget):
    """A line for each phase and step. It keeps nothing but what it compares with."""

    update: reactive[Update | None] = reactive(None, layout=True)
    now: reactive[datetime | None] = reactive(None)

    def __init__(self, earlier: EarlierRun) -> None:
        super().__init__(id="times")
        self._earlier = earlier

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        update = self.update
        if update is None:
            return [part("")]
        now = update.at if update.ended or self.now is None else max(self.now, update.at)
        wide = width >= _NARROW
        head = f"{'this run':>{_TIME}}{'last good':>{_TIME}}{'delta':>{_TIME}}" + " " * (_NOTE + 1 if wide else 0)
        lines = [spread(part(""), part(head, "dim"), width)]
        for row in rows(against(update, self._earlier, now)):
            lines.append(_line(row, width, wide))
        return lines


class Compare(WatchScreen[None], ModalScreen[None]):
    """Draws what its build's screen draws, `drawn` at `drawn_at`, and anew with every look."""

    HELP = """\
## Compare

This run beside the newest earlier run of the same kind that succeeded: same template name without its numbers, same
source image, same steps.

- **delta** is how much longer (or shorter) it took here; of what still runs only what it is over.
- **new** is a step that the last good run did not have, **missing** one that this run does not have, **changed** one
  that runs another script.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "close", "Close", key_display="esc", id="compare.close", tooltip="Back to the build"),
        Binding("down,j", "scroll(1)", "Down", id="compare.down", tooltip="One line down", show=False),
        Binding("up,k", "scroll(-1)", "Up", id="compare.up", tooltip="One line up", show=False),
        Binding("pagedown,space", "page(1)", "Page down", id="compare.page-down", tooltip="One page down", show=False),
        Binding("pageup,b", "page(-1)", "Page up", id="compare.page-up", tooltip="One page up", show=False),
    ]

    update: reactive[Update | None] = reactive(None)
    now: reactive[datetime | None] = reactive(None)

    def __init__(self, earlier: EarlierRun, build: Screen[None]) -> None:
        super().__init__()
        self._earlier = earlier
        self._build = build

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            with Paper(id="paper"):
                yield Times(self._earlier).data_bind(Compare.update, Compare.now)
            yield KeyBar()

    def on_mount(self) -> None:
        self.watch(self._build, "drawn", self._see)
        self.watch(self._build, "drawn_at", self._tick)
        paper = self.query_one(Paper)
        paper.entitle("Against the last good run", note=heading(self._earlier))
        paper.focus()

    def _see(self, update: Update | None) -> None:
        self.update = update

    def _tick(self, now: datetime | None) -> None:
        self.now = now

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(Paper).scroll_relative(y=lines, animate=False)

    def action_page(self, direction: int) -> None:
        paper = self.query_one(Paper)
        paper.scroll_relative(y=direction * max(1, paper.size.height - 1), animate=False)


def _line(row: Row, width: int, wide: bool) -> Content:
    going = row.here.endswith(" so far")
    here = row.here.removesuffix(" so far")
    times = part(f"{here:>{_TIME}}", "busy" if going else "strong" if row.kind != "step" else "")
    times += part(f"{row.there:>{_TIME}}", "dim") + part(f"{row.delta:>{_TIME}}", "warn" if row.slow else "dim")
    note = row.note
    name = part(f"  {row.name}" if row.kind == "step" else row.name, "" if row.kind == "step" else "name")
    if wide:
        times += fit(part(f" {note:<{_NOTE}}", "note"), _NOTE + 1)
    elif note:
        name += part(f" {note}", "note")
    return spread(name, times, width)
