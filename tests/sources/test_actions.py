"""Starting a run and waiting for it, in turns; a cancel with its refusals. The emulator counts what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from aibtui.core.polls import Poll
from aibtui.emulator import Emulator, ScenarioClock, load_scenario
from aibtui.sources import CannotWatch
from aibtui.sources.actions import StartingSource, Turns, cancel
from aibtui.sources.arm import Access, Arm
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import Target

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


class Started:
    """A StartingSource of the emulator's template, what it said, and the runs before that it told of."""

    def __init__(self, emulator: Emulator, turns: Turns | None = None) -> None:
        self.said: list[str] = []
        self.before: list[datetime | None] = []
        self.emulator = emulator
        self.target = Target(emulator.subscription, emulator.group, emulator.template)
        self.access = Access({}, arm_endpoint=emulator.endpoint)
        self.source = StartingSource(self.target, self.access, turns or Turns(), self.follow, self.said.append)

    def follow(self, before: datetime | None) -> AzureSource:
        self.before.append(before)
        return AzureSource(self.target, self.access, earlier=before)

    async def play(self, until: Callable[[Poll], bool], most: int = 2000) -> list[Poll]:
        clock, polls = self.emulator.clock, []
        for _ in range(most):
            polls.append(await self.source.look(clock.now()))
            if until(polls[-1]):
                break
            await clock.sleep(min(polls[-1].pause, timedelta(seconds=30)))
        return polls

    @property
    def posts(self) -> list[str]:
        return [served.path.rpartition("/")[2] for served in self.emulator.requests if served.method == "POST"]


def emulator(scenario: str = "quota", **options: object) -> Emulator:
    return Emulator(load_scenario(scenario), ScenarioClock(None, START), **options)  # type: ignore[arg-type]


async def test_a_run_is_started_once_and_only_the_new_one_is_watched() -> None:
    async with emulator(auto_run=False, earlier_runs=1) as server:
        one = Started(server)
        polls = await one.play(lambda poll: poll.ended)
        await one.source.close()
        began = next(poll.status.started_at for poll in polls if poll.status is not None)
    assert one.posts == ["run"]
    assert one.before == [START - timedelta(days=1)]
    assert began is not None
    assert began >= START
    assert polls[-1].ended
    assert [trouble.waiting for trouble in polls[0].troubles] == [True]
    assert one.said == [f"A run of {server.template} was asked for."]


async def test_one_that_runs_already_is_watched_and_no_other_is_started() -> None:
    async with emulator() as server:
        one = Started(server)
        await one.play(lambda poll: poll.status is not None)
        await one.source.close()
    assert one.posts == []
    assert "that run is watched, and no other is started" in one.said[0]


async def test_the_next_begins_when_one_has_ended() -> None:
    turns = Turns(1)
    async with emulator(auto_run=False) as first, emulator("script-failed", auto_run=False) as second:
        one, two = Started(first, turns), Started(second, turns)
        await one.play(lambda poll: poll.status is not None)
        waits = await two.source.look(START)
        assert two.posts == []
        assert "its turn" in waits.troubles[0].text
        await one.play(lambda poll: poll.ended)
        await two.play(lambda poll: poll.status is not None, 20)
        assert two.posts == ["run"]
        await one.source.close()
        await two.source.close()


async def test_what_was_still_waiting_for_its_turn_is_said_not_to_be_started() -> None:
    turns = Turns(1)
    assert turns.take()
    async with emulator(auto_run=False) as server:
        one = Started(server, turns)
        await one.source.look(START)
        await one.source.close()
    assert one.posts == []
    assert one.said == [f"{server.template} was not started."]


async def test_a_fault_of_the_request_is_told_and_tried_again() -> None:
    async with emulator(auto_run=False) as server:
        server.fail_next("status", matching="POST", code=503, times=2)
        one = Started(server)
        polls = await one.play(lambda poll: poll.status is not None)
        await one.source.close()
    assert one.posts == ["run", "run", "run"]
    assert [poll.troubles[0].kind for poll in polls[:2]] == ["throttled", "throttled"]


@pytest.mark.parametrize(
    ("code", "error", "exits", "said"),
    [
        (403, "AuthorizationFailed", 4, "You may not start a run of the image template"),
        (400, "BadRequest", 1, "cannot be run now: This fault was asked for"),
    ],
)
async def test_a_refusal_ends_it_and_frees_the_turn(code: int, error: str, exits: int, said: str) -> None:
    turns = Turns(1)
    async with emulator(auto_run=False) as server:
        server.fail_next("status", matching="POST", code=code, error=error)
        one = Started(server, turns)
        with pytest.raises(CannotWatch, match=said) as refused:
            await one.play(lambda poll: poll.ended)
        await one.source.close()
    assert refused.value.exit_code == exits
    assert turns.take()


async def test_what_somebody_else_started_in_between_is_watched() -> None:
    async with emulator(auto_run=False) as server:
        one = Started(server)
        server.fail_next("status", matching="POST", code=409, error="Conflict")
        await one.source.look(START)
        other = Arm(one.access, server.subscription)
        await other.act(one.target, "run")
        await other.close()
        await one.play(lambda poll: poll.status is not None, 20)
        await one.source.close()
    assert one.posts == ["run", "run"]  # the refused one, and the other's
    assert "Running" in one.said[0]


async def test_a_cancel_is_asked_for_again_where_the_fault_may_pass() -> None:
    async with emulator("windows") as server:
        arm = Arm(Access({}, arm_endpoint=server.endpoint), server.subscription)
        target = Target(server.subscription, server.group, server.template)
        server.fail_next("status", matching="POST", code=503)
        await cancel(arm, target)
        await server.clock.sleep(timedelta(minutes=2))
        state = server.run_status()
        with pytest.raises(CannotWatch, match="not allowed") as refused:
            await cancel(arm, target)
        await arm.close()
    assert state is not None
    assert state["runState"] == "Canceled"
    assert refused.value.exit_code == 1
