"""Phases and steps on one axis of time: what ran when, for how long, where now is and where the time-out."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct
from textual.content import Content

from aibtui import wording
from aibtui.core.build import Build, Phase, State, Step
from aibtui.core.updates import Update
from aibtui.tui.drawing import STATE_MEANINGS, fit, part, row, span
from aibtui.tui.panels.listed import Listed
from aibtui.tui.panels.phases import expected_phases
from aibtui.tui.panels.steps import named

_NICE: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))
_TICK_CELLS: Final = 12
_LEAST: Final = timedelta(minutes=1)
_SPARE: Final = 0.12
"""As much of the axis lies behind now, while the build runs."""
_IN_SIGHT: Final = 0.4
"""The time-out is on the axis once this part of it is used."""
_BARS: Final[dict[State, str]] = {"running": "busy", "done": "good", "failed": "bad", "stopped": "warn"}


class Axis(Struct, frozen=True):
    """From `begin` to `end` in `width` cells; `now` is None once the build is over."""

    begin: datetime
    end: datetime
    width: int
    now: datetime | None = None
    limit: datetime | None = None

    def fraction(self, at: datetime) -> float:
        """Where a moment lies, from 0 to 1 and beyond."""
        return (at - self.begin) / (self.end - self.begin)

    def cell(self, at: datetime | None) -> int | None:
        """The cell of a moment; None where it is not on the axis."""
        if at is None or not self.begin <= at <= self.end:
            return None
        return min(self.width - 1, int(self.fraction(at) * self.width))


class Timeline(Listed):
    """A row for each phase, and under customize one for each step; the axis on top, in local time."""

    HELP = """\
## Timeline

Every phase and step on one axis of time; the times are local.

- `┊` is now, `!` the build's own time-out; before that is in sight the title line says when it is.
- A bar is drawn to an eighth of a cell; what took no time at all still has a sliver.
- `Enter` shows where the row begins in the log.
"""
    PLACE = "view"

    def watch_update(self, update: Update | None) -> None:
        self.entitle("Timeline", note=_limit_note(update, self.zone) if update is not None else "")

    def lines(self, update: Update) -> list[int | None]:
        return [each.first_line for each in _rows(update.build)]

    def current(self, update: Update) -> int:
        rows = _rows(update.build)
        here = [place for place, each in enumerate(rows) if each.state in ("running", "failed", "stopped")]
        return here[-1] if here else 0

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        rows = _rows(update.build)
        names = 34 if width >= 100 else 26 if width >= 76 else 18
        axis = _axis(update, now, max(10, width - names - 12))
        if axis is None:
            return [part(" nothing has begun yet", "dim")]
        first, last = self.window(update, max(1, height - 1))
        head = Content(" " * (names + 11)) + _scale(axis, self.zone)
        lines = [_line(each, axis, now, names) for each in rows[first:last]]
        if self.has_focus and rows:
            place = self.place(update) - first
            lines[place] = self.mark(lines[place], width - 1)
        above, below = self.left_out(first, last, len(rows))
        return [head, *above, *lines, *below]


def _rows(build: Build) -> list[Phase | Step]:
    rows: list[Phase | Step] = []
    for phase in expected_phases(build):
        rows.append(phase)
        if phase.name == "customize":
            rows += build.steps
    return rows


def _axis(update: Update, now: datetime, width: int) -> Axis | None:
    build = update.build
    begun = [each.started_at for each in _rows(build) if each.started_at is not None]
    if build.run_started_at is not None:
        begun.append(build.run_started_at)
    if not begun:
        return None
    begin = min(begun)
    limit = begin + build.timeout if build.timeout else None
    if update.ended or build.outcome != "running":
        over = [each.ended_at for each in _rows(build) if each.ended_at is not None]
        ended = build.status.ended_at if build.status else None
        end = max([*over, *filter(None, (ended, build.ended_at)), begin + _LEAST])
        return Axis(begin, end, width, None, limit if limit and limit <= end else None)
    now = max(now, begin + _LEAST)
    end = now + (now - begin) * _SPARE
    if limit is not None and (now - begin) >= (limit - begin) * _IN_SIGHT:
        end = max(limit + (limit - begin) * 0.02, end)
    return Axis(begin, end, width, now, limit)


def _scale(axis: Axis, zone: tzinfo | None) -> Content:
    """The times of day along the axis, on round minutes."""
    room = max(1, axis.width // _TICK_CELLS)
    step = next((nice for nice in _NICE if nice * room >= axis.end - axis.begin), _NICE[-1])
    local = axis.begin.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + step * (1 + (local - midnight) // step)
    cells = [" "] * axis.width
    while at <= axis.end:
        place = axis.cell(at)
        label = f"╷{wording.clock(at, zone)[:5]}"
        if place is not None and place + len(label) <= axis.width:
            cells[place : place + len(label)] = label
        at += step
    return part("".join(cells), "dim")


def _line(each: Phase | Step, axis: Axis, now: datetime, names: int) -> Content:
    is_step = isinstance(each, Step)
    meaning = STATE_MEANINGS[each.state]
    emphasis = "strong" if each.state == "running" else meaning if meaning in ("bad", "warn", "dim") else ""
    name = (
        row(part(f"{each.index:>2}", "dim"), named(each, emphasis))
        if isinstance(each, Step)
        else part(each.name, emphasis)
    )
    head = row(part(f" {'  ' if is_step else ''}{wording.state_glyph(each.state)}", meaning), name)
    head = fit(head, names)
    took = wording.elapsed(each, now)
    time = part(
        f"{wording.duration(took) if took is not None else '':>9}  ", "strong" if emphasis == "strong" else "dim"
    )
    return head + Content(" " * (names - head.cell_length)) + time + _bar(each, axis, is_step)


def _bar(each: Phase | Step, axis: Axis, is_step: bool) -> Content:
    marks = {axis.cell(axis.now): part("┊", "dim"), axis.cell(axis.limit): part("!", "warn")}
    marks.pop(None, None)
    cells: list[Content] = [marks.get(place, Content(" ")) for place in range(axis.width)]
    meaning = _BARS.get(each.state)
    if each.started_at is not None and meaning is not None:
        until = each.ended_at or axis.now or axis.end
        look = meaning if is_step or each.name != "customize" else "track" if meaning == "good" else meaning
        first, bar = span(axis.fraction(each.started_at), axis.fraction(until), axis.width, look)
        for offset, cell in enumerate(bar.divide(range(1, len(bar)))):
            if first + offset < axis.width:
                cells[first + offset] = cell
    return Content("").join(cells)


def _limit_note(update: Update, zone: tzinfo | None) -> str:
    build = update.build
    if build.timeout is None or build.run_started_at is None:
        return ""
    at = build.run_started_at + build.timeout
    return f"time-out at {wording.clock(at, zone)[:5]} {wording.zone_name(at, zone)}"
