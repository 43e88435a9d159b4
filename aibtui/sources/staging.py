"""What stands in a run's staging group, as ARM lists it: about once a minute while it goes on, once when it is over.

A refusal is silent here, and asked about less often: the status word tells what may not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aibtui.core.polls import Resource, Status
from aibtui.sources.arm import Arm
from aibtui.sources.discovery import is_group_id
from aibtui.sources.faults import retry_after, status_of

API_VERSION = "2021-04-01"
_PACE = timedelta(seconds=60)
_AFTER_FAILURE = timedelta(minutes=5)
_MOST = 200


class StagingGroup:
    """The resources of one run's staging group. `due` is when it is asked about again; None is never."""

    def __init__(self, arm: Arm, random: Random, due: datetime) -> None:
        self.due: datetime | None = due
        self._arm = arm
        self._random = random

    async def look(self, at: datetime, status: Status) -> tuple[Resource, ...] | None:
        """What stands there, by type and name, where it is time to ask and there is an answer."""
        group = status.template.staging_group if status.template else None
        if self.due is None or at < self.due or group is None or not is_group_id(group):
            return None
        self.due = None if status.terminal or status.deleted else at + _PACE * self._random.uniform(0.9, 1.1)
        try:
            answer = await self._arm.get(f"{group.rstrip('/')}/resources", API_VERSION)
        except Exception as error:  # one boundary for what SDK and proxies may raise
            if status_of(error) == 404:
                return ()
            if self.due is not None:
                self.due = at + max(_AFTER_FAILURE, retry_after(error) or _AFTER_FAILURE)
            return None
        return _resources(answer)


def _resources(answer: Mapping[str, Any]) -> tuple[Resource, ...]:
    entries = answer.get("value")
    named = [
        Resource(entry["name"], entry["type"])
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str) and isinstance(entry.get("type"), str)
    ]
    return tuple(sorted(named, key=lambda resource: (resource.type.lower(), resource.name.lower()))[:_MOST])
