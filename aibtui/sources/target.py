"""Which image template is meant: from a name or a full resource id, and what az already knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aibtui.sources import CannotWatch

_ID = re.compile(
    r"(?i)^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.VirtualMachineImages/imageTemplates/(?P<template>[^/]+)/?$"
)
_TEMPLATE = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_GROUP = re.compile(r"^[\w.()-]{1,90}$")
_SUBSCRIPTION = re.compile(r"^[A-Za-z0-9-]{1,64}$")
_GUID = re.compile(r"(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class Target:
    """One image template. `subscription` is its id."""

    subscription: str
    group: str
    template: str

    @property
    def id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.VirtualMachineImages/imageTemplates/{self.template}"
        )


def parse_target(text: str, group: str | None, subscription: str | None, environ: Mapping[str, str]) -> Target:
    """The template that `text` names: a full resource id, or a name with group and subscription.

    A missing group is AZURE_DEFAULTS_GROUP; a missing subscription is AZURE_SUBSCRIPTION_ID, then the default of
    `az account`. Raises CannotWatch (2) where something is missing or cannot be a name.
    """
    text = text.strip()
    if full := _ID.match(text):
        return _checked(full["subscription"], full["group"], full["template"])
    if "/" in text:
        raise CannotWatch(
            f"{text!r} is neither a template's name nor its resource id.",
            "A resource id reads /subscriptions/<id>/resourceGroups/<group>"
            "/providers/Microsoft.VirtualMachineImages/imageTemplates/<name>.",
            2,
        )
    group = group or environ.get("AZURE_DEFAULTS_GROUP")
    if not group:
        raise CannotWatch(
            f"The resource group of the template {text!r} is not known.",
            "Name it with -g GROUP, or give the template's full resource id.",
            2,
        )
    subscription = subscription or environ.get("AZURE_SUBSCRIPTION_ID")
    profile = _subscriptions(environ) if not subscription or not _GUID.match(subscription) else []
    if subscription:
        by_name = [entry["id"] for entry in profile if entry["name"].lower() == subscription.lower()]
        subscription = by_name[0] if by_name else subscription
    else:
        subscription = next((entry["id"] for entry in profile if entry["default"]), None)
    if not subscription:
        raise CannotWatch(
            f"The subscription of the template {text!r} is not known.",
            "Name it with --subscription, set AZURE_SUBSCRIPTION_ID, or choose one with: az account set -s NAME",
            2,
        )
    return _checked(subscription, group, text)


def _checked(subscription: str, group: str, template: str) -> Target:
    for what, pattern, name in (
        ("a subscription", _SUBSCRIPTION, subscription),
        ("a resource group", _GROUP, group),
        ("an image template", _TEMPLATE, template),
    ):
        if not pattern.match(name) or name in (".", ".."):
            raise CannotWatch(f"{name!r} cannot be the name of {what}.", "Check its spelling.", 2)
    return Target(subscription, group, template)


def _subscriptions(environ: Mapping[str, str]) -> list[dict[str, str]]:
    """What `az login` left in azureProfile.json; nothing where az was never used."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    folder = environ.get("AZURE_CONFIG_DIR") or (home and f"{home}/.azure")
    if not folder:
        return []
    try:
        profile = json.loads((Path(folder) / "azureProfile.json").read_text("utf-8-sig"))
        return [
            {"id": str(entry["id"]), "name": str(entry["name"]), "default": "yes" if entry.get("isDefault") else ""}
            for entry in profile["subscriptions"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
