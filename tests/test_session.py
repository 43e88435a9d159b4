"""The watch: what it does with a run that is new, known, taken by another, or on a full disk; and its verdicts."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aibtui.core.build import Build
from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.core.updates import Transport, Update
from aibtui.recording import Recordings
from aibtui.session import ExitCode, Watch, exit_code, worst
from aibtui.sources import CannotWatch
from aibtui.sources.replay import ReplaySource
from tests.sources.fake_azure import START, StepClock

TEMPLATE = Template(id="/subscriptions/s/resourceGroups/rg/x/imageTemplates/win11", name="win11")
RUNNING = Status(run_state="Running", started_at=START, template=TEMPLATE)


class Monitor:
    """Remembers what it was fed."""

    def __init__(self) -> None:
        self.polls: list[Poll] = []

    def retell(self) -> None:
        """This one tells everything at every look."""

    def feed(self, poll: Poll) -> Update:
        self.polls.append(poll)
        status = next((seen.status for seen in reversed(self.polls) if seen.status), None)
        log = sum(len(chunk.data) for seen in self.polls for chunk in seen.chunks)
        reason = poll.troubles[0].text if poll.troubles else None
        return Update(
            at=poll.at,
            build=Build(status=status, bytes=log),
            alerts=(),
            changes=(),
            transport=Transport("live", poll.at, reason),
            ended=poll.ended,
        )


class Script:
    """A source that plays given Polls."""

    def __init__(self, *polls: Poll) -> None:
        self._polls = list(polls)
        self.looked_at: list[datetime] = []
        self.closed = False

    async def look(self, at: datetime) -> Poll:
        self.looked_at.append(at)
        poll = self._polls.pop(0)
        return replace(poll, at=at, ended=poll.ended or not self._polls)

    async def close(self) -> None:
        self.closed = True


def part(offset: int, data: bytes) -> tuple[Chunk, ...]:
    return (Chunk("customization.log", 0, offset, data),)


def look(status: Status | None = None, chunks: tuple[Chunk, ...] = (), pause: float = 5) -> Poll:
    return Poll(START, status, chunks, log_read=bool(chunks), pause=timedelta(seconds=pause))


async def play(watch: Watch) -> list[Update]:
    async with watch:
        return [update async for update in watch.updates()]


@pytest.fixture
def recordings(tmp_path: Path) -> Iterator[Recordings]:
    opened = Recordings(tmp_path)
    yield opened
    opened.close()


async def test_a_look_is_followed_by_its_pause_of_thirty_seconds_at_most(recordings: Recordings) -> None:
    source = Script(look(pause=2), look(pause=300), look())
    await play(Watch(source, Monitor, recordings, StepClock()))
    assert [(at - START).total_seconds() for at in source.looked_at] == [0, 2, 32]
    assert source.closed


async def test_what_is_seen_is_recorded(recordings: Recordings, tmp_path: Path) -> None:
    source = Script(look(), look(RUNNING), look(RUNNING, part(0, b"one\n")), look(chunks=part(4, b"two\n")))
    await play(Watch(source, Monitor, recordings, StepClock()))
    (info,) = Recordings(tmp_path).list()
    run = recordings.load(info)
    assert (run.read(0, 99), info.run_state, len(list(run.polls()))) == (b"one\ntwo\n", "Running", 3)
    run.close()


async def test_a_new_start_time_is_a_new_run(recordings: Recordings) -> None:
    second = replace(RUNNING, started_at=START + timedelta(hours=1))
    source = Script(look(RUNNING, part(0, b"old")), look(second, part(0, b"newer")))
    watch = Watch(source, Monitor, recordings, StepClock())
    runs = []
    async with watch:
        updates = []
        async for update in watch.updates():
            updates.append(update)
            runs.append((watch.run.id, watch.run.read(0, 9)))
    assert runs == [("win11-20260301T100000Z", b"old"), ("win11-20260301T110000Z", b"newer")]
    assert [update.build.bytes for update in updates] == [3, 5]


async def test_a_watch_goes_on_where_a_recording_ends(tmp_path: Path) -> None:
    await play(Watch(Script(look(RUNNING, part(0, b"one\n"))), Monitor, Recordings(tmp_path), StepClock()))
    recordings = Recordings(tmp_path)
    monitors: list[Monitor] = []

    def monitor() -> Monitor:
        monitors.append(Monitor())
        return monitors[-1]

    cursor = recordings.cursor(TEMPLATE.id, START)
    (update,) = await play(
        Watch(Script(look(RUNNING, part(cursor.offset, b"two\n"))), monitor, recordings, StepClock())
    )
    assert update.build.bytes == 8
    assert [poll.ended for poll in monitors[-1].polls] == [False, True]


async def test_a_replay_feeds_what_the_watch_fed(tmp_path: Path) -> None:
    live: list[Monitor] = []

    def monitor() -> Monitor:
        live.append(Monitor())
        return live[-1]

    source = Script(look(RUNNING, part(0, b"one\n")), look(), look(RUNNING, part(4, b"two\n")))
    await play(Watch(source, monitor, Recordings(tmp_path), StepClock()))
    watched = live[-1].polls
    kept = Recordings(tmp_path)
    replay = ReplaySource(kept.load(kept.list()[0]), speed=2)
    await play(Watch(replay, monitor, Recordings.temporary(), StepClock()))
    assert [replace(poll, pause=timedelta()) for poll in live[-1].polls] == [
        replace(poll, pause=timedelta()) for poll in watched
    ]
    assert live[-1] is not live[0]


async def test_a_replay_that_is_late_waits_the_less_for_its_next_look(tmp_path: Path) -> None:
    source = Script(look(RUNNING, part(0, b"one\n")), look(), look(RUNNING, part(4, b"two\n")))
    await play(Watch(source, Monitor, Recordings(tmp_path), StepClock()))
    kept = Recordings(tmp_path)
    first, second, *_ = kept.load(kept.list()[0]).polls()
    between = second.at - first.at
    pauses = []
    for late in (timedelta(), between / 4, 2 * between):
        replay = ReplaySource(kept.load(kept.list()[0]), speed=1)
        pauses.append((await replay.look(first.at + late)).pause)
        await replay.close()
    assert between
    assert pauses == [between, between * 3 / 4, timedelta()]


async def test_a_second_watcher_says_that_its_bytes_are_not_kept(tmp_path: Path) -> None:
    first = Watch(Script(look(RUNNING, part(0, b"one\n")), look()), Monitor, Recordings(tmp_path), StepClock())
    async with first, aclosing(first.updates()) as updates:
        await anext(updates)
        second = Watch(Script(look(RUNNING, part(0, b"one\n")), look()), Monitor, Recordings(tmp_path), StepClock())
        told = await play(second)
    assert told[0].transport.reason == "Another aibtui records this run; this one keeps its bytes only until it ends."
    assert told[1].transport.reason is None
    assert told[1].build.bytes == 4


async def test_a_full_disk_is_told_and_the_watch_goes_on(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings.open(TEMPLATE.id, START)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    source = Script(look(RUNNING, part(0, b"one\n")), look(chunks=part(4, b"two\n")))
    watch = Watch(source, Monitor, recordings, StepClock())
    async with watch:
        updates = [update async for update in watch.updates()]
        assert watch.run.read(0, 99) == b"one\ntwo\n"
    assert all("No space left on device" in (update.transport.reason or "") for update in updates)
    assert updates[-1].build.bytes == 8


class Stuck:
    """A source whose request hangs."""

    async def look(self, at: datetime) -> Poll:
        await asyncio.sleep(60)
        raise AssertionError

    async def close(self) -> None:
        return None


async def test_quitting_waits_for_no_request(recordings: Recordings) -> None:
    task = asyncio.create_task(play(Watch(Stuck(), Monitor, recordings, StepClock())))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.3


async def test_what_cannot_be_watched_is_raised(recordings: Recordings) -> None:
    class Nothing(Stuck):
        async def look(self, at: datetime) -> Poll:
            raise CannotWatch("There is nothing.", "Look elsewhere.", 3)

    with pytest.raises(CannotWatch, match="There is nothing"):
        await play(Watch(Nothing(), Monitor, recordings, StepClock()))


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (Build(status=Status(run_state="Succeeded"), outcome="failed"), ExitCode.SUCCEEDED),
        (Build(status=Status(run_state="Failed"), outcome="succeeded"), ExitCode.FAILED),
        (Build(status=Status(run_state="Canceled")), ExitCode.CANCELED),
        (Build(status=Status(run_state="PartiallySucceeded")), ExitCode.PARTIALLY_SUCCEEDED),
        (Build(status=Status(run_state="Running", deleted=True)), ExitCode.UNKNOWN),
        (Build(status=Status(run_state="Succeeded", deleted=True)), ExitCode.SUCCEEDED),
        (Build(status=Status(run_state="Running"), outcome="succeeded"), ExitCode.UNKNOWN),
        (Build(status=Status(provisioning_state="Failed")), ExitCode.FAILED),
        (Build(status=Status(provisioning_state="Failed", deleted=True)), ExitCode.UNKNOWN),
        (Build(outcome="succeeded"), ExitCode.SUCCEEDED),
        (Build(outcome="failed"), ExitCode.FAILED),
        (Build(outcome="stopped"), ExitCode.FAILED),
        (Build(outcome="running"), ExitCode.UNKNOWN),
    ],
)
def test_the_run_state_decides_else_the_log(build: Build, code: ExitCode) -> None:
    assert exit_code(build) is code


@pytest.mark.parametrize(
    ("codes", "code"), [([0, 6, 7], 7), ([0, 5, 8], 8), ([8, 1], 1), ([6, 0], 6), ([0, 0], 0), ([], 0), ([1, 130], 130)]
)
def test_of_several_templates_the_worst_counts(codes: list[int], code: int) -> None:
    assert worst(codes) == code
