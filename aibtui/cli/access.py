"""The options of every command that goes to Azure: which template is meant, how to sign in, which cloud."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aibtui.sources.arm import Access
    from aibtui.sources.target import Target

_OPTIONS = (
    click.option("-g", "--resource-group", "group", metavar="RG", help="The template's resource group."),
    click.option(
        "--subscription", metavar="S", envvar="AZURE_SUBSCRIPTION_ID", show_envvar=True, help="Its subscription id."
    ),
    click.option(
        "--auth",
        type=click.Choice(["auto", "cli", "env", "mi", "device"]),
        default="auto",
        show_default=True,
        help="How to sign in.",
    ),
    click.option("--cloud", type=click.Choice(["public", "usgov", "china"]), default="public", show_default=True),
    click.option(
        "--arm-endpoint",
        metavar="URL",
        envvar="AIBTUI_ARM_ENDPOINT",
        show_envvar=True,
        help="Another Azure Resource Manager, for example an emulator on loopback.",
    ),
    click.option("--api-version", metavar="V", help="Another API version of Microsoft.VirtualMachineImages."),
    click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CA bundle to trust."),
)


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """What the options say, as they were given."""

    group: str | None
    subscription: str | None
    auth: str
    cloud: str
    arm_endpoint: str | None
    api_version: str | None
    ca: Path | None

    def target(self, template: str) -> Target:
        """The template that a name or resource id means. Raises CannotWatch (2)."""
        from aibtui.sources.target import parse_target

        return parse_target(template, self.group, self.subscription, os.environ)

    def access(self) -> Access:
        """The way to Azure."""
        from aibtui.sources.arm import Access

        ca = str(self.ca) if self.ca else None
        return Access(os.environ, self.cloud, self.arm_endpoint, self.auth, ca, self.api_version, _show_device_code)

    @property
    def words(self) -> tuple[str, ...]:
        """The options that lead to the same Azure again, as they would be typed."""
        given = {
            "--arm-endpoint": self.arm_endpoint,
            "--cloud": self.cloud if self.cloud != "public" else None,
            "--auth": self.auth if self.auth != "auto" else None,
            "--api-version": self.api_version,
            "--ca": str(self.ca) if self.ca else None,
        }
        return tuple(word for name, value in given.items() if value for word in (name, value))

    def names_template(self, argument: str) -> bool:
        """Whether the user means a template on Azure by it, whatever else is called so."""
        return self.group is not None or argument.lower().startswith("/subscriptions/")

    @property
    def knows_group(self) -> bool:
        """Whether a plain name can be that of a template."""
        return bool(self.group or os.environ.get("AZURE_DEFAULTS_GROUP"))


def azure_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them as one AzureOptions called `azure`."""

    @functools.wraps(command)
    def packed(**values: Any) -> Any:
        names = ("group", "subscription", "auth", "cloud", "arm_endpoint", "api_version", "ca")
        return command(azure=AzureOptions(**{name: values.pop(name) for name in names}), **values)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


def _show_device_code(url: str, code: str) -> None:
    from aibtui.safetext import clean

    click.echo(f"To sign in, open {clean(url)} and enter the code {clean(code)}", err=True)
