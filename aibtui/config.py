"""What the user chose once: a TOML file, and over it the environment and the command line; each value says where from.

A setting is one row of `ROWS`: the same row reads the file, the variable `AIBTUI_<KEY>` and `--set KEY=VALUE`. It is
strict: a key that is not known, or a value of the wrong kind, is an error that names where it stands, the key and what
is allowed. It knows no command and no screen.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

from aibtui.core.rulebook import parse_duration
from aibtui.safetext import clean

T = TypeVar("T")
NOISE: Final = range(4)
ON_HOLD: Final = ("notify", "grab", "ignore")
CLOUD_NAMES: Final = ("public", "usgov", "china")
AUTH: Final = ("auto", "cli", "env", "mi", "device", "key")
FORMS: Final = ("json", "teams", "slack")
CALLS: Final = ("error", "warning", "info", "hold", "end")
_DEFAULT: Final = "default"
_YES: Final = ("1", "true", "yes", "on")
_NO: Final = ("0", "false", "no", "off")
_LONGEST_THEME: Final = 100
_OWN: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
_LONGEST_MARKER: Final = 200
_AGE: Final = re.compile(r"(\d{1,4})([hdw])")
_SIZE: Final = re.compile(r"(\d{1,6}) ?([kKMGT])(i?)B")
_LONGEST_NAME: Final = 90


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
        return _age(self.keep_age.value), _size(self.keep_size.value)


class _Wrong(Exception):
    """A value of the wrong kind."""


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
    for value in (text, json.dumps(text.strip())):
        try:
            return next(iter(tomllib.loads(f"{name} = {value}").items()))
        except tomllib.TOMLDecodeError:
            continue
    return key, text


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


def _name(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST_NAME:
        raise _Wrong
    return value.strip()


def _cloud(value: object, base: Path) -> str:
    if value not in CLOUD_NAMES:
        raise _Wrong
    return str(value)


def _auth(value: object, base: Path) -> str:
    if value not in AUTH:
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


def _age(value: object) -> timedelta:
    """`90d`, `12h`, `8w`; `forever` is longer than any machine lives."""
    if value == "forever":
        return timedelta(days=365_000)
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _Wrong
    return timedelta(**{{"h": "hours", "d": "days", "w": "weeks"}[match[2]]: int(match[1])})


def _size(value: object) -> int:
    """`2GiB`, `500 MB`; `unlimited` is more than any disk has."""
    if value == "unlimited":
        return 1 << 62
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _Wrong
    power = "kmgt".index(match[2].lower()) + 1
    return int(match[1]) << 10 * power if match[3] else int(match[1]) * int(10 ** (3 * power))


def _keep_age(value: object, base: Path) -> str:
    _age(value)
    return str(value)


def _keep_size(value: object, base: Path) -> str:
    _size(value)
    return str(value)


def _thresholds(value: object, base: Path) -> dict[str, timedelta]:
    if not isinstance(value, Mapping):
        raise _Wrong
    try:
        return {str(rule): parse_duration(time) for rule, time in value.items()}
    except (TypeError, ValueError):
        raise _Wrong from None


def _webhook(value: object, base: Path) -> dict[str, object]:
    if not isinstance(value, Mapping) or set(value) - {"url", "form", "on"}:
        raise _Wrong
    if not value:
        return {}
    url, form, on = value.get("url"), value.get("form", "json"), value.get("on", ["error", "hold", "end"])
    if not isinstance(url, str) or not _can_be_called(url) or form not in FORMS:
        raise _Wrong
    if not isinstance(on, list) or not on or any(call not in CALLS for call in on):
        raise _Wrong
    return {"url": url, "form": form, "on": tuple(on)}


def _can_be_called(url: str) -> bool:
    """https to anywhere; http to this machine alone."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None or not url.isascii() or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1"))


def _flag_from_text(text: str) -> object:
    return True if text.lower() in _YES else False if text.lower() in _NO else text


def _number_from_text(text: str) -> object:
    return int(text) if text.isdecimal() else text


def _paths_from_text(text: str) -> object:
    return text.split(os.pathsep)


