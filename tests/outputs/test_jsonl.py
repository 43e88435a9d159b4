"""JSON lines: a version, a line for every change, a summary."""

from __future__ import annotations

import io
import json
from typing import Any

from msgspec.structs import replace

from aibtui.core.updates import (
    AlertClosed,
    AlertOpened,
    AlertUpdated,
    Change,
    LogReplaced,
    PhaseChanged,
    RunStateChanged,
    StepBegan,
    StepEnded,
    StepMoved,
    TransportChanged,
)
from aibtui.outputs.jsonl import JsonLines
from aibtui.outputs.report import alert_dict, phase_dict, report, step_dict
from tests.outputs.updates import ALERT, an_update, at, failed_update, running_build, transport

BUILD = running_build()
STEP = BUILD.steps[1]


def written(*changes: Change) -> list[dict[str, Any]]:
    """The lines for one look with these changes."""
    stream = io.StringIO()
    JsonLines(stream, "x.log").update(an_update(6, BUILD, *changes))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_first_line_is_the_version() -> None:
    assert written() == [{"type": "version", "schema": "aibtui.events/1"}]


def test_every_change_is_one_line_with_time_number_and_offset() -> None:
    lines = written(StepBegan(at(5), STEP), StepEnded(at(6), STEP))
    heads = [{name: line[name] for name in ("type", "at", "seq", "offset")} for line in lines[1:]]
    assert heads == [
        {"type": "step_start", "at": "2026-03-04T12:05:00Z", "seq": 1, "offset": 54_013},
        {"type": "step_end", "at": "2026-03-04T12:06:00Z", "seq": 2, "offset": 54_013},
    ]


def test_every_change_has_its_type_and_its_fields() -> None:
    blind = transport(state="blind", reason="no answer")
    lines = written(
        RunStateChanged(at(6), "Running", "Customizing", None),
        PhaseChanged(at(6), BUILD.phases[0]),
        StepBegan(at(6), STEP),
        StepMoved(at(6), replace(STEP, activity="Installing")),
        StepEnded(at(6), STEP),
        AlertOpened(at(6), ALERT),
        AlertUpdated(at(6), ALERT),
        AlertClosed(at(6), ALERT),
        TransportChanged(at(6), blind),
        LogReplaced(at(6), 1),
    )
    alert = {"rule": "script-failed", "severity": "error", "alert": alert_dict(ALERT)}
    head = {"type", "at", "seq", "offset"}
    assert [(line["type"], {name: line[name] for name in line.keys() - head}) for line in lines[1:]] == [
        ("run_state", {"run_state": "Running", "sub_state": "Customizing", "message": None}),
        ("phase", {"phase": phase_dict(BUILD.phases[0])}),
        ("step_start", {"step": step_dict(STEP)}),
        ("step_progress", {"step": step_dict(STEP), "activity": "Installing"}),
        ("step_end", {"step": step_dict(STEP)}),
        ("alert_open", alert),
        ("alert_update", alert),
        ("alert_close", alert),
        ("transport", {"state": "blind", "reason": "no answer"}),
        ("log_replaced", {"generation": 1}),
    ]


def test_the_last_line_is_the_summary_with_the_report() -> None:
    stream = io.StringIO()
    output = JsonLines(stream, "x.log")
    output.update(failed_update())
    output.close(1)
    assert json.loads(stream.getvalue().splitlines()[-1]) == {
        "type": "summary",
        "at": "2026-03-04T12:11:00Z",
        "seq": 1,
        "offset": 54_013,
        "exit_code": 1,
        "report": report(failed_update(), "x.log"),
    }


def test_a_watch_that_saw_nothing_still_has_a_summary() -> None:
    stream = io.StringIO()
    JsonLines(stream, "x.log").close(3)
    summary = json.loads(stream.getvalue().splitlines()[-1])
    assert (summary["type"], summary["exit_code"], summary["report"]) == ("summary", 3, None)


def test_the_lines_are_ascii_whatever_they_say() -> None:
    stream = io.StringIO()
    step = replace(STEP, name="安装.ps1", activity="\x1b[1m✓\n")
    JsonLines(stream, "x.log").update(an_update(6, BUILD, StepMoved(at(6), step)))
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue().splitlines()[1])["activity"] == "✓"
