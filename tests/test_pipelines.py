"""Pipelines end to end: a made-up build watched through the real clients, as a runner sees it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from aibtui.core.polls import Poll, Status, Template
from aibtui.sources import CannotWatch
from aibtui.sources.pinned import PinnedSource
from tests.outputs.pages import attacking_log
from tests.outputs.runner_commands import azure, github, outputs
from tests.outputs.updates import START

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The scenario `script-failed`, watched on GitHub."""
    folder = tmp_path_factory.mktemp("job")
    environ = {
        "AIBTUI_STATE_DIR": str(folder / "state"),
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "GITHUB_STEP_SUMMARY": str(folder / "page.md"),
        "RUNNER_TEMP": str(folder),
        "AGENT_TEMPDIRECTORY": "",
    }
    return CliRunner().invoke(main, ["demo", "script-failed", "--speed", "max"], env=environ), folder


def test_a_build_that_fails_fails_the_job_with_its_cause(watched: tuple[Result, Path]) -> None:
    result, folder = watched
    assert result.exit_code == 1
    commands = github(result.stdout)
    names = [command.name for command in commands]
    assert names == ["group", "endgroup"] * 3 + ["error"]
    assert commands[-1].properties["title"].startswith("win11-dev-box: Failed after ")
    assert "(script-failed, line " in commands[-1].data
    assert (folder / "page.md").read_text().startswith("## win11-dev-box: Failed after ")


def test_what_is_kept_can_be_explained_again_and_says_the_same(watched: tuple[Result, Path]) -> None:
    told = outputs((watched[1] / "outputs").read_text())
    kept = Path(told["artifacts"])
    assert sorted(path.name for path in kept.iterdir()) == ["customization.log", "report.html", "report.json"]
    known = json.loads((kept / "report.json").read_text())
    state = {"AIBTUI_STATE_DIR": str(watched[1] / "other")}
    words = ["explain", str(kept / "customization.log"), "--output", "json"]
    again = json.loads(CliRunner().invoke(main, words, env=state).stdout)
    assert known["outcome"] == told["outcome"] == again["outcome"] == "failed"
    assert known["root_cause"] == again["root_cause"]
    assert known["source"] == told["template"]
    assert (told["exit-code"], told["report"]) == ("1", str(kept / "report.html"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["started-at"])


@pytest.mark.parametrize("output", ["azdo", "github", "plain", "jsonl"])
def test_a_log_that_attacks_asks_the_runner_for_nothing(tmp_path: Path, output: str) -> None:
    file = tmp_path / "customization.log"
    file.write_bytes(attacking_log())
    environ = {"AIBTUI_STATE_DIR": str(tmp_path), "AGENT_TEMPDIRECTORY": str(tmp_path), "GITHUB_STEP_SUMMARY": ""}
    result = CliRunner().invoke(main, ["watch", "--file", str(file), "--output", output], env=environ)
    assert result.exit_code == 1
    told = azure(result.output) if output == "azdo" else github(result.output)
    asked = {command.name for command in told}
    ours = {
        "azdo": {
            *("group", "endgroup", "task.logissue", "task.setprogress"),
            *("task.uploadsummary", "task.setvariable", "task.complete"),
        },
        "github": {"group", "endgroup", "error", "warning", "notice"},
    }
    assert asked <= ours.get(output, set())
    results = [command.properties for command in told if command.name == "task.complete"]
    assert results == ([{"result": "Failed"}] if output == "azdo" else [])
    if output in ("plain", "jsonl"):
        assert azure(result.output) == []


def _commands() -> Iterator[list[str]]:
    section = README.read_text().partition("## In pipelines\n")[2].partition("\n## ")[0]
    for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if found := re.search(r"(?:^\s*|: )aibtui (.*?)(?: \|\||$)", line):
                yield shlex.split(found[1].replace("$TEMPLATE", "win11").replace("$STARTED", "2026-03-04T12:00:00Z"))


def test_the_commands_of_the_readme_are_understood() -> None:
    found = list(_commands())
    assert len(found) == 4
    for name, *words in found:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        command.make_context(name, words)


class Looks:
    """A source that sees one status after the other."""

    def __init__(self, *started_at: int | None) -> None:
        template = Template(id="/subscriptions/s/win11", name="win11")
        starts = [None if minutes is None else START + timedelta(minutes=minutes) for minutes in started_at]
        self._polls = iter([Poll(START, Status("Running", started_at=start, template=template)) for start in starts])

    async def look(self, at: object) -> Poll:
        return next(self._polls)

    async def close(self) -> None:
        return


async def test_who_comes_back_to_a_run_is_shown_no_other() -> None:
    source = PinnedSource(Looks(0, 0, 60), START + timedelta(milliseconds=400), "win11")
    for _ in range(2):
        await source.look(START)
    with pytest.raises(CannotWatch, match=r"12:00:00Z; its last run began at \S+T13:00:00Z") as refused:
        await source.look(START)
    assert refused.value.exit_code == 3
    with pytest.raises(CannotWatch, match="it has not run"):
        await PinnedSource(Looks(None), START, "win11").look(START)


@pytest.mark.parametrize("words", [["a", "b"], ["a", "--wait"], ["--file", "x.log"]])
def test_a_start_time_goes_with_one_template(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["watch", *words, "--started-at", "2026-03-04T12:00:00Z"])
    assert result.exit_code == 2
    assert "--started-at goes with one template" in result.stderr