def _toml_from_text(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@dataclass(frozen=True, slots=True)
class Row:
    """A setting: how it is checked, what is allowed in words, how a variable's text is read.

    `says` is what it is for, `example` a line or a table of the file, `shown` what of a secret value may be seen.
    """

    check: Callable[[object, Path], object]
    allowed: str
    from_text: Callable[[str], object]
    says: str
    example: str
    shown: Callable[[Any], object] | None = None


_ON_OFF: Final = "true or false"
ROWS: Final[Mapping[str, Row]] = {
    "theme": Row(
        _theme, 'the name of a theme, as "textual-dark"', str, "The screen's theme.", 'theme = "textual-dark"'
    ),
    "ascii": Row(_flag, _ON_OFF, _flag_from_text, "Draw with ASCII alone; unset asks the terminal.", "ascii = true"),
    "notify": Row(
        _flag, _ON_OFF, _flag_from_text, "Terminal notifications for alerts, holds and the end.", "notify = true"
    ),
    "bell": Row(_flag, _ON_OFF, _flag_from_text, "The terminal's bell with them.", "bell = true"),
    "noise": Row(
        _noise,
        "0, 1, 2 or 3",
        _number_from_text,
        "How much of the log shows: 0 steps, 1 scripts' output, 2 Packer's words, 3 everything.",
        "noise = 1",
    ),
    "rules": Row(
        _paths,
        'a list of paths, as ["~/aib-rules.toml"]',
        _paths_from_text,
        "Your own rule files, laid over the built-in rules by id.",
        'rules = ["aib-rules.toml"]',
    ),
    "on_hold": Row(
        _on_hold,
        "notify, grab or ignore",
        str,
        "When the build sleeps by plan: notify, grab or ignore.",
        'on_hold = "notify"',
    ),
    "hold_marker": Row(
        _marker,
        'a line of at most 200 characters, as "Sleep"',
        str,
        "The line that your scripts print before they sleep by plan.",
        'hold_marker = "Sleep"',
    ),
    "resource_group": Row(
        _name, 'a name, as "rg-images"', str, "Where templates are looked for.", 'resource_group = "rg-images"'
    ),
    "subscription": Row(
        _name,
        'an id or a name, as "Images"',
        str,
        "Where templates are looked for; unset takes az's default.",
        'subscription = "Images"',
    ),
    "cloud": Row(
        _cloud, ", ".join(CLOUD_NAMES), str, "Which Azure; unset takes az's, else public.", 'cloud = "public"'
    ),
    "auth": Row(_auth, ", ".join(AUTH), str, "How to sign in.", 'auth = "auto"'),
    "keep_age": Row(
        _keep_age,
        'hours, days or weeks, as "90d", or "forever"',
        str,
        "How old a recording may become before it makes room for new ones.",
        'keep_age = "90d"',
    ),
    "keep_size": Row(
        _keep_size,
        'kB, MB, GB, KiB, MiB or GiB, as "2GiB", or "unlimited"',
        str,
        "How much all recordings together may take before the oldest go.",
        'keep_size = "2GiB"',
    ),
    "keys": Row(
        _keys,
        'a table of binding ids and keys, as "log.follow" = "F,f"',
        _toml_from_text,
        "Other keys, by the id of the binding; `?` on the screen names them.",
        '[keys]\n"log.follow" = "F,f"',
    ),
    "thresholds": Row(
        _thresholds,
        'a table of rule ids and times, as step-silent = "45m"',
        _toml_from_text,
        "From when on a rule speaks that waits for a time; `aibtui rules list` names the rules.",
        '[thresholds]\nstep-silent = "45m"',
    ),
    "webhook": Row(
        _webhook,
        f"url (https), form ({', '.join(FORMS)}), on (a list of {', '.join(CALLS)})",
        _toml_from_text,
        "Where alerts, holds and the end of a build are posted, each once and without what looks like a secret.",
        '[webhook]\nurl = "https://example.com/hook"\nform = "teams"\non = ["error", "hold", "end"]',
        lambda value: value and {**value, "url": f"https://{urlsplit(value['url']).hostname}/[hidden]"},
    ),
}


def _checked(row: Row, value: object, where: str, base: Path) -> object:
    try:
        return row.check(value, base)
    except _Wrong:
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
        return (state_dir / "theme").read_text(encoding="utf-8")[:_LONGEST_THEME].strip() or None
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
