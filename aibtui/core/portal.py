"""Where else a resource can be looked at: the Azure portal's page, the Azure CLI's command; of an id that is one."""

from __future__ import annotations

import shlex
from typing import Final

from aibtui.core.regex import regex

_ID: Final = regex(
    r"(?i)/subscriptions/[0-9a-f-]{36}/resourceGroups/[a-z0-9_.()-]+(?:/providers/[a-z0-9.]+(?:/[a-z0-9_.()-]+){2,8})?"
)
_HOSTS: Final = {"usgov": "portal.azure.us", "usdod": "portal.azure.us", "china": "portal.azure.cn"}
"""By the beginning of a location's name; everywhere else it is the public one."""


def portal_page(resource_id: str | None, location: str | None) -> str | None:
    """The address of a resource's or a resource group's page; None where the id is not one of such."""
    if resource_id is None or not _ID.fullmatch(resource_id):
        return None
    found = (host for prefix, host in _HOSTS.items() if (location or "").lower().startswith(prefix))
    return f"https://{next(found, 'portal.azure.com')}/#resource{resource_id}"


def az_command(template_id: str | None) -> str | None:
    """What shows an image template in a shell."""
    if template_id is None or not _ID.fullmatch(template_id):
        return None
    return shlex.join(["az", "image", "builder", "show", "--ids", template_id])
