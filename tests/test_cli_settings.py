"""`aibtui config`: every setting with its origin, and a first file that changes nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from aibtui.config.rows import ROWS


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings" / "config.toml"
    monkeypatch.setenv("AIBTUI_CONFIG", str(path))
    return path


def ran(*words: str) -> Result:
    return CliRunner().invoke(main, ["config", *words])


def test_each_value_is_shown_with_where_it_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    file.write_text('theme = "nord"\nnoise = 1\n', encoding="utf-8")
    monkeypatch.setenv("AIBTUI_BELL", "off")
    shown = ran("show", "--set", "noise=3", "--output", "json")
    told = json.loads(shown.stdout)
    assert list(told["settings"]) == list(ROWS)
    assert told["settings"]["theme"] == {"value": "nord", "origin": str(file)}
    assert told["settings"]["noise"] == {"value": 3, "origin": "--set noise"}
    assert told["settings"]["bell"] == {"value": False, "origin": "AIBTUI_BELL"}
    assert told["settings"]["hold_marker"] == {"value": "Sleep", "origin": "default"}
    table = ran("show")
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["file", *ROWS]


def test_the_first_file_is_private_and_is_not_written_over(file: Path) -> None:
    assert ran("init").exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ran("show").exit_code == 0
    file.write_text("noise = 2\n", encoding="utf-8")
    again = ran("init")
    assert (again.exit_code, file.read_text(encoding="utf-8")) == (2, "noise = 2\n")
    assert "--force" in again.stderr
    assert ran("init", "--force").exit_code == 0
    assert "noise = 2" not in file.read_text(encoding="utf-8").splitlines()


def test_a_wrong_assignment_is_told_in_a_line(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("", encoding="utf-8")
    told = ran("show", "--set", "noise=loud")
    assert told.exit_code == 2
    assert "--set noise cannot be 'loud'; allowed is 0, 1, 2 or 3" in told.stderr
