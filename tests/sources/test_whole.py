"""What `explain` is given is told by its content, and what it is not is said in a sentence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aibtui.core.polls import Chunk, Poll, Status
from aibtui.sources import CannotWatch
from aibtui.sources.whole import whole_of, with_status
from tests.core.logs import Log
from tests.core.test_task import RUN, stamped

NOW = datetime(2026, 5, 4, tzinfo=UTC)
LOG = Log().prepare("file", "powershell").data
TEMPLATE = {"id": "/s/imageTemplates/win11", "type": "Microsoft.VirtualMachineImages/imageTemplates"}
RUN_STATE = {"runState": "Failed", "startTime": "2026-05-04T08:00:00Z", "message": "no"}


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_packers_lines_make_a_log() -> None:
    assert whole_of(LOG, "x") == whole_of(LOG, "y")
    assert (whole_of(LOG, "x").log, whole_of(LOG, "x").task) == (LOG, b"")


def test_a_tasks_lines_make_a_pipelines_log() -> None:
    data = stamped(*RUN)
    assert (whole_of(data, "x").log, whole_of(data, "x").task) == (b"", data)


def test_a_pipelines_log_with_packers_lines_is_both() -> None:
    data = stamped(*RUN) + LOG
    assert (whole_of(data, "x").log, whole_of(data, "x").task) == (data, data)


def test_what_a_script_prints_makes_no_pipelines_log() -> None:
    data = Log().prepare("file", "powershell").hidden_upload().powershell().out("##[error]x").data
    assert whole_of(data, "x").task == b""


@pytest.mark.parametrize(
    "known",
    [RUN_STATE, {**TEMPLATE, "lastRunStatus": RUN_STATE}, [{**TEMPLATE, "properties": {"lastRunStatus": RUN_STATE}}]],
    ids=["run", "template", "list of one"],
)
def test_json_of_a_run_or_a_template_gives_its_state(known: Any) -> None:
    status = whole_of(b"\xef\xbb\xbf" + packed(known), "x").status
    assert status is not None
    assert (status.run_state, status.message) == ("Failed", "no")


def test_the_operation_of_a_run_tells_its_error() -> None:
    status = whole_of(packed({"status": "Failed", "error": {"code": "PackerBuildFailed", "message": "no"}}), "x").status
    assert status == Status("Failed", message="PackerBuildFailed: no")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (packed([{"id": "/s/imageTemplates/t/runOutputs/r", "artifactId": "/x"}]), "show-runs"),
        (packed([TEMPLATE, TEMPLATE]), "list of 2"),
        (packed({"a": 1}), "neither a run's state nor an image template"),
        (packed([]), "holds no run"),
        (b'{"runState": ', "no state of a run"),
        (b"2024-05-01T08:00:00.1234567Z ##[section]Starting: make\n", "no task in it speaks of Image Builder"),
        (b"the word PACKER\n", "no customization.log"),
        (b"", "no customization.log"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(CannotWatch) as refused:
        whole_of(data, "x.json")
    assert refused.value.exit_code == 2
    assert refused.value.text.startswith("x.json ")
    assert said in refused.value.text


def test_looks_are_at_the_times_of_the_log() -> None:
    (*_, last) = whole_of(stamped(*RUN), "x").polls()
    assert (last.at, last.ended) == (datetime(2024, 5, 1, 8, 5, tzinfo=UTC), True)


def test_a_state_that_was_saved_beside_comes_last() -> None:
    chunk = Chunk("customization.log", 0, 0, b"x\n")
    recorded = [Poll(NOW, chunks=(chunk,)), Poll(NOW + timedelta(seconds=5), ended=True)]
    assert list(with_status(iter(recorded), None)) == recorded
    (first, second, last) = with_status(iter(recorded), Status("Canceled"))
    assert (first.chunks, second.ended, last.ended, last.status) == ((chunk,), False, True, Status("Canceled"))


def test_a_recording_that_broke_off_is_ended() -> None:
    assert [poll.ended for poll in with_status(iter([Poll(NOW), Poll(NOW)]), None)] == [False, False, True]
