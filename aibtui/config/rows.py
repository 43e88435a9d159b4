"""The settings one by one: what each may be, how a variable's text is read, and what is said of it in a first file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from aibtui.core.regex import regex

NOISE: Final = range(4)
ON_HOLD: Final = ("notify", "grab", "ignore")
CLOUD_NAMES: Final = ("public", "usgov", "china")
AUTH: Final = ("auto", "cli", "env", "mi", "device", "key")
FORMS: Final = ("json", "teams", "slack")
CALLS: Final = ("error", "warning", "info", "hold", "end")
_YES: Final = ("1", "true", "yes", "on")
_NO: Final = ("0", "false", "no", "off")
LONGEST_THEME: Final = 100
_LONGEST_MARKER: Final = 200
_AGE: Final = regex(r"(\d{1,4})([hdw])")
_SIZE: Final = regex(r"(\d{1,6}) ?([kKMGT])(i?)B")
_LONGEST_NAME: Final = 90


class Wrong(Exception):
    """A value of the wrong kind."""


def _flag(value: object, base: Path) -> bool:
    if not isinstance(value, bool):
        raise Wrong
    return value


def _noise(value: object, base: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in NOISE:
        raise Wrong
    return value


def _theme(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_THEME:
        raise Wrong
    return value


def _on_hold(value: object, base: Path) -> str:
    if value not in ON_HOLD:
        raise Wrong
    return str(value)


def _name(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable() or len(value) > _LONGEST_NAME:
        raise Wrong
    return value.strip()


def _cloud(value: object, base: Path) -> str:
    if value not in CLOUD_NAMES:
        raise Wrong
    return str(value)


def _auth(value: object, base: Path) -> str:
    if value not in AUTH:
        raise Wrong
    return str(value)


def _marker(value: object, base: Path) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value or len(value) > _LONGEST_MARKER:
        raise Wrong
    return value


def _keys(value: object, base: Path) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(keys, str) and keys.strip() for keys in value.values()):
        raise Wrong
    return {str(name): keys for name, keys in value.items()}


def _paths(value: object, base: Path) -> tuple[Path, ...]:
    if not isinstance(value, list) or not all(isinstance(path, str) and path for path in value):
        raise Wrong
    return tuple(base / Path(path).expanduser() for path in value)


def age(value: object) -> timedelta:
    """`90d`, `12h`, `8w`; `forever` is longer than any machine lives."""
    if value == "forever":
        return timedelta(days=365_000)
    match = _AGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong
    return timedelta(**{{"h": "hours", "d": "days", "w": "weeks"}[match[2]]: int(match[1])})


def size(value: object) -> int:
    """`2GiB`, `500 MB`; `unlimited` is more than any disk has."""
    if value == "unlimited":
        return 1 << 62
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong
    power = "kmgt".index(match[2].lower()) + 1
    return int(match[1]) << 10 * power if match[3] else int(match[1]) * int(10 ** (3 * power))


def _keep_age(value: object, base: Path) -> str:
    age(value)
    return str(value)


def _keep_size(value: object, base: Path) -> str:
    size(value)
    return str(value)


def _thresholds(value: object, base: Path) -> dict[str, timedelta]:
    from aibtui.core.rulebook import parse_duration

    if not isinstance(value, Mapping):
        raise Wrong
    try:
        return {str(rule): parse_duration(time) for rule, time in value.items()}
    except (TypeError, ValueError):
        raise Wrong from None


def _webhook(value: object, base: Path) -> dict[str, object]:
    if not isinstance(value, Mapping) or set(value) - {"url", "form", "on"}:
        raise Wrong
    if not value:
        return {}
    url, form, on = value.get("url"), value.get("form", "json"), value.get("on", ["error", "hold", "end"])
    if not isinstance(url, str) or not _can_be_called(url) or form not in FORMS:
        raise Wrong
    if not isinstance(on, list) or not on or any(call not in CALLS for call in on):
        raise Wrong
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
    import tomli

    try:
        return tomli.loads(f"value = {text}")["value"]
    except tomli.TOMLDecodeError:
        return text


class Row(Struct, frozen=True):
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
