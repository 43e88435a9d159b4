"""The wheel and the sdist: everything that the program reads is in them, and what is installed from them runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from aibtui import __version__

ROOT = Path(__file__).parent.parent
BUILD = (
    "import sys; from hatchling.builders.{kind} import {builder}; print(*{builder}('.').build(directory=sys.argv[1]))"
)


def built(kind: str, builder: str, folder: Path) -> Path:
    code = BUILD.format(kind=kind, builder=builder)
    made = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Path(made.stdout.splitlines()[-1])


def sources() -> set[str]:
    """Every file of the package, as a wheel names it."""
    found = (path for path in (ROOT / "aibtui").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", "WheelBuilder", tmp_path_factory.mktemp("wheel"))


def test_a_wheel_holds_the_whole_package_and_nothing_besides(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (described,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        about = Parser().parsestr(archive.read(described).decode())
    assert names == sources()
    assert "aibtui/py.typed" in names
    assert (about["Name"], about["Version"]) == ("aibtui", __version__)
    assert "otel" in about.get_all("Provides-Extra", [])


def test_what_a_wheel_installs_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "AIBTUI_STATE_DIR": str(tmp_path / "state")}
    words = (sys.executable, "-m", "aibtui", "demo", "policy-denied", "--speed", "max", "--output", "plain")
    played = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (played.returncode, played.stderr) == (1, "")
    assert "policy" in played.stdout
    where = (sys.executable, "-c", "import aibtui; print(aibtui.__file__)")
    found = subprocess.run(where, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)


def test_an_sdist_holds_the_package_its_tests_and_its_readme(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", "SdistBuilder", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sources() <= names
    assert {"README.md", "LICENSE", "pyproject.toml", "tests/test_package.py"} <= names
