"""The report: exactly its fields, in their order, as plain JSON."""

from __future__ import annotations

import json

from msgspec.structs import replace

from aibtui.core.build import Build
from aibtui.core.polls import Status, Template
from aibtui.core.updates import Evidence
from aibtui.outputs.report import report
from tests.outputs.updates import ALERT, an_update, failed_update, running_build


def test_a_failed_build_is_reported_whole() -> None:
    said = report(failed_update(), "customization.log")
    assert {name: said[name] for name in list(said)[:10]} == {  # type: ignore[literal-required]
        "schema": "aibtui.report/1",
        "source": "customization.log",
        "bytes": 54_013,
        "lines": 350,
        "started_at": "2026-03-04T12:00:00Z",
        "ended_at": "2026-03-04T12:11:00Z",
        "os": "windows",
        "format": "g3",
        "outcome": "failed",
        "stopped_by": None,
    }
    assert said["build"] == {
        "vm_size": "Standard_D2s_v3",
        "source": "MicrosoftWindowsDesktop:windows-11:win11-24h2-avd:latest",
        "image_name": "packerImg_20260304115500",
        "staging_group": "IT_images_win11_1",
        "packer": "1.15.0",
        "operation_id": None,
        "plugins": {"packer-plugin-azure": "2.4.0", "packer-plugin-windows-update": "0.16.10"},
    }
    assert said["steps"][1] == {
        "index": 2,
        "type": "powershell",
        "name": "Install-Apps.ps1",
        "hidden": False,
        "state": "failed",
        "exit_code": 1,
        "started_at": "2026-03-04T12:05:00Z",
        "ended_at": "2026-03-04T12:09:10Z",
        "first_line": 121,
        "last_line": 320,
        "held_seconds": 0,
        "silent_seconds": 0,
    }
    assert said["downloads"] == [
        {"name": "setup.msi", "bytes": 500, "total": 2000, "percent": 25.0, "first_line": 200, "last_line": 210}
    ]
    assert said["alerts"] == [
        {
            "rule": "script-failed",
            "severity": "error",
            "line": 310,
            "count": 1,
            "title": ALERT.title,
            "cause": ALERT.cause,
            "remedy": ALERT.remedy,
            "doc": ALERT.doc,
            "evidence": [
                {"line": 310, "text": "Cannot find path 'C:\\setup.msi'"},
                {"line": 311, "text": "FullyQualifiedErrorId : PathNotFound"},
            ],
        }
    ]
    assert said["root_cause"] == {
        "rule": "script-failed",
        "line": 310,
        "step": 2,
        "text": "Cannot find path 'C:\\setup.msi' because it does not exist.",
    }


def test_the_fields_stand_in_the_order_of_the_schema() -> None:
    said = report(failed_update(), "customization.log")
    assert [*said] == [
        *("schema", "source", "bytes", "lines", "started_at", "ended_at", "os", "format", "outcome", "stopped_by"),
        *("build", "phases", "steps", "downloads", "alerts", "root_cause", "run", "validation"),
    ]
    assert [*said["phases"][0]] == ["name", "state", "started_at", "ended_at", "first_line", "last_line"]
    assert [phase["name"] for phase in said["phases"]] == [
        *("prepare", "deploy", "connect", "customize", "deprovision", "capture", "cleanup"),
        *("optimize", "validate", "distribute"),
    ]


def test_a_build_of_which_nothing_is_known_has_every_field() -> None:
    said = report(an_update(0, Build()), "x.log")
    assert (said["started_at"], said["os"], said["root_cause"], said["build"]["packer"]) == (None,) * 4
    assert (said["outcome"], said["steps"], said["build"]["plugins"]) == ("running", [], {})
    assert {phase["state"] for phase in said["phases"]} == {"planned"}


def test_what_the_service_says_of_the_run_is_reported() -> None:
    status = Status("Failed", "Building", message="no\x1b[1m", template=Template("/x/imageTemplates/t", "t"))
    said = report(an_update(0, Build(status=status)), "x.log")
    assert said["run"] == {
        "template": "/x/imageTemplates/t",
        "source": None,
        "started_at": None,
        "run_state": "Failed",
        "sub_state": "Building",
        "message": "no",
        "scripts": [],
    }


def test_a_stop_that_was_probably_the_time_out_says_so() -> None:
    build = replace(running_build(), outcome="stopped", probably_timed_out=True)
    assert report(an_update(12, build), "x.log")["stopped_by"] == "probably-timed-out"


def test_no_text_carries_what_a_terminal_would_obey() -> None:
    hostile = "\x1b]0;x\x07a\nb\u202e"
    build = replace(running_build(), steps=(replace(running_build().steps[1], name=hostile),))
    alert = replace(ALERT, title=hostile, evidence=(Evidence(1, hostile),))
    said = json.dumps(report(an_update(12, build, alerts=(alert,)), hostile), ensure_ascii=False)
    assert not any(char in said for char in "\x1b\x07\n\u202e")
