"""`aibtui config`: the settings with where each comes from, and a first file to begin with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta

import click

from aibtui.cli.onscreen import set_option, settings
from aibtui.cli.options import fail, or_exit


@click.group("config")
def config_group() -> None:
    """The settings: a TOML file, over it variables, over these options."""


@config_group.command()
@set_option
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def show(assignments: tuple[str, ...], output: str) -> None:
    """Print every setting, its value and where that comes from: the file, a variable, an option, az, or the default.

    \b
    aibtui config show
    AIBTUI_NOISE=2 aibtui config show --output json
    """
    from aibtui.config import Setting
    from aibtui.config.rows import ROWS
    from aibtui.safetext import clean
    from aibtui.sources.az_defaults import resolve

    config = settings({}, assignments)
    found = {key: getattr(config, key) for key in ROWS}
    settled = or_exit(lambda: resolve(os.environ, config))
    found |= {key: Setting(value, origin) for key, value, origin in settled.rows if key in found}
    values = {key: row.shown(found[key].value) if row.shown else found[key].value for key, row in ROWS.items()}
    if output == "json":
        rows = {key: {"value": _plain(values[key]), "origin": found[key].origin} for key in ROWS}
        click.echo(json.dumps({"file": str(config.path), "settings": rows}, indent=2))
        return
    there = "" if config.path.exists() else " (not there; `aibtui config init` writes one)"
    click.echo(f"file  {clean(str(config.path))}{there}")
    cells = [(key, clean(_text(values[key])), clean(found[key].origin)) for key in ROWS]
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    for key, value, origin in cells:
        click.echo(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {origin}")


@config_group.command()
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(force: bool) -> None:
    """Write a first file with every setting, each commented out and explained.

    \b
    aibtui config init
    AIBTUI_CONFIG=aibtui.toml aibtui config init
    """
    from aibtui.config import config_path, written_out
    from aibtui.recording.files import replace_file

    path = config_path(os.environ)
    if path.exists() and not force:
        fail(f"{path}: there is a file already.", "Edit it, or write over it with --force.", 2)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, written_out(path).encode())
    except OSError as error:
        fail(f"{path}: it cannot be written: {error.strerror or error}.", "Name another file with AIBTUI_CONFIG.", 2)
    click.echo(f"Written: {path}")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, timedelta):
        return f"{value / timedelta(minutes=1):g}m"
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _text(value: object) -> str:
    if value is None:
        return "-"
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
