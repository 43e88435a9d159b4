"""What Azure has of one run besides its logs' folder: outputs, activity, container logs; and how a blob is fetched.

Every function raises what the SDK raises; what comes back is somebody else's text.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal, TypeVar

from msgspec import Struct

from aibtui.core.status import time_of
from aibtui.recording import Cursor
from aibtui.sources.arm import Arm
from aibtui.sources.backoff import Backoff
from aibtui.sources.blob import BlobTail
from aibtui.sources.container import containers, read_container
from aibtui.sources.discovery import SLACK
from aibtui.sources.faults import Place, retry_after, status_of, trouble_of
from aibtui.sources.pages import next_page
from aibtui.sources.run_list import RunFile, RunFolder, blob_client
from aibtui.sources.target import Target

ACTIVITY_FIELDS = ("eventTimestamp", "caller", "operationName", "status", "subStatus", "eventName", "correlationId")

_TEMPLATES_VERSION = "2024-02-01"
_GALLERIES_VERSION = "2023-07-03"
_ACTIVITY_VERSION = "2015-04-01"
_AROUND = timedelta(minutes=15)  # before a run and after it, the Activity Log still speaks of it
_PAGES = 20
_TRIES = 3
_LONGEST_WAIT = timedelta(seconds=60)
_PASSING = ("offline", "slow", "throttled")
_VERSION_ID = re.compile(
    r"(?i)/subscriptions/[0-9a-z-]+/resourceGroups/[\w.()-]+/providers/Microsoft\.Compute"
    r"/galleries/[\w.]+/images/[\w.-]+/versions/[\d.]+"
)

T = TypeVar("T")
Whose = Literal["this run", "another run", "unknown"]


class ContainerLog(Struct, frozen=True):
    """What a container of the build has printed so far; `name` is its group's and its own."""

    name: str
    text: str


class Part(Struct, frozen=True):
    """The next bytes of a blob, to be written at `offset`; what lies there and behind it is void."""

    offset: int
    data: bytes


async def patiently(arm: Arm, place: Place, call: Callable[[], Awaitable[T]]) -> T:
    """Run a request, again where the fault may pass; raises what the last try did."""
    backoff = Backoff(Random())
    for attempt in range(1, _TRIES + 1):
        try:
            return await call()
        except Exception as error:
            if status_of(error) == 401:
                arm.refused()
            wait = backoff.fail(retry_after(error))
            passing = trouble_of(error, place).kind in _PASSING or status_of(error) == 401
            if attempt == _TRIES or not passing or wait > _LONGEST_WAIT:
                raise
            await asyncio.sleep(wait.total_seconds())
    raise AssertionError("the last try returns or raises")


async def fetch(arm: Arm, folder: RunFolder, file: RunFile, cursor: Cursor) -> AsyncIterator[Part]:
    """The bytes of one blob from `cursor` on, to its end as it is then; from its beginning where it is another one."""
    tail = BlobTail(blob_client(arm, folder, file), cursor)
    caught_up = False
    while not caught_up:
        await arm.sign_in_to_storage()
        look = await tail.look()
        for chunk in look.chunks:
            yield Part(chunk.offset, chunk.data)
        caught_up = look.caught_up


async def run_outputs(
    arm: Arm, target: Target, started_at: datetime, ended_at: datetime | None
) -> list[Mapping[str, Any]]:
    """The template's run outputs, each with `of`: whether its artifact was made by the run between these times."""
    answer = await arm.get(f"{target.id}/runOutputs", _TEMPLATES_VERSION)
    entries = [entry for entry in answer.get("value") or () if isinstance(entry, Mapping)]
    return [await _checked(arm, entry, started_at, ended_at) for entry in entries]


