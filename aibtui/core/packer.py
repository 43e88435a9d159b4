"""Packer's grammar: which lines mean something, as rows. A row finds a candidate in the bytes and reads its Line.

Valid for the three generations of Azure Image Builder's customization.log; nothing here remembers an earlier line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from aibtui.core import events, progress
from aibtui.core.build import PhaseName
from aibtui.core.events import Event
from aibtui.core.lines import Line
from aibtui.core.regex import regex
from aibtui.core.scan import Needle

Speaker = Literal["headline", "builder", "packer", "core", "plugin", "end", "any"]


class Row(Struct, frozen=True):
    """One kind of line. `needle` finds it; `pattern` must match its text from the start.

    `speaker` says who must have said it: a headline (`==> azure-arm:`), the builder with or without the arrow (so a
    script's output too), Packer's screen without a builder, Packer's core log, a plug-in's log, or the service's end
    marker.
    """

    needle: Needle
    speaker: Speaker
    pattern: re.Pattern[str]
    make: Callable[[Line, re.Match[str]], Event | None]


def _row(needle: str, speaker: Speaker, pattern: str, make: Callable[[Line, re.Match[str]], Event | None]) -> Row:
    where = Needle.at_the_start if needle.startswith("^") else Needle.anywhere
    return Row(where(needle.removeprefix("^")), speaker, regex(pattern), make)


def transferred(line: Line, _: re.Match[str]) -> Event | None:
    """What a progress line tells."""
    return progress.read(line.number, line.at, line.stream, line.text)


def _phase(name: PhaseName) -> Callable[[Line, re.Match[str]], Event]:
    return lambda line, _: events.PhaseReached(line.number, line.at, name)


def acted(line: Line, match: re.Match[str]) -> Event:
    return events.StepActed(line.number, line.at, (match["what"] or line.text).strip().rstrip(". "))


_BUILT_IN = regex(r"packer-provisioner-([\w-]+)")
_EXTERNAL = regex(r"packer-plugin-([\w-]+?)_v\S* start (\w+)")
_PLUGIN_VERSION = regex(r"packer-plugin-([\w-]+?)_v(\d[\w.]*?)_x")
_FOR_EXTERNAL = regex(r'packer-plugin-([\w-]+?)_v[^"]*", "start", "(\w+)"')


def _launched(line: Line, match: re.Match[str]) -> Event:
    what = match["what"]
    external = match["form"] != "Starting plugin:"
    version = _PLUGIN_VERSION.search(what)
    plugin = (version[1], version[2]) if version else None
    built_in = _BUILT_IN.search(what)
    started = (_EXTERNAL if external else _FOR_EXTERNAL).search(what)
    kind = built_in[1] if built_in else started[1] if started and started[2] == "provisioner" else None
    return events.PluginLaunched(line.number, line.at, kind, external, plugin)


_POSITION = regex(r"^/aib/packerInput/script_(\d+)$")


def _position(source: str) -> int | None:
    match = _POSITION.match(source)
    return int(match[1]) if match else None


def _file_step(line: Line, match: re.Match[str]) -> Event:
    source = match["src"]
    return events.StepHeadlined(line.number, line.at, "file", source, match["dst"], _position(source))


def _script_step(kind: str, *, again: bool = False) -> Callable[[Line, re.Match[str]], Event]:
    def make(line: Line, match: re.Match[str]) -> Event:
        source = match.groupdict().get("src")
        position = _position(source) if source else None
        return events.StepHeadlined(line.number, line.at, kind, source, None, position, again)

    return make


def _plain_step(kind: str) -> Callable[[Line, re.Match[str]], Event]:
    return lambda line, _: events.StepHeadlined(line.number, line.at, kind)


_FACTS = (
    "ImagePublisher|ImageOffer|ImageSku|ImageVersion|VMSize|OSType|ManagedImageName|BuildResourceGroupName"
    "|TempResourceGroupName|SharedImageGallery\\w*"
)

PATTERNS: tuple[Row, ...] = (
    # The start-up noise holds the plan: a process for each planned provisioner, in the order of the template.
    _row(
        "Starting (?:external|internal) plugin |Starting plugin: ",
        "core",
        r"(?:\[INFO\] )?(?P<form>Starting (?:external|internal) plugin|Starting plugin:) (?P<what>.*)",
        _launched,
    ),
    _row(
        r"\[INFO\] Packer version: ",
        "core",
        r"\[INFO\] Packer version: (?P<version>[\w.+-]+)",
        lambda line, m: events.FactStated(line.number, line.at, "packer", m["version"]),
    ),
    _row(
        "Running builder \\.\\.\\.",
        "headline",
        r"Running builder \.\.\.",
        lambda line, _: events.BuilderStarted(line.number, line.at),
    ),
    _row(
        rf"(?:{_FACTS})=",
        "plugin",
        rf"(?P<name>{_FACTS})=(?P<value>.*)",
        lambda line, m: events.FactStated(line.number, line.at, m["name"], m["value"].strip()),
    ),
    _row(
        "-> SourceImageName",
        "builder",
        r" ?-> (?P<name>SourceImageName) *: '(?P<value>.*)'",
        lambda line, m: events.FactStated(line.number, line.at, m["name"], m["value"]),
    ),
    _row(
        "-> ResourceGroupName",
        "builder",
        r" ?-> (?P<name>ResourceGroupName) *: '(?P<value>.*)'",
        lambda line, m: events.FactStated(line.number, line.at, m["name"], m["value"]),
    ),
    _row(
        "-> (?:NicName|ComputeName) ",
        "builder",
        r" ?-> (?P<name>NicName|ComputeName) *: '(?P<value>pkr[a-z0-9]+)'",
        lambda line, m: events.FactStated(line.number, line.at, m["name"], m["value"]),
    ),
    # Phases.
    _row(
        "(?:Validating|Deploying) deployment template",
        "headline",
        r"(?:Validating|Deploying) deployment template",
        _phase("deploy"),
    ),
    _row(
        "Waiting for WinRM to become",
        "headline",
        r"Waiting for WinRM to become",
        lambda line, _: events.FactStated(line.number, line.at, "OSType", "Windows"),
    ),
    _row(
        "Waiting for SSH to become",
        "headline",
        r"Waiting for SSH to become",
        lambda line, _: events.FactStated(line.number, line.at, "OSType", "Linux"),
    ),
    _row(
        "Waiting for (?:WinRM|SSH) to become",
        "headline",
        r"Waiting for (?:WinRM|SSH) to become",
        _phase("connect"),
    ),
    _row(
        "Querying the machine's properties",
        "headline",
        r"Querying the machine's properties",
        lambda line, _: events.ProvisioningEnded(line.number, line.at),
    ),
    _row("Powering off machine|Snapshotting ", "headline", r"Powering off machine|Snapshotting ", _phase("capture")),
    _row(
        "Deleting |Cleanup |Cleaning up |Adding to deletion queue|not created by Packer|Removing the created Deploy",
        "headline",
        r"(?:Deleting (?:Virtual Machine deployment|individual resources|KeyVault|the|resource)"
        r"|Cleanup |Cleaning up |Adding to deletion queue|The resource group was not created by Packer"
        r"|Removing the created Deployment)",
        _phase("cleanup"),
    ),
    _row(
        r"\[DEBUG\] DELETE |Attempting deletion -> |method=\"DELETE\"",
        "plugin",
        r"(?:\[DEBUG\] DELETE |(?:\[INFO\] )?Attempting deletion -> |Azure request method=\"DELETE\")",
        lambda line, _: events.DeletionRequested(line.number, line.at),
    ),
    # Steps: the headlines, and what provisioners say about themselves.
    _row(
        "(?:Uploading|Downloading) .* => ",
        "headline",
        r"(?:Uploading|Downloading) (?P<src>\S.*?) => (?P<dst>.+)$",
        _file_step,
    ),
    _row(
        "Provisioning with Powershell\\.\\.\\.",
        "headline",
        r"Provisioning with Powershell\.\.\.$",
        _plain_step("powershell"),
    ),
    _row(
        "Provisioning with powershell script: ",
        "headline",
        r"Provisioning with powershell script: (?P<src>.+)$",
        _script_step("powershell", again=True),
    ),
    _row(
        "Provisioning with shell script: ",
        "headline",
        r"Provisioning with shell script: (?P<src>.+)$",
        _script_step("shell"),
    ),
    _row(
        "Provisioning with windows-shell", "headline", r"Provisioning with windows-shell", _plain_step("windows-shell")
    ),
    _row("^Restarting Machine", "headline", r"Restarting Machine$", _plain_step("windows-restart")),
    _row(
        "Uploading the Windows update elevated script",
        "headline",
        r"Uploading the Windows update elevated script",
        _plain_step("windows-update"),
    ),
    _row(
        r"\(telemetry\) ",
        "core",
        r"\[INFO\] \(telemetry\) (?:(?P<start>Starting provisioner)|ending) (?P<type>[\w-]+)",
        lambda line, m: events.StepAnnounced(line.number, line.at, m["type"], ended=not m["start"]),
    ),
    _row(
        "Found command: ",
        "plugin",
        r"Found command: (?P<text>.*)",
        lambda line, m: events.CommandFound(line.number, line.at, m["text"]),
    ),
    _row(
        " returned with exit code ",
        "plugin",
        r"\S*[/\\]\S+ returned with exit code (?P<code>-?\d+)$",
        lambda line, m: events.ScriptReturned(line.number, line.at, int(m["code"])),
    ),
    _row(
        "Provisioning step had errors",
        "headline",
        r"Provisioning step had errors: Running the cleanup provisioner",
        lambda line, _: events.StepErrored(line.number, line.at),
    ),
    _row(
        "Waiting for machine to restart|Machine successfully restarted",
        "headline",
        r"(?P<what>Waiting for machine to restart|Machine successfully restarted)",
        acted,
    ),
    _row(
        "Searching for Windows updates|Downloading Windows updates|Installing Windows updates|Running Windows update"
        "|Restarting the machine|Waiting for machine to become|Waiting for the Windows Modules|No Windows updates found"
        "|Checking for pending restart|Restart complete|Waiting for operation to complete",
        "builder",
        r"(?P<what>Searching for Windows updates|Downloading Windows updates(?: \([^)]*\))?|Installing Windows updates"
        r"|Running Windows update|Restarting the machine|Waiting for machine to become available"
        r"|Waiting for the Windows Modules Installer to exit|No Windows updates found|Checking for pending restart"
        r"|Restart complete|Waiting for operation to complete \(system performance: [^)]*\))",
        acted,
    ),
    _row(
        "IMAGE_STATE_",
        "builder",
        r"(?P<state>IMAGE_STATE_[A-Z_]+)\s*$",
        lambda line, m: events.ImageStateRead(line.number, line.at, m["state"]),
    ),
    _row(progress.NEEDLE, "any", "", transferred),
    # Endings.
    _row(
        "Build '[^']*' finished",
        "packer",
        r"Build '[^']*' finished(?: after |\.)",
        lambda line, _: events.BuildFinished(line.number, line.at),
    ),
    _row(
        "Build '[^']*' errored",
        "packer",
        r"Build '[^']*' errored(?: after [^:]*)?: (?P<message>.*)",
        lambda line, m: events.BuildErrored(line.number, line.at, m["message"]),
    ),
    _row(
        "Cancelling build after receiving",
        "packer",
        r"Cancelling build after receiving",
        lambda line, _: events.BuildCancelled(line.number, line.at),
    ),
    _row(
        "Cancelling builder after context",
        "core",
        r"Cancelling builder after context",
        lambda line, _: events.CancelSpread(line.number, line.at),
    ),
    _row(
        "Done exporting Packer logs to Azure",
        "end",
        r"Done exporting Packer logs to Azure",
        lambda line, _: events.LogEnded(line.number, line.at),
    ),
)


def _speaks(line: Line, speaker: Speaker) -> bool:
    match speaker:
        case "headline":
            return line.builder and line.arrow
        case "builder":
            return line.builder
        case "packer":
            shown = line.stream in ("ui", "error") and not line.builder
            return shown or (line.stream == "log" and line.process is None)
        case "core":
            return line.stream == "log" and line.process is None
        case "plugin":
            return line.stream == "log" and line.process is not None
        case "end":
            return line.stream == "raw" or (line.stream == "log" and line.process is None)
        case "any":
            return line.stream in ("ui", "error", "raw")


def read(line: Line, rows: Iterable[Row] = PATTERNS) -> Iterator[Event]:
    """The events of one line, by these rows; most candidate lines have one, many have none."""
    for row in rows:
        if _speaks(line, row.speaker):
            match = row.pattern.match(line.text)
            event = row.make(line, match) if match else None
            if event is not None:
                yield event
