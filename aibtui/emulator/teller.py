"""Who writes a run's records: keeps the run's time, its names and its chance, and knows the noise Packer makes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from aibtui.emulator.dialects import Dialect
from aibtui.emulator.records import Record, Voice
from aibtui.emulator.scenario import Scenario

ARM = "https://management.azure.com"
POLL_SECONDS = 10.1
"""The builder asks ARM about an operation about every 10 s, and logs it."""


class Teller:
    """Makes records at the time it has come to, `at` seconds since the run's start.

    `running` is the provisioner at work, empty outside of steps; `failed` is Packer's message once a step or the
    builder has failed. `pace` is how many times as long things take as they say. `random` is seeded by the scenario
    alone: every generation tells the same story.
    """

    def __init__(self, scenario: Scenario, dialect: Dialect, started_at: datetime) -> None:
        self.scenario = scenario
        self.dialect = dialect
        self.started_at = started_at
        self.random = Random(f"{scenario.name}:noise")
        self.chatter = Random(f"{scenario.name}:chatter")
        self.at = 0.0
        self.pace = scenario.pace("start")
        self.running = ""
        self.failed: str | None = None
        suffix = scenario.packer_suffix
        self.computer = f"pkrvm{suffix}"
        self.network_interface = f"pkrni{suffix}"
        self.disk = f"pkros{suffix}"
        self.vault = f"pkrkv{suffix}"
        self.deployment = f"pkrdp{suffix}"
        self.vault_deployment = f"kvpkrdp{suffix}"
        self.image = f"packerImg_{started_at:%Y%m%d%H%M%S}"

    @property
    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=self.at)

    def wait(self, seconds: float) -> None:
        self.at += seconds * self.pace

    def tell(self, voice: Voice, text: str, plugin: str = "") -> Record:
        return Record(self.at, voice, text, plugin)

    def say(self, text: str) -> Record:
        return self.tell("say", text)

    def core(self, text: str) -> Record:
        return self.tell("core", text)

    def azure(self, text: str) -> Record:
        return self.tell("plugin", text, "azure")

    def log(self, plugin: str, text: str) -> Record:
        return self.tell("plugin", text, plugin)

    def guid(self) -> UUID:
        """Packer's own kind of guid: its first eight digits are the time."""
        return UUID(int=(int(self.now.timestamp()) << 96) | self.random.getrandbits(96))

    @property
    def group_path(self) -> str:
        return f"/subscriptions/{self.scenario.subscription}/resourceGroups/{self.scenario.staging_group}"

    def request(self, method: str, path: str) -> Record:
        """A call to ARM, as the builder logs it; `path` is below the staging group, or empty."""
        url = f"{ARM}{self.group_path}{path}?[REDACTED]"
        if self.dialect.split:
            return self.azure(f'Azure request method="{method}" request="{url}" body=""')
        return self.azure(f"[DEBUG] {method} {url}")

    def poll(self, path: str, seconds: float) -> Iterator[Record]:
        """Ask about an operation until `seconds` have passed."""
        end = self.at + seconds * self.pace
        while self.at + POLL_SECONDS < end:
            self.at += POLL_SECONDS
            yield self.request("GET", path)
        self.at = end

    def upload(self, plugin: str, target: str, size: int, seconds: float = 1.0) -> Iterator[Record]:
        yield self.azure(f"Uploading file to '{target}'")
        yield self.log(plugin, f"[INFO] {size} bytes written for 'uploadData'")
        yield self.core(f"[INFO] {size} bytes written for 'uploadData'")
        self.wait(seconds)

    def command_started(self, command: str) -> Record:
        return self.azure(f"[INFO] starting remote command: {command}")

    def command_ended(self, plugin: str, command: str, code: int, stdout: int, stderr: int = 0) -> Iterator[Record]:
        """What is logged when a remote command ends; `plugin` ran it, or the builder itself if that is `azure`."""
        yield self.azure(f"[INFO] command '{command}' exited with code: {code}")
        if plugin == "azure":
            return
        yield self.azure(f"[INFO] RPC endpoint: Communicator ended with: {code}")
        yield from self._counted("", stdout, stderr, code)
        yield self.core(f"[INFO] RPC endpoint: Communicator ended with: {code}")

    def command_received(self, plugin: str, code: int, stdout: int, stderr: int = 0) -> Iterator[Record]:
        """The same end, as the plug-in that asked for the command logs it."""
        yield from self._counted(plugin, stdout, stderr, code)

    def run(self, plugin: str, command: str, code: int = 0, stdout: int = 0, takes: float = 1.0) -> Iterator[Record]:
        """A remote command that prints nothing on the screen."""
        yield self.command_started(command)
        self.wait(takes)
        yield from self.command_ended(plugin, command, code, stdout)
        yield from self.command_received(plugin, code, stdout)

    def _counted(self, plugin: str, stdout: int, stderr: int, code: int) -> Iterator[Record]:
        for line in (
            f"[INFO] {stdout} bytes written for 'stdout'",
            f"[INFO] {stderr} bytes written for 'stderr'",
            f"[INFO] RPC client: Communicator ended with: {code}",
        ):
            yield self.log(plugin, line) if plugin else self.core(line)

    def telemetry(self, text: str) -> Iterator[Record]:
        if self.dialect.telemetry:
            yield self.core(f"[INFO] (telemetry) {text}")
