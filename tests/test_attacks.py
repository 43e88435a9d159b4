"""Every front end against a build that attacks: no control, no command to a runner, no secret leaves it.

A new front end is a row of `FRONT_ENDS`; a new attack or secret is a row of `tests/attacks.py`.
"""

from __future__ import annotations

import io
import json
import os
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from unittest.mock import patch

import pytest
from google.protobuf.json_format import MessageToDict
from msgspec.structs import replace

from aibtui.cli.explaining import told
from aibtui.cli.pages import report_json
from aibtui.core.calls import Calls
from aibtui.core.forecast import Baseline
from aibtui.outputs import Output
from aibtui.outputs.annotations import Annotated
from aibtui.outputs.azdo import AzurePipelines
from aibtui.outputs.doctor import as_json as doctor_json
from aibtui.outputs.doctor import request_lines, table_lines
from aibtui.outputs.farewell import farewell, farewell_in_one
from aibtui.outputs.github import GitHubActions
from aibtui.outputs.html import html
from aibtui.outputs.jsonl import JsonLines
from aibtui.outputs.listing import as_json as listing_json
from aibtui.outputs.listing import table
from aibtui.outputs.markdown import summary
from aibtui.outputs.otel import export
from aibtui.outputs.plain import Plain
from aibtui.outputs.runner import Runner
from aibtui.outputs.several import Marked, named_line, named_object
from aibtui.outputs.webhook import Form, body, message
from aibtui.outputs.writer import LineWriter
from aibtui.safetext import clean
from aibtui.sources.checkup import Check, Grant
from aibtui.sources.listing import Listed, Scope
from aibtui.sources.target import Target
from aibtui.tui.log_copy import take_lines
from aibtui.tui.log_text import LogText
from aibtui.tui.notices import Notices
from tests.attacks import ATTACKS, HARMLESS, SECRETS, Build, build_saying
from tests.outputs import runner_commands
from tests.outputs.pages import Held
from tests.outputs.test_otel import Collector
from tests.tui.builders import MemoryLog

LONGEST = 70_000
"""Characters of a line: one of 300 kB is cut at 64 KiB, and far below that where no log is shown."""
STRANGE = ("Cc", "Cf", "Cs", "Zl", "Zp")

Draw = Callable[[Build, Path], str]


def _written(draw: Callable[[TextIO], None]) -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "utf-8", newline="\n")
    draw(stream)
    stream.flush()
    return raw.getvalue().decode()


def _watched(make: Callable[[TextIO, Build, Path], Output]) -> Draw:
    """A front end that writes as the watch goes."""

    def draw(build: Build, folder: Path) -> str:
        def play(stream: TextIO) -> None:
            output = make(stream, build, folder)
            for update in build.updates:
                output.update(update)
            output.close(1)

        return _written(play)

    return draw


def _said(lines: Callable[[Build], list[str]]) -> Draw:
    """What is written in one go, by the writer that all share."""
    return lambda build, folder: _written(lambda stream: LineWriter(stream).write(*lines(build)))


def _plain(stream: TextIO, build: Build, folder: Path) -> Output:
    return Plain(stream, lambda: [build.line] * 3)


def _annotated(runner: Callable[[Path], Runner]) -> Draw:
    return _watched(
        lambda stream, build, folder: Annotated(
            stream,
            lambda: [build.line] * 3,
            runner(folder),
            source=build.name,
            title=build.name,
            come_back=lambda update: "aibtui watch win11",
            keep=lambda update, code: None,
        )
    )


