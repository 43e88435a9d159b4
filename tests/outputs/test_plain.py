"""Line mode: a line per event, a heartbeat, and at the very end why it failed."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from msgspec.structs import replace

from aibtui.core.polls import Distribution, Replica, Status, Template
from aibtui.core.updates import (
    AlertOpened,
    AlertUpdated,
    Change,
    PhaseChanged,
    ReplicaMoved,
    RunStateChanged,
    StepBegan,
    StepEnded,
    StepMoved,
    TransportChanged,
    Update,
)
from aibtui.outputs.plain import Plain
from tests.outputs.updates import ALERT, an_update, at, failed_update, phases, running_build, transport

BUILD = running_build()
COURSE = (("Replicating", 10), ("Replicating", 63), ("Failed", 63))
STEP = BUILD.steps[1]


def told(*updates: Update, exit_code: int | None = None, tail: list[str] | None = None) -> list[str]:
    """What line mode writes for these looks, without the time of day in front."""
    stream = io.StringIO()
    plain = Plain(stream, lambda: tail or [])
    for update in updates:
        plain.update(update)
    if exit_code is not None:
        plain.close(exit_code)
    return stream.getvalue().splitlines()


def test_every_event_is_a_line_with_its_own_time() -> None:
    assert told(an_update(6, BUILD, StepEnded(at(5), BUILD.steps[0]), StepBegan(at(5), STEP))) == [
        "2026-03-04T12:05:00Z Step 1 of 5, upload of the deprovisioning script, done after 1:00",
        "2026-03-04T12:05:00Z Step 2 of 5, powershell Install-Apps.ps1, began",
    ]


def test_an_alert_shows_its_proof_and_its_remedy_under_it() -> None:
    assert told(an_update(9, BUILD, AlertOpened(at(9), ALERT))) == [
        "2026-03-04T12:09:00Z Error: the script failed (script-failed, line 310)",
        "    Cannot find path 'C:\\setup.msi'",
        "    What to do: Read the evidence, mend the script, and run the template again.",
    ]


def test_a_region_is_a_line_when_its_state_changes_and_not_at_every_percent() -> None:
    copies = [Replica("1.0.3", "westeurope", state, share) for state, share in COURSE]
    known = enumerate(pairwise([None, *copies]))
    moves = [ReplicaMoved(at(5 + place), copy, before) for place, (before, copy) in known]
    assert told(*(an_update(5 + place / 100, BUILD, move) for place, move in enumerate(moves))) == [
        "2026-03-04T12:05:00Z Image version 1.0.3 in westeurope: Replicating, 10 %",
        "2026-03-04T12:07:00Z Image version 1.0.3 in westeurope: Failed, 63 %",
    ]


def test_where_an_image_goes_is_said_when_the_service_begins_to_distribute() -> None:
    entries = (
        Distribution("SharedImage", "/x/galleries/g/images/win11", ("westeurope", "eastus")),
        Distribution("ManagedImage", "/x/images/golden", ("eastus",)),
        Distribution("VHD"),
    )
    status = Status("Running", "Distributing", template=Template("/x", "win11", distributions=entries))
    change = RunStateChanged(at(9), "Running", "Distributing", None)
    assert told(an_update(9, replace(BUILD, status=status), change)) == [
        "2026-03-04T12:09:00Z The service is distributing; the gallery image win11 to westeurope, eastus; the managed "
        "image golden to eastus, of which Azure tells no progress; a VHD, of which Azure tells no progress"
    ]


def test_a_heartbeat_comes_after_a_minute_without_a_line() -> None:
    quiet = transport(quiet_since=at(5))
    looks = [an_update(5 + look / 4, BUILD, transport=quiet) for look in range(10)]
    assert told(an_update(5, BUILD, StepBegan(at(5), STEP)), *looks)[1:] == [
        "2026-03-04T12:06:00Z still in step 2 of 5, 1:00 elapsed, last output 1:00 ago",
        "2026-03-04T12:07:00Z still in step 2 of 5, 2:00 elapsed, last output 2:00 ago",
    ]


def test_a_look_after_a_long_gap_brings_one_heartbeat() -> None:
    assert len(told(an_update(5, BUILD), an_update(50, BUILD))) == 1


def test_there_is_no_heartbeat_at_the_end() -> None:
    assert told(an_update(5, BUILD), an_update(50, BUILD, ended=True)) == []


def test_phases_that_were_not_reached_make_no_line() -> None:
    unreached = [PhaseChanged(at(9), phase) for phase in phases(capture="skipped")]
    assert told(an_update(9, BUILD, *unreached)) == []


def test_live_and_quiet_alternate_without_a_word() -> None:
    states = ["waiting", "live", "quiet", "live", "blind", "live"]
    looks = [
        an_update(number / 4, BUILD, TransportChanged(at(number / 4), transport(state=state, reason=state)))
        for number, state in enumerate(states)
    ]
    assert [line.split()[1] for line in told(*looks)] == ["WAITING:", "LIVE:", "BLIND:", "LIVE:"]


def test_what_cannot_be_seen_comes_with_its_remedy() -> None:
    blind = transport(state="blind", reason="the token was refused", remedy="Run az login.")
    assert told(an_update(6, BUILD, TransportChanged(at(6), blind))) == [
        "2026-03-04T12:06:00Z BLIND: the token was refused",
        "    What to do: Run az login.",
    ]


def test_an_activity_is_said_when_it_is_another_and_else_once_a_minute() -> None:
    activities = ["Downloading 1%", "Downloading 2%", "Installing", "Installing", "Downloading 90%"]
    moves = [
        StepMoved(at(6 + number / 4), replace(STEP, activity=activity)) for number, activity in enumerate(activities)
    ]
    later = StepMoved(at(9), replace(STEP, activity="Downloading 95%"))
    lines = told(an_update(9, BUILD, *moves, later))
    assert [line.partition(": ")[2] for line in lines] == [
        "Downloading 1%",
        "Installing",
        "Downloading 90%",
        "Downloading 95%",
    ]


def test_an_alert_that_goes_on_is_said_when_its_count_has_doubled() -> None:
    opened: list[Change] = [AlertOpened(at(0), ALERT)]
    updates = [AlertUpdated(at(number), replace(ALERT, count=number)) for number in range(2, 100)]
    lines = told(an_update(6, BUILD, *opened, *updates))
    assert [line.rpartition("seen ")[2] for line in lines if "seen" in line] == [
        f"{count} times" for count in (2, 4, 8, 16, 32, 64)
    ]


def test_the_end_of_a_failed_run_is_the_tail_of_its_step_then_the_reason_then_the_remedy() -> None:
    lines = told(failed_update(), exit_code=1, tail=[f"output {number}" for number in range(30)])
    assert lines == [
        "2026-03-04T12:11:00Z Failed after 11:00 in step 2 of 5, powershell Install-Apps.ps1, with exit code 1",
        "The last lines of step 2 of 5, powershell Install-Apps.ps1:",
        *(f"    output {number}" for number in range(10, 30)),
        "Reason, line 310: Cannot find path 'C:\\setup.msi' because it does not exist.",
        "script-failed: the script failed. A customizer script ended with exit code 1.",
        "What to do: Read the evidence, mend the script, and run the template again.",
    ]


def test_the_end_of_a_good_run_is_its_outcome() -> None:
    good = an_update(30, replace(BUILD, outcome="succeeded", ended_at=at(30)), ended=True)
    assert told(good, exit_code=0, tail=["not wanted"]) == ["2026-03-04T12:30:00Z Succeeded after 30:00"]


def test_lost_contact_ends_with_its_reason_and_what_to_do() -> None:
    lost = transport(state="ended", reason="the template was deleted", remedy="The recording is kept.")
    assert told(an_update(30, BUILD, transport=lost, ended=True), exit_code=5) == [
        "2026-03-04T12:30:00Z Running for 30:00 in step 2 of 5, powershell Install-Apps.ps1;"
        " contact lost, the state of the run is unknown (exit code 5)",
        "Reason: the template was deleted",
        "What to do: The recording is kept.",
    ]


def test_a_watch_that_saw_nothing_writes_nothing() -> None:
    assert told(exit_code=3) == []


@pytest.mark.parametrize(
    "command", ["##vso[task.complete result=Failed;]x", "::error::x", "##[error]x", "\x1b]0;x\x07"]
)
def test_no_text_from_afar_is_a_command_to_a_runner_or_a_terminal(command: str) -> None:
    step = replace(STEP, name=command, activity=command)
    build = replace(failed_update().build, steps=(replace(step, state="failed"),), message=command)
    alert = replace(ALERT, title=command, remedy=command)
    update = an_update(
        9, build, StepBegan(at(9), step), StepMoved(at(9), step), AlertOpened(at(9), alert), alerts=(alert,)
    )
    lines = told(update, exit_code=1, tail=[command, f"  {command}"])
    assert not any(line.strip().startswith(("::", "##")) or "##vso[" in line or "##[" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_a_remedy_of_several_lines_keeps_its_command_on_a_line_of_its_own() -> None:
    alert = replace(ALERT, remedy="Look there:\naz vm list\nThen go on.")
    lines = told(an_update(9, BUILD, AlertOpened(at(9), alert)))
    assert lines[-3:] == ["    What to do: Look there:", "    az vm list", "    Then go on."]
