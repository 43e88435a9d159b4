"""The whole log of one run, as a timeline: when each physical line is written, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from aibtui.emulator import deprovision, endings, startup
from aibtui.emulator.dialects import DIALECTS, Dialect, Generation, render
from aibtui.emulator.provisioners import provision
from aibtui.emulator.records import Record
from aibtui.emulator.scenario import Scenario
from aibtui.emulator.teller import Teller

_AFTER_TIMEOUT = 1.0
"""Seconds from the end of buildTimeoutInMinutes until Packer is terminated."""


class Timeline(Struct, frozen=True):
    """A run's log: (seconds since the run's start, bytes of one physical line, line feed included), in order.

    `customizing_at` is when the first step began, None if none did. `failed` is Packer's message of failure,
    `terminated` says that the service stopped Packer.
    """

    lines: tuple[tuple[float, bytes], ...]
    customizing_at: float | None
    failed: str | None
    terminated: bool

    @property
    def began(self) -> float | None:
        return self.lines[0][0] if self.lines else None

    @property
    def ended(self) -> float | None:
        return self.lines[-1][0] if self.lines else None


def timeline(
    scenario: Scenario,
    generation: Generation,
    started_at: datetime,
    operation: UUID,
    *,
    stopped_after: float | None = None,
) -> Timeline:
    """The log of a run that started at `started_at`; `stopped_after` seconds a user's cancel reached Packer.

    The same arguments give the same bytes.
    """
    dialect = DIALECTS[generation]
    if scenario.packer_starts is None:
        return Timeline((), None, None, False)
    limit = scenario.build_timeout + _AFTER_TIMEOUT
    if stopped_after is not None:
        limit = min(limit, stopped_after)
    teller = Teller(scenario, dialect, started_at)
    lines: list[tuple[float, bytes]] = []
    customizing_at: float | None = None
    terminated = False
    latest = 0.0
    for record in _tell(teller):
        if record.at >= limit:
            terminated = True
            break
        if customizing_at is None and teller.running:
            customizing_at = record.at
        latest = max(latest, record.at)
        lines += _physical(replace(record, at=latest), dialect, started_at, operation)
    if terminated and lines:
        teller.at = max(limit, latest)
        teller.failed = None
        lines += [
            line for record in endings.terminated(teller) for line in _physical(record, dialect, started_at, operation)
        ]
    return Timeline(tuple(lines), customizing_at, teller.failed, terminated)


def _physical(record: Record, dialect: Dialect, started_at: datetime, operation: UUID) -> Iterator[tuple[float, bytes]]:
    for text in render(record, dialect, started_at, operation):
        yield record.at, text.encode() + b"\n"


def _tell(teller: Teller) -> Iterator[Record]:
    """All records until Packer's verdict, in the order they are written; an endless step never gets there."""
    scenario = teller.scenario
    teller.at = scenario.packer_starts or 0.0
    began = teller.at
    yield from startup.start(teller)
    yield from startup.connect_to_arm(teller)
    yield from startup.deploy(teller)
    if teller.failed is None and scenario.os == "Linux":
        yield from endings.query_disks(teller)
    if teller.failed is None:
        yield from startup.connect(teller)
    if teller.failed is None:
        yield from _steps(teller)
    if teller.failed is None:
        if scenario.os == "Windows":
            yield from endings.query_disks(teller)
        yield from endings.capture(teller)
    yield from endings.clean_up(teller)
    yield from endings.verdict(teller, began)


def _steps(teller: Teller) -> Iterator[Record]:
    yield from deprovision.upload(teller)
    for index, step in enumerate(teller.scenario.steps):
        teller.pace = teller.scenario.pace(f"step {index}")
        yield from provision(teller, step, index)
        if teller.failed is not None:
            yield teller.say("Provisioning step had errors: Running the cleanup provisioner, if present...")
            return
    teller.pace = teller.scenario.pace("end")
    yield from deprovision.run(teller)
