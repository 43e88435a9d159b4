"""One run of the template: its log and its run states, both pure functions of the time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any
from uuid import UUID

from msgspec import Struct

from aibtui.emulator.dialects import Generation
from aibtui.emulator.scenario import Scenario
from aibtui.emulator.story import Timeline, timeline

_QUEUED = 22.0
_NOTICED = 24.0
"""Seconds from the log's last line until the service gives the run its final state."""
_CANCEL_REACHES_PACKER = 6.0
TIMED_OUT = "Timeout waiting for microservice to complete: 'context deadline exceeded'"
TERMINAL = ("Succeeded", "PartiallySucceeded", "Failed", "Canceled")


class RunState(Struct, frozen=True):
    """What `lastRunStatus` says from `at` seconds after the run's start on."""

    at: float
    run_state: str
    sub_state: str | None = None
    message: str = ""


class Run:
    """Run `number` of a template, started at `started_at`; `cancel` is the only thing that changes it."""

    def __init__(self, scenario: Scenario, generation: Generation, number: int, started_at: datetime) -> None:
        self.scenario = scenario
        self.generation = generation
        self.number = number
        self.started_at = started_at
        self.operation: UUID = scenario.id(f"operation-{number}")
        self.folder: UUID = scenario.id(f"folder-{number}")
        self._canceled_after: float | None = scenario.canceling.after

    @property
    def log_name(self) -> str:
        """The blob's name in `packerlogs`; its folder is not the operation's guid."""
        return f"{self.folder}/customization.log"

    def elapsed(self, at: datetime) -> float:
        return (at - self.started_at).total_seconds()

    def cancel(self, at: datetime) -> None:
        """Cancel the run at this time; a second cancel changes nothing."""
        if self._canceled_after is None:
            self._canceled_after = self.elapsed(at)
            for name in ("timeline", "states", "_offsets", "_lengths", "_whole", "_said"):
                self.__dict__.pop(name, None)

    @property
    def canceled_at(self) -> datetime | None:
        """When somebody cancelled it."""
        after = self._canceled_after
        return None if after is None else self.started_at + timedelta(seconds=after)

    @cached_property
    def timeline(self) -> Timeline:
        return self.told(self.operation)

    def told(self, operation: UUID) -> Timeline:
        """The log as it would be under another operation's guid."""
        stopped = None if self._canceled_after is None else self._canceled_after + _CANCEL_REACHES_PACKER
        return timeline(self.scenario, self.generation, self.started_at, operation, stopped_after=stopped)

    @cached_property
    def _offsets(self) -> list[float]:
        return [at for at, _ in self.timeline.lines]

    @cached_property
    def _lengths(self) -> list[int]:
        return [0, *accumulate(len(line) for _, line in self.timeline.lines)]

    @cached_property
    def _whole(self) -> bytes:
        return b"".join(line for _, line in self.timeline.lines)

    def log(self, elapsed: float) -> memoryview:
        """What Packer has written `elapsed` seconds after the run's start, not copied."""
        return memoryview(self._whole)[: self._lengths[self.lines_written(elapsed)]]

    def lines_written(self, elapsed: float) -> int:
        """How many of the timeline's lines are written by then."""
        return bisect_right(self._offsets, elapsed)

    def said_at(self, text: str) -> float | None:
        """When the log first has this text, in seconds since the start; None where it never does."""
        return self._found(text, self._whole.find)

    def last_said_at(self, text: str) -> float | None:
        """When the log has it for the last time."""
        return self._found(text, self._whole.rfind)

    def _found(self, text: str, find: Callable[[bytes], int]) -> float | None:
        key = (text, find.__name__)
        if key not in self._said:
            position = find(text.encode())
            self._said[key] = None if position < 0 else self._offsets[bisect_right(self._lengths, position) - 1]
        return self._said[key]

    @cached_property
    def _said(self) -> dict[tuple[str, str], float | None]:
        """What was looked for before; a long log is searched once."""
        return {}

    def written_at(self, elapsed: float) -> float | None:
        """When the last of these bytes was written; None before the first."""
        count = self.lines_written(elapsed)
        return self._offsets[count - 1] if count else None

    def timestamp(self, elapsed: float) -> str:
        """The stamp that the container service puts before a line."""
        return service_time(self.started_at + timedelta(seconds=elapsed))

    @cached_property
    def states(self) -> tuple[RunState, ...]:
        """All run states in order."""
        states = self._uncanceled()
        canceled = self._canceled_after
        if canceled is None or (states[-1].at <= canceled and states[-1].run_state in TERMINAL):
            return states
        before = tuple(state for state in states if state.at <= canceled)
        sub_state = before[-1].sub_state
        return (
            *before,
            RunState(canceled, "Canceling", sub_state),
            RunState(canceled + self.scenario.canceling.takes, "Canceled", sub_state),
        )

    def _uncanceled(self) -> tuple[RunState, ...]:
        scenario, told, ending = self.scenario, self.timeline, self.scenario.ending
        states = [RunState(0.0, "Running", "Queued"), RunState(_QUEUED, "Running", "Building")]
        if told.ended is None and scenario.packer_starts is not None:
            return tuple(states)  # cancelled before Packer began
        if told.ended is None:
            end = RunState(scenario.ends_after, ending.run_state or "Failed", "Building", ending.message or "")
            return (*(state for state in states if state.at < end.at), end)
        if told.customizing_at is not None:
            states.append(RunState(told.customizing_at, "Running", "Customizing"))
        at = told.ended + _NOTICED
        if told.terminated or told.failed is not None:
            message = ending.message or (TIMED_OUT if told.terminated else self._packer_failed())
            return (*states, RunState(at, ending.run_state or "Failed", states[-1].sub_state, message))
        for stage in scenario.stages:
            states.append(RunState(at, "Running", stage.sub_state))
            at += stage.lasts * scenario.pace(stage.sub_state)
        run_state = ending.run_state or "Succeeded"
        sub_state = None if run_state == "Succeeded" else states[-1].sub_state
        return (*states, RunState(at, run_state, sub_state, ending.message or ""))

    def _packer_failed(self) -> str:
        scenario = self.scenario
        return (
            "During the image build a failure has occurred. Packer build logs are at location "
            f"/subscriptions/{scenario.subscription}/resourceGroups/{scenario.staging_group}/providers"
            f"/Microsoft.Storage/storageAccounts/{scenario.storage_account}/blobServices/default/containers"
            f"/packerlogs/{self.log_name}. Please navigate to this location using portal or other tools to download "
            "logs for identifying which build/customization step failed. Use this operationId "
            f"{self.operation} to search packer logs. For more troubleshooting steps go to "
            "https://aka.ms/azvmimagebuilderts."
        )

    def state(self, at: datetime) -> RunState:
        elapsed = self.elapsed(at)
        return next(state for state in reversed(self.states) if state.at <= max(elapsed, 0.0))

    def over(self, at: datetime) -> bool:
        return self.state(at).run_state in TERMINAL

    def status(self, at: datetime) -> dict[str, Any]:
        """`lastRunStatus` as the service answers it at this time."""
        state = self.state(at)
        status: dict[str, Any] = {"startTime": service_time(self.started_at), "runState": state.run_state}
        if state.sub_state is not None:
            status["runSubState"] = state.sub_state
        if state.run_state in TERMINAL:
            status["endTime"] = service_time(self.started_at + timedelta(seconds=state.at))
        return status | {"message": state.message}


def service_time(at: datetime) -> str:
    """A time as the service writes it: UTC with nine decimals."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"
