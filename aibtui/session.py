"""A watch: look, record, feed, yield, sleep. It knows no Azure and no screen; clock and sleep are handed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from types import TracebackType
from typing import Protocol

from msgspec.structs import replace

from aibtui.core.build import Build
from aibtui.core.forecast import Baseline
from aibtui.core.polls import Poll, Status, Trouble
from aibtui.core.updates import Update
from aibtui.recording import Recordings, Run
from aibtui.sources import Source

LONGEST_PAUSE = timedelta(seconds=30)
_SAME_START = timedelta(seconds=1)
_NAP = 2.0  # seconds between two looks at the clock


class Clock(Protocol):
    """Time as the watch sees it; an emulator brings one that runs faster."""

    def now(self) -> datetime:
        """The time, aware and in UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Wait that long, by this clock."""


class SystemClock:
    """The machine's own clock. After a laptop has slept, a sleep ends at once: the event loop's time stood still."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        loop = asyncio.get_running_loop()
        wakes_at, ends = self.now() + duration, loop.time() + duration.total_seconds()
        await asyncio.sleep(max(0.0, min(duration.total_seconds(), _NAP)))
        while (left := min((wakes_at - self.now()).total_seconds(), ends - loop.time())) > 0:
            await asyncio.sleep(min(left, _NAP))


class Monitor(Protocol):
    """What digests Polls, as core.monitor.Monitor does."""

    def feed(self, poll: Poll) -> Update: ...

    def expect(self, baseline: Baseline) -> None: ...

    def retell(self) -> None: ...


class Watch:
    """One template, file or recording, watched until its source says that it ended.

    `async with Watch(...) as watch` and `async for update in watch.updates()`; leaving the block closes source and
    recordings at once, also with a request in flight. `run` is the recording of what is watched now: another object
    after a new run began, and still readable after the last update. `last` is the newest Update. `history` gives what
    earlier runs of a template's kind took, once a run of it is known.
    """

    def __init__(
        self,
        source: Source,
        monitor: Callable[[], Monitor],
        recordings: Recordings,
        clock: Clock,
        longest_pause: timedelta = LONGEST_PAUSE,
        history: Callable[[Status], Baseline] | None = None,
    ) -> None:
        self.run: Run = recordings.scratch()
        self.last: Update | None = None
        self._source = source
        self._new_monitor = monitor
        self._monitor: Monitor | None = None
        self._recordings = recordings
        self._clock = clock
        self._longest_pause = longest_pause
        self._history = history
        self._announced: Run | None = None

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def updates(self) -> AsyncIterator[Update]:
        """An Update after every look; the last one has `ended`. Raises CannotWatch where the source does."""
        while True:
            poll = await self._source.look(self._clock.now())
            self._follow(poll.status)
            self.last = update = self._digest.feed(self._record(poll))
            yield update
            if poll.ended:
                return
            await self._clock.sleep(min(poll.pause, self._longest_pause))

    def expect(self, baseline: Baseline) -> None:
        """Compare with these earlier runs from the next look on: more of them are known now."""
        self._digest.expect(baseline)

    @property
    def _digest(self) -> Monitor:
        """The monitor of what is watched now. It is made at the first look, so that a screen need not wait for it."""
        if self._monitor is None:
            self._monitor = self._new_monitor()
        return self._monitor

    async def close(self) -> None:
        """Let go of the source and the recordings; nothing is waited for."""
        try:
            await self._source.close()
        finally:
            self._recordings.close()

    def _follow(self, status: Status | None) -> None:
        """Go over to the run that `status` speaks of, if it is another: its recording, and a monitor that knows it."""
        if status is None or status.template is None or status.started_at is None:
            return
        info = self.run.info
        started = info.started_at
        if started and abs(started - status.started_at) < _SAME_START and info.template_id == status.template.id:
            return
        before = self.run
        self.run = self._recordings.open(status.template.id, status.started_at)
        if self.run is before:
            return
        self._recordings.release(before)
        self._monitor = monitor = self._new_monitor()
        if self._history is not None:
            monitor.expect(self._history(status))
        for known in self.run.polls():
            monitor.feed(replace(known, ended=False))
        monitor.retell()

    def _record(self, poll: Poll) -> Poll:
        """Keep the look on disk; the look as it is shown, its logs as one, with a word where it is not kept."""
        refusal: OSError | None = None
        try:
            self.run.append(poll)
        except OSError as error:
            refusal = error
        poll = self.run.told or poll
        if refusal is not None:
            reason = refusal.strerror or str(refusal)
            text = f"The log cannot be written to {self.run.path}: {reason}. What is new is held in memory."
            return _with_trouble(poll, text, "Make room there, or move the recordings with AIBTUI_STATE_DIR.")
        if self.run.note and self._announced is not self.run:
            self._announced = self.run
            return _with_trouble(poll, self.run.note, "Move the recordings with AIBTUI_STATE_DIR to keep a second one.")
        return poll


def _with_trouble(poll: Poll, text: str, remedy: str) -> Poll:
    return replace(poll, troubles=(*poll.troubles, Trouble("log", "disk", text, remedy)))


class ExitCode(IntEnum):
    """The verdict of a command, as the process hands it on."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NO_ACCESS = 4
    UNKNOWN = 5
    CANCELED = 6
    PARTIALLY_SUCCEEDED = 7
    FAIL_ON = 8
    TIMEOUT = 124
    INTERRUPTED = 130


_BY_RUN_STATE = {
    "Succeeded": ExitCode.SUCCEEDED,
    "PartiallySucceeded": ExitCode.PARTIALLY_SUCCEEDED,
    "Failed": ExitCode.FAILED,
    "Canceled": ExitCode.CANCELED,
}
_BY_OUTCOME = {
    "succeeded": ExitCode.SUCCEEDED,
    "partially-succeeded": ExitCode.PARTIALLY_SUCCEEDED,
    "failed": ExitCode.FAILED,
    "stopped": ExitCode.FAILED,
    "timed-out": ExitCode.FAILED,
    "canceled": ExitCode.CANCELED,
}
_WORST_FIRST = (
    ExitCode.FAILED,
    ExitCode.FAIL_ON,
    ExitCode.UNKNOWN,
    ExitCode.PARTIALLY_SUCCEEDED,
    ExitCode.CANCELED,
    ExitCode.SUCCEEDED,
)


def exit_code(build: Build) -> ExitCode:
    """What the watch of `build` ends with.

    The run state decides. A template that is gone leaves it unknown, one that could not be provisioned and never ran
    has failed. Without any status (a local file) the log's own verdict decides.
    """
    status = build.status
    if status is None:
        return _BY_OUTCOME.get(build.outcome, ExitCode.UNKNOWN)
    if status.run_state in _BY_RUN_STATE:
        return _BY_RUN_STATE[status.run_state]
    never_ran = status.run_state is None and status.started_at is None
    if not status.deleted and never_ran and status.provisioning_state in ("Failed", "Canceled"):
        return ExitCode.FAILED
    return ExitCode.UNKNOWN


def worst(codes: Iterable[int]) -> int:
    """The one code of several watches: the worst by what it says of the builds; any other code before all of these."""
    given = list(codes)
    others = [code for code in given if code not in _WORST_FIRST]
    return max(others) if others else next((code for code in _WORST_FIRST if code in given), ExitCode.SUCCEEDED)
