"""The gallery image versions that runs have made, with their replication, as Microsoft.Compute tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aibtui.emulator.run import Run, service_time
from aibtui.emulator.service import Service

_PUBLISHED_AFTER = 30.0
"""Seconds from the begin of distribution until the version is there."""


def version_of(run: Run) -> str:
    """The version that a run makes."""
    return f"1.0.{run.number}"


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
        done = ended.run_state == "Succeeded" and elapsed >= ended.at
        share = 100 if done else min(99, int(100 * (elapsed - distributing) / max(ended.at - distributing, 1.0)))
        return _as_json(run, target, image_id, version, distributing, share, replication=replication)
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
    share: int,
    *,
    replication: bool,
) -> dict[str, Any]:
    regions = list(target.get("targetRegions", ()))
    published = service_time(run.started_at + timedelta(seconds=distributing + _PUBLISHED_AFTER))
    properties: dict[str, Any] = {
        "publishingProfile": {"targetRegions": regions, "publishedDate": published, "replicationMode": "Full"},
        "provisioningState": "Succeeded" if share == 100 else "Creating",
        "storageProfile": {"source": {}},
    }
    if replication:
        state = "Completed" if share == 100 else "InProgress"
        summary = [
            {"region": region["name"], "state": state if share == 100 else "Replicating", "progress": share}
            for region in regions
        ]
        properties["replicationStatus"] = {"aggregatedState": state, "summary": summary}
    return {
        "id": f"{image_id}/versions/{version}",
        "name": version,
        "type": "Microsoft.Compute/galleries/images/versions",
        "location": run.scenario.location,
        "tags": dict(target.get("artifactTags", {})),
        "properties": properties,
    }
