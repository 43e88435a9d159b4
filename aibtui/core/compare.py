"""Two runs of one kind side by side: what each phase and each step took in this one, and in an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from aibtui.core.build import Build, Phase, Step
from aibtui.core.forecast import step_keys

Difference = Literal["same", "changed", "new", "missing"]


class Took(Struct, frozen=True):
    """What a phase, a step or the whole took here and there; None where it did not run, or its end is not known.

    `going` says that here it still runs.
    """

    here: timedelta | None
    there: timedelta | None
    going: bool = False

    @property
    def delta(self) -> timedelta | None:
        """How much longer it took here. What still runs is only compared once it is over its time."""
        if self.here is None or self.there is None or (self.going and self.here < self.there):
            return None
        return self.here - self.there


class ComparedStep(Struct, frozen=True):
    """A step as this run has it, else as the earlier one had it; `changed` is one that runs another script."""

    step: Step
    took: Took
    difference: Difference = "same"


class ComparedPhase(Struct, frozen=True):
    """A phase that either run has been in."""

    phase: Phase
    took: Took


class Comparison(Struct, frozen=True, eq=False):
    """This run against an earlier one: the phases and steps in the order of this run, and the whole log."""

    earlier: Build
    phases: tuple[ComparedPhase, ...]
    steps: tuple[ComparedStep, ...]
    total: Took


def compare(
    build: Build,
    earlier: Build,
    now: datetime | None = None,
    here: Sequence[str | None] = (),
    there: Sequence[str | None] = (),
) -> Comparison:
    """Compare a build, as it stands at `now` where it still runs, with an earlier one.

    `here` and `there` are the fingerprints of what the steps run (`forecast.scripts`), as far as known.
    """
    return Comparison(
        earlier,
        tuple(_phases(build, earlier, now)),
        tuple(_steps(build, earlier, now, here, there)),
        Took(_whole(build, now), _whole(earlier, None), going=build.outcome == "running" and not build.log_done),
    )


def _phases(build: Build, earlier: Build, now: datetime | None) -> Iterator[ComparedPhase]:
    for mine, theirs in zip(build.phases, earlier.phases, strict=True):
        took = Took(_span(mine, now), _span(theirs, None), going=mine.state == "running")
        if took.here is not None or took.there is not None:
            yield ComparedPhase(mine, took)


def _steps(
    build: Build, earlier: Build, now: datetime | None, here: Sequence[str | None], there: Sequence[str | None]
) -> Iterator[ComparedStep]:
    """Those that are gone stand behind the one that they followed."""
    mine, theirs = step_keys(build.steps), step_keys(earlier.steps)
    known = dict(zip(theirs, earlier.steps, strict=True))
    followers = _gone(earlier.steps, theirs, frozenset(mine))
    yield from followers.get(None, ())
    for step, key in zip(build.steps, mine, strict=True):
        before = known.get(key)
        took = Took(_span(step, now), _span(before, None) if before else None, going=step.state == "running")
        changed = before is not None and _differ(_at(here, step), _at(there, before))
        yield ComparedStep(step, took, "new" if before is None else "changed" if changed else "same")
        yield from followers.get(key, ())


def _gone(
    steps: Sequence[Step], keys: Sequence[tuple[str, str, int]], kept: frozenset[tuple[str, str, int]]
) -> dict[tuple[str, str, int] | None, list[ComparedStep]]:
    """The steps that only the earlier run has, by the one before them that both have."""
    found: dict[tuple[str, str, int] | None, list[ComparedStep]] = {}
    last: tuple[str, str, int] | None = None
    for step, key in zip(steps, keys, strict=True):
        if key in kept:
            last = key
        else:
            found.setdefault(last, []).append(ComparedStep(step, Took(None, _span(step, None)), "missing"))
    return found


def _at(scripts: Sequence[str | None], step: Step) -> str | None:
    return scripts[step.index - 1] if step.index <= len(scripts) else None


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _span(part: Step | Phase, now: datetime | None) -> timedelta | None:
    ended = part.ended_at or (now if part.state == "running" else None)
    return max(ended - part.started_at, timedelta()) if part.started_at and ended else None


def _whole(build: Build, now: datetime | None) -> timedelta | None:
    """From the log's first stamp to its last: that is known of every run, whoever has watched it."""
    ended = now or build.ended_at if build.outcome == "running" and not build.log_done else build.ended_at
    return max(ended - build.started_at, timedelta()) if build.started_at and ended else None
