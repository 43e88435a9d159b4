"""What a look at a build brings back: a Poll, with the run state, new bytes, and what went wrong.

The only input of the core. Sources make Polls; nothing here knows where they come from.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

LogName = Literal["customization.log", "validation.log", "container.log", "devops.log"]

TERMINAL_RUN_STATES = frozenset({"Succeeded", "PartiallySucceeded", "Failed", "Canceled"})


class Chunk(Struct, frozen=True):
    """Bytes of a log that were not there at the look before.

    `generation` counts from 0 and grows when the blob was replaced by another one; `offset` is where
    `data` begins in that generation. Chunks of a generation are contiguous.
    """

    log: LogName
    generation: int
    offset: int
    data: bytes


class Customizer(Struct, frozen=True):
    """One entry of the template's `customize[]`: its type in Azure's word (`PowerShell`), its name if it has one."""

    type: str
    name: str | None = None
    inline: tuple[str, ...] = ()
    script_uri: str | None = None


class Distribution(Struct, frozen=True):
    """One entry of the template's `distribute[]`: its type in Azure's word (`SharedImage`), and where the image goes.

    `target` is the gallery image, the managed image or the blob; None where the service chooses. Regions are those of
    the template, in its words.
    """

    type: str
    target: str | None = None
    regions: tuple[str, ...] = ()


class Template(Struct, frozen=True):
    """What the image template says of itself; every field as the service gives it."""

    id: str
    name: str
    location: str | None = None
    source: str | None = None
    vm_size: str | None = None
    staging_group: str | None = None
    build_timeout: timedelta = timedelta(minutes=240)
    customizers: tuple[Customizer, ...] = ()
    validates: bool = False
    optimizes: bool = False
    distributes: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()


class Status(Struct, frozen=True):
    """`lastRunStatus` and `provisioningState` of a template, at one look.

    `run_state` and `sub_state` are Azure's open enums, so plain strings; None before the first run.
    `deleted` means that the template was seen and is gone, or going.
    """

    run_state: str | None = None
    sub_state: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    message: str | None = None
    provisioning_state: str | None = None
    provisioning_error: str | None = None
    template: Template | None = None
    deleted: bool = False

    @property
    def terminal(self) -> bool:
        """The run is over: its state will not change again."""
        return self.run_state in TERMINAL_RUN_STATES


TroubleKind = Literal[
    "offline",
    "throttled",
    "forbidden",
    "sign-in",
    "not-found",
    "gone",
    "protocol",
    "slow",
    "internal",
    "disk",
    "detour",
    "clock",
]
NOTES: tuple[TroubleKind, ...] = ("disk", "detour", "clock")  # worth a word, but the build is seen all the same


class Trouble(Struct, frozen=True):
    """Why a look, or a part of it, failed; shown, and tried again.

    `target` is what could not be read. `text` is one sentence for people, already without a traceback.
    `waiting` marks what is normal early in a run (no storage account yet, no blob yet). Kinds of NOTES are no failure:
    the recording cannot be written, the log is read another way, the clocks differ.
    """

    target: Literal["template", "log"]
    kind: TroubleKind
    text: str
    remedy: str | None = None
    waiting: bool = False
    retry_at: datetime | None = None


class Resource(Struct, frozen=True):
    """What stands in the staging group: its name, and its type in Azure's words: `Microsoft.Compute/disks`."""

    name: str
    type: str


class Replica(Struct, frozen=True):
    """An image version's copy in one region: `state` in the gallery's word (`Replicating`), `percent` from 0 to 100."""

    version: str
    region: str
    state: str
    percent: int | None = None
    details: str | None = None


class Cancel(Struct, frozen=True):
    """When the run was told to stop, by the Activity Log, and by whom."""

    at: datetime
    by: str | None = None


class Surroundings(Struct, frozen=True):
    """What a watch knows besides run state and log; None is what it has not (or not yet) been able to ask.

    `sign_in` says how and as whom. `resources` stood in the staging group at `listed_at`. `replicas` are the copies of
    the image versions that this run distributes, since the service began to. `job_began_at` is when the pipeline's job
    began in which the watch runs, if it does.
    """

    sign_in: str | None = None
    resources: tuple[Resource, ...] | None = None
    listed_at: datetime | None = None
    replicas: tuple[Replica, ...] | None = None
    cancel: Cancel | None = None
    job_began_at: datetime | None = None


class Poll(Struct, frozen=True):
    """One look at a build. An empty one is the clock's tick.

    `status` is None when this look did not ask for it (the one before still holds), `around` where nothing of it is
    new. `log_read` says that the log was read with success at this look, new bytes or not. `ended` closes the watch: no
    look comes after it.
    """

    at: datetime
    status: Status | None = None
    chunks: tuple[Chunk, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    log_read: bool = False
    ended: bool = False
    pause: timedelta = timedelta(seconds=5)
    around: Surroundings | None = None
