"""From when on something is unusual, by what earlier runs of the same kind took: a step's time, and its silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.build import Build
from aibtui.core.durations import median_of
from aibtui.core.forecast import Baseline, step_keys

_OVER = 1.2  # times the longest seen
_WORTH_SAYING = timedelta(minutes=2)
_SILENT_OVER = 3.0
_LEAST_SILENCE = timedelta(minutes=10)
_MOST_BEYOND = timedelta(minutes=30)
_ENOUGH = 3
"""Fewer runs can only make a warning come later than it would without them."""


class Limit(Struct, frozen=True):
    """What `n` earlier runs usually took and took at most, and the time `over` which this one is unusual."""

    usual: timedelta
    longest: timedelta
    over: timedelta
    n: int

    def instead_of(self, over: timedelta) -> timedelta:
        """The limit where a rule has one of its own."""
        return self.over if self.n >= _ENOUGH else max(self.over, over)

    def said(self, over: timedelta | None = None) -> str:
        """`usual 4 min, over 12 min`; with the limit that is applied, where that is another one."""
        return f"usual {_minutes(self.usual)}, over {_minutes(over or self.over)}"


class Limits(Struct, frozen=True):
    """Those of one step, by its index; None where no earlier run tells."""

    step: int
    took: Limit | None = None
    silent: Limit | None = None


def limits_of(build: Build, baseline: Baseline) -> Limits | None:
    """The limits of the step that runs; None where none runs, or nothing is known of it."""
    step = build.step
    if step is None or step.state != "running" or not baseline.runs:
        return None
    key = step_keys(build.steps)[step.index - 1]
    took, silent = _took(baseline.steps.get(key, ())), _silent(baseline.silences.get(key, ()))
    return Limits(step.index, took, silent) if took or silent else None


def survived(build: Build, silent: timedelta) -> Build:
    """The build whose running step has gone on after a silence."""
    step = build.step
    if step is None or step.state != "running" or silent <= step.silent:
        return build
    place = step.index - 1
    return replace(build, steps=(*build.steps[:place], replace(step, silent=silent), *build.steps[place + 1 :]))


def _took(samples: Sequence[timedelta]) -> Limit | None:
    if not samples:
        return None
    longest = max(samples)
    return Limit(median_of(samples), longest, longest * _OVER + _WORTH_SAYING, len(samples))


def _silent(samples: Sequence[timedelta]) -> Limit | None:
    if not samples:
        return None
    longest = max(samples)
    over = max(min(longest * _SILENT_OVER, longest + _MOST_BEYOND), _LEAST_SILENCE)
    return Limit(median_of(samples), longest, over, len(samples))


def _minutes(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes else "below 1 min"
