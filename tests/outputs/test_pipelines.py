"""What pipelines are asked for: groups, annotations, a summary, files; and that nothing in a log can ask for more."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aibtui.cli.front_ends import front_end
from aibtui.core.forecast import Forecast
from aibtui.core.polls import Status, Template
from aibtui.core.updates import (
    AlertOpened,
    AlertUpdated,
    Evidence,
    RunStateChanged,
    StepBegan,
    StepEnded,
    StepMoved,
    TransportChanged,
    Update,
)
from aibtui.outputs.annotations import Allowance, Annotated, share_done
from aibtui.outputs.azdo import AzurePipelines
from aibtui.outputs.github import GitHubActions
from aibtui.outputs.jsonl import JsonLines
from aibtui.outputs.markdown import summary
from aibtui.outputs.plain import Plain
from aibtui.outputs.runner import PAGE_LIMIT, Kept, Runner
from aibtui.outputs.several import Marked, named_line
from tests.outputs import runner_commands
from tests.outputs.runner_commands import Command
from tests.outputs.updates import ALERT, CAUSE, an_update, at, failed_update, running_build, transport

BUILD = running_build()
STEP = BUILD.steps[1]
TEMPLATE = "/subscriptions/1/resourceGroups/g/providers/Microsoft.VirtualMachineImages/imageTemplates/win11"
WARNING = replace(ALERT, rule="low-disk", severity="warning", title="Little space is left on C", line=200)
NAMES = (TEMPLATE, "win11", "Building")
HOSTILE = (
    "##vso[task.setvariable variable=PATH]x",
    "##[error]x",
    "##vso",
    "::error::x",
    "::set-env name=PATH::x",
    "\t\u3000::add-mask::x",
    "\u034f::add-mask::x",
    ":\ufe0f:add-mask::x",
    "#\u034f#vso[task.complete result=Succeeded]x",
    "##\ufe0f[error]x",
    "##v\u00adso[task.complete]x",
    "##\x1b[0mvso[task.complete]x",
    "■■vso[task.complete]x",
    "■#[error]x",
    "a\r::error::x",
    "a\n##vso[task.complete]x",
    "a%0D%0A::error::x",
    "a%250A::error::x",
    "a]##vso[task.complete]x",
    "a;result=Succeeded;]x",
    "a,title=b::c",
    "::stop-commands::a",
    "\u2028::error::x",
    "\uff03\uff03vso[task.complete]x",
    "\uff1a\uff1aerror::x",
)


class Page:
    """A watch drawn for a runner, and what the runner makes of it."""

    def __init__(self, kind: str, folder: Path, *, encoding: str = "utf-8", **more: object) -> None:
        self.files = {"GITHUB_STEP_SUMMARY": folder / "page.md", "GITHUB_OUTPUT": folder / "outputs"}
        environ = {name: str(path) for name, path in self.files.items()}
        self.runner: Runner = GitHubActions(environ) if kind == "github" else AzurePipelines(environ, folder)
        self._parse = runner_commands.github if kind == "github" else runner_commands.azure
        self._raw = io.BytesIO()
        self._encoding = encoding
        self.stream = io.TextIOWrapper(self._raw, encoding, newline="\n")
        self.tail: list[str] = []
        self.kept: Kept | None = None
        self.drawn = Annotated(
            self.stream,
            lambda: self.tail,
            self.runner,
            source=str(more.get("source", TEMPLATE)),
            title=str(more.get("title", "win11")),
            come_back=lambda update: f"aibtui watch {TEMPLATE}",
            keep=lambda update, code: self.kept,
        )

    def play(self, *updates: Update, exit_code: int | None = None) -> Page:
        for update in updates:
            self.drawn.update(update)
        if exit_code is not None:
            self.drawn.close(exit_code)
        return self

    @property
    def text(self) -> str:
        return self._raw.getvalue().decode(self._encoding)

    @property
    def commands(self) -> list[Command]:
        return self._parse(self.text)

    def named(self, *names: str) -> list[Command]:
        return [command for command in self.commands if command.name in names]


def failing(text: Callable[[str], str] = str) -> list[Update]:
    """A build that fails, with `text` in the place of whatever comes from afar."""
    step = replace(STEP, name=text("Install-Apps.ps1"), activity=text("Downloading"))
    failed = replace(step, state="failed", ended_at=at(9), exit_code=1)
    evidence = (Evidence(310, text("Cannot find path")),)
    alert = replace(ALERT, title=text("the script failed"), remedy=text("Mend it"), evidence=evidence)
    warning = replace(WARNING, title=text("Little space"), cause=text("why"), remedy=text("Mend it"), evidence=evidence)
    template = Template(id=text(TEMPLATE), name=text("win11"))
    status = Status("Failed", text("Building"), message=text("it failed"), template=template)
    before = an_update(
        6,
        replace(BUILD, steps=(BUILD.steps[0], step, *BUILD.steps[2:])),
        StepBegan(at(5), step),
        StepMoved(at(6), step),
        AlertOpened(at(6), warning),
        TransportChanged(at(6), transport(state="blind", reason=text("refused"), remedy=text("ask"))),
        RunStateChanged(at(6), "Running", text("Building"), text("a message")),
        alerts=(warning,),
    )
    end = failed_update()
    build = replace(
        end.build, message=text("errored"), status=status, steps=(end.build.steps[0], failed, *end.build.steps[2:])
    )
    cause = replace(CAUSE, text=text("Cannot find path"))
    changes = (StepEnded(at(9), failed), AlertOpened(at(9), alert))
    return [before, replace(end, build=build, changes=changes, alerts=(warning, alert), root_cause=cause)]


@pytest.fixture(params=["azdo", "github"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_azure_pipelines_is_asked_for_groups_progress_issues_summary_and_result(tmp_path: Path) -> None:
    page = Page("azdo", tmp_path)
    log = tmp_path / "run" / "customization.log"
    page.kept = Kept(log.parent, (log,))
    page.play(*failing(), exit_code=1)
    assert [(command.name, command.properties) for command in page.commands] == [
        ("group", {}),
        ("task.logissue", {"type": "warning"}),
        ("task.setprogress", {"value": "20"}),
        ("endgroup", {}),
        ("task.setprogress", {"value": "99"}),
        ("task.logissue", {"type": "error"}),
        ("task.uploadsummary", {}),
        ("artifact.upload", {"containerfolder": "run", "artifactname": "aibtui"}),
        *(
            ("task.setvariable", {"variable": f"aibtui{name}", "isOutput": "true"})
            for name in ("Outcome", "ExitCode", "Template", "StartedAt", "Artifacts")
        ),
        ("task.complete", {"result": "Failed"}),
    ]
    (verdict,) = (found for found in page.named("task.logissue") if found.properties["type"] == "error")
    assert verdict.data == (
        "win11: Failed after 11:00 in step 2 of 5, powershell Install-Apps.ps1, with exit code 1. "
        "Cannot find path (script-failed, line 310). What to do: Mend it."
    )
    (uploaded,) = page.named("task.uploadsummary")
    assert Path(uploaded.data).read_text().startswith("## win11: Failed after 11:00")
    assert page.named("artifact.upload")[0].data == str(log)


def test_github_is_asked_for_groups_and_annotations_and_gets_page_and_outputs(tmp_path: Path) -> None:
    page = Page("github", tmp_path)
    report = tmp_path / "run" / "report.html"
    page.kept = Kept(report.parent, (report,))
    page.play(*failing(), exit_code=1)
    assert [command.name for command in page.commands] == ["group", "warning", "endgroup", "error"]
    assert page.named("warning")[0] == Command(
        "warning",
        {"title": "Little space (low-disk, line 200)"},
        "Line 310: Cannot find path\nwhy\nWhat to do: Mend it",
    )
    assert page.named("error")[0].properties["title"].startswith("win11: Failed after 11:00 in step 2 of 5, ")
    assert "| step 2 powershell Install-Apps.ps1 | failed |" in page.files["GITHUB_STEP_SUMMARY"].read_text()
    assert runner_commands.outputs(page.files["GITHUB_OUTPUT"].read_text()) == {
        "outcome": "failed",
        "exit-code": "1",
        "template": TEMPLATE,
        "started-at": "2026-03-04T12:00:00Z",
        "artifacts": str(report.parent),
        "report": str(report),
    }


@functools.cache
def harmless(kind: str) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        return asked_for(kind, Path(folder), str)


def asked_for(kind: str, folder: Path, text: Callable[[str], str], encoding: str = "utf-8") -> list[tuple[str, str]]:
    """The commands of the same build with other words: their names, and what else no word may decide."""
    page = Page(kind, folder, source=text(TEMPLATE), title=text("win11"), encoding=encoding)
    page.tail = [text("output"), f"  {text('output')}"]
    page.play(*failing(text), exit_code=1)
    fixed = ("type", "variable", "isOutput", "result", "value")
    return [
        (command.name, str([value for name, value in command.properties.items() if name in fixed]))
        for command in page.commands
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_no_word_of_a_log_is_a_command(tmp_path: Path, kind: str, encoding: str) -> None:
    for hostile in HOSTILE:
        assert asked_for(kind, tmp_path, lambda _, said=hostile: said, encoding) == harmless(kind), hostile


words = st.lists(
    st.one_of(
        st.sampled_from([*HOSTILE, "#", ":", "[", "]", "%", "\r", "\n", " ", "\u034f", "\ufe0f", "\u00ad", "■", "é"]),
        st.text(max_size=3),
    ),
    max_size=6,
).map("".join)


@pytest.mark.parametrize("kind", ["azdo", "github"])
@settings(max_examples=40, deadline=None)
@given(word=words)
def test_no_text_whatever_is_a_command(tmp_path_factory: pytest.TempPathFactory, kind: str, word: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    assert asked_for(kind, folder, lambda _: f"{word}x") == harmless(kind)


@settings(max_examples=25, deadline=None)
@given(word=words)
def test_the_other_front_ends_ask_a_runner_for_nothing(word: str) -> None:
    for encoding in ("utf-8", "cp1252"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding, newline="\n")
        for shown in (Plain(stream, lambda: [word]), JsonLines(stream, word)):
            for update in failing(lambda _: word):
                shown.update(update)
            shown.close(1)
        said = raw.getvalue().decode(encoding)
        assert runner_commands.azure(said) == []
        assert runner_commands.github(said) == []


def test_json_says_the_same_text_although_no_runner_finds_its_mark() -> None:
    stream = io.StringIO()
    JsonLines(stream, "###vso[task.complete]x").close(5)
    failed = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert failed[-1]["type"] == "summary"
    shown = JsonLines(stream, "x")
    shown.update(an_update(6, BUILD, StepMoved(at(6), replace(STEP, activity="###vso[task.complete]x"))))
    assert json.loads(stream.getvalue().splitlines()[-1])["activity"] == "###vso[task.complete]x"


@given(st.text(alphabet="%0ADB35C2,:;]=AZP ab#", max_size=30))
def test_what_is_escaped_comes_out_as_it_was(text: str) -> None:
    said = " ".join(f"a{text}".split())
    issue = GitHubActions({}).issue("error", said, [said])
    assert issue is not None
    (command,) = runner_commands.github(issue)
    assert (command.properties["title"], command.data) == (said, said) or "# " in command.data
    (asked,) = runner_commands.azure(str(AzurePipelines({}, Path()).progress(5, said)))
    assert asked.data == said or "# " in asked.data


def test_a_runner_gets_ten_annotations_of_a_kind_and_the_verdict_is_one_of_them(tmp_path: Path, kind: str) -> None:
    alerts = [replace(ALERT, rule=f"rule-{number}", line=number) for number in range(30)]
    page = Page(kind, tmp_path)
    page.play(an_update(9, BUILD, *(AlertOpened(at(9), alert) for alert in alerts)), failed_update(), exit_code=1)
    errors = [found for found in page.named("error", "task.logissue") if found.properties.get("type") != "warning"]
    assert len(errors) == 10
    assert "Failed after" in f"{errors[-1].properties} {errors[-1].data}"
    assert page.text.count("(rule-") == 30 + 9
    assert "21 more alerts without an annotation" in page.text


def test_an_alert_is_annotated_once_unless_it_grows_worse(tmp_path: Path) -> None:
    page = Page("github", tmp_path)
    worse = replace(WARNING, severity="error", count=9)
    changes = [AlertOpened(at(6), WARNING), AlertUpdated(at(7), replace(WARNING, count=2)), AlertUpdated(at(8), worse)]
    page.play(an_update(8, BUILD, *changes, AlertUpdated(at(8), worse)))
    assert [command.name for command in page.commands] == ["warning", "error"]


def test_a_time_limit_of_ones_own_tells_how_to_come_back(tmp_path: Path, kind: str) -> None:
    page = Page(kind, tmp_path).play(an_update(30, BUILD, StepBegan(at(5), STEP)), exit_code=124)
    (warning,) = page.named("warning", "task.logissue")
    assert f"Come back with: aibtui watch {TEMPLATE}" in warning.data
    assert not page.named("task.complete")
    assert page.commands.index(page.named("endgroup")[0]) < page.commands.index(warning)


def test_what_only_echoes_a_cause_is_annotated_where_the_build_did_not_fail_by_it(tmp_path: Path) -> None:
    page = Page("github", tmp_path).play(an_update(9, BUILD, AlertOpened(at(9), ALERT)), exit_code=8)
    assert [command.properties["title"] for command in page.named("error")] == [
        "the script failed (script-failed, line 310)",
        "win11: Running for 9:00 in step 2 of 5, powershell Install-Apps.ps1; "
        "an alert that you chose to fail on (exit code 8)",
    ]


def test_a_refusal_is_an_annotation(tmp_path: Path, kind: str) -> None:
    page = Page(kind, tmp_path)
    page.drawn.refuse("You may not read ::error::it.", "Ask for Reader.")
    (error,) = page.named("error", "task.logissue")
    assert "Ask for Reader." in error.data


def test_nothing_that_looks_like_a_secret_is_in_what_a_pipeline_keeps(tmp_path: Path, kind: str) -> None:
    page = Page(kind, tmp_path)
    key = "Zm9vYmFyaHVudGVyMjJ" * 5
    secrets = f"password=hunter22 AccountKey={key}=="
    page.tail = [secrets, f"{'x' * 480} {secrets}"]
    page.play(*failing(lambda text: text if text in NAMES else f"{text} {secrets}"), exit_code=1)
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(part in text for text in (page.text, *written) for part in ("hunter22", key[:5], key[-5:]))
    assert any("likely secrets are hidden." in text for text in written)


@pytest.mark.parametrize("limit", [100, 700, 3_000, PAGE_LIMIT])
def test_a_summary_is_no_longer_than_it_may_be(limit: int) -> None:
    alerts = tuple(replace(ALERT, rule=f"rule-{number}", title="é::##[" * 800) for number in range(200))
    text = summary(replace(failed_update(), alerts=(ALERT, *alerts)), "win11", TEMPLATE, limit)
    assert len(text.encode()) <= limit
    assert "does not fit on this page" in text
    assert ("**Timeline**" in text) == (limit >= 3_000)


def test_github_keeps_what_earlier_commands_of_the_step_wrote_and_never_goes_beyond_its_limit(tmp_path: Path) -> None:
    page = Page("github", tmp_path)
    file = page.files["GITHUB_STEP_SUMMARY"]
    file.write_text("x" * (PAGE_LIMIT - 300))
    page.play(failed_update(), exit_code=1)
    assert file.read_text().startswith("xxx")
    assert PAGE_LIMIT - 300 < file.stat().st_size <= PAGE_LIMIT


def test_a_disk_that_refuses_the_summary_is_told_and_changes_nothing_else(tmp_path: Path) -> None:
    page = Page("azdo", tmp_path / "not-there").play(failed_update(), exit_code=1)
    assert "The summary could not be written to " in page.text
    assert page.named("task.logissue")


def test_progress_follows_the_forecast_and_never_goes_back(tmp_path: Path) -> None:
    def expected(minutes: float, end: float) -> Update:
        told = Forecast(at(end), at(end), at(end), 3, ())
        return an_update(minutes, BUILD, forecast=told)

    page = Page("azdo", tmp_path).play(expected(10, 40), expected(20, 40), expected(21, 80), expected(70, 72))
    assert [command.properties["value"] for command in page.commands] == ["25", "50", "97"]
    assert share_done(expected(90, 72)) == 99
    assert share_done(an_update(9, replace(BUILD, outcome="succeeded"), ended=True)) == 100


def test_of_several_builds_lines_are_marked_commands_are_not_and_all_share_the_allowance(tmp_path: Path) -> None:
    stream = io.StringIO()
    allowance = Allowance(2)
    for title in ("one", "two"):
        drawn = Annotated(
            Marked(stream, named_line(title, 3)),  # type: ignore[arg-type]  # a text stream
            list,
            GitHubActions({}),
            source=title,
            title=title,
            come_back=lambda update: "",
            keep=lambda update, code: None,
            allowance=allowance,
            commands=stream,
        )
        alerts = [replace(ALERT, rule=f"rule-{number}", line=number) for number in range(9)]
        drawn.update(an_update(9, BUILD, StepBegan(at(5), STEP), *(AlertOpened(at(9), alert) for alert in alerts)))
        drawn.update(failed_update())
        drawn.close(1)
    commands = runner_commands.github(stream.getvalue())
    assert [command.name for command in commands] == ["error"] * 10
    assert [command.properties["title"].partition(":")[0] for command in (commands[8], commands[9])] == ["one", "two"]
    lines = [line for line in stream.getvalue().splitlines() if not line.startswith("::")]
    assert all(line.startswith(("one | ", "two | ")) for line in lines)


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({}, "plain"),
        ({"CI": "true"}, "plain"),
        ({"TF_BUILD": "True"}, "azdo"),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, "github"),
        ({"GITHUB_ACTIONS": "false"}, "plain"),
    ],
)
def test_auto_is_what_the_runner_understands(environ: dict[str, str], chosen: str) -> None:
    assert front_end("auto", environ) == chosen
    assert front_end("jsonl", environ) == "jsonl"


def test_a_phase_that_ends_without_its_step_leaves_no_group_open(tmp_path: Path, kind: str) -> None:
    page = Page(kind, tmp_path)
    page.play(an_update(6, BUILD, StepBegan(at(5), STEP)), exit_code=130)
    assert len(page.named("group")) == len(page.named("endgroup")) == 1
