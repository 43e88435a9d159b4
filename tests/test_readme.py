"""The README says what is so: its commands run, its files, keys and options are there.

Each `aibtui` command is parsed, and run for real where `ROWS` says how; one that no row knows fails.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import click
import pytest
from click.testing import CliRunner, Result
from textual.binding import Binding
from textual.keys import _character_to_key

from aibtui.cli import main
from aibtui.config import load
from aibtui.emulator import Emulator
from aibtui.sources.arm import TEMPLATE_API_VERSION
from aibtui.tui.app import WatchApp
from aibtui.tui.log_keys import BINDINGS as LOG_BINDINGS
from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.steps import Steps
from aibtui.tui.panels.timeline import Timeline
from aibtui.tui.screens.build import BuildScreen
from tests.outputs.test_otel import Collector
from tests.test_cli_listing import served

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
DEMO = "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/aibtui demo"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m pytest -q"
FAST, SHORT = ("--poll", "0.5"), ("--poll", "0.2", "--timeout", "1s")


def of(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands that a line of a shell joins, without where their output goes and what is said of them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in lexer:
        if word in ("&&", "||", "|"):
            yield words
            words = []
        else:
            words.append(word)
    yield words[: words.index(">")] if ">" in words else words


def commands() -> Iterator[tuple[str, ...]]:
    """Each command of a block for the shell once, and those that pipelines begin with `aibtui`."""
    for block in of(""):
        for line in block.splitlines():
            yield from map(tuple, simple_commands(line))
    for block in of("yaml"):
        for found in re.findall(r"(?:^\s*|: )((?:aibtui|pipx) .*)", block, re.MULTILINE):
            yield next(map(tuple, simple_commands(found)))


COMMANDS = list(dict.fromkeys(commands()))
OURS = [words[1:] for words in COMMANDS if words[0].endswith("aibtui")]


class Parsed(NamedTuple):
    """A command, the options and arguments that it would be called with."""

    command: click.Command
    context: click.Context


def parsed(words: tuple[str, ...]) -> Parsed:
    """As click understands it, without running it. Raises click.UsageError."""
    command: click.Command = main
    context = click.Context(main, info_name="aibtui")
    rest = list(words)
    while isinstance(command, click.Group):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context)
    return Parsed(command, command.make_context(command.name, rest, parent=context))


def shown(words: tuple[str, ...]) -> str:
    return shlex.join(words)


@dataclass(frozen=True)
class Row:
    """How the commands that `begins` matches are tried: on which emulator, what is filled in and added, what they say.

    `on` is `over` (all builds have ended), `running` (one has just begun), or None where the command is only parsed,
    for the reason given.
    """

    begins: str
    on: str | None = "over"
    fill: Mapping[str, str] | None = None
    more: tuple[str, ...] = ()
    code: int = 0
    says: str = ""
    reason: str = ""


ROWS = (
    Row("demo$", None, reason="it takes two minutes on the screen; tests/tui/test_terminal.py does it on a terminal"),
    Row("demo --list", says="sysprep-loop "),
    Row("demo ", fill={"sysprep-loop": "quota", "300": "max"}, code=1, says="What to do: "),
    Row("emulate ", None, reason="it ends at Ctrl+C; tests/test_cli.py runs it as a program"),
    Row("doctor .*--probe", None, reason="it takes a minute; tests/test_cli_doctor.py runs it"),
    Row("doctor", says="aibtui "),
    Row("watch win11-avd|watch .TEMPLATE", None, reason="a later job of a pipeline; tests/test_pipelines.py has it"),
    Row("watch A", more=FAST, code=1, says="{name} | "),
    Row("watch --all|watch --tag", "running", more=SHORT, code=124, says="{name}"),
    Row("watch --file", code=1, says="Failed"),
    Row("watch .*--cancel-on", "running", more=SHORT, code=124, says="{name}"),
    Row("watch ", more=FAST, code=1, says="Failed"),
    Row("ls", says="{name}"),
    Row("run A", more=FAST, code=1, says="{name} | "),
    Row("run .*--timeout", None, reason="the next row runs the same; tests/test_pipelines.py has the time-out"),
    Row("run ", more=FAST, code=1, says="Failed"),
    Row("cancel ", "running", more=("--yes",), says="The service says Canceled"),
    Row("explain -$", says="Failed"),
    Row("explain ", says="quota"),
    Row("report "),
    Row("grab ", says=".zip"),
    Row("runs .*--remote", says="failed"),
    Row("runs$", says="{run}"),
    Row("replay ", more=("--speed", "max"), code=1, says="Failed"),
    Row("export "),
    Row("config init"),
    Row("config show", says="default"),
    Row("completion ", says="_AIBTUI_COMPLETE"),
    Row("rules list", says="sysprep-loop"),
    Row("rules test", says="1 rule, 1 sample"),
    Row("rules try", says="{run}: "),
)
OTHERS = (
    r"python3 -m venv \.venv",
    r"\.venv/bin/pip install -q -e \.(\[dev\])?",
    r"\.venv/bin/python -m pytest -q",
    r"pipx install (\.|\.\[otel\]|\./aibtui)",
    r"az image builder show -g RESOURCE_GROUP -n TEMPLATE -o json",
    r"export OTEL_EXPORTER_OTLP_ENDPOINT=https://collector\.example\.com:4318",
    r"\[ \$\? -eq 124 \]",
)


def row_of(words: tuple[str, ...]) -> Row | None:
    return next((row for row in ROWS if re.match(row.begins, " ".join(words))), None)


def test_the_two_commands_of_the_first_screen_are_these() -> None:
    assert [block.strip() for block in of("")[:2]] == [DEMO, TESTS]


@pytest.mark.parametrize("words", OURS, ids=shown)
def test_a_command_is_understood(words: tuple[str, ...]) -> None:
    names = {"$TEMPLATE": "TEMPLATE", "$STARTED": "2026-03-04T12:00:00Z"}
    parsed(tuple(names.get(word, word) for word in words))


def test_an_option_that_is_not_there_is_not_understood() -> None:
    with pytest.raises(click.UsageError):
        parsed(("watch", "TEMPLATE", "--no-such"))
    with pytest.raises(click.UsageError):
        parsed(("rules", "no-such"))


def test_every_command_is_one_that_a_row_knows_and_every_row_has_one() -> None:
    assert [shown(words) for words in OURS if row_of(words) is None] == []
    assert [row.begins for row in ROWS if row not in map(row_of, OURS)] == []
    assert [row.begins for row in ROWS if row.on is None and not row.reason] == []


@pytest.mark.parametrize("words", [each for each in COMMANDS if not each[0].endswith("aibtui")], ids=shown)
def test_a_command_of_another_program_is_one_of_those_we_know(words: tuple[str, ...]) -> None:
    if words[:2] == ("python", "-m"):
        found = find_spec(words[2])
        assert found is not None, words[2]
        assert found.submodule_search_locations is None or find_spec(f"{words[2]}.__main__"), words[2]
    else:
        assert any(re.fullmatch(pattern, " ".join(words)) for pattern in OTHERS), shown(words)


@dataclass(frozen=True)
class Place:
    """A folder with the files that the README names, beside it an emulator whose builds are over, and a collector.

    `names` are what stands for a name of the README's, `show` is what az would show of the template.
    """

    folder: Path
    over: Emulator
    names: Mapping[str, str]
    show: str
    collector: Collector

    def ran(self, emulator: Emulator, words: list[str], stdin: str | None = None) -> Result:
        """The command as it is typed in the folder, by somebody with settings of his own nowhere else."""
        host, port = self.collector.server_address[:2]
        environ = {
            "AIBTUI_STATE_DIR": str(self.folder / "state"),
            "AIBTUI_CONFIG": None,
            "AIBTUI_ARM_ENDPOINT": emulator.endpoint,
            "AZURE_SUBSCRIPTION_ID": emulator.subscription,
            "AZURE_DEFAULTS_GROUP": None,
            "AZURE_CONFIG_DIR": str(self.folder / "az"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": None,
            "TF_BUILD": None,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host!s}:{port}" if words[0] == "export" else None,
        }
        return CliRunner().invoke(main, words, env=environ, input=stdin)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("readme")
    rule = next(block for block in of("toml") if "[[rule]]" in block)
    (folder / "mine.toml").write_text(rule, encoding="utf-8")
    with ExitStack() as stack:
        collector = Collector()
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        stack.callback(collector.server_close)
        stack.callback(thread.join)
        stack.callback(collector.shutdown)
        over = stack.enter_context(served("quota", "policy-denied", "winrm-timeout", speed=1e5))
        while over.clock.now() < over.clock.start + timedelta(hours=12):
            time.sleep(0.05)
        address = f"{over.endpoint}{over.template_ids[0]}?api-version={TEMPLATE_API_VERSION}"
        with urlopen(address) as answer:
            show = answer.read().decode()
        assert json.loads(show)["name"] == over.template
        names = {"TEMPLATE": over.template, "RESOURCE_GROUP": over.group}
        names |= {"win11-avd": over.template, "rg-images": over.group} | dict(
            zip("ABC", over.template_ids, strict=True)
        )
        made = Place(folder, over, names, show, collector)
        watched = made.ran(over, ["watch", over.template, "-g", over.group, "--output", "plain", *FAST])
        assert watched.exit_code == 1, watched.output
        (run,) = (folder / "state" / "runs").iterdir()
        (folder / "customization.log").write_bytes((run / "customization.log").read_bytes())
        yield replace(made, names={**names, "RUN": run.name})


@pytest.mark.parametrize("words", [each for each in OURS if (row := row_of(each)) and row.on], ids=shown)
def test_a_command_does_what_it_says(words: tuple[str, ...], place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    row = row_of(words)
    assert row is not None
    monkeypatch.chdir(place.folder)
    with ExitStack() as stack:
        emulator, names = place.over, dict(place.names)
        if row.on == "running":
            emulator = stack.enter_context(served("windows", speed=60))
            names |= {"TEMPLATE": emulator.template, "RESOURCE_GROUP": emulator.group}
        filled = [(row.fill or names).get(word, word) for word in words]
        told = place.ran(emulator, [*filled, *row.more], place.show if words[-1] == "-" else None)
    assert told.exit_code == row.code, told.output
    assert row.says.format(run=names["RUN"], name=names["TEMPLATE"]) in told.output
    if words[0] == "export":
        assert place.collector.traces
        assert place.collector.metrics
    if "--html" in words:
        assert (place.folder / words[-1]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    blocks = [block for block in of("toml") if "[[rule]]" not in block]
    assert len(blocks) == 2
    for block in blocks:
        file = tmp_path / "config.toml"
        file.write_text(block, encoding="utf-8")
        config = load({"AIBTUI_CONFIG": str(file)})
        for key in tomllib.loads(block):
            assert getattr(config, key).origin == str(file)


def test_every_option_and_file_that_the_text_names_is_there() -> None:
    everything = {
        option
        for command in _all_commands(main)
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set(re.findall(r"`(--[a-z-]+)", TEXT)) - {"--help"}
    assert len(named) > 10
    assert named - everything == set()
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []


def _all_commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from _all_commands(each)


def test_every_key_of_the_table_is_bound_where_it_says() -> None:
    build = list(BuildScreen.BINDINGS)
    app = [*WatchApp.BINDINGS, Binding("ctrl+p", "", ""), Binding("tab", "", "")]
    bound = {
        "everywhere": app + build,
        "go to": app + build,
        "build": build,
        "log": [*LOG_BINDINGS, *build],
        "steps": list(Steps.BINDINGS),
        "timeline": list(Timeline.BINDINGS),
        "alerts": list(Alerts.BINDINGS),
    }
    table = TEXT.partition("| pane | keys |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(table) > 6
    for line in table:
        panes, keys = line.strip("| ").split(" | ")
        for pane in panes.split(":")[0].split(", "):
            there = {key for each in bound[pane] if isinstance(each, Binding) for key in each.key.split(",")}
            asked = re.findall(r"`([^`]+)`", keys)
            assert asked
            assert {key for key in asked if _name(key) not in there} == set(), pane


def _name(key: str) -> str:
    """What Textual calls a key that the README writes as keyboards have it."""
    return {"esc": "escape"}.get(key) or (_character_to_key(key) if len(key) == 1 else key)