async def _checked(
    arm: Arm, entry: Mapping[str, Any], started_at: datetime, ended_at: datetime | None
) -> Mapping[str, Any]:
    properties = entry.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    artifact = properties.get("artifactId") or properties.get("artifactUri")
    made_at, why = await _made_at(arm, artifact)
    whose: Whose = "unknown"
    if made_at is not None:
        late = ended_at is not None and made_at > ended_at + SLACK
        whose = "another run" if made_at < started_at - SLACK or late else "this run"
    return {
        "name": entry.get("name"),
        "artifact": artifact,
        "provisioning_state": properties.get("provisioningState"),
        "made_at": made_at.isoformat() if made_at else None,
        "of": whose,
        "why": why,
    }


async def _made_at(arm: Arm, artifact: object) -> tuple[datetime | None, str]:
    """When an artifact was made, and how that is known, or why it is not."""
    if not isinstance(artifact, str) or not _VERSION_ID.fullmatch(artifact):
        return None, "only gallery image versions tell when they were made"
    try:
        version = await arm.get(artifact, _GALLERIES_VERSION)
    except Exception as error:  # of one artifact; the others are still told
        place = Place("template", "the image version", "its gallery", "Reader")
        return None, trouble_of(error, place).text
    properties = version.get("properties")
    profile = properties.get("publishingProfile") if isinstance(properties, Mapping) else None
    published = profile.get("publishedDate") if isinstance(profile, Mapping) else None
    made_at = time_of(published)
    return made_at, "by its publishedDate" if made_at else "the image version tells no publishedDate"


async def activity(
    arm: Arm, target: Target, started_at: datetime, ended_at: datetime | None, now: datetime
) -> list[dict[str, Any]]:
    """What the Activity Log says of the template around the run, the oldest first; a few fields of each event."""
    until = min((ended_at or now) + _AROUND, now)
    condition = (
        f"eventTimestamp ge '{_utc(started_at - _AROUND)}' and eventTimestamp le '{_utc(until)}'"
        f" and resourceUri eq '{target.id}'"
    )
    path = f"/subscriptions/{target.subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    query: dict[str, str] | None = {"$filter": condition, "$select": ",".join(ACTIVITY_FIELDS)}
    events: list[dict[str, Any]] = []
    for _ in range(_PAGES):
        answer = await arm.get(path, _ACTIVITY_VERSION, query)
        entries = [entry for entry in answer.get("value") or () if isinstance(entry, Mapping)]
        events += [{field: _plain(entry[field]) for field in ACTIVITY_FIELDS if field in entry} for entry in entries]
        query = next_page(arm, answer.get("nextLink"), path)
        if query is None:
            break
    return sorted(events, key=lambda event: str(event.get("eventTimestamp")))


def who(events: Sequence[Mapping[str, Any]], action: str, before: datetime | None = None) -> Mapping[str, Any] | None:
    """Who asked for `action` (run, cancel, or write, which runs a template with autoRun): caller and time."""
    found = [event for event in events if str(event.get("operationName", "")).lower().endswith(f"/{action.lower()}")]
    times = [time_of(event.get("eventTimestamp")) for event in found]
    fitting = [event for event, at in zip(found, times, strict=True) if at and (before is None or at <= before + SLACK)]
    if not fitting:
        return None
    last = fitting[-1].get("correlationId")
    event = next(event for event in fitting if event.get("correlationId") == last)
    return {"caller": event.get("caller"), "at": event.get("eventTimestamp"), "operation": event.get("operationName")}


async def container_logs(arm: Arm, staging_group: str) -> list[ContainerLog]:
    """What the build's containers have printed; none where they are gone, as they are soon after Packer's end."""
    found = await containers(arm, staging_group)
    texts = [await read_container(arm, staging_group, container) for container in found]
    return [ContainerLog(f"{one.group}/{one.name}", text) for one, text in zip(found, texts, strict=True)]


def _plain(value: object) -> object:
    """`{"value": ..., "localizedValue": ...}` as the value."""
    return value.get("value") if isinstance(value, Mapping) else value


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
