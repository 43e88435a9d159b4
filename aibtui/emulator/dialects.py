"""The three generations of the log's format: a Record becomes the physical lines that AIB would have written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from aibtui.emulator.records import Record

Generation = Literal["g1", "g2", "g3"]
GENERATIONS: tuple[Generation, ...] = ("g1", "g2", "g3")


class Dialect(Struct, frozen=True):
    """How one generation writes, and the versions that wrote so.

    `external` maps a plug-in that is a program of its own to the name its log lines carry; such lines hold a second
    stamp. `split` is g1's way: what Packer shows on OUT, what it logs on ERR. `prefixed_source` says whether every
    line of a dumped script has a prefix, `telemetry` whether `(telemetry)` lines exist.
    """

    generation: Generation
    packer: str
    go: str
    program: str
    azure: str
    windows_update: str
    external: dict[str, str]
    stdout: str
    split: bool
    prefixed_source: bool
    telemetry: bool
    end: str

    def stamp(self, at: datetime) -> str:
        return f"{at:%Y/%m/%d %H:%M:%S}"

    def launch(self, kind: str) -> tuple[str, str, str]:
        """How the core logs that it starts a plug-in: the `Starting ... plugin` line, the `Starting plugin:` line,
        and the program."""
        azure, update = self._external_path("azure"), self._external_path("windows-update")
        if kind == "azure":
            return self._start(azure, ("start", "builder", "--protobuf", "arm"), ("start", "builder", "arm"))
        if kind == "windows-update" and not self.split:
            return self._start(update, ("start", "provisioner", "--protobuf", "-packer-default-plugin-name-"), ())
        if kind == "windows-update":
            return self._start(update, (), ())
        name = f"packer-provisioner-{kind}"
        if self.split:
            first = f"[TRACE] Starting internal plugin {name}"
            arguments = ", ".join(f'"{word}"' for word in (self.program, "plugin", name))
            return first, f"Starting plugin: {self.program} []string{{{arguments}}}", self.program
        return self._start(self.program, ("execute", "--protobuf", name), ())

    def _external_path(self, plugin: str) -> str:
        name = self.external[plugin]
        if self.split:
            return f"/bin/{name}"
        owner = "hashicorp/azure" if plugin == "azure" else "rgl/windows-update"
        return f"/root/.config/packer/plugins/github.com/{owner}/{name}"

    def _start(self, path: str, arguments: tuple[str, ...], split_arguments: tuple[str, ...]) -> tuple[str, str, str]:
        words = (path, *(split_arguments if self.split else arguments))
        level = "TRACE" if self.split else "INFO"
        listed = ", ".join(f'"{word}"' for word in words)
        return (
            f"[{level}] Starting external plugin {' '.join(words)}",
            f"Starting plugin: {path} []string{{{listed}}}",
            path,
        )


_NEW_STYLE = {
    "azure": "packer-plugin-azure_v{azure}_x5.0_linux_amd64",
    "windows-update": "packer-plugin-windows-update_v{windows_update}_x5.0_linux_amd64",
}


def _named(azure: str, windows_update: str) -> dict[str, str]:
    return {key: name.format(azure=azure, windows_update=windows_update) for key, name in _NEW_STYLE.items()}


DIALECTS: dict[Generation, Dialect] = {
    "g1": Dialect(
        generation="g1",
        packer="1.8.6",
        go="go1.18.9",
        program="/bin/packer",
        azure="1.3.1",
        windows_update="0.14.1",
        external={"azure": "packer-plugin-azure", "windows-update": "packer-provisioner-windows-update"},
        stdout="    azure-arm: ",
        split=True,
        prefixed_source=False,
        telemetry=True,
        end="Done exporting Packer logs to Azure for Packer prefix: [{operation}] PACKER OUT",
    ),
    "g2": Dialect(
        generation="g2",
        packer="1.11.2",
        go="go1.21.12",
        program="/aib/packerInput/packer",
        azure="2.1.8",
        windows_update="0.16.8",
        external=_named("2.1.8", "0.16.8"),
        stdout="    azure-arm: ",
        split=False,
        prefixed_source=False,
        telemetry=False,
        end="[{operation}] PACKER Done exporting Packer logs to Azure Storage.",
    ),
    "g3": Dialect(
        generation="g3",
        packer="1.15.0",
        go="go1.24.0",
        program="/aib/packerInput/packer",
        azure="2.5.2",
        windows_update="0.17.1",
        external=_named("2.5.2", "0.17.1"),
        stdout="==> azure-arm: ",
        split=False,
        prefixed_source=True,
        telemetry=False,
        end="[{operation}] PACKER Done exporting Packer logs to Azure Storage.",
    ),
}


def render(record: Record, dialect: Dialect, started_at: datetime, operation: UUID) -> list[str]:
    """The physical lines of one record, without their line feeds."""
    stamp = dialect.stamp(started_at + timedelta(seconds=record.at))
    prefix = f"[{operation}] PACKER "
    log = prefix + ("ERR " if dialect.split else "") + stamp + " "
    match record.voice:
        case "core":
            return [log + record.text]
        case "machine":
            return [f"{log}machine readable: {record.text}"]
        case "plugin":
            name = dialect.external.get(record.plugin)
            if name:
                return [f"{log}{name} plugin: {stamp} {record.text}"]
            return [f"{log}packer-provisioner-{record.plugin} plugin: {record.text}"]
        case "source":
            if dialect.prefixed_source:
                return [f"{log}packer-provisioner-{record.plugin} plugin: {record.text}"]
            return [record.text]
        case "undated":
            return [prefix + ("ERR " if dialect.split else "") + record.text]
        case "end":
            return [dialect.end.format(operation=operation)]
        case "raw":
            return [f"{prefix}OUT ", record.text] if dialect.split else [log + "ui: " + dialect.stdout + record.text]
        case _:
            return _screen(record, dialect, prefix, log)


def _screen(record: Record, dialect: Dialect, prefix: str, log: str) -> list[str]:
    """What Packer shows on its screen; AIB's Packer logs it as `ui:` or, in g1, has it on stdout."""
    lead = {"say": "==> azure-arm: ", "error": "==> azure-arm: ", "output": dialect.stdout}.get(record.voice, "")
    first, *more = record.text.split("\n")
    failed = record.voice in ("error", "plain-error")
    # Go trims nothing, but the communicator trims right blanks of remote lines: an empty one keeps no blank.
    head = (lead.rstrip() if record.voice in ("output", "error") and not first else lead) + first
    if not dialect.split:
        return [f"{log}{'ui error' if failed else 'ui'}: {head}", *(prefix + lead + line for line in more)]
    shown = [f"{prefix}OUT {text}" for text in (head, *(lead + line for line in more))]
    # In g1 Packer drops the log record of what it shows, but further lines of such a record leak to stderr undated.
    return shown + [f"{prefix}ERR {lead}{line}" for line in more]
