"""The Activity Log as far as a template has one: who ran it and who cancelled it, in the form of Microsoft.Insights."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from aibtui.emulator.run import Run, service_time
from aibtui.emulator.service import Service

CALLER = "image.pipeline@contoso.example"
CANCELLED_BY = "operator@contoso.example"
_CONDITION = re.compile(r"(\w+) (ge|le|eq) '([^']*)'")
_ACCEPTED_AFTER = timedelta(seconds=2)


class BadFilter(ValueError):
    """The query's `$filter` is none of those that the service takes."""


def events(service: Service, template_id: str, query: str, select: str) -> list[dict[str, Any]]:
    """The events that the filter lets through, the newest first, with the fields of `$select`. Raises BadFilter."""
    since, until, resource = _read(query)
    if resource is not None and resource.lower() != template_id.lower():
        return []
    found = [
        event
        for run in service.runs
        for event in _of_run(run, template_id)
        if since <= datetime.fromisoformat(event["eventTimestamp"]) <= min(until, service.now)
    ]
    found.sort(key=lambda event: str(event["eventTimestamp"]), reverse=True)
    fields = [field.strip() for field in select.split(",") if field.strip()]
    return [{field: event[field] for field in fields if field in event} for event in found] if fields else found


def _read(query: str) -> tuple[datetime, datetime, str | None]:
    parts = query.split(" and ")
    conditions = {}
    for part in parts:
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            raise BadFilter(query)
        conditions[match[1], match[2]] = match[3]
    try:
        since = datetime.fromisoformat(conditions["eventTimestamp", "ge"])
        until = datetime.fromisoformat(conditions["eventTimestamp", "le"])
    except (KeyError, ValueError):
        raise BadFilter(query) from None
    return since, until, conditions.get(("resourceUri", "eq"))


def _of_run(run: Run, template_id: str) -> list[dict[str, Any]]:
    correlation = str(run.scenario.id(f"correlation-{run.number}"))
    told = [_event(template_id, "run", CALLER, run.started_at - _ACCEPTED_AFTER, "Started", correlation)]
    told.append(_event(template_id, "run", CALLER, run.started_at, "Accepted", correlation))
    if run.canceled_at is not None:
        other = str(run.scenario.id(f"cancel-{run.number}"))
        told.append(_event(template_id, "cancel", CANCELLED_BY, run.canceled_at, "Started", other))
    return told


def _event(template_id: str, action: str, caller: str, at: datetime, status: str, correlation: str) -> dict[str, Any]:
    operation = f"Microsoft.VirtualMachineImages/imageTemplates/{action}/action"
    return {
        "caller": caller,
        "claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": caller, "ipaddr": "192.0.2.10"},
        "correlationId": correlation,
        "eventName": {"value": "BeginRequest", "localizedValue": "Begin request"},
        "eventTimestamp": service_time(at).replace("000Z", "Z"),
        "operationName": {"value": operation, "localizedValue": operation},
        "resourceId": template_id,
        "status": {"value": status, "localizedValue": status},
        "subStatus": {"value": "", "localizedValue": ""},
    }
