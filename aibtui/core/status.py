"""The service's JSON for an image template as a Status; pure, and forgiving of what a newer API may add or leave out.

Field names: Microsoft.VirtualMachineImages/imageTemplates, API versions 2020-02-14 to 2025-10-01.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aibtui.core.polls import Customizer, Distribution, Status, Template

DEFAULT_BUILD_TIMEOUT = timedelta(minutes=240)

_FRACTION = re.compile(r"(\.\d{6})\d+")
_STATES = {  # Azure's enums are to be read without regard to case; a state that is new is taken as it comes
    state.lower(): state
    for state in (
        *("Running", "Canceling", "Succeeded", "PartiallySucceeded", "Failed", "Canceled"),
        *("Queued", "Building", "Customizing", "Optimizing", "Validating", "Distributing"),
        *("Creating", "Updating", "Deleting", "Enabled"),
    )
}
_NO_OBJECT: Mapping[str, object] = {}


def status_from_template(json: Mapping[str, object]) -> Status:
    """Read a template as the service sends it, as the SDK's `as_dict()` or as `az image builder show` gives it.

    Properties may be flat or under `properties`. What is missing or of a wrong type reads as None.
    """
    properties = _object(json, "properties") or json
    run = status_from_run(_object(properties, "lastRunStatus"))
    error = _object(properties, "provisioningError")
    words = [_text(error, "provisioningErrorCode"), _text(error, "message")]
    state = _state(properties, "provisioningState")
    return Status(
        run_state=run.run_state,
        sub_state=run.sub_state,
        started_at=run.started_at,
        ended_at=run.ended_at,
        message=run.message,
        provisioning_state=state,
        provisioning_error=": ".join(word for word in words if word) or None,
        template=_template(json, properties),
        deleted=state == "Deleting",
    )


def status_from_run(json: Mapping[str, object]) -> Status:
    """Read a bare `lastRunStatus`; empty where the template never ran."""
    return Status(
        run_state=_state(json, "runState"),
        sub_state=_state(json, "runSubState"),
        started_at=time_of(json.get("startTime")),
        ended_at=time_of(json.get("endTime")),
        message=_text(json, "message"),
    )


def _template(json: Mapping[str, object], properties: Mapping[str, object]) -> Template:
    template_id = _text(json, "id") or ""
    optimize = _object(properties, "optimize")
    validate = _object(properties, "validate")
    return Template(
        id=template_id,
        name=_text(json, "name") or template_id.rpartition("/")[2],
        location=_text(json, "location"),
        source=_source(_object(properties, "source")),
        vm_size=_text(_object(properties, "vmProfile"), "vmSize"),
        staging_group=_text(properties, "exactStagingResourceGroup") or _text(properties, "stagingResourceGroup"),
        build_timeout=_timeout(properties.get("buildTimeoutInMinutes")),
        customizers=tuple(_customizer(entry) for entry in _objects(properties, "customize")),
        validates=bool(_objects(validate, "inVMValidations")) or validate.get("sourceValidationOnly") is True,
        optimizes="Enabled" in (_state(_object(optimize, part), "state") for part in ("vmBoot", "workload")),
        distributes=tuple(
            _text(entry, "runOutputName") or _text(entry, "type") or "" for entry in _objects(properties, "distribute")
        ),
        distributions=tuple(_distribution(entry) for entry in _objects(properties, "distribute")),
    )


def _source(source: Mapping[str, object]) -> str | None:
    urn = [_text(source, part) for part in ("publisher", "offer", "sku")]
    if any(urn):
        version = _text(source, "exactVersion") or _text(source, "version") or "latest"
        return ":".join([*(part or "" for part in urn), version])
    return _text(source, "imageVersionId") or _text(source, "imageId")


def _customizer(entry: Mapping[str, object]) -> Customizer:
    inline = entry.get("inline")
    lines = inline if isinstance(inline, Sequence) and not isinstance(inline, str) else ()
    return Customizer(
        type=_text(entry, "type") or "",
        name=_text(entry, "name"),
        inline=tuple(line for line in lines if isinstance(line, str)),
        script_uri=_text(entry, "scriptUri"),
    )


def _distribution(entry: Mapping[str, object]) -> Distribution:
    target = _text(entry, "galleryImageId") or _text(entry, "imageId") or _text(entry, "uri")
    regions = [_text(region, "name") for region in _objects(entry, "targetRegions")]
    older = entry.get("replicationRegions")
    regions += older if isinstance(older, list) else []
    named = regions or [_text(entry, "location")]
    return Distribution(
        _text(entry, "type") or "", target, tuple(region for region in named if isinstance(region, str) and region)
    )


def _timeout(minutes: object) -> timedelta:
    if isinstance(minutes, int) and 0 < minutes < 1_000_000:  # 0 means the service's default
        return timedelta(minutes=minutes)
    return DEFAULT_BUILD_TIMEOUT


def time_of(value: object) -> datetime | None:
    """A time of the service, aware and in UTC; nanoseconds are cut to microseconds."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(_FRACTION.sub(r"\1", value.strip()))
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.year < 1970:  # year 1 is how .NET writes "never"
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(json: Mapping[str, object], key: str) -> str | None:
    value = json.get(key)
    return value if isinstance(value, str) and value else None


def _state(json: Mapping[str, object], key: str) -> str | None:
    value = _text(json, key)
    return _STATES.get(value.lower(), value) if value else None


def _object(json: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = json.get(key)
    return value if isinstance(value, Mapping) else _NO_OBJECT


def _objects(json: Mapping[str, object], key: str) -> tuple[Mapping[str, object], ...]:
    value = json.get(key)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(entry for entry in value if isinstance(entry, Mapping))
