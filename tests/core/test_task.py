"""The console of a pipeline's task: which template, how it ended, what the service answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status
from aibtui.core.task import Task
from aibtui.core.updates import Update
from tests.core.logs import Log
from tests.core.run import rules

BEGINNING = (
    "##[section]Starting: Azure VM Image Builder Task",
    "start reading task parameters...",
    "template name:  t_1714550403123",
    "starting put template...",
)
RUN = (*BEGINNING, "put template:  Succeeded", "starting run template...")


def stamped(*lines: str) -> bytes:
    """The lines, a minute apart."""
    return "".join(f"2024-05-01T08:{minute:02}:00.1234567Z {line}\r\n" for minute, line in enumerate(lines)).encode()


def status_after(*lines: str) -> Status:
    task = Task()
    list(task.feed(stamped(*lines)))
    assert task.status is not None
    return task.status


def watch(data: bytes, log: bytes = b"") -> Update:
    at = datetime(2024, 5, 1, 10, tzinfo=UTC)
    monitor = Monitor(rules())
    chunks = (Chunk("devops.log", 0, 0, data), *((Chunk("customization.log", 0, 0, log),) if log else ()))
    monitor.feed(Poll(at, chunks=chunks))
    return monitor.feed(Poll(at, ended=True))


def test_a_task_names_its_template_and_when_its_run_began() -> None:
    status = status_after(*RUN)
    assert status.template is not None
    assert (status.template.name, status.started_at) == ("t_1714550403123", datetime(2024, 5, 1, 8, 5, tzinfo=UTC))
    assert status.run_state is None


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Canceled"])
def test_the_end_of_the_run_is_what_the_task_says(state: str) -> None:
    status = status_after(*RUN, f"run template:  {state}")
    assert (status.run_state, status.ended_at) == (state, datetime(2024, 5, 1, 8, 6, tzinfo=UTC))


def test_a_call_that_failed_gives_the_services_own_words() -> None:
    said = "##[error]Error: post template call failed for template t_1 with error: Build step failed. (CODE: 200)"
    status = status_after(*RUN, said)
    assert (status.run_state, status.message) == ("Failed", "Build step failed.")


def test_a_submission_that_failed_is_no_run() -> None:
    said = "##[error]Error: put template call failed for template t_1 with error: Not authorized (CODE: 403)"
    status = status_after(*BEGINNING, said)
    assert (status.run_state, status.provisioning_state, status.provisioning_error) == (
        None,
        "Failed",
        "Not authorized",
    )


def test_the_first_error_is_the_reason_not_what_the_pipeline_says_after_it() -> None:
    assert status_after(*RUN, "##[error]It broke", "##[error]The task failed").message == "It broke"


def test_a_job_that_was_cancelled_says_nothing_of_the_build() -> None:
    update = watch(stamped(*RUN, "##[error]The operation was canceled."))
    assert update.build.outcome == "running"
    assert update.root_cause is None
    (alert,) = (alert for alert in update.alerts if alert.rule == "devops-job-cancelled")
    assert [line.line for line in alert.evidence] == [6, 7]


@pytest.mark.parametrize(
    ("minutes", "said", "cause"),
    [
        (60, "##[error]The operation was canceled.", "stopped after 60 minutes: 60 are what a job has"),
        (360, "##[error]The operation was canceled.", "stopped after 360 minutes: 360 are the most"),
        (17, "##[error]The operation was canceled.", "stopped after 17 minutes, by somebody"),
        (
            3,
            "##[error]The job running on agent Azure Pipelines 2 ran longer than the maximum time of 60 minutes.",
            "60 are what a job has unless timeoutInMinutes",
        ),
        (
            3,
            "##[error]The job running on runner x has exceeded the maximum execution time of 360 minutes.",
            "360 are the most",
        ),
    ],
)
def test_a_job_that_was_cut_off_tells_its_limit_and_the_command_that_comes_back(
    minutes: int, said: str, cause: str
) -> None:
    began = datetime(2024, 5, 1, 8, tzinfo=UTC)
    stop = f"{began + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.0000000Z {said}\r\n".encode()
    update = watch(stamped(*RUN) + stop)
    (alert,) = (alert for alert in update.alerts if alert.rule == "devops-job-cancelled")
    assert cause in alert.cause
    assert "The image build does not know of it and goes on." in alert.cause
    assert "aibtui watch t_1714550403123 -g RESOURCE_GROUP" in alert.remedy
    assert update.build.outcome == "running"


def test_what_the_service_answered_raises_the_rules_of_its_message_on_that_line() -> None:
    words = "Packer build command has failed: exit status 1. During the image build a failure has occurred"
    update = watch(
        stamped(*RUN, f"##[error]Error: post template call failed for template t_1 with error: {words} (CODE: 200)")
    )
    (alert,) = (alert for alert in update.alerts if alert.rule == "packer-build-failed")
    assert (update.build.outcome, alert.line, alert.count) == ("failed", 7, 1)
    assert (update.build.lines, update.build.bytes > 0, update.build.format) == (7, True, None)


def test_the_lines_of_packer_inside_a_task_are_packers() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()
    log.out("##[error]only printed").out("template name: t_2").returned(0)
    data = stamped(*RUN) + log.data
    update = watch(data, data)
    assert update.build.step is not None
    assert (update.build.outcome, update.build.step.index) == ("running", 2)
    assert update.build.status is not None
    assert update.build.status.template is not None
    assert update.build.status.template.name == "t_1714550403123"


@pytest.mark.parametrize("size", [1, 7, 40])
def test_any_chunking_gives_the_same(size: int) -> None:
    data = stamped(*RUN, "run template:  Succeeded")
    whole, pieces = Task(), Task()
    at_once = list(whole.feed(data))
    piecewise = [said for at in range(0, len(data), size) for said in pieces.feed(data[at : at + size])]
    assert (piecewise, pieces.status, pieces.bytes, pieces.lines) == (at_once, whole.status, whole.bytes, whole.lines)
