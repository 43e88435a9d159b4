"""What the user chose once: a TOML file, and over it the environment and the command line; each value says where from.

It is strict: a key that is not known, or a value of the wrong kind, is an error that names the file, the key and what
is allowed. It knows no command and no screen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from aibtui.safetext import clean

T = TypeVar("T")
NOISE: Final = range(4)
ON_HOLD: Final = ("notify", "grab", "ignore")
_DEFAULT: Final = "default"
_YES: Final = ("1", "true", "yes", "on")
_NO: Final = ("0", "false", "no", "off")
_LONGEST_THEME: Final = 100
_LONGEST_MARKER: Final = 200


class ConfigError(Exception):
    """A setting that cannot be used; the text is one sentence with where it stands, its key, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value, and where it came from: an option, a variable, the path of the file, or `default`."""

    value: T
    origin: str = _DEFAULT


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `theme` is one of Textual's; `ascii` None asks the terminal; `noise` is how much of the log shows.

    `keys` maps the id of a binding to keys, as Textual writes them (`log.follow` to `F,f`); `rules` are rule files.
    `hold_marker` is the line that scripts print before they sleep by plan, `on_hold` what a watch does then.
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


class _Wrong(Exception):
    """A value of the wrong kind."""


def config_path(environ: Mapping[str, str]) -> Path:
    """The file: `AIBTUI_CONFIG`, else `config.toml` in the user's configuration folder."""
    if chosen := environ.get("AIBTUI_CONFIG"):
        return Path(chosen).expanduser()
    from platformdirs import user_config_path

    return user_config_path("aibtui", appauthor=False) / "config.toml"


def load(environ: Mapping[str, str], options: Mapping[str, object] | None = None) -> Config:
    """Read the file and lay the variables `AIBTUI_<KEY>` and the options over it; an option that is None was not given.

    Raises ConfigError. A file that is not there is an empty one, unless `AIBTUI_CONFIG` names it.
    """
    path = config_path(environ)
    found: dict[str, Setting[object]] = {}
    for key, value in _read(path, must_exist=bool(environ.get("AIBTUI_CONFIG"))).items():
        row = _ROWS.get(key)
        if row is None:
            raise ConfigError(f"{path}: there is no setting {clean(key)!r}; the settings are {', '.join(_ROWS)}")
        found[key] = Setting(_checked(row, value, f"{path}: {key}", path.parent), str(path))
    for key, row in _ROWS.items():
        name = f"AIBTUI_{key.upper()}"
        if row.from_text is not None and (text := environ.get(name)):
            found[key] = Setting(_checked(row, row.from_text(text), name, Path()), name)
    for key, value in (options or {}).items():
        if value is not None:
            name = f"--{key.replace('_', '-')}"
            checked = _checked(_ROWS[key], value, name, Path()) if key == "hold_marker" else value
            found[key] = Setting(checked, name)
    return Config(path, **found)  # type: ignore[arg-type]  # each was checked by its row


def _read(path: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{path}: there is no such file; AIBTUI_CONFIG names it") from None
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: it is not UTF-8 text: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: it is not TOML: {clean(str(error))}") from error


def _flag(value: object, base: Path) -> bool:
    if not isinstance(value, bool):
        raise _Wrong
    return value


def _noise(value: object, base: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in NOISE:
        raise _Wrong
    return value


def _theme(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_THEME:
        raise _Wrong
    return value


def _on_hold(value: object, base: Path) -> str:
    if value not in ON_HOLD:
        raise _Wrong
    return str(value)


def _marker(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value or len(value) > _LONGEST_MARKER:
        raise _Wrong
    return value


def _keys(value: object, base: Path) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(keys, str) and keys.strip() for keys in value.values()):
        raise _Wrong
    return {str(name): keys for name, keys in value.items()}


def _paths(value: object, base: Path) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) and path for path in value):
        raise _Wrong
    return tuple(base / Path(path).expanduser() for path in value)


def _flag_from_text(text: str) -> object:
    return True if text.lower() in _YES else False if text.lower() in _NO else text


def _number_from_text(text: str) -> object:
    return int(text) if text.isdecimal() else text


@dataclass(frozen=True, slots=True)
class _Row:
    """A setting: how it is checked, what is allowed in words, how a variable's text is read (None: there is none)."""

    check: Callable[[object, Path], object]
    allowed: str
    from_text: Callable[[str], object] | None = None


_ON_OFF: Final = "true or false"
_ROWS: Final = {
    "theme": _Row(_theme, 'the name of a theme, as "textual-dark"', str),
    "ascii": _Row(_flag, _ON_OFF, _flag_from_text),
    "notify": _Row(_flag, _ON_OFF, _flag_from_text),
    "bell": _Row(_flag, _ON_OFF, _flag_from_text),
    "noise": _Row(_noise, "0, 1, 2 or 3", _number_from_text),
    "keys": _Row(_keys, 'a table of binding ids and keys, as "log.follow" = "F,f"'),
    "rules": _Row(_paths, 'a list of paths, as ["~/aib-rules.toml"]'),
    "on_hold": _Row(_on_hold, "notify, grab or ignore", str),
    "hold_marker": _Row(_marker, 'a line of at most 200 characters, as "Sleep"', str),
}


def _checked(row: _Row, value: object, where: str, base: Path) -> object:
    try:
        return row.check(value, base)
    except _Wrong:
        raise ConfigError(f"{where} cannot be {clean(repr(value), 80)}; allowed is {row.allowed}") from None


def remembered_theme(state_dir: Path) -> str | None:
    """The theme that was chosen on the screen last; None where none was, or it cannot be read."""
    try:
        return (state_dir / "theme").read_text(encoding="utf-8")[:_LONGEST_THEME].strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def remember_theme(state_dir: Path, name: str) -> None:
    """Keep it for the next time; where the disk refuses, it is not kept."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state_dir / "theme").write_text(name, encoding="utf-8")
    except OSError:
        return
