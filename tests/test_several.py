"""Several builds in one watch: whose line it is, which code it ends with, and that one cannot spoil the others."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from aibtui.cli.rulefiles import LiveRules
from aibtui.cli.watching import Job, Limits, follow_all
from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.outputs.farewell import farewell, farewell_in_one
from aibtui.recording import Recordings
from aibtui.sources import CannotWatch
from tests.core.logs import START, Log
from tests.sources.fake_azure import StepClock
from tests.tui.builders import alert, ended, update


class Script:
    """A source that plays given Polls, or refuses."""

    def __init__(self, *polls: Poll | CannotWatch) -> None:
        self._polls = list(polls)

    async def look(self, at: datetime) -> Poll:
        poll = self._polls.pop(0)
        if isinstance(poll, CannotWatch):
            raise poll
        return replace(poll, at=at, ended=poll.ended or not self._polls)

    async def close(self) -> None:
        """Nothing is open."""


def target(name: str, group: str = "rg") -> str:
    return f"/subscriptions/s/resourceGroups/{group}/providers/x/imageTemplates/{name}"


def polls(name: str, run_state: str) -> tuple[Poll, ...]:
    """A run with a log of a few lines, that ends so."""
    data = Log().say("working").data
    running = Status("Running", "Customizing", START, template=Template(target(name), name))
    over = replace(running, run_state=run_state, sub_state=None, ended_at=START + timedelta(minutes=9))
    return (
        Poll(START, running, (Chunk("customization.log", 0, 0, data),), log_read=True),
        Poll(START, over, ended=True),
    )


def watched(state: Path, output: str, *jobs: tuple[str, Script], limits: Limits | None = None) -> int:
    made = [Job(source, Recordings(state / name.replace("/", "_")), name, ("watch", name)) for name, source in jobs]
    clock = StepClock()
    return asyncio.run(follow_all(made, output, limits or Limits(), LiveRules(()), clock=clock))


def test_every_line_says_whose_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = watched(
        tmp_path,
        "plain",
        (target("win11"), Script(*polls("win11", "Succeeded"))),
        (target("kiosk-2"), Script(*polls("kiosk-2", "Failed"))),
    )
    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert {line.split("|")[0] for line in lines} == {"win11   ", "kiosk-2 "}
    assert any(line.startswith("win11   | ") and "Succeeded" in line for line in lines)


def test_every_object_has_the_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [target("win11"), target("kiosk")]
    watched(tmp_path, "jsonl", *((name, Script(*polls(name.rpartition("/")[2], "Succeeded"))) for name in names))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["build"] for event in told} == set(names)
    for name in names:
        own = [event for event in told if event["build"] == name]
        assert (own[0]["type"], own[-1]["type"], own[-1]["exit_code"]) == ("version", "summary", 0)


def test_names_that_are_the_same_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [target("win11", "one"), target("win11", "two")]
    watched(tmp_path, "plain", *((name, Script(*polls("win11", "Succeeded"))) for name in names))
    assert {line.split(" |")[0] for line in capsys.readouterr().out.splitlines()} == set(names)


def test_one_that_cannot_be_watched_does_not_stop_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = CannotWatch("There is no template kiosk.", "Check its name.", 3)
    code = watched(
        tmp_path,
        "plain",
        (target("kiosk"), Script(refusal)),
        (target("win11"), Script(*polls("win11", "Succeeded"))),
    )
    told = capsys.readouterr()
    assert code == 3
    assert "kiosk: There is no template kiosk. Check its name." in told.err
    assert "Succeeded" in told.out


def test_a_limit_that_one_reaches_ends_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = polls("kiosk", "Running")[0]
    again = replace(first, chunks=(Chunk("customization.log", 1, 0, Log().say("another").data),))
    endless = [replace(polls("win11", "Running")[0], pause=timedelta(seconds=1))] * 10_000
    code = watched(
        tmp_path,
        "plain",
        (target("kiosk"), Script(first, again, first)),
        (target("win11"), Script(*endless)),
        limits=Limits(fail_on=("log-replaced",)),
    )
    assert code == 8
    assert f"aibtui watch {target('win11')}" in capsys.readouterr().err


def test_what_stays_behind_is_about_ten_lines() -> None:
    many = tuple(alert(rule=f"rule-{number}", title=f"Alert {number}", at=alert().at) for number in range(5))
    lines = farewell("win11", replace(ended("failed"), alerts=many), "/state/runs/win11")
    assert len(lines) <= 10
    assert lines[0].startswith("win11: Failed after 1:11:00 in step 6 of 9")
    assert "  step      6 of 9 powershell Install-Apps.ps1" in lines[1]
    assert "  cause     line 40: Invoke-WebRequest : The remote server returned an error: (404)." in lines
    assert "  log       12,345 lines, 1.2 MB, kept in /state/runs/win11" in lines
    assert "            and 2 more alerts" in lines


def test_a_running_build_stays_behind_with_where_it_stands() -> None:
    lines = farewell("win11", update(alerts=(alert(),)), None)
    assert lines[0] == "win11: Running for 1:02:00 in step 5 of 9, windows-update Updates"
    assert any(line.startswith("  do        Read C:") for line in lines)
    assert lines[-1].endswith("not kept")


def test_of_several_one_line_each_stays_behind() -> None:
    assert farewell_in_one("win11", 8, ended("failed"), None).startswith("win11     Failed after 1:11:00")
    assert farewell_in_one("x", 8, None, None) == "x         it was not looked at"
    assert farewell_in_one("x", 8, None, "no such template") == "x         no such template"
