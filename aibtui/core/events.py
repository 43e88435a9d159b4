"""What a log line says, as values: the vocabulary between the grammar and the build. Every event names its line."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from aibtui.core.build import PhaseName


class Event(Struct, frozen=True):
    """What happened, at which line (from 1), and when by the log's own clock."""

    line: int
    at: datetime | None


class PluginLaunched(Event, frozen=True):
    """Packer started the process of a plug-in; those of the planned provisioners come in the order of the template.

    Two lines say so for each; `external` tells them apart, so that only one kind is counted. `type` is None for what is
    no provisioner; `plugin` is (name, version) where the path tells.
    """

    type: str | None
    external: bool
    plugin: tuple[str, str] | None = None


class BuilderStarted(Event, frozen=True):
    """All plug-ins are up: the plan is complete."""


class FactStated(Event, frozen=True):
    """A line of the builder's own block: `name` in the builder's spelling (`VMSize`)."""

    name: str
    value: str


class PhaseReached(Event, frozen=True):
    """A headline that opens a phase."""

    phase: PhaseName


class StepHeadlined(Event, frozen=True):
    """A headline that a provisioner of `type` prints when it starts.

    `source` is the script or file it names, `position` the index N of `/aib/packerInput/script_N`: an entry of
    `customize[]`, and exact. `again` marks the second headline of one provisioner.
    """

    type: str
    source: str | None = None
    target: str | None = None
    position: int | None = None
    again: bool = False


class StepAnnounced(Event, frozen=True):
    """Telemetry named the provisioner that starts or ends; logs since 2025 have no such line."""

    type: str
    ended: bool


class CommandFound(Event, frozen=True):
    """The first line of an inline script, as the powershell provisioner dumps it."""

    text: str


class ScriptReturned(Event, frozen=True):
    """The provisioner's own word on its script: the exit code."""

    code: int


class ProvisioningEnded(Event, frozen=True):
    """The builder asks for the machine's disks: on Windows after the last step, on Linux before the first."""


class DeletionRequested(Event, frozen=True):
    """The builder deletes a resource: no script can print this, so it proves that the clean-up is real."""


class StepErrored(Event, frozen=True):
    """`Provisioning step had errors`: the running step failed."""


class StepActed(Event, frozen=True):
    """The running step does something else now; `text` is a few words of Packer's or the plug-in's own."""

    text: str


class DownloadMoved(Event, frozen=True):
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


class ImageStateRead(Event, frozen=True):
    """The deprovisioning script printed Sysprep's state, for example IMAGE_STATE_UNDEPLOYABLE."""

    state: str


class BuildFinished(Event, frozen=True):
    """Packer's verdict: success."""


class BuildErrored(Event, frozen=True):
    """Packer's verdict: failure, with its message."""

    message: str


class BuildCancelled(Event, frozen=True):
    """The service ended Packer: a time-out and a cancel leave the same line."""


class CancelSpread(Event, frozen=True):
    """Packer's core hands the cancel on, in its debug log: the stamp that the oldest format's screen lines lack."""


class LogEnded(Event, frozen=True):
    """The end marker: the service exported the log; nothing follows."""