def _github(folder: Path) -> Runner:
    return GitHubActions({name: str(folder / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")})


def _marked(build: Build, stream: TextIO, mark: Callable[[str], Callable[[str], str]] | None = None) -> TextIO:
    return Marked(stream, mark(build.name) if mark else named_line(build.name, 12))  # type: ignore[return-value]


def _listed(build: Build) -> list[Listed]:
    status = build.last.build.status
    assert status is not None
    target = Target(build.name, build.name, build.name)
    return [
        Listed(target, status, {build.name: build.name}, build.name),
        Listed(target, replace(status, run_state=None)),
    ]


def _doctor(build: Build) -> list[str]:
    check = Check(build.name, "fail", build.line, build.line)
    grant = Grant("Reader", build.name)
    return [*table_lines(check), *request_lines([grant], build.name, (None, False, build.name))]


def _posted(form: Form) -> Draw:
    def draw(build: Build, folder: Path) -> str:
        calls = Calls()
        made = [message(call, update, build.name) for update in build.updates for call in calls.due(update)]
        assert made
        return "\n".join(json.dumps(body(each, form)) for each in made)

    return draw


def _traced(build: Build, folder: Path) -> str:
    """All texts of a trace and its metrics, as a collector gets them."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with patch.dict(os.environ, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_address[1]}"):
            export(build.last, build.name)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    sent = [MessageToDict(each) for each in (*server.traces, *server.metrics)]
    assert len(sent) == 2
    return "\n".join(_texts(sent))


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for name, each in value.items():
                yield from (name, *_texts(each))
        case list():
            for each in value:
                yield from _texts(each)


def _told(text: str) -> str:
    """What a program that reads JSON gets to show; any other text as it is."""
    try:
        return "\n".join(_texts([json.loads(part) for part in ([text] if text[:2] == "{\n" else text.splitlines())]))
    except ValueError:
        return text


def _copied(build: Build, folder: Path) -> str:
    """The log's lines, as `c` in the log takes them."""
    log = MemoryLog(build.log)
    text = LogText(log)
    while text.behind:
        text.step()
    return "\n".join(take_lines(text, [line], mask=True).text for line in range(build.log.count(b"\n")))


def _notified(build: Build, folder: Path) -> str:
    """What goes into a terminal's notification, without the sequence around it."""
    notices, said = Notices({"TERM": "xterm-256color"}, bell=False, notify=True), []
    notices.open(said.append)
    name = clean(build.name)
    for update in build.updates:
        notices.update(name, update)
    assert all(text.startswith("\x1b]9;") and text.endswith("\x1b\\") for text in said)
    return "\n".join(text[4:-2] for text in said)


def _explained(form: str) -> Draw:
    return _said(lambda build: [told(build.last, build.name, form, redact=True)])


FRONT_ENDS: dict[str, Draw] = {
    "plain": _watched(_plain),
    "jsonl": _watched(lambda stream, build, folder: JsonLines(stream, build.name)),
    "azdo": _annotated(lambda folder: AzurePipelines({}, folder)),
    "github": _annotated(_github),
    "several, plain": _watched(lambda stream, build, folder: _plain(_marked(build, stream), build, folder)),
    "several, jsonl": _watched(
        lambda stream, build, folder: JsonLines(_marked(build, stream, named_object), build.name)
    ),
    "text": _explained("text"),
    "markdown": _explained("markdown"),
    "chat": _explained("chat"),
    "json": _explained("json"),
    "html": _said(lambda build: [html(build.last, build.name, Held(build.log), Baseline())]),
    "report": _said(lambda build: [report_json(build.last, build.name)]),
    "job summary": _said(lambda build: [summary(build.last, build.name, build.name, 1_000_000)]),
    "farewell": _said(lambda build: [*farewell(build.name, build.last, build.name)]),
    "farewell in one": _said(lambda build: [farewell_in_one(build.name, 12, build.last, None)]),
    "ls": _said(lambda build: [*table(_listed(build), build.last.at, None, {})]),
    "ls, json": _said(lambda build: [listing_json(_listed(build), Scope(), build.last.at, {})]),
    "doctor": _said(_doctor),
    "doctor, json": _said(lambda build: [doctor_json([Check(build.name, "fail", build.line, build.line)], [])]),
    "clipboard": _copied,
    "notification": _notified,
    "OTel": _traced,
    "webhook": _posted("json"),
    "webhook, Teams": _posted("teams"),
    "webhook, Slack": _posted("slack"),
}


NOT_PRINTED = ("clipboard", "notification", "OTel", "webhook", "webhook, Teams", "webhook, Slack")
"""These never stand on stdout, where a runner would read them."""


@pytest.fixture(scope="module")
def attacking() -> dict[str, Build]:
    return {name: build_saying(line) for name, line in ATTACKS.items()}


@pytest.fixture(scope="module")
def leaking() -> dict[str, tuple[Build, str]]:
    return {name: (build_saying(line, "win11"), value) for name, (line, value) in SECRETS.items()}


@pytest.fixture(scope="module")
def harmless() -> Build:
    return build_saying(HARMLESS)


def commands(text: str) -> Counter[str]:
    found = [*runner_commands.azure(text), *runner_commands.github(text)]
    return Counter(command.name for command in found)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_no_control_and_no_command_leaves(
    name: str, attacking: dict[str, Build], harmless: Build, tmp_path: Path
) -> None:
    asked = commands(FRONT_ENDS[name](harmless, tmp_path))
    for kind, build in attacking.items():
        text = FRONT_ENDS[name](build, tmp_path)
        shown = _told(text)
        strange = {char for char in shown if unicodedata.category(char) in STRANGE} - {"\n"}
        assert not strange, kind
        assert name in NOT_PRINTED or kind == "long" or commands(text) == asked, kind
        assert max(map(len, shown.splitlines())) < LONGEST, kind


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_no_secret_leaves(name: str, leaking: dict[str, tuple[Build, str]], tmp_path: Path) -> None:
    for kind, (build, value) in leaking.items():
        text = FRONT_ENDS[name](build, tmp_path)
        assert value not in text, kind
        assert text.strip()
