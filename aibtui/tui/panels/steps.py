"""The steps of the plan, Image Builder's own two included: which are over, which runs, how long each took."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content
from textual.geometry import Size

from aibtui import wording
from aibtui.core.build import Build, Step
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import STATE_MEANINGS, fit, part, row, spread
from aibtui.tui.panels.panel import Panel, padded


class Steps(Panel):
    """A line for each step; those around the running one where more than fit; one in all where there is one line."""

    PLACE = "side"
    _lines = 0

    def watch_update(self, update: Update | None) -> None:
        if update is not None:
            steps = update.build.steps
            over = sum(step.state in ("done", "failed", "stopped") for step in steps)
            self.entitle("Steps", note=f"{over} of {len(steps)} over" if steps else "")
            if len(steps) != self._lines:
                self._lines = len(steps)
                self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, self._lines)

    def draw(self, update: Update, now: datetime, width: int, height: int) -> Content:
        build = update.build
        if not build.steps:
            said = "the plan is in the first lines of the log" if not build.lines else "no plan seen yet"
            return padded([fit(part(said, "dim"), width - 2)])
        if height <= 1:
            return padded([_one_line(build, now, width - 2)])
        first, last = _window(build, height)
        lines = [_line(step, len(build.steps), now, width - 2) for step in build.steps[first:last]]
        if first > 0:
            lines.insert(0, part(f"  ↑ {first} earlier", "dim"))
        if last < len(build.steps):
            lines.append(part(f"  ↓ {len(build.steps) - last} more", "dim"))
        return padded(lines)


def _window(build: Build, height: int) -> tuple[int, int]:
    """Which steps to show, as a slice; the lines that say how many are left out have their room."""
    count = len(build.steps)
    if count <= height:
        return 0, count
    here = build.step.index - 1 if build.step else 0
    room = max(1, height - 2)
    first = min(max(0, here - room // 2), count - room)
    if first <= 1:
        return 0, height - 1
    if first + room >= count - 1:
        return count - height + 1, count
    return first, first + room


def _line(step: Step, count: int, now: datetime, width: int) -> Content:
    meaning = STATE_MEANINGS[step.state]
    took = wording.elapsed(step, now)
    emphasis = "strong" if step.state == "running" else meaning if meaning in ("bad", "warn") else ""
    left = row(
        part(wording.state_glyph(step.state), meaning),
        part(f"{step.index:>{len(str(count))}}", "dim" if step.state != "running" else "strong"),
        _named(step, emphasis),
    )
    right = part(wording.duration(took) if took is not None else "", "strong" if step.state == "running" else "dim")
    if step.state == "failed" and step.exit_code is not None:
        right = row(part(f"exit {step.exit_code}", "bad"), right)
    return spread(left, right, width)


def _named(step: Step, emphasis: str) -> Content:
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
