"""The phases of the run in one line: what is over and how long it took, what runs, what is to come."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from aibtui import wording
from aibtui.core.build import Build, Phase
from aibtui.core.updates import Update
from aibtui.tui.drawing import STATE_MEANINGS, fit, part, row
from aibtui.tui.panels.panel import Panel, padded


class Phases(Panel):
    """One sign, name and duration for each phase. Where the line is short, what is over says less, oldest first."""

    PLACE = "top"

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        phases = expected_phases(update.build)
        current = update.build.phase
        keep = phases.index(current) if current in phases else -1
        cells = [_phase(phase, now, named=True, timed=True) for phase in phases]
        for named, over in ((True, True), (False, True), (False, False)):
            for place, phase in enumerate(phases):
                if _width(cells) <= width - 2:
                    break
                if place != keep and (phase.started_at is not None or phase.state == "skipped") == over:
                    running = phase.state == "running"
                    cells[place] = _phase(phase, now, named=named or running, timed=running)
        return padded([fit(row(*cells, gap=2), width - 2)])


def _width(cells: list[Content]) -> int:
    return sum(cell.cell_length for cell in cells) + 2 * (len(cells) - 1)


def expected_phases(build: Build) -> list[Phase]:
    """The phases that this template has; optimize and validate only where it asks for them, or they began."""
    template = build.status.template if build.status else None
    asked = {"optimize": bool(template and template.optimizes), "validate": bool(template and template.validates)}
    return [phase for phase in build.phases if asked.get(phase.name, True) or phase.started_at is not None]


def _phase(phase: Phase, now: datetime, *, named: bool, timed: bool) -> Content:
    meaning = STATE_MEANINGS[phase.state]
    took = wording.elapsed(phase, now) if timed else None
    running = phase.state == "running"
    emphasis = "strong" if running else "dim" if meaning == "dim" else ""
    return row(
        part(wording.state_glyph(phase.state), meaning),
        part(phase.name if named else "", emphasis),
        part(wording.duration(took) if took is not None else "", "strong" if running else "dim"),
    )
