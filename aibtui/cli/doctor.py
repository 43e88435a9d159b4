"""The command `doctor`: what a watch needs, piece by piece, and what Azure answers saved with `--probe`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from aibtui import __version__
from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.later import metadata
from aibtui.cli.onscreen import set_option
from aibtui.cli.options import fail, or_exit, run

if TYPE_CHECKING:
    from aibtui.sources.checkup import Check, Checkup

_PARTS = ("textual", "azure-identity", "azure-core", "azure-mgmt-imagebuilder", "azure-storage-blob", "google-re2")
_LEAST_FREE = 100 * 1000 * 1000  # bytes: some dozens of logs
_GROWTH = timedelta(minutes=1)


@click.command()
@click.argument("template", required=False)
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--probe",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Save what Azure answers to a watch of TEMPLATE there, without names, scripts and secrets; takes a minute.",
)
@azure_options
@set_option
def doctor(template: str | None, output: str, folder: Path | None, azure: AzureOptions, assignments: object) -> None:
    """Check what a watch needs: this machine, the sign-in, the way to the log of TEMPLATE; whom to ask for what.

    Exits with 0 when a watch would work, with 3 where something is not there, with 4 where access is missing.

    \b
    aibtui doctor
    aibtui doctor win11-avd -g rg-images
    aibtui doctor win11-avd -g rg-images --probe answers
    """
    if folder is not None and template is None:
        raise click.UsageError("--probe asks for one template: aibtui doctor TEMPLATE --probe DIR")
    from aibtui.sources.checkup import Checkup

    checkup = Checkup(azure.access(), azure.defaults, template)

    async def check() -> int:
        code = await _examine(checkup, template, output)
        if folder is not None:
            await _probe(checkup, azure, folder)
        return code

    run(check)


async def _examine(checkup: Checkup, template: str | None, output: str) -> int:
    """Print what is found, a row as soon as it is known; the exit code."""
    from aibtui.outputs.doctor import as_json, exit_code, request_lines, table_lines
    from aibtui.outputs.writer import LineWriter

    writer = LineWriter(sys.stdout)
    done: list[Check] = []

    def tell(check: Check) -> None:
        done.append(check)
        if output == "table":
            writer.write(*table_lines(check))

    for check in _machine():
        tell(check)
    async for check in checkup.checks():
        tell(check)
    name = checkup.target.template if checkup.target else template
    request = request_lines(checkup.grants, name, checkup.signed_in)
    if output == "json":
        writer.write(as_json(done, request))
    elif request:
        writer.write("", "To be sent to the owner:", "", *request)
    return exit_code(done)


def _machine() -> Iterator[Check]:
    """This machine: the program and its parts, Python, the terminal, where things are kept, the config file."""
    from aibtui.config import config_path
    from aibtui.recording import default_state_dir
    from aibtui.recording.files import make_directory
    from aibtui.sources.checkup import Check
    from aibtui.wording import size

    parts = []
    for name in _PARTS:
        with suppress(metadata.PackageNotFoundError):
            parts.append(f"{name} {metadata.version(name)}")
    yield Check("aibtui", "ok", f"{__version__}, with {', '.join(parts)}")
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    columns, rows = shutil.get_terminal_size()
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        yield Check("terminal", "ok", "This is none: watch writes lines in place of the screen.")
    elif columns < 60 or rows < 15:
        yield Check("terminal", "warn", f"{columns}x{rows} is small for the screen.", "Make it 80x24 or larger.")
    else:
        yield Check("terminal", "ok", f"{columns}x{rows}, {os.environ.get('TERM') or 'no TERM'}, {sys.stdout.encoding}")
    state = default_state_dir(os.environ)
    try:
        make_directory(state)
        free = shutil.disk_usage(state).free
        writable = os.access(state, os.W_OK)
    except OSError as error:
        yield Check("state folder", "warn", f"{state}: {error.strerror or error}.", "Name another: AIBTUI_STATE_DIR.")
    else:
        little = free < _LEAST_FREE or not writable
        text = f"{state}, {size(free)} free" if writable else f"{state} cannot be written."
        remedy = "Make room, or name another with AIBTUI_STATE_DIR; a watch goes on without it."
        yield Check("state folder", "warn" if little else "ok", text, remedy if little else None)
    path = config_path(os.environ)
    yield Check("config file", "ok", f"{path}{'' if path.exists() else ' (not there; defaults hold)'}")


async def _probe(checkup: Checkup, azure: AzureOptions, folder: Path) -> None:
    """Save what Azure answers; on stderr what is being asked."""
    from aibtui.sources.arm import Arm, load
    from aibtui.sources.probe import Probe

    if checkup.target is None:
        return
    target = checkup.target
    await load()
    access = azure.access()
    if access.auth == "key":  # listing keys is no GET
        access = replace(access, auth="auto")
    arm = or_exit(lambda: Arm(access, target.subscription))
    probe = Probe(arm, target, folder, api_version=azure.api_version, growth=_GROWTH)
    try:
        async for step in probe.steps():
            click.echo(f"aibtui: {step}", err=True)
    except OSError as error:
        fail(f"{folder} cannot be written: {error.strerror or error}.", "Choose another folder with --probe DIR.", 2)
    finally:
        await arm.close()
    click.echo(f"aibtui: {len(probe.files)} files in {folder}; read them before you pass them on.", err=True)
