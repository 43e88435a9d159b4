"""A source in front of the fake Azure, looked at one by one; and the log that lies there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

from aibtui.core.build import Build
from aibtui.core.forecast import Baseline
from aibtui.core.polls import LogName, Poll, Status
from aibtui.core.updates import Transport, Update
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from tests.sources.fake_azure import TARGET, FakeAzure, StepClock

LOG = "run-1/customization.log"
TEXT = b"".join(b"[op] PACKER 2026/03/01 10:00:%02d line %d\n" % (number, number) for number in range(60))


class Heard:
    """A monitor that only remembers what it was fed."""

    def __init__(self) -> None:
        self.polls: list[Poll] = []

    def retell(self) -> None: ...

    def expect(self, baseline: Baseline) -> None: ...

    def feed(self, poll: Poll) -> Update:
        self.polls.append(poll)
        return Update(poll.at, Build(), (), (), Transport("live", poll.at, None), ended=poll.ended)


class Looks:
    """A source and a clock: the looks, one by one or to the end."""

    def __init__(self, azure: FakeAzure, **options: object) -> None:
        access = Access({}, arm_endpoint=azure.endpoint)
        self.source = AzureSource(TARGET, access, random=Random(1), **options)  # type: ignore[arg-type]
        self.clock = StepClock()
        self.polls: list[Poll] = []

    async def __aenter__(self) -> Looks:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.source.close()

    async def next(self) -> Poll:
        poll = await self.source.look(self.clock.now())
        self.polls.append(poll)
        await self.clock.sleep(min(poll.pause, timedelta(seconds=30)))
        return poll

    async def until(self, wanted: Callable[[Poll], bool], limit: int = 200) -> Poll:
        for _ in range(limit):
            poll = await self.next()
            if wanted(poll):
                return poll
        raise AssertionError(f"not within {limit} looks; the last: {self.polls[-1]}")

    async def end(self) -> Poll:
        return await self.until(lambda poll: poll.ended)

    @property
    def log(self) -> bytes:
        """What a recording of the looks holds; asserts that no byte came twice."""
        return self.log_of("customization.log")

    def log_of(self, name: LogName) -> bytes:
        """The same of any log."""
        data, generation = b"", 0
        for chunk in (chunk for poll in self.polls for chunk in poll.chunks if chunk.log == name):
            if chunk.generation > generation:
                data, generation = b"", chunk.generation
            assert chunk.offset == len(data)
            data += chunk.data
        return data

    @property
    def status(self) -> Status:
        return next(poll.status for poll in reversed(self.polls) if poll.status)


def read(poll: Poll) -> bool:
    return poll.log_read


def troubled(poll: Poll) -> bool:
    return bool(poll.troubles)
