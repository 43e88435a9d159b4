"""What the user chose once: a TOML file, and over it the environment and the command line; each value says where from.

A setting is one row of `ROWS`: the same row reads the file, the variable `AIBTUI_<KEY>` and `--set KEY=VALUE`. It is
strict: a key that is not known, or a value of the wrong kind, is an error that names where it stands, the key and what
is allowed. It knows no command and no screen.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Generic, TypeVar

from msgspec import Struct

from aibtui.config.rows import LONGEST_THEME, ROWS, Row, Wrong, age, size
from aibtui.safetext import clean

T = TypeVar("T")
_DEFAULT: Final = "default"
_OWN: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)


class ConfigError(Exception):
    """A setting that cannot be used; the text is one sentence with where it stands, its key, and what is allowed."""


class Setting(Struct, Generic[T], frozen=True):
    """A value, and where it came from: an option, a variable, the path of the file, or `default`."""

    value: T
    origin: str = _DEFAULT


class Config(Struct, frozen=True):
    """All settings. `theme` is one of Textual's; `ascii` None asks the terminal; `noise` is how much of the log shows.

    `keys` maps the id of a binding to keys, as Textual writes them (`log.follow` to `F,f`); `rules` are rule files.
    `hold_marker` is the line that scripts print before they sleep by plan, `on_hold` what a watch does then. `webhook`
    is empty, or has `url`, `form` (one of `FORMS`) and `on` (a tuple of `CALLS`). `keep_age` and `keep_size` are what
    recordings may have, as written; `keep` has them as values.
    """

    path: Path
    theme: Setting[str | None] = Setting(None)
    ascii: Setting[bool | None] = Setting(None)
    notify: Setting[bool] = Setting(True)
    bell: Setting[bool] = Setting(True)
    noise: Setting[int | None] = Setting(None)
    keys: Setting[Mapping[str, str]] = Setting({})
    rules: Setting[tuple[Path, ...]] = Setting(())
    on_hold: Setting[str] = Setting("notify")
    hold_marker: Setting[str] = Setting("Sleep")
    webhook: Setting[Mapping[str, object]] = Setting({})
    thresholds: Setting[Mapping[str, timedelta]] = Setting({})
    resource_group: Setting[str | None] = Setting(None)
    subscription: Setting[str | None] = Setting(None)
    cloud: Setting[str | None] = Setting(None)
    auth: Setting[str] = Setting("auto")
    keep_age: Setting[str] = Setting("90d")
    keep_size: Setting[str] = Setting("2GiB")

    @property
    def keep(self) -> tuple[timedelta, int]:
        """How old a recording may become, and how many bytes all of them together may take."""
        return age(self.keep_age.value), size(self.keep_size.value)


def config_path(environ: Mapping[str, str]) -> Path:
    """The file: `AIBTUI_CONFIG`, else `config.toml` in the user's configuration folder."""
    if chosen := environ.get("AIBTUI_CONFIG"):
        return Path(chosen).expanduser()
    from platformdirs import user_config_path

    return user_config_path("aibtui", appauthor=False) / "config.toml"


def load(
    environ: Mapping[str, str], options: Mapping[str, object] | None = None, assignments: Iterable[str] = ()
) -> Config:
    """Read the file and lay the variables `AIBTUI_<KEY>` over it, the assignments (`KEY=VALUE`), and the options.

    An option that is None was not given. A table is laid over another entry by entry, anything else replaces. Raises
    ConfigError. A file that is not there is an empty one, unless `AIBTUI_CONFIG` names it.
    """
    path = config_path(environ)
    found: dict[str, Setting[object]] = {}

    def lay(key: str, value: object, where: str, origin: str, base: Path) -> None:
        row = ROWS.get(key)
        if row is None:
            raise ConfigError(f"{where}: there is no setting {clean(key)!r}; the settings are {', '.join(ROWS)}")
        checked = _checked(row, value, f"{where}: {key}" if where == str(path) else where, base)
        below = found.get(key)
        if below is not None and isinstance(below.value, Mapping) and isinstance(checked, Mapping):
            checked = {**below.value, **checked}
        found[key] = Setting(checked, origin)

    for key, value in _read(path, must_exist=bool(environ.get("AIBTUI_CONFIG"))).items():
        lay(key, value, str(path), str(path), path.parent)
    for key, row in ROWS.items():
        if text := environ.get(variable(key)):
            lay(key, row.from_text(text), variable(key), variable(key), Path())
    for assignment in assignments:
        key, value = _assigned(assignment)
        lay(key, value, f"--set {key}", f"--set {key}", Path())
    for key, value in (options or {}).items():
        if value is not None:
            name = f"--{key.replace('_', '-')}"
            lay(key, value, name, name, Path())
    return Config(path, **found)  # type: ignore[arg-type]  # each was checked by its row


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"AIBTUI_{key.upper()}"


def _assigned(assignment: str) -> tuple[str, object]:
    """The key and value of `KEY=VALUE`, VALUE as TOML or as plain text; of a table `KEY.ENTRY=VALUE`."""
    name, equals, text = assignment.partition("=")
    key = name.strip().split(".", 1)[0]
    if not equals or not key:
        raise ConfigError(f'--set takes KEY=VALUE, as noise=1 or keys."log.follow"=f, not {clean(assignment, 80)!r}')
    import tomli

    for value in (text, json.dumps(text.strip())):
        try:
            return next(iter(tomli.loads(f"{name} = {value}").items()))
        except tomli.TOMLDecodeError:
            continue
    return key, text


def _read(path: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: there is no such file; AIBTUI_CONFIG names it") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not UTF-8 text: {error.reason} at byte {error.start}") from error
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: it is not TOML: {clean(str(error))}") from error


def _checked(row: Row, value: object, where: str, base: Path) -> object:
    try:
        return row.check(value, base)
    except Wrong:
        said = clean(repr(value), 80) if row.shown is None else "what it is"
        raise ConfigError(f"{where} cannot be {said}; allowed is {row.allowed}") from None


def written_out(path: Path) -> str:
    """The text of a first file: every setting with what it is for and what is allowed, all of them commented out."""
    parts = [f"# Settings of aibtui, as they are without this file. Take away a # to change one.\n# {path}\n"]
    for key, row in sorted(ROWS.items(), key=lambda item: item[1].example.startswith("[")):  # tables come last
        lines = [row.says, f"Allowed: {row.allowed}. Variable: {variable(key)}", *row.example.splitlines()]
        parts.append("".join(f"# {line}\n" for line in lines))
    return "\n".join(parts)


def remembered_theme(state_dir: Path) -> str | None:
    """The theme that was chosen on the screen last; None where none was, or it cannot be read."""
    try:
        return (state_dir / "theme").read_text(encoding="utf-8")[:LONGEST_THEME].strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def remember_theme(state_dir: Path, name: str) -> None:
    """Keep it for the next time; where the disk refuses, it is not kept."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(state_dir / "theme", _OWN, 0o600), "w", encoding="utf-8") as file:
            file.write(name)
    except OSError:
        return
