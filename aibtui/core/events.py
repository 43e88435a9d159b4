"""What a log line says, as values: the vocabulary between the grammar and the build. Every event names its line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aibtui.core.build import PhaseName


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, at which line (from 1), and when by the log's own clock."""

    line: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PluginLaunched(Event):
    """Packer started the process of a plug-in; those of the planned provisioners come in the order of the template.

    Two lines say so for each; `external` tells them apart, so that only one kind is counted. `type` is None for what is
    no provisioner; `plugin` is (name, version) where the path tells.
    """

    type: str | None
    external: bool
    plugin: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class BuilderStarted(Event):
    """All plug-ins are up: the plan is complete."""


@dataclass(frozen=True, slots=True)
class FactStated(Event):
    """A line of the builder's own block: `name` in the builder's spelling (`VMSize`)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class PhaseReached(Event):
    """A headline that opens a phase."""

    phase: PhaseName


@dataclass(frozen=True, slots=True)
class StepHeadlined(Event):
    """A headline that a provisioner of `type` prints when it starts.

    `source` is the script or file it names, `position` the index N of `/aib/packerInput/script_N`: an entry of
    `customize[]`, and exact. `again` marks the second headline of one provisioner.
    """

    type: str
    source: str | None = None
    target: str | None = None
    position: int | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class StepAnnounced(Event):
    """Telemetry named the provisioner that starts or ends; logs since 2025 have no such line."""

    type: str
    ended: bool


@dataclass(frozen=True, slots=True)
class CommandFound(Event):
    """The first line of an inline script, as the powershell provisioner dumps it."""

    text: str


@dataclass(frozen=True, slots=True)
class ScriptReturned(Event):
    """The provisioner's own word on its script: the exit code."""

    code: int


@dataclass(frozen=True, slots=True)
class ProvisioningEnded(Event):
    """The builder asks for the machine's disks: on Windows after the last step, on Linux before the first."""


@dataclass(frozen=True, slots=True)
class DeletionRequested(Event):
    """The builder deletes a resource: no script can print this, so it proves that the clean-up is real."""


@dataclass(frozen=True, slots=True)
class StepErrored(Event):
    """`Provisioning step had errors`: the running step failed."""


@dataclass(frozen=True, slots=True)
class StepActed(Event):
    """The running step does something else now; `text` is a few words of Packer's or the plug-in's own."""

    text: str


@dataclass(frozen=True, slots=True)
class DownloadMoved(Event):
    """Progress of a transfer. `bytes` and `total` in bytes, `percent` 0 to 100; None where the line does not say.

    `sure` is false where the line only mentions sizes; `operation` is true for the bar of an installation.
    """

    name: str
    bytes: int | None
    total: int | None
    percent: float | None
    sure: bool = True
    operation: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class ImageStateRead(Event):
    """The deprovisioning script printed Sysprep's state, for example IMAGE_STATE_UNDEPLOYABLE."""

    state: str


@dataclass(frozen=True, slots=True)
class BuildFinished(Event):
    """Packer's verdict: success."""


@dataclass(frozen=True, slots=True)
class BuildErrored(Event):
    """Packer's verdict: failure, with its message."""

    message: str


@dataclass(frozen=True, slots=True)
class BuildCancelled(Event):
    """The service ended Packer: a time-out and a cancel leave the same line."""


@dataclass(frozen=True, slots=True)
class CancelSpread(Event):
    """Packer's core hands the cancel on, in its debug log: the stamp that the oldest format's screen lines lack."""


@dataclass(frozen=True, slots=True)
class LogEnded(Event):
    """The end marker: the service exported the log; nothing follows."""
