"""How we see the build: the last look and the next, how much was read, and where it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from textual.content import Content

from aibtui import wording
from aibtui.core.updates import Transport, Update
from aibtui.tui.drawing import fit, part, remote, richest, row
from aibtui.tui.panels.panel import Panel, ago, padded

_LOOKS: Final = 40
"""Cells kept for the looks, so that the rest of the line stands still while their words change."""
_SHORTEST_PATH: Final = 24
_SEEING: Final = ("live", "quiet", "log-done")


class Connection(Panel):
    """One line at the bottom."""

    PLACE = "bottom"
    LIVE = True

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        build = update.build
        size = part(f"log {wording.size(build.bytes)}", "dim")
        left = part("no more looks; q leaves", "dim") if update.ended else self._looks(update.transport, now)
        if update.transport.state in _SEEING and update.transport.reason:
            left = remote(update.transport.reason, "dim")  # a note: where the log comes from, what is not kept
        room = width - 2 - _LOOKS - size.cell_length - 3
        line = richest([(left, row(size, self._kept(room), gap=3)), (left, part(""))], width - 2)
        return padded([fit(line, width - 1)])

    def _kept(self, room: int) -> Content:
        """Where the log is kept; of a path that is too long, its end."""
        path = self.recorded
        if path is None:
            return part("not recorded", "dim")
        if len(path) <= room:
            return part(path, "dim")
        return part("…" + path[-(room - 1) :] if room >= _SHORTEST_PATH else "recorded", "dim")

    def _looks(self, transport: Transport, now: datetime) -> Content:
        parts: list[Content] = []
        looked = ago(now, transport.looked_at)
        if looked is not None:
            parts.append(part(f"looked {wording.duration(looked)} ago", "dim"))
        if transport.next_look_at is not None:
            wait = ago(transport.next_look_at, now)
            parts.append(part(f"next look in {wording.duration(wait)}" if wait else "looking", "dim"))
        return row(*parts, gap=3)
