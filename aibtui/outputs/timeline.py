"""The phases and steps of a run as rows; many steps in a row that say little become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from aibtui.core.build import Build, Phase, State, Step
from aibtui.wording import count, elapsed, step_name

_FEW = 14
_LONGEST = 6
_LAST = 2


class Stretch(Struct, frozen=True):
    """One row: a step, or several in a row. `numbers` is `5` or `5-9`; `took` is None where it is not known."""

    numbers: str
    name: str
    state: State
    started_at: datetime | None
    took: timedelta | None
    first_line: int | None
    last_line: int | None


def reached_phases(build: Build) -> list[Phase]:
    """The phases that began."""
    return [phase for phase in build.phases if phase.started_at is not None]


def phases_not_reached(build: Build) -> list[Phase]:
    """The phases that a run which is over did not come to."""
    return [phase for phase in build.phases if phase.state == "skipped" and reached_phases(build)]


def all_steps(build: Build) -> list[Stretch]:
    """A row for every step that began, the hidden last one excepted, which is a phase of its own."""
    return [_stretch([step], build) for step in begun_steps(build)]


def steps_in_short(build: Build) -> Iterator[Stretch]:
    """The same; of more than a few steps only the longest, the last and those that went wrong, the others summed up."""
    begun = begun_steps(build)
    kept = {step.index for step in begun}
    if len(begun) > _FEW:
        by_length = sorted(begun, key=lambda step: elapsed(step, build.ended_at) or timedelta(), reverse=True)
        ended_badly = [step for step in begun if step.state != "done"]
        kept = {step.index for step in (*by_length[:_LONGEST], *begun[-_LAST:], *ended_badly)}
    group: list[Step] = []
    for step in begun:
        if step.index not in kept:
            group.append(step)
            continue
        if group:
            yield _stretch(group, build)
            group = []
        yield _stretch([step], build)
    if group:
        yield _stretch(group, build)
    if rest := [step for step in build.steps if step.state in ("planned", "skipped")]:
        fate = "to come" if build.outcome == "running" else "not reached"
        name = f"{count(len(rest), 'more step')}, {fate}"
        yield Stretch(_numbers(rest), name, rest[0].state, None, None, None, None)


def begun_steps(build: Build) -> list[Step]:
    """The steps that began, the hidden last one excepted, which is a phase of its own."""
    return [
        step
        for step in build.steps
        if step.state not in ("planned", "skipped") and not (step.hidden and step.type != "file")
    ]


def _stretch(steps: Sequence[Step], build: Build) -> Stretch:
    first, last = steps[0], steps[-1]
    took = elapsed(first, build.ended_at)
    name: str = step_name(first)
    if len(steps) > 1:
        until = last.ended_at or build.ended_at
        took = until - first.started_at if until and first.started_at else None
        name = f"{len(steps)} shorter steps"
    return Stretch(
        _numbers(steps), name, last.state, first.started_at, took, first.first_line, last.last_line or build.lines
    )


def _numbers(steps: Sequence[Step]) -> str:
    first, last = steps[0].index, steps[-1].index
    return f"{first}" if first == last else f"{first}-{last}"
