"""What stands around a run, in alerts and as changes: copies, what costs, the cancel, the pipeline's job."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from aibtui.core.monitor import Monitor
from aibtui.core.polls import Cancel, Chunk, Poll, Replica, Resource, Status, Surroundings, Template
from aibtui.core.updates import Alert, ReplicaMoved, Update
from tests.core.logs import START, Log
from tests.core.run import rules

TEMPLATE = Template("/subscriptions/s/resourceGroups/g/x/imageTemplates/win11", "win11", location="westeurope")
RUNNING = Status("Running", "Distributing", START, template=TEMPLATE)
CANCELING = replace(RUNNING, run_state="Canceling", sub_state="Customizing")


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def looks(*polls: Poll) -> list[Update]:
    monitor = Monitor(rules())
    return [monitor.feed(poll) for poll in polls]


def alert(update: Update, rule: str) -> Alert:
    return next(each for each in update.alerts if each.rule == rule)


def replicas(*shares: int) -> Surroundings:
    copies = zip(("westeurope", "northeurope"), shares, strict=True)
    return Surroundings(
        replicas=tuple(
            Replica("1.0.3", region, "Completed" if share == 100 else "Replicating", share) for region, share in copies
        )
    )


def test_a_copy_is_a_change_when_it_is_there_and_when_it_comes_further() -> None:
    first, second, third = looks(
        Poll(after(1), RUNNING, around=replicas(10, 20)),
        Poll(after(2), around=replicas(100, 20)),
        Poll(after(3), RUNNING),
    )
    moved = [
        [each.replica.region for each in update.changes if isinstance(each, ReplicaMoved)]
        for update in (first, second, third)
    ]
    assert moved == [["westeurope", "northeurope"], ["westeurope"], []]
    (change,) = (each for each in second.changes if isinstance(each, ReplicaMoved))
    assert (change.before and change.before.percent, change.replica.state) == (10, "Completed")


@pytest.mark.parametrize(("sub_state", "word"), [("Distributing", "log-done"), ("Customizing", "quiet")])
def test_a_log_without_its_end_is_done_all_the_same_once_the_service_distributes(sub_state: str, word: str) -> None:
    data = Log().say("working").data
    *_, last = looks(
        Poll(after(1), replace(RUNNING, sub_state=sub_state), (Chunk("customization.log", 0, 0, data),), log_read=True),
        Poll(after(5), log_read=True),
    )
    assert last.transport.state == word


def test_a_time_out_in_distribution_says_that_the_image_is_probably_fine_and_how_far_its_regions_are() -> None:
    message = "Error publishing MDI to Azure Compute Gallery: x. Error: context deadline exceeded"
    failed = replace(RUNNING, run_state="Failed", message=message)
    last = looks(Poll(after(1), RUNNING, around=replicas(100, 63)), Poll(after(2), failed))[-1]
    cause = alert(last, "gallery-timeout").cause
    assert "probably fine (when asked last: westeurope Completed, northeurope Replicating 63 %)." in cause


def test_any_time_out_in_distribution_spares_the_image() -> None:
    message = "Timeout waiting for microservice to complete: 'context deadline exceeded'"
    distributing, customizing = (
        looks(Poll(after(1), replace(RUNNING, run_state="Failed", sub_state=word, message=message)))[-1]
        for word in ("Distributing", "Customizing")
    )
    assert "the image is probably fine: check its regions" in alert(distributing, "build-timeout").cause
    assert "fine" not in alert(customizing, "build-timeout").cause


def test_a_cancel_is_as_old_as_the_activity_log_says_and_not_only_as_the_watch() -> None:
    cancel = Surroundings(cancel=Cancel(after(10), "operator@contoso.example"))
    young, old = looks(
        Poll(after(75), CANCELING),
        Poll(after(76), CANCELING, around=cancel),
    )
    assert not young.alerts
    assert alert(old, "stuck-canceling").title == "The run has been in Canceling for at least 66 minutes"


def test_a_stuck_cancel_tells_what_costs_what_is_no_help_and_what_to_write() -> None:
    known = Surroundings(
        resources=(
            Resource("pkrvm1", "Microsoft.Compute/virtualMachines"),
            Resource("pkros1", "Microsoft.Compute/disks"),
            Resource("acc", "Microsoft.Storage/storageAccounts"),
        ),
        cancel=Cancel(after(5)),
    )
    data = Log().prepare("file", "powershell").data
    chunk = Chunk("customization.log", 0, 0, data)
    raised = alert(
        looks(Poll(after(1), RUNNING, (chunk,)), Poll(after(70), CANCELING, around=known))[-1], "stuck-canceling"
    )
    assert "deleting the staging group" in raised.cause
    for words in (
        "still cost: the VM pkrvm1, the disk pkros1.",
        f"The run of the image template {TEMPLATE.id} in westeurope does not leave the state Canceling.",
        f"It began {START:%Y-%m-%d %H:%M} UTC",
        f"the cancel was asked for {after(5):%Y-%m-%d %H:%M} UTC",
        "at least 65 minutes",
        "operation id ",
    ):
        assert words in raised.remedy
    assert "operation id unknown" not in raised.remedy


def test_what_nobody_could_look_at_is_not_said_to_be_free() -> None:
    remedy = alert(looks(Poll(after(1), CANCELING), Poll(after(62), CANCELING))[-1], "stuck-canceling").remedy
    assert "is not known: it takes Reader there" in remedy
    assert "?" not in remedy


def test_a_job_is_warned_of_its_limit_before_it_strikes_and_no_more_once_it_is_passed() -> None:
    job = Surroundings(job_began_at=START)
    updates = looks(*(Poll(after(minute), RUNNING, around=job) for minute in (1, 49, 51, 59, 61, 349, 352, 361)))
    opened = [[each.title for each in update.alerts if each.open] for update in updates]
    at_60, at_360 = (f"This pipeline's job may be stopped in {left} minutes" for left in (9, 8))
    assert opened == [[], [], [at_60], [at_60], [], [], [at_360], []]
    warned = alert(updates[2], "job-limit-ahead")
    assert warned.severity == "warning"
    assert "the build goes on" in warned.cause
    assert f"aibtui watch {TEMPLATE.id}" in warned.remedy


def test_outside_of_a_job_there_is_no_limit() -> None:
    assert [update.alerts for update in looks(*(Poll(after(minute), RUNNING) for minute in (1, 55)))] == [(), ()]
