"""The build as it stands: phases, steps, downloads, ending. Plain values; `core.fold` makes the next from the last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, get_args

from msgspec import Struct, field

from aibtui.core.polls import Status

PhaseName = Literal[
    "prepare",
    "deploy",
    "connect",
    "customize",
    "deprovision",
    "capture",
    "cleanup",
    "optimize",
    "validate",
    "distribute",
]
State = Literal["planned", "running", "done", "failed", "stopped", "skipped"]
Outcome = Literal["running", "succeeded", "failed", "stopped", "timed-out", "canceled", "partially-succeeded"]
LogFormat = Literal["g1", "g2", "g3"]
OsType = Literal["windows", "linux"]

PHASES: tuple[PhaseName, ...] = get_args(PhaseName)


class Phase(Struct, frozen=True):
    """A stretch of the run. `last_line` and `ended_at` are None while it runs. Line numbers start at 1."""

    name: PhaseName
    state: State = "planned"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    first_line: int | None = None
    last_line: int | None = None


class Step(Struct, frozen=True):
    """One provisioner of the plan, by Packer's type. `index` starts at 1 and counts AIB's two hidden steps too.

    `name` is the template's name for it, else what the log shows (the script's or file's name), else None.
    `activity` is what it does now, in a few words ("Installing Windows updates"), None when nothing is known. `held` is
    how long it has slept by plan, in holds that are over, `silent` the longest time without a line that it survived.
    """

    index: int
    type: str
    name: str | None = None
    hidden: bool = False
    state: State = "planned"
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    first_line: int | None = None
    last_line: int | None = None
    activity: str | None = None
    held: timedelta = timedelta()
    silent: timedelta = timedelta()


class Download(Struct, frozen=True):
    """Progress of one transfer that the log shows: bytes, percent from 0 to 100; None is unknown.

    `at` is when it last came further, at `moved_line`; `text` is its newest line, not yet safe to draw. `operation`
    marks an installation that draws a bar (DISM), which is no transfer. `marks` are moments of its course: (when,
    bytes, or percent where it shows no bytes), the first and the newest ones.
    """

    name: str
    bytes: int | None
    total: int | None
    percent: float | None
    first_line: int
    last_line: int
    started_at: datetime | None = None
    at: datetime | None = None
    moved_line: int | None = None
    text: str = ""
    operation: bool = False
    marks: tuple[tuple[datetime, float], ...] = ()


class BuildFacts(Struct, frozen=True):
    """The builder's own block near the top of the log, and what else it says once."""

    vm_size: str | None = None
    source: str | None = None
    image_name: str | None = None
    staging_group: str | None = None
    vm_name: str | None = None
    packer: str | None = None
    plugins: tuple[tuple[str, str], ...] = ()
    run_started_at: datetime | None = None
    operation_id: str | None = None


class Output(Struct, frozen=True):
    """The newest line that a person would read: its number, its stamp, its text as it came (not yet safe to draw)."""

    line: int
    at: datetime | None
    text: str


class Build(Struct, frozen=True, eq=False):
    """Everything known of one run; immutable, compared by identity.

    `bytes` and `lines` count what was applied of customization.log. `started_at` and `ended_at` are the first and the
    last stamp of the log, `message` is the error of the `errored` line. `status` is the newest run state seen.
    """

    os: OsType | None = None
    format: LogFormat | None = None
    outcome: Outcome = "running"
    probably_timed_out: bool = False
    message: str | None = None
    facts: BuildFacts = field(default_factory=BuildFacts)
    phases: tuple[Phase, ...] = tuple(Phase(name) for name in PHASES)
    steps: tuple[Step, ...] = ()
    downloads: tuple[Download, ...] = ()
    started_at: datetime | None = None
    ended_at: datetime | None = None
    log_done: bool = False
    bytes: int = 0
    lines: int = 0
    output: Output | None = None
    status: Status | None = None

    @property
    def phase(self) -> Phase | None:
        """The phase that runs, else the last that was reached."""
        running = [phase for phase in self.phases if phase.state == "running"]
        reached = running or [phase for phase in self.phases if phase.started_at is not None]
        return reached[-1] if reached else None

    @property
    def step(self) -> Step | None:
        """The step that runs, else the one that failed or was stopped, else the last that ended."""
        return next((step for step in reversed(self.steps) if step.state not in ("planned", "skipped")), None)

    @property
    def run_started_at(self) -> datetime | None:
        """When the run began: by the service, else by the image name in the log, else by its first line."""
        by_service = self.status.started_at if self.status else None
        return by_service or self.facts.run_started_at or self.started_at

    @property
    def timeout(self) -> timedelta | None:
        """`buildTimeoutInMinutes` of the template, when a template was seen."""
        template = self.status.template if self.status else None
        return template.build_timeout if template else None
