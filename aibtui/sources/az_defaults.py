"""What need not be typed: group, subscription, cloud and sign-in from variables, our config file and az's own files.

az's files are read, never written, and only those of the user: a folder that one happens to be in decides nothing.
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from aibtui.config import Config, Setting
from aibtui.safetext import clean
from aibtui.sources import CannotWatch
from aibtui.sources.cloud import CLOUDS

_GUID = re.compile(r"(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Subscription(Struct, frozen=True):
    """A subscription that `az login` found. `cloud` is az's name of its cloud, `user` who was signed in."""

    id: str
    name: str
    tenant: str | None
    cloud: str
    default: bool
    user: str | None = None


class Defaults(Struct, frozen=True):
    """What holds where nothing else is said, each value with its origin; `subscription` is an id.

    `known` are the subscriptions that az knows in the chosen cloud.
    """

    group: Setting[str | None] = field(default_factory=lambda: Setting(None))
    subscription: Setting[str | None] = field(default_factory=lambda: Setting(None))
    cloud: Setting[str] = field(default_factory=lambda: Setting("public"))
    auth: Setting[str] = field(default_factory=lambda: Setting("auto"))
    known: tuple[Subscription, ...] = ()

    @property
    def rows(self) -> tuple[tuple[str, str | None, str], ...]:
        """(name, value, origin) of each, for people."""
        named = (
            ("resource_group", self.group),
            ("subscription", self.subscription),
            ("cloud", self.cloud),
            ("auth", self.auth),
        )
        return tuple((name, setting.value, setting.origin) for name, setting in named)

    def subscription_called(self, id: str) -> Subscription | None:
        """What az knows of a subscription."""
        return next((each for each in self.known if each.id.lower() == id.lower()), None)


def resolve(environ: Mapping[str, str], config: Config) -> Defaults:
    """Options before variables before our config file, which `config` holds, before az's files.

    Raises CannotWatch (2) for a subscription's name that two bear. A cloud that is set in az may be none of ours.
    """
    folder = az_folder(environ)
    az = _az_config(folder)
    cloud = _cloud(environ, config, az, folder)
    az_cloud = CLOUDS[cloud.value].az if cloud.value in CLOUDS else cloud.value
    known = tuple(each for each in _profile(folder) if each.cloud == az_cloud)
    group = _first(
        config,
        config.resource_group,
        (environ.get("AZURE_DEFAULTS_GROUP"), "AZURE_DEFAULTS_GROUP"),
        (az.get("defaults", "group", fallback=None), _path(folder, "config")),
    )
    return Defaults(group, _subscription(environ, config, folder, known), cloud, config.auth, known)


def az_folder(environ: Mapping[str, str]) -> Path | None:
    """Where az keeps what it knows."""
    if chosen := environ.get("AZURE_CONFIG_DIR"):
        return Path(chosen)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home) / ".azure" if home else None


def _cloud(
    environ: Mapping[str, str], config: Config, az: configparser.RawConfigParser, folder: Path | None
) -> Setting[str]:
    chosen = _first(
        config,
        config.cloud,
        (environ.get("AZURE_CLOUD_NAME"), "AZURE_CLOUD_NAME"),
        (az.get("cloud", "name", fallback=None), _path(folder, "config")),
    )
    if chosen.value is None:
        return Setting("public")
    name = next((cloud.name for cloud in CLOUDS.values() if cloud.az == chosen.value), chosen.value)
    return Setting(name, chosen.origin)


def _subscription(
    environ: Mapping[str, str], config: Config, folder: Path | None, known: tuple[Subscription, ...]
) -> Setting[str | None]:
    chosen = _first(
        config,
        config.subscription,
        (environ.get("AZURE_SUBSCRIPTION_ID"), "AZURE_SUBSCRIPTION_ID"),
        (next((each.id for each in known if each.default), None), _path(folder, "azureProfile.json")),
    )
    if chosen.value is None or _GUID.match(chosen.value):
        return chosen
    called = [each for each in known if each.name.lower() == chosen.value.lower()]
    if len(called) > 1:
        raise CannotWatch(
            f"Two subscriptions are called {clean(repr(chosen.value), 80)} ({chosen.origin}).",
            f"Name it by its id: {' or '.join(clean(each.id) for each in called[:4])}.",
            2,
        )
    return Setting(called[0].id, chosen.origin) if called else chosen


def _first(
    config: Config, ours: Setting[str | None], variable: tuple[str | None, str], az: tuple[str | None, str]
) -> Setting[str | None]:
    """What an option or variable of ours says comes before Azure's variable, what our file says after it."""
    said = (ours.value, ours.origin)
    found = (variable, said, az) if ours.origin == str(config.path) else (said, variable, az)
    return next((Setting(value, origin) for value, origin in found if value), Setting(None))


def _path(folder: Path | None, name: str) -> str:
    return str(folder / name) if folder else ""


def _az_config(folder: Path | None) -> configparser.RawConfigParser:
    """az's `config`; an empty one where there is none, or none that can be read."""
    parser = configparser.RawConfigParser(strict=False)
    if folder is not None:
        try:
            parser.read_string((folder / "config").read_text("utf-8-sig"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            return configparser.RawConfigParser()
    return parser


def _profile(folder: Path | None) -> tuple[Subscription, ...]:
    """What `az login` left in azureProfile.json; nothing where az was never used."""
    if folder is None:
        return ()
    try:
        profile = json.loads((folder / "azureProfile.json").read_text("utf-8-sig"))
        return tuple(_entry(entry) for entry in profile["subscriptions"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _entry(entry: Mapping[str, Any]) -> Subscription:
    tenant, user = entry.get("tenantId"), entry.get("user")
    name = user.get("name") if isinstance(user, Mapping) else None
    return Subscription(
        id=str(entry["id"]),
        name=str(entry["name"]),
        tenant=tenant if isinstance(tenant, str) and _GUID.match(tenant) else None,
        cloud=str(entry.get("environmentName") or CLOUDS["public"].az),
        default=entry.get("isDefault") is True,
        user=name if isinstance(name, str) else None,
    )
