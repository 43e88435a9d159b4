"""The steps of the plan, Image Builder's own two included: which are over, which runs, how long each took."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from textual import events
from textual.content import Content
from textual.geometry import Size

from aibtui import wording
from aibtui.core.build import Build, Step
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import STATE_MEANINGS, fit, part, row, spread
from aibtui.tui.panels.listed import Listed
from aibtui.tui.panels.panel import padded

_DELTA: Final = 4
_SLOW: Final = 0.25
_WORTH_A_WORD: Final = timedelta(minutes=2)


class Steps(Listed):
    """A line for each step; those around the running one where more than fit; one in all where there is one line."""

    HELP = """\
## Steps

What Packer runs, in order, as the template has it. The first and the last are Image Builder's own (**AIB**).

- `✓` done, `▸` running, `✗` failed, `■` stopped, `·` planned, `-` not reached.
- The time is how long a step took, or has taken so far. Where earlier runs are known, `+33m` is how much more
  that is than their median, and `~12:10` how long a step to come usually takes.
- `Enter` shows where the step begins in the log.
"""
    PLACE = "side"
    _lines = 0

    def on_mount(self) -> None:
        self.watch_update(self.update)

    def watch_update(self, update: Update | None) -> None:
        if update is None:
            self.entitle("Steps")
        else:
            steps = update.build.steps
            over = sum(step.state in ("done", "failed", "stopped") for step in steps)
            told = update.forecast
            median = f"± median of {told.n}   " if told is not None else ""
            self.entitle("Steps", note=f"{median}{over} of {len(steps)} over" if steps else "")
            if len(steps) != self._lines:
                self._lines = len(steps)
                self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, self._lines)

    def lines(self, update: Update) -> list[int | None]:
        return [step.first_line for step in update.build.steps]

    def current(self, update: Update) -> int:
        step = update.build.step
        return step.index - 1 if step else 0

    def on_click(self, event: events.Click) -> None:
        if self.update is not None and self.size.height > 1 and self.update.build.steps:
            first, last = self.window(self.update, self.size.height)
            place = first + event.y - (1 if first else 0)
            if first <= place < last:
                self.cursor = place

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        build = update.build
        if not build.steps:
            return padded([fit(part(_no_plan(update), "dim"), width - 2)])
        if height <= 1:
            return padded([_one_line(build, now, width - 2)])
        first, last = self.window(update, height)
        medians = update.forecast.medians if update.forecast is not None else ()
        usual = dict(enumerate(medians, start=1))
        hold = update.hold
        slept = {hold.step: max(now - hold.began_at, timedelta())} if hold is not None else {}
        count = len(build.steps)
        lines = [
            _line(
                step,
                count,
                now,
                width - 2,
                usual.get(step.index),
                step.held + slept.get(step.index, timedelta()),
                compared=bool(medians),
            )
            for step in build.steps[first:last]
        ]
        if self.has_focus:
            place = self.place(update) - first
            lines[place] = self.mark(lines[place], width - 2)
        above, below = self.left_out(first, last, len(build.steps))
        return padded([*above, *lines, *below])


def _no_plan(update: Update) -> str:
    if update.ended or update.transport.state == "status-only":
        return "the steps are named in the log, which is not seen"
    return "no plan seen yet" if update.build.lines else "the plan is in the first lines of the log"


def _line(
    step: Step,
    count: int,
    now: datetime,
    width: int,
    median: timedelta | None = None,
    held: timedelta = timedelta(),
    *,
    compared: bool = False,
) -> Content:
    """One step. What it has `held`, sleeping by plan, is no part of what it took more than usual."""
    meaning = STATE_MEANINGS[step.state]
    took = wording.elapsed(step, now)
    emphasis = "strong" if step.state == "running" else meaning if meaning in ("bad", "warn") else ""
    left = row(
        part(wording.state_glyph(step.state), meaning),
        part(f"{step.index:>{len(str(count))}}", "dim" if step.state != "running" else "strong"),
        named(step, emphasis),
    )
    right = part(wording.duration(took) if took is not None else "", "strong" if step.state == "running" else "dim")
    if step.state == "failed" and step.exit_code is not None:
        right = row(part(f"exit {step.exit_code}", "bad"), right)
    if compared:
        if took is None and median is not None:
            right = part(f"~{wording.duration(median)}", "dim")
        right = row(right, _delta(step, took - held if took is not None else None, median))
    return spread(left, right, width)


def _delta(step: Step, took: timedelta | None, median: timedelta | None) -> Content:
    """How much longer than usual it took, in a column of its own; of a running step only what it is over."""
    if took is None or median is None or (step.state == "running" and took < median):
        return part(" " * _DELTA)
    more = took - median
    minutes = round(abs(more) / timedelta(minutes=1))
    said = f"{minutes}m" if minutes < 100 else f"{minutes // 60}h"
    slow = more > max(median * _SLOW, _WORTH_A_WORD)
    return part(f"{'-' if more < timedelta() and minutes else '+'}{said}".rjust(_DELTA), "warn" if slow else "dim")


def named(step: Step, emphasis: str) -> Content:
    """The type dim before the name, so that names stand out; the hidden two are said to be Image Builder's."""
    if step.hidden:
        return row(part("AIB", "dim"), part(wording.step_name(step), emphasis or "dim"))
    quiet = "dim" if step.state in ("planned", "skipped") else ""
    if not step.name:
        return part(clean(step.type), emphasis or quiet)
    return row(part(clean(step.type), emphasis or "dim"), part(clean(step.name), emphasis or quiet))


def _one_line(build: Build, now: datetime, width: int) -> Content:
    step = build.step
    if step is None:
        return part(f"{len(build.steps)} steps planned", "dim")
    meaning = STATE_MEANINGS[step.state]
    took = wording.elapsed(step, now)
    left = row(
        part(wording.state_glyph(step.state), meaning),
        part(wording.step_title(step, len(build.steps)), "strong" if meaning in ("busy", "good") else meaning),
    )
    right = part(wording.duration(took) if took is not None else "", "strong")
    return spread(left, right, width)
