"""A comparison of two runs as rows of words, for every front end: what each phase and step took here and there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from aibtui import wording
from aibtui.core.compare import ComparedStep, Comparison, Difference, Took, compare
from aibtui.core.forecast import scripts
from aibtui.core.updates import Update
from aibtui.history import EarlierRun
from aibtui.safetext import SafeText, clean

_NOTES: Final[dict[Difference, str]] = {"same": "", "new": "new", "changed": "changed", "missing": "missing"}
_SLOW: Final = 0.25
_WORTH_A_WORD: Final = timedelta(minutes=2)


class Row(Struct, frozen=True):
    """One line: what it is about, the two times, the difference, a word. `slow` is worth a look."""

    kind: Literal["phase", "step", "total"]
    name: SafeText
    here: str
    there: str
    delta: str
    note: str = ""
    slow: bool = False


def against(update: Update, earlier: EarlierRun, now: datetime | None = None) -> Comparison:
    """A build as it stands at `now`, at the newest look where that is not given, against an earlier run."""
    build = update.build
    return compare(build, earlier.build, now or update.at, scripts(build), earlier.scripts)


def heading(earlier: EarlierRun) -> SafeText:
    """Which run it is compared with: `the last good run: win11-avd, 2026-05-03T08:00:00Z`."""
    name = earlier.source.rstrip("/").rpartition("/")[2]
    began = wording.iso(earlier.build.started_at) if earlier.build.started_at else ""
    return clean(", ".join(part for part in (name, began) if part) or "an earlier run")


def rows(comparison: Comparison) -> Iterator[Row]:
    """The phases in order, the steps under customizing, the whole log at the end."""
    for compared in comparison.phases:
        phase = compared.phase
        yield _row("phase", clean(wording.phase_name(phase.name)), compared.took)
        if phase.name == "customize":
            yield from (_step(step) for step in comparison.steps)
    if all(compared.phase.name != "customize" for compared in comparison.phases):
        yield from (_step(step) for step in comparison.steps)
    yield _row("total", SafeText("the whole log"), comparison.total)


def _step(compared: ComparedStep) -> Row:
    step = compared.step
    place = "-" if compared.difference == "missing" else f"{step.index}"
    notes = [_NOTES[compared.difference]]
    if step.held and compared.difference != "missing":
        notes.append(f"{wording.about(step.held)} of it a hold")
    name = clean(f"{place:>2} {wording.step_name(step)}")
    return _row("step", name, compared.took, ", ".join(note for note in notes if note))


def _row(kind: Literal["phase", "step", "total"], name: SafeText, took: Took, note: str = "") -> Row:
    delta = took.delta
    slow = delta is not None and took.there is not None and delta > max(took.there * _SLOW, _WORTH_A_WORD)
    here = wording.duration(took.here) if took.here is not None else "-"
    return Row(
        kind,
        name,
        f"{here} so far" if took.going and took.here is not None else here,
        wording.duration(took.there) if took.there is not None else "-",
        _difference(delta),
        note,
        slow,
    )


def _difference(delta: timedelta | None) -> str:
    """`+3:51`, `-0:20`; nothing below a second."""
    if delta is None or abs(delta) < timedelta(seconds=1):
        return ""
    return f"{'+' if delta > timedelta() else '-'}{wording.duration(abs(delta))}"
