"""The banner of a planned sleep: that the build holds, for how long still, and what can be done meanwhile."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from aibtui import wording
from aibtui.core.updates import Update
from aibtui.safetext import clean
from aibtui.tui.drawing import fit, part, richest, row
from aibtui.tui.panels.panel import Panel, padded


class Hold(Panel):
    """Two lines while a step sleeps by plan, one while a step runs that will; else it takes no room."""

    PLACE = "top"
    LIVE = True

    def watch_update(self, update: Update | None) -> None:
        lines = 0 if update is None or update.ended else 2 if update.hold else 1 if _next(update) else 0
        self.display = lines > 0
        self.styles.height = max(1, lines)

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        width -= 2
        hold = update.hold
        if hold is None:
            return padded([fit(part(_next(update) or "", "dim"), width)])
        said = wording.hold_sentence(hold, self.zone).removeprefix("Hold: ")
        if hold.until is not None:
            left = f"{wording.duration(hold.until - now)} left"
        else:
            left = f"{wording.duration(now - hold.began_at)} so far"
        pill, short = part(" HOLD ", "pill-warn"), part(f"step {hold.step}", "strong")
        first = [(row(pill, part(said, "strong")), part(left, "warn")), (row(pill, short), part(left, "warn"))]
        full = _keys(
            ("^s", "grab all"), ("O", "staging group in the portal"), ("y", "copy its name"), ("=", "freeze the view")
        )
        less = _keys(("^s", "grab"), ("O", "portal"), ("y", "copy group"), ("=", "freeze"))
        return padded([richest(first, width), richest([(full, part("")), (less, part(""))], width)])


def _keys(*keys: tuple[str, str]) -> Content:
    return row(*(row(part(key, "key"), part(what, "dim")) for key, what in keys), gap=3)


def _next(update: Update) -> str | None:
    """What the running step will do, where its script plans to sleep."""
    running = next((step.index for step in update.build.steps if step.state == "running"), None)
    planned = next((each for each in update.planned_holds if each.step == running), None)
    return clean(f"{wording.planned_sentence(planned)}; you will be called") if planned else None
