"""Which image template is meant: from a name or a full resource id, and what need not be typed."""

from __future__ import annotations

import re

from msgspec import Struct

from aibtui.sources import CannotWatch
from aibtui.sources.az_defaults import Defaults

_ID = re.compile(
    r"(?i)^/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.VirtualMachineImages/imageTemplates/(?P<template>[^/]+)/?$"
)
_TEMPLATE = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_GROUP = re.compile(r"^[\w.()-]{1,90}$")
_SUBSCRIPTION = re.compile(r"^[A-Za-z0-9-]{1,64}$")


class Target(Struct, frozen=True):
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


def parse_target(text: str, defaults: Defaults | None = None) -> Target:
    """The template that `text` names: a full resource id, or a name in the group and subscription of `defaults`.

    Raises CannotWatch (2) where something is missing or cannot be a name.
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
    defaults = defaults or Defaults()
    group, subscription = defaults.group.value, defaults.subscription.value
    if not group:
        raise CannotWatch(
            f"The resource group of the template {text!r} is not known.",
            "Name it with -g GROUP, or give the template's full resource id.",
            2,
        )
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
