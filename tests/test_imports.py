"""What the program loads before it knows what is wanted: neither the screen nor Azure."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from aibtui.cli import _COMMANDS, main

PROGRAM = """
import runpy, sys
heavy = {"textual", "rich", "azure", "msal", "aiohttp", "watchfiles", "jinja2"}
sys.argv = ["aibtui", *sys.argv[1:]]
try:
    runpy.run_module("aibtui", run_name="__main__")
except SystemExit as exit:
    assert not exit.code, exit.code
print(sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["watch", "--help"], ["rules", "list"]])
def test_help_loads_neither_the_screen_nor_azure(arguments: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr.strip() == "[]"
    assert ran.stdout.strip()


def test_what_is_listed_of_a_command_is_how_its_help_begins() -> None:
    context = click.Context(main)
    for name, (_, said) in _COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert " ".join((command.help or "").split()).startswith(said.removesuffix("..."))


def test_the_package_itself_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import aibtui; print(sorted(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "['aibtui']"
