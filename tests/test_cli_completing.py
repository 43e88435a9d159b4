"""Completion in shells, asked as a shell asks, and the versions that a report of a bug needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from aibtui import __version__
from aibtui.cli import main
from aibtui.core.polls import Poll, Status, Template
from aibtui.emulator import scenario_names
from aibtui.recording import Recordings

TEMPLATE = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/win11-avd"
STARTED = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run that was recorded here."""
    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path))
    kept = Recordings(tmp_path)
    run = kept.open(TEMPLATE, STARTED)
    template = Template(TEMPLATE, "win11-avd")
    run.append(Poll(STARTED, Status("Running", started_at=STARTED, template=template)))
    kept.close()
    return run.id


def completed(*words: str) -> list[str]:
    """What bash is offered for the last of these words."""
    asked = CliRunner().invoke(
        main,
        env={
            "_AIBTUI_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("aibtui", *words)),
            "COMP_CWORD": str(len(words)),
        },
        prog_name="aibtui",
    )
    return [line.removeprefix("plain,") for line in asked.stdout.splitlines()]


@pytest.mark.parametrize("command", ["demo", "emulate"])
def test_scenarios_are_completed(command: str) -> None:
    assert completed(command, "sys") == [name for name in scenario_names() if name.startswith("sys")] != []


def test_runs_and_templates_are_completed_from_what_was_recorded(recorded: str) -> None:
    assert completed("replay", "win") == [recorded]
    assert completed("watch", "win") == ["win11-avd"]
    assert completed("grab", "win") == ["win11-avd", recorded]


def test_a_log_is_completed_as_a_file(recorded: str) -> None:
    assert completed("explain", "cust") == ["file,cust"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell])
    assert script.exit_code == 0
    assert f"_AIBTUI_COMPLETE={shell}_complete" in script.stdout


def test_the_versions_of_the_parts_are_told() -> None:
    told = CliRunner().invoke(main, ["--version"]).stdout.splitlines()
    assert told[0] == f"aibtui {__version__}"
    assert {line.split()[0] for line in told} >= {"python", "textual", "azure-identity", "azure-storage-blob"}
