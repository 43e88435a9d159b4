"""What stands in the staging group: asked about politely, and silent where it may not be read."""

from __future__ import annotations

from datetime import timedelta

from aibtui.core.polls import Resource, Surroundings
from tests.sources.fake_azure import FakeAzure, answering, arm_error
from tests.sources.test_azure import START, Looks, azure, troubled

__all__ = ["azure"]
LISTED = [
    {"name": "pkrvmabc", "type": "Microsoft.Compute/virtualMachines"},
    {"name": "logs", "type": "Microsoft.Storage/storageAccounts"},
    {"name": 7, "type": None},
    "no resource",
]


def asked(azure: FakeAzure) -> int:
    return sum("/resources?" in request for request in azure.requests)


async def test_what_stands_there_is_told_with_when_it_was_asked(azure: FakeAzure) -> None:
    azure.resources = LISTED  # type: ignore[assignment]
    async with Looks(azure) as looks:
        poll = await looks.until(lambda poll: poll.around is not None)
    machine, storage = Resource("pkrvmabc", LISTED[0]["type"]), Resource("logs", LISTED[1]["type"])  # type: ignore[index]
    assert poll.around == Surroundings(resources=(machine, storage), listed_at=poll.at)


async def test_it_is_asked_about_once_a_minute_while_the_run_goes_on(azure: FakeAzure) -> None:
    azure.resources = []
    async with Looks(azure) as looks:
        await looks.until(lambda poll: poll.at >= START + timedelta(minutes=10), limit=400)
    assert 8 <= asked(azure) <= 12


async def test_after_the_end_it_is_asked_about_once_more(azure: FakeAzure) -> None:
    azure.resources = LISTED  # type: ignore[assignment]
    async with Looks(azure) as looks:
        await looks.until(lambda poll: poll.around is not None)
        azure.resources = None
        azure.run("Failed", endTime=START.isoformat())
        await looks.end()
    told = [poll.around.resources for poll in looks.polls if poll.around]
    assert told[-1] == ()
    assert asked(azure) == 2


async def test_a_refusal_is_silent_and_asked_about_less_often(azure: FakeAzure) -> None:
    azure.fail("/resources?", answering(lambda: arm_error(403, "AuthorizationFailed")), times=100)
    async with Looks(azure) as looks:
        await looks.until(lambda poll: poll.at >= START + timedelta(minutes=10), limit=400)
    assert 2 <= asked(azure) <= 3
    assert not any(poll.around for poll in looks.polls)
    assert not any("resources" in trouble.text for poll in looks.polls if troubled(poll) for trouble in poll.troubles)
