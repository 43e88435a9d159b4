"""What is watched, the status word, where the build is, how long it has run and how long it may."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from textual.content import Content

from aibtui import wording
from aibtui.core.build import Outcome
from aibtui.core.updates import TransportState, Update
from aibtui.tui.drawing import fit, gauge, part, remote, richest, row
from aibtui.tui.panels.panel import Panel, ago, padded, run_elapsed

_PILLS: Final[dict[TransportState, str]] = {
    "live": "pill-good",
    "quiet": "pill-warn",
    "blind": "pill-bad",
    "waiting": "pill",
    "log-done": "pill",
    "status-only": "pill-warn",
    "ended": "pill",
}
OUTCOME_MEANINGS: Final[dict[Outcome, str]] = {
    "running": "strong",
    "succeeded": "good",
    "failed": "bad",
    "stopped": "warn",
    "timed-out": "bad",
    "canceled": "warn",
    "partially-succeeded": "warn",
}
_PILL_OF_MEANING: Final = {"good": "pill-good", "bad": "pill-bad", "warn": "pill-warn", "strong": "pill"}
_NEARLY_OUT: Final = 0.85
_LIKELY: Final = 0.5


class Header(Panel):
    """Two lines that answer "how is it" without a key pressed."""

    PLACE = "top"
    LIVE = True

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        width -= 1
        return padded([self._first(update, now, width - 1), self._second(update, now, width - 1)])

    def draw_empty(self, width: int) -> list[Content]:
        if self.failure is not None:
            line = row(part(" BLIND ", "pill-bad"), part(self.failure, "bad"), gap=2)
        else:
            line = row(part(" WAITING ", "pill"), part("for the first look at the build", "dim"), gap=2)
        return padded([part(self.watched, "strong"), fit(line, width - 2)])

    def _first(self, update: Update, now: datetime, width: int) -> Content:
        build = update.build
        template = build.status.template if build.status else None
        known = (
            template.location if template else None,
            (template.vm_size if template else None) or build.facts.vm_size,
            build.os,
        )
        name = part(self.watched, "strong")
        full = name
        if self.frozen is not None:
            since = f"at {wording.clock(self.frozen, self.zone)}, = goes on"
            name = row(name, part(" FROZEN ", "pill-warn"))
            full = row(name, part(since, "warn"))
        facts = remote(", ".join(fact for fact in known if fact), "dim")
        elapsed = run_elapsed(update, now)
        took = part("")
        if elapsed is not None:
            took = row(part("elapsed", "dim"), part(wording.duration(elapsed), "strong"))
        ends = forecast_end(update, self.zone)
        time = part(f"{wording.clock(now, self.zone)} {wording.zone_name(now, self.zone)}", "dim")
        return richest(
            [
                (row(full, facts, gap=3), row(took, ends, time, gap=3)),
                (full, row(took, ends, time, gap=3)),
                (name, row(took, ends, time, gap=3)),
                (name, row(took, ends, gap=3)),
                (name, took),
            ],
            width,
        )

    def _second(self, update: Update, now: datetime, width: int) -> Content:
        if self.failure is not None:
            return fit(row(part(" BLIND ", "pill-bad"), part(self.failure, "bad"), gap=2), width)
        if update.ended or update.transport.state == "ended":
            meaning = OUTCOME_MEANINGS[update.build.outcome]
            return fit(row(status_pill(update, now), part(wording.outcome_sentence(update), meaning), gap=2), width)
        pill = status_pill(update, now)
        wide, narrow = self._time_out(update, now, 24), self._time_out(update, now, 0)
        transport = update.transport
        if transport.reason and transport.state in ("blind", "waiting", "status-only"):
            why, short = remote(transport.reason), self._run_state(update, short=True)
            return richest(
                [
                    (row(pill, short, why, gap=2), wide),
                    (row(pill, short, why, gap=2), narrow),
                    (row(pill, why, gap=2), narrow),
                ],
                width,
            )
        state, short = self._run_state(update), self._run_state(update, short=True)
        return richest(
            [
                (row(pill, state, gap=2), wide),
                (row(pill, state, gap=2), self._time_out(update, now, 10)),
                (row(pill, short, gap=2), self._time_out(update, now, 10)),
                (row(pill, short, gap=2), narrow),
                (row(pill, short, gap=2), part("")),
            ],
            width,
        )

    def _run_state(self, update: Update, short: bool = False) -> Content:
        """Azure's own two words, and the step."""
        build = update.build
        status = build.status
        words = [word for word in (status.run_state, status.sub_state) if word] if status else []
        if not words:
            words = [wording.OUTCOMES[build.outcome]] if build.started_at else ["not started"]
        said = remote(words[-1] if short else ", ".join(words), "strong")
        step = build.step
        if step is None or step.state != "running":
            return said
        return row(said, part(f"step {step.index} of {len(build.steps)}"), gap=3)

    def _time_out(self, update: Update, now: datetime, bar: int) -> Content:
        """How much of the build's time-out is used, and what is left; empty where the time-out is not known."""
        limit, used = update.build.timeout, run_elapsed(update, now)
        if not limit or used is None:
            return part("")
        fraction = used / limit
        left = limit - used
        meaning = "bad" if left.total_seconds() <= 0 else "warn" if fraction >= _NEARLY_OUT else ""
        told = update.forecast
        if told is not None and told.timeout_at is not None and (told.timeout_chance or 0) >= _LIKELY:
            chance = f"{100 * (told.timeout_chance or 0):.0f} %"
            said = part(f"WILL TIME OUT at {wording.clock(told.timeout_at, self.zone)[:5]} ({chance})", "bad")
        elif left.total_seconds() > 0:
            said = row(part(wording.duration(left), meaning or "strong"), part("left", "dim"))
        else:
            said = part(f"{wording.duration(-left)} over", "bad")
        if not bar:
            return said
        name = part(f"time-out {wording.duration(limit)}" if bar > 20 else "time-out", "dim")
        return row(name, gauge(fraction, bar, meaning or "gauge"), part(f"{100 * fraction:.0f} %", meaning), said)


def forecast_end(update: Update, zone: tzinfo | None) -> Content:
    """When it ends by earlier runs, and how sure that is; empty where there is no forecast."""
    told = update.forecast
    if told is None or update.ended:
        return part("")
    spread = f"±{wording.about((told.high - told.low) / 2)}"
    return row(part("ends", "dim"), part(f"~{wording.clock(told.ends_at, zone)[:5]}", "strong"), part(spread, "dim"))


def status_pill(update: Update, now: datetime) -> Content:
    """The status word, and for how long where we hear or see nothing."""
    transport = update.transport
    if update.ended or transport.state == "ended":
        meaning = OUTCOME_MEANINGS[update.build.outcome]
        return part(f" {wording.transport_word('ended')} ", _PILL_OF_MEANING[meaning])
    word = wording.transport_word(transport.state)
    since = transport.quiet_since if transport.state == "quiet" else transport.since
    if transport.state in ("quiet", "blind") and (age := ago(now, since)) is not None:
        word = f"{word} {wording.duration(age)}"
    return part(f" {word} ", _PILLS[transport.state])
