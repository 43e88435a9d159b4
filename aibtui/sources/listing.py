"""The image templates of a group, a subscription, or all subscriptions, each with its run state.

Azure Resource Graph knows all subscriptions at once, and lags: it lists, a GET of the template itself knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from aibtui.core.polls import Status
from aibtui.core.status import status_from_template
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Access, Arm, load
from aibtui.sources.collect import patiently
from aibtui.sources.faults import Place, code_of, status_of
from aibtui.sources.pages import MOST_PAGES, every
from aibtui.sources.run_list import refused
from aibtui.sources.target import Target, parse_target

RUNNING = ("Running", "Canceling")
_TEMPLATES = "Microsoft.VirtualMachineImages/imageTemplates"
_AT_ONCE = 8
_PAGE = 1000
_QUERY = f"""\
resources
| where type =~ '{_TEMPLATES}'
| project id, name, location, resourceGroup, subscriptionId, tags, lastRunStatus = properties.lastRunStatus, \
provisioningState = properties.provisioningState, provisioningError = properties.provisioningError
| join kind=leftouter (resourcecontainers | where type =~ 'microsoft.resources/subscriptions' \
| project subscriptionId, subscriptionName = name) on subscriptionId
| order by id asc"""


class Scope(Struct, frozen=True):
    """Where templates are looked for: a group of a subscription, all of it, or, without one, all subscriptions."""

    subscription: str | None = None
    group: str | None = None

    def __str__(self) -> str:
        if self.subscription is None:
            return "all subscriptions that you may read"
        return f"the resource group {self.group}" if self.group else f"the subscription {self.subscription}"


class Listed(Struct, frozen=True):
    """One template. `confirmed` says that the state is its own word: of one that runs it may else be an old one."""

    target: Target
    status: Status
    tags: Mapping[str, str] = field(default_factory=dict)
    subscription_name: str | None = None
    confirmed: bool = False

    @property
    def runs(self) -> bool:
        return self.status.run_state in RUNNING

    def has(self, tags: Sequence[tuple[str, str | None]]) -> bool:
        """Whether it has all these tags; a value of None is any. Azure's tag names know no case."""
        own = {name.lower(): value for name, value in self.tags.items()}
        return all(name.lower() in own and value in (None, own[name.lower()]) for name, value in tags)


async def list_templates(access: Access, scope: Scope) -> list[Listed]:
    """The templates in a scope, those that run first, then by age. Raises CannotWatch: 3, 4 or 5."""
    await load()
    arm = Arm(access, scope.subscription or "")
    try:
        rows = await _rows(arm, scope)
        listed = [one for row in rows if (one := _listed(row)) is not None]
        known = await _confirmed(arm, listed)
    finally:
        await arm.close()
    return sorted(known, key=_order)


async def _rows(arm: Arm, scope: Scope) -> list[Mapping[str, Any]]:
    whole = scope.subscription is None
    what = "Azure Resource Graph" if whole else f"the list of image templates of {scope}"
    place = Place("template", what, "the subscriptions that hold the templates" if whole else str(scope), "Reader")
    try:
        if scope.subscription is None:
            return await patiently(arm, place, partial(_search, arm))
        group = f"/resourceGroups/{scope.group}" if scope.group else ""
        path = f"/subscriptions/{scope.subscription}{group}/providers/{_TEMPLATES}"
        return await patiently(arm, place, partial(every, arm, path, arm.template_api_version))
    except Exception as error:  # one boundary for what SDK and proxies may raise: it is told in one sentence
        if status_of(error) == 404 or "Subscription" in code_of(error):
            what = "subscription" if "Subscription" in code_of(error) or not scope.group else "resource group"
            named = scope.group if what == "resource group" else scope.subscription
            remedy = f"Show what is there with: az {'group' if scope.group else 'account'} list --output table"
            raise CannotWatch(f"There is no {what} {named}, or none that you may see.", remedy, 3) from error
        raise refused(error, place) from error


async def _search(arm: Arm) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    options: dict[str, Any] = {"resultFormat": "objectArray", "$top": _PAGE}
    for _ in range(MOST_PAGES):
        answer = await arm.search({"query": _QUERY, "options": options})
        found += [row for row in answer.get("data") or () if isinstance(row, Mapping)]
        token = answer.get("$skipToken")
        if not isinstance(token, str) or not token:
            break
        options = {**options, "$skipToken": token}
    return found


def _listed(row: Mapping[str, Any]) -> Listed | None:
    try:
        target = parse_target(str(row.get("id")))
    except CannotWatch:  # an id that is none of a template is nobody's to watch
        return None
    tags, name = row.get("tags"), row.get("subscriptionName")
    return Listed(
        target,
        status_from_template(row),
        {str(key): str(value) for key, value in tags.items()} if isinstance(tags, Mapping) else {},
        name if isinstance(name, str) else None,
    )


async def _confirmed(arm: Arm, listed: Sequence[Listed]) -> list[Listed]:
    """The same, what runs by its own word; without what is gone by now."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def own_word(one: Listed) -> Listed | None:
        if not one.runs:
            return one
        async with free:
            try:
                status = status_from_template(await arm.get(one.target.id, arm.template_api_version))
            except Exception as error:  # of one template of many: its row says that it is not sure
                return None if status_of(error) == 404 else one
        return replace(one, status=status, confirmed=True)

    return [one for one in await asyncio.gather(*map(own_word, listed)) if one is not None]


def _order(one: Listed) -> tuple[bool, float, str]:
    last = one.status.ended_at or one.status.started_at
    return not one.runs, -last.timestamp() if last else 0.0, one.target.id.lower()
