"""What a watch needs of Azure, checked piece by piece, each with what to do; nothing is asked but GET."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from aibtui.core.polls import Status, Trouble
from aibtui.core.status import status_from_template
from aibtui.sources import CannotWatch
from aibtui.sources.arm import TEMPLATE_API_VERSION, Access, Arm, load
from aibtui.sources.az_defaults import Defaults
from aibtui.sources.container import containers, read_container
from aibtui.sources.discovery import Account, find_log, is_group_id, storage_accounts
from aibtui.sources.faults import Place, code_of, once, status_of, trouble_of
from aibtui.sources.skew import skew_note
from aibtui.sources.target import Target, parse_target

Verdict = Literal["ok", "warn", "fail", "skipped"]
DATA_ROLE = "Storage Blob Data Reader"
_GALLERY_API_VERSION = "2024-03-03"
_GALLERY_IMAGE = re.compile(
    r"(?i)/subscriptions/[a-z0-9-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Compute"
    r"/galleries/[\w.]+/images/[\w.-]+"
)
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_SHORT_LIFE = timedelta(minutes=10)
_NOT_FOUND, _NO_ACCESS = 3, 4
_REFUSED_BY_NETWORK = ("AuthorizationFailure", "IpAuthorizationError")


class Check(Struct, frozen=True):
    """One thing that was checked. `code` is the exit code that a failure deserves."""

    name: str
    verdict: Verdict
    text: str
    remedy: str | None = None
    code: int = 0


class Grant(Struct, frozen=True):
    """A role that is missing, and the id of the resource group that it is missing on."""

    role: str
    scope: str


class Checkup:
    """Checks the way to Azure, and to one template where `name` says one. Afterwards `grants` are what is missing.

    `signed_in` is who would need them: an object id, what kind of principal it is, and a name for people.
    """

    def __init__(self, access: Access, defaults: Defaults, name: str | None) -> None:
        self.grants: list[Grant] = []
        self.target: Target | None = None
        self.staging_group: str | None = None
        self.signed_in: tuple[str | None, bool, str | None] = (None, False, None)
        self._access = access
        self._defaults = defaults
        self._name = name
        self._status: Status | None = None
        self._json: Mapping[str, Any] = {}

    async def checks(self) -> AsyncIterator[Check]:
        """One after the other, as they are done. Raises nothing but what is a bug."""
        try:
            for check in self._choices():
                yield check
        except CannotWatch as refusal:
            yield Check("template", "fail", refusal.text, refusal.remedy, _NOT_FOUND)
            return
        subscription = self.target.subscription if self.target else self._defaults.subscription.value
        if subscription is None:
            return
        await load()
        try:
            arm = Arm(self._access, subscription)
        except CannotWatch as refusal:
            yield Check("sign-in", "fail", refusal.text, refusal.remedy, _NO_ACCESS)
            return
        try:
            async for check in self._on(arm, subscription):
                yield check
        finally:
            await arm.close()

    def _choices(self) -> list[Check]:
        """Which Azure, subscription and group are meant, and who said so. Raises CannotWatch."""
        defaults = self._defaults
        self.target = parse_target(self._name, defaults) if self._name else None
        checks = [Check("cloud", "ok", f"{defaults.cloud.value}{_origin(defaults.cloud.origin)}")]
        if self._access.arm_endpoint:
            checks = [Check("cloud", "ok", f"Azure Resource Manager is {self._access.arm_endpoint} (--arm-endpoint)")]
        given = self.target is not None and self._name is not None and self._name.startswith("/")
        id = self.target.subscription if self.target else defaults.subscription.value
        if id is None:
            remedy = "Name it with --subscription, or choose one with: az account set -s NAME"
            checks.append(Check("subscription", "fail", "No subscription is known.", remedy, _NO_ACCESS))
            return checks
        known = defaults.subscription_called(id)
        origin = " (of the resource id)" if given else _origin(defaults.subscription.origin)
        called = f"{known.name}, " if known else ""
        checks.append(Check("subscription", "ok", f"{called}{id}{origin}"))
        group = self.target.group if self.target else defaults.group.value
        if group is None:
            text = "None is set; a template's name needs -g, or AZURE_DEFAULTS_GROUP."
            checks.append(Check("resource group", "skipped", text))
        else:
            origin = " (of the resource id)" if given else _origin(defaults.group.origin)
            checks.append(Check("resource group", "ok", f"{group}{origin}"))
        return checks

    async def _on(self, arm: Arm, subscription: str) -> AsyncIterator[Check]:
        signed_in = await self._signed_in(arm)
        yield signed_in
        if signed_in.verdict == "fail":
            return
        template = await self._template(arm, subscription)
        yield template
        if note := skew_note(arm.skew):
            yield Check("clock", "warn", note.text, note.remedy)
        elif template.verdict == "ok":
            yield Check("clock", "ok", "As Azure's, within 2 minutes.")
        if template.verdict != "ok" or self.target is None or self._status is None:
            return
        async for check in self._log(arm, self._status):
            yield check
        yield await self._gallery(arm)

    async def _signed_in(self, arm: Arm) -> Check:
        if arm.sign_in is None:
            return Check("sign-in", "skipped", "An emulator is given no credential.")
        place = Place("template", "Microsoft Entra", "", "")
        try:
            await arm.sign_in_to_arm()
            await arm.sign_in_to_storage()
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            return _failed("sign-in", once(trouble_of(error, place)))
        bearer = arm.sign_in.bearer
        text = f"{arm.sign_in.told}"
        if bearer is None:
            return Check("sign-in", "ok", text)
        self.signed_in = (bearer.object_id, bearer.application, bearer.who)
        left = timedelta(seconds=bearer.until - time.time())
        text += f", tenant {bearer.tenant}" if bearer.tenant else ""
        text += f"; Resource Manager and storage, for {max(0, int(left.total_seconds() // 60))} min"
        subscription = self.target.subscription if self.target else self._defaults.subscription.value or ""
        known = self._defaults.subscription_called(subscription)
        if known and known.tenant and bearer.tenant and known.tenant.lower() != bearer.tenant.lower():
            remedy = f"Sign in to it with: az login --tenant {known.tenant}"
            return Check("sign-in", "warn", f"{text}. The subscription is of the tenant {known.tenant}.", remedy)
        if left < _SHORT_LIFE:
            return Check("sign-in", "warn", f"{text}.", "It is renewed by itself, if the way to sign in still works.")
        return Check("sign-in", "ok", text)

    async def _template(self, arm: Arm, subscription: str) -> Check:
        """The template; without one, whether templates may be listed at all."""
        target = self.target
        try:
            if target is None:
                return await self._templates(arm, subscription)
            self._json = await arm.template(target)
            self._status = status_from_template(self._json)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            group = target.group if target else self._defaults.group.value
            scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
            what = f"the image template {target.template}" if target else "image templates"
            where = f"the resource group {group}" if group else f"the subscription {subscription}"
            trouble = once(trouble_of(error, Place("template", what, where, "Reader")))
            return self._refused("template", error, trouble, "Reader", scope)
        status = self._status
        state = " ".join(word for word in (status.run_state, status.sub_state) if word)
        return Check(
            "template", "ok", f"{target.template} can be read; {f'its run: {state}' if state else 'never ran'}."
        )

    async def _templates(self, arm: Arm, subscription: str) -> Check:
        group = self._defaults.group.value
        scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
        version = self._access.api_version or TEMPLATE_API_VERSION
        answer = await arm.get(f"{scope}/providers/Microsoft.VirtualMachineImages/imageTemplates", version)
        found = len(list(answer.get("value") or ()))
        text = f"Image templates can be listed in {group or 'the subscription'}: {found}."
        return Check("template", "ok", text, None if found else "Name one to check the way to its log.")

    async def _log(self, arm: Arm, status: Status) -> AsyncIterator[Check]:
        """Staging group, storage account, network, data role and container: the ways to the log."""
        group = status.template.staging_group if status.template else None
        if not group or not is_group_id(group):
            text = "The service has not named one yet: it is made with the template's first build."
            yield Check("staging group", "skipped" if not group else "fail", text, None, 0 if not group else _NOT_FOUND)
            return
        self.staging_group = group.rstrip("/")
        name = self.staging_group.rpartition("/")[2]
        container = await self._container(arm, name)
        try:
            accounts: Sequence[Account] = await storage_accounts(arm, self.staging_group)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            place = Place("log", f"the staging group {name}", f"the resource group {name}", "Reader")
            yield self._refused("staging group", error, once(trouble_of(error, place)), "Reader", self.staging_group)
            self._miss(DATA_ROLE, self.staging_group)
            return
        yield Check("staging group", "ok", f"{name} can be read.")
        if not accounts:
            yield Check("storage account", "skipped", "There is none yet: it is made when a build begins.")
        for account in accounts:
            keys = "" if account.keys else "; it takes no account keys"
            yield Check("storage account", "ok", f"{account.name}, {urlsplit(account.url).netloc}{keys}")
            async for check in self._blobs(arm, account, name, readable=container.verdict == "ok"):
                yield check
        yield container

    async def _blobs(self, arm: Arm, account: Account, group: str, *, readable: bool) -> AsyncIterator[Check]:
        where = f"the storage account {account.name} (resource group {group})"
        place = Place("log", f"the log in {account.name}", where, DATA_ROLE, network=account.network)
        try:
            newest = await find_log(arm, [account], _EARLIEST, None)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            trouble = once(trouble_of(error, place))
            by_network = status_of(error) is None or code_of(error) in _REFUSED_BY_NETWORK
            name = "network" if by_network else "data role"
            if not by_network:
                yield Check("network", "ok", await _route(arm, account))
                self._miss(DATA_ROLE, self.staging_group or "")
            code = 0 if readable else _NO_ACCESS
            yield Check(name, "warn" if readable else "fail", trouble.text, trouble.remedy, code)
            if by_network:
                yield Check("data role", "skipped", "Not known: the network refuses first.")
            return
        yield Check("network", "ok", await _route(arm, account))
        seen = f"the newest log is of {newest.began_at:%Y-%m-%d %H:%M} UTC" if newest else "there is no log yet"
        yield Check("data role", "ok", f"Logs can be listed; {seen}.")

    async def _container(self, arm: Arm, group: str) -> Check:
        staging = self.staging_group or ""
        try:
            found = await containers(arm, staging)
            if not found:
                return Check("container logs", "skipped", "There is a container only while a build runs.")
            await read_container(arm, staging, found[0], 1)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            place = Place("log", "the container's log", f"the resource group {group}", "Reader")
            trouble = once(trouble_of(error, place))
            return Check("container logs", "warn", trouble.text, trouble.remedy)
        return Check("container logs", "ok", f"{found[0].group} can be read, should the log's blob lag.")

    async def _gallery(self, arm: Arm) -> Check:
        """Whether replication can be shown once the service distributes."""
        properties = self._json.get("properties")
        targets = properties.get("distribute") if isinstance(properties, Mapping) else None
        ids = [str(each.get("galleryImageId") or "") for each in targets or () if isinstance(each, Mapping)]
        images = [id for id in ids if _GALLERY_IMAGE.fullmatch(id)]
        if not images:
            return Check("gallery", "skipped", "The template distributes to none.")
        image = images[0].rpartition("/")[2]
        try:
            await arm.get(f"{images[0]}/versions", _GALLERY_API_VERSION)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is a line of the table
            group = images[0].split("/")[4]
            place = Place("template", f"the versions of {image}", f"the resource group {group}", "Reader")
            trouble = once(trouble_of(error, place))
            return Check("gallery", "warn", f"{trouble.text} Replication is not shown.", trouble.remedy)
        return Check("gallery", "ok", f"The versions of {image} can be read.")

    def _refused(self, name: str, error: Exception, trouble: Trouble, role: str, scope: str) -> Check:
        if trouble.kind == "forbidden":
            self._miss(role, scope)
        code = _NOT_FOUND if status_of(error) == 404 else _NO_ACCESS
        remedy = "Show what is there with: aibtui ls" if code == _NOT_FOUND and not trouble.remedy else trouble.remedy
        return Check(name, "fail", trouble.text, remedy, code)

    def _miss(self, role: str, scope: str) -> None:
        grant = Grant(role, scope)
        if grant not in self.grants:
            self.grants.append(grant)


def _failed(name: str, trouble: Trouble) -> Check:
    return Check(name, "fail", trouble.text, trouble.remedy, _NO_ACCESS)


def _origin(origin: str) -> str:
    return "" if origin == "default" else f" ({origin})"


async def _route(arm: Arm, account: Account) -> str:
    """How the account is reached: by its name's address here."""
    limits = {"open": "", "firewall": " Its firewall lets this machine in.", "private": ""}[account.network]
    if arm.endpoint.emulator:
        return "On this machine."
    host = urlsplit(account.url).hostname or ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 443)
    except OSError:
        return f"Reached through a proxy.{limits}"
    private = any(ip_address(address[4][0]).is_private for address in found)
    return f"Reached {'through a private endpoint' if private else 'over the internet'}.{limits}"
