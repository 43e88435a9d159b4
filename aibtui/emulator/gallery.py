"""The gallery image versions that runs have made, with their replication, as Microsoft.Compute tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aibtui.emulator.run import Run, service_time
from aibtui.emulator.service import Service

_PUBLISHED_AFTER = 30.0
"""Seconds from the begin of distribution until the version is there."""
_FIRST_COPY = 0.7
_GIVEN_UP = 1.2


def version_of(run: Run) -> str:
    """The version that a run makes."""
    return f"1.0.{run.number}"


def image_versions(service: Service, image_id: str) -> list[dict[str, Any]]:
    """All versions of the image definition `image_id` so far."""
    found = (image_version(service, image_id, version_of(run), replication=False) for run in service.runs)
    return [version for version in found if version is not None]


def image_version(service: Service, image_id: str, version: str, *, replication: bool) -> dict[str, Any] | None:
    """One version of the image definition `image_id`; None where no run has made it."""
    for run in service.runs:
        target = _target(run, image_id)
        distributing = next((state.at for state in run.states if state.sub_state == "Distributing"), None)
        if target is None or distributing is None or version_of(run) != version:
            continue
        elapsed = run.elapsed(service.now)
        if elapsed < distributing + _PUBLISHED_AFTER:
            return None
        ended = run.states[-1]
        # The copies of a run that was given up before go on, and are there soon after.
        whole = (ended.at - distributing) * (1.0 if ended.run_state == "Succeeded" else _GIVEN_UP)
        part = (elapsed - distributing) / max(whole, 1.0)
        return _as_json(run, target, image_id, version, distributing, part, replication=replication)
    return None


def _target(run: Run, image_id: str) -> Mapping[str, Any] | None:
    for target in run.scenario.properties.get("distribute", ()):
        if str(target.get("galleryImageId", "")).lower() == image_id.lower():
            return dict(target)
    return None


def _as_json(
    run: Run,
    target: Mapping[str, Any],
    image_id: str,
    version: str,
    distributing: float,
    part: float,
    *,
    replication: bool,
) -> dict[str, Any]:
    regions = list(target.get("targetRegions", ()))
    published = service_time(run.started_at + timedelta(seconds=distributing + _PUBLISHED_AFTER))
    properties: dict[str, Any] = {
        "publishingProfile": {"targetRegions": regions, "publishedDate": published, "replicationMode": "Full"},
        "provisioningState": "Succeeded" if part >= 1 else "Creating",
        "storageProfile": {"source": {}},
    }
    if replication:
        summary = [_copy(region["name"], part, place / len(regions)) for place, region in enumerate(regions, 1)]
        state = "Completed" if part >= 1 else "InProgress"
        properties["replicationStatus"] = {"aggregatedState": state, "summary": summary}
    return {
        "id": f"{image_id}/versions/{version}",
        "name": version,
        "type": "Microsoft.Compute/galleries/images/versions",
        "location": run.scenario.location,
        "tags": dict(target.get("artifactTags", {})),
        "properties": properties,
    }


def _copy(region: str, part: float, place: float) -> dict[str, Any]:
    """The copy in one region: the first ones of the list are there first, the last one at the end."""
    share = min(100, int(100 * part / (_FIRST_COPY + (1 - _FIRST_COPY) * place)))
    return {"region": region, "state": "Completed" if share == 100 else "Replicating", "details": "", "progress": share}
