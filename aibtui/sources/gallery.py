"""How far the image version that a run distributes is copied: the gallery's replication status, region by region.

The version is found by its date: Image Builder names it only when the run is over. Managed images and VHDs tell
nothing of their progress.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aibtui.core.polls import Distribution, Replica, Status
from aibtui.core.status import time_of
from aibtui.sources.arm import Arm
from aibtui.sources.faults import Place, retry_after, status_of, trouble_of
from aibtui.sources.pages import every

API_VERSION = "2023-07-03"
_SHORTEST, _LONGEST = 30.0, 60.0  # seconds between two looks
_REFUSED = timedelta(minutes=10)
_IMAGE_ID = re.compile(
    r"(?i)(?P<image>/subscriptions/[0-9a-z-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Compute"
    r"/galleries/[\w.]+/images/[\w.-]+?)(?:/versions/(?P<version>[\d.]+))?/?"
)


class Replication:
    """The copies of what one run distributes. Asked about every 30 to 60 s while it does, and once when it is over."""

    def __init__(self, arm: Arm, random: Random, due: datetime) -> None:
        self._arm = arm
        self._random = random
        self._due: datetime | None = due
        self._began = False
        self._versions: dict[str, str] = {}

    async def look(self, at: datetime, status: Status) -> tuple[Replica, ...] | None:
        """The copies, where it is time to ask; None where nothing was asked."""
        images = [found for entry in _distributions(status) if (found := _gallery_image(entry)) is not None]
        if not images or self._due is None or not self._is_time(at, status):
            return None
        self._due = None if status.terminal else at + timedelta(seconds=self._random.uniform(_SHORTEST, _LONGEST))
        copies: list[Replica] = []
        for entry, image, version in images:
            try:
                copies += await self._copies(image, version, status.started_at)
            except Exception as error:  # one boundary for what SDK and proxies may raise: its rows tell it
                copies += self._unknown(at, error, entry, image)
        return tuple(copies)

    def _is_time(self, at: datetime, status: Status) -> bool:
        distributing = status.sub_state == "Distributing"
        self._began = self._began or (distributing and not status.terminal)
        if status.terminal:
            return self._began or distributing
        return distributing and self._due is not None and at >= self._due

    async def _copies(self, image: str, version: str | None, began: datetime | None) -> list[Replica]:
        name = version or self._versions.get(image)
        if name is None:
            name = _newest(await every(self._arm, f"{image}/versions", API_VERSION), began)
            if name is None:
                return []
            self._versions[image] = name
        answer = await self._arm.get(f"{image}/versions/{name}", API_VERSION, {"$expand": "ReplicationStatus"})
        return _replicas(answer, name)

    def _unknown(self, at: datetime, error: Exception, entry: Distribution, image: str) -> list[Replica]:
        if status_of(error) == 401:
            self._arm.refused()
        name = image.rpartition("/")[2]
        place = f"the gallery image {name}"
        trouble = trouble_of(error, Place("template", place, place, "Reader"))
        wait = _REFUSED if trouble.kind == "forbidden" else retry_after(error)
        if self._due is not None and wait is not None:
            self._due = max(self._due, at + wait)
        details = " ".join(said for said in (trouble.text, trouble.remedy) if said)
        known = self._versions.get(image, name)
        return [Replica(known, region, "Unknown", None, details) for region in entry.regions or ("its regions",)]


def _distributions(status: Status) -> tuple[Distribution, ...]:
    return status.template.distributions if status.template else ()


def _gallery_image(entry: Distribution) -> tuple[Distribution, str, str | None] | None:
    """Where a gallery image is, and the version of it that the template asks for, if it names one."""
    match = _IMAGE_ID.fullmatch(entry.target or "")
    return (entry, match["image"], match["version"]) if match else None


def _newest(versions: list[Mapping[str, Any]], began: datetime | None) -> str | None:
    """The newest version that was published at the run's start or after it."""
    dated = [(published, str(version.get("name"))) for version in versions if (published := _published(version))]
    fitting = [(at, name) for at, name in dated if began is None or at >= began]
    return max(fitting)[1] if fitting else None


def _published(version: Mapping[str, Any]) -> datetime | None:
    return time_of(_object(_object(version, "properties"), "publishingProfile").get("publishedDate"))


def _replicas(version: Mapping[str, Any], name: str) -> list[Replica]:
    properties = _object(version, "properties")
    summary = _object(properties, "replicationStatus").get("summary")
    return [_replica(entry, name) for entry in (summary if isinstance(summary, list) else ()) if _named(entry)]


def _replica(entry: Mapping[str, Any], version: str) -> Replica:
    progress, details = entry.get("progress"), entry.get("details")
    percent = progress if isinstance(progress, int) and not isinstance(progress, bool) else None
    told = details if isinstance(details, str) and details else None
    return Replica(version, entry["region"], str(entry.get("state") or "Unknown"), percent, told)


def _named(entry: object) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("region"), str)


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
