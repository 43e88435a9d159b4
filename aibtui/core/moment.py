"""Where a build is at one moment of its log's own time: all that a rule may ask of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct, field

from aibtui.core.build import Build, Step
from aibtui.core.polls import Status, Surroundings


class Moment(Struct, frozen=True):
    """Where the build is while a line is seen or time passes, as far as rules may ask."""

    at: datetime
    phase: str | None = None
    step: Step | None = None
    vm_size: str | None = None
    source: str | None = None
    vm_name: str | None = None
    staging_group: str | None = None
    adrift: bool = False
    """The log shows neither a plan nor a phase nor a step yet: perhaps its start is missing."""
    left: timedelta | None = None
    """Until `buildTimeoutInMinutes` is over, where the template is known."""
    status: Status | None = None
    operation_id: str | None = None
    around: Surroundings = field(default_factory=Surroundings)
    job_ran: timedelta | None = None
    """How long the pipeline's job has run, where its log is what is read."""


def moment_of(build: Build, at: datetime, around: Surroundings | None = None) -> Moment:
    """The moment of a build at `at`, the log's own time."""
    phase, facts = build.phase, build.facts
    started_at = build.run_started_at
    return Moment(
        at,
        phase.name if phase else None,
        build.step,
        facts.vm_size,
        facts.source,
        facts.vm_name,
        facts.staging_group,
        build.step is None and not build.steps and (phase is None or phase.name == "prepare"),
        max(started_at + build.timeout - at, timedelta()) if started_at and build.timeout else None,
        build.status,
        facts.operation_id,
        around or Surroundings(),
    )
