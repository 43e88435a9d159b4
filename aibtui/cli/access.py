"""The options of every command that goes to Azure: which template is meant, how to sign in, which cloud."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from aibtui.cli.onscreen import settings
from aibtui.cli.options import or_exit

if TYPE_CHECKING:
    from aibtui.sources.arm import Access
    from aibtui.sources.az_defaults import Defaults
    from aibtui.sources.target import Target

_SAY_EVERY = 5  # seconds

_OPTIONS = (
    click.option("-g", "--resource-group", "group", metavar="RG", help="Its group; else AZURE_DEFAULTS_GROUP, az's."),
    click.option(
        "--subscription",
        metavar="S",
        help="Its subscription, by id or name; else AZURE_SUBSCRIPTION_ID, the config file, az's default.",
    ),
    click.option(
        "--auth",
        type=click.Choice(["auto", "cli", "env", "mi", "device", "key"]),
        help="How to sign in: auto takes what the environment names, then az; key reads the log by account key.",
    ),
    click.option(
        "--cloud", type=click.Choice(["public", "usgov", "china"]), help="Which Azure; else az's, else public."
    ),
    click.option(
        "--arm-endpoint",
        metavar="URL",
        envvar="AIBTUI_ARM_ENDPOINT",
        show_envvar=True,
        help="Another Azure Resource Manager, for example an emulator on loopback.",
    ),
    click.option("--api-version", metavar="V", help="Another API version of Microsoft.VirtualMachineImages."),
    click.option(
        "--storage-account",
        metavar="NAME",
        help="The storage account with the log, for who may read its blobs but not list what is in the staging group.",
    ),
    click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CA bundle to trust."),
)


@dataclass(frozen=True)  # not a Struct: its text leaves the address out, and it keeps what it has worked out
class AzureOptions:
    """What the options say, as they were given; `assignments` are settings for this once."""

    group: str | None = None
    subscription: str | None = None
    auth: str | None = None
    cloud: str | None = None
    arm_endpoint: str | None = None
    api_version: str | None = None
    ca: Path | None = None
    storage_account: str | None = None
    assignments: tuple[str, ...] = ()
    log_url: str | None = field(default=None, repr=False)

    @functools.cached_property
    def defaults(self) -> Defaults:
        """Group, subscription, cloud and sign-in, each with its origin. Leaves with 2 where one cannot be used."""
        from aibtui.sources.az_defaults import resolve

        given = {"resource_group": self.group, "subscription": self.subscription, "auth": self.auth}
        # What is no Azure of az's clouds needs no cloud of az's.
        cloud = self.cloud or ("public" if self.arm_endpoint else None)
        return or_exit(lambda: resolve(os.environ, settings({**given, "cloud": cloud}, self.assignments)))

    def opened_by(self, log_url: str | None) -> AzureOptions:
        """The same, with an address that opens the log."""
        return replace(self, log_url=log_url)

    def target(self, template: str) -> Target:
        """The template that a name or resource id means. Raises CannotWatch (2)."""
        from aibtui.sources.target import parse_target

        return parse_target(template, None if template.startswith("/") else self.defaults)

    def access(self) -> Access:
        """The way to Azure, the same for all who ask: they share one sign-in."""
        return self._access

    @functools.cached_property
    def _access(self) -> Access:
        from aibtui.sources.arm import Access
        from aibtui.sources.credentials import SignIns, Voice
        from aibtui.sources.limiter import Limiter

        cloud, auth = self.defaults.cloud.value, self.defaults.auth.value
        ca = str(self.ca) if self.ca else None
        sign_ins = SignIns(Voice(show_device_code, say_signing_in))
        access = Access(os.environ, cloud, self.arm_endpoint, auth, ca, self.api_version, sign_ins, Limiter())
        return or_exit(lambda: self._opened(access))

    def _opened(self, access: Access) -> Access:
        """The same, with what leads straight to the log. Raises CannotWatch (2) for what cannot."""
        from aibtui.sources.cloud import choose_endpoint
        from aibtui.sources.log_url import parse_log_url

        endpoint = choose_endpoint(access.arm_endpoint, access.cloud)
        if self.storage_account:
            endpoint.blob_endpoint(self.storage_account)
        log_url = parse_log_url(self.log_url, endpoint) if self.log_url else None
        return structs.replace(access, storage_account=self.storage_account, log_url=log_url)

    @property
    def words(self) -> tuple[str, ...]:
        """The options that lead to the same Azure again, as they would be typed."""
        given = {
            "--arm-endpoint": self.arm_endpoint,
            "--cloud": self.cloud,
            "--auth": self.auth,
            "--api-version": self.api_version,
            "--storage-account": self.storage_account,
            "--log-url": "SAS" if self.log_url else None,  # a secret: to be typed again
            "--ca": str(self.ca) if self.ca else None,
        }
        return tuple(word for name, value in given.items() if value for word in (name, value))

    def names_template(self, argument: str) -> bool:
        """Whether the user means a template on Azure by it, whatever else is called so."""
        return self.group is not None or argument.lower().startswith("/subscriptions/")

    @property
    def knows_group(self) -> bool:
        """Whether a plain name can be that of a template."""
        return self.defaults.group.value is not None


def azure_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options; it gets them as one AzureOptions called `azure`."""

    @functools.wraps(command)
    def packed(**values: Any) -> Any:
        names = ("group", "subscription", "auth", "cloud", "arm_endpoint", "api_version", "ca", "storage_account")
        given = {name: values.pop(name) for name in names}
        assignments = click.get_current_context().params.get("assignments", ())
        return command(azure=AzureOptions(**given, assignments=assignments), **values)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


def show_device_code(url: str, code: str) -> None:
    """The code of a sign-in, on stderr."""
    from aibtui.safetext import clean

    click.echo(f"aibtui: to sign in, open {clean(url)} and enter the code {clean(code)}", err=True)


def say_signing_in(how: str, seconds: int) -> None:
    """That a sign-in takes its time, on stderr: at first, and then now and again."""
    if seconds == 1 or seconds % _SAY_EVERY == 0:
        click.echo(f"aibtui: {signing_in(how, seconds)}", err=True)


def signing_in(how: str, seconds: int) -> str:
    """A sign-in that goes on, in words."""
    return f"signing in ({how}), {seconds} s"
