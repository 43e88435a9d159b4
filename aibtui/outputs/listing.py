"""Templates and their run states: a table that fits its terminal, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from aibtui.safetext import SafeText, clean, mask_secrets
from aibtui.sources.listing import Listed, Scope
from aibtui.wording import about, duration, iso

SCHEMA = "aibtui.templates/1"
_GAP = 2
_LEAST_OUTCOME = 20
_LIMIT = 300
_OUTCOME = "LAST OUTCOME"
Column = tuple[str, Callable[[Listed], str]]


def table(listed: Sequence[Listed], now: datetime, width: int | None, earlier: Mapping[str, str]) -> list[SafeText]:
    """A head and a line for each, at most `width` cells wide if it is given.

    `earlier` has, by the id in small letters, how the run before ended of a template that runs. Groups and
    subscriptions are named where there are several; what does not fit goes: the end of the outcome first.
    """
    columns = _columns(listed, now, earlier)
    rows: list[list[str]] = [[clean(mask_secrets(of(one))[0], _LIMIT) for _, of in columns] for one in listed]
    heads = [head for head, _ in columns]
    widths = [max(len(text) for text in column) for column in zip(heads, *rows, strict=True)]
    if width is not None:
        while len(widths) > 2 and sum(widths[:-1]) + _GAP * (len(widths) - 1) + min(_LEAST_OUTCOME, widths[-1]) > width:
            gone = len(widths) - 1 if heads[-1] == _OUTCOME else len(widths) - 2
            for line in [heads, *rows]:
                del line[gone]
            del widths[gone]
        widths[-1] = max(1, min(widths[-1], width - sum(widths[:-1]) - _GAP * (len(widths) - 1)))
    return [clean(_line(row, widths), None) for row in [heads, *rows]]


def as_json(listed: Sequence[Listed], scope: Scope, now: datetime, earlier: Mapping[str, str]) -> str:
    """One object; times are ISO 8601 in UTC, ages in seconds. Unknown fields may be added, none is removed."""
    place = {"subscription": scope.subscription, "resource_group": scope.group}
    templates = [_entry(one, now, earlier) for one in listed]
    return json.dumps({"schema": SCHEMA, "at": iso(now), "scope": place, "templates": templates}, indent=2)


def state_of(one: Listed) -> str:
    """Its run state; of a template that never ran what became of it itself."""
    status = one.status
    if status.run_state:
        return status.run_state if one.confirmed or not one.runs else f"{status.run_state}?"
    return "never ran" if status.provisioning_state in (None, "Succeeded") else status.provisioning_state


def age_of(one: Listed, now: datetime) -> str:
    """How long it runs, or how long ago it ended."""
    at = one.status.started_at if one.runs else one.status.ended_at or one.status.started_at
    return about(now - at) if at else ""


def _columns(listed: Sequence[Listed], now: datetime, earlier: Mapping[str, str]) -> list[Column]:
    columns: list[Column] = [("TEMPLATE", lambda one: one.target.template)]
    if len({one.target.group.lower() for one in listed}) > 1:
        columns.append(("GROUP", lambda one: one.target.group))
    if len({one.target.subscription.lower() for one in listed}) > 1:
        columns.append(("SUBSCRIPTION", lambda one: one.subscription_name or one.target.subscription))
    return [
        *columns,
        ("STATE", state_of),
        ("SUB-STATE", lambda one: one.status.sub_state or "" if one.runs else ""),
        ("AGE", lambda one: age_of(one, now)),
        (_OUTCOME, lambda one: _outcome(one, earlier)),
    ]


def _outcome(one: Listed, earlier: Mapping[str, str]) -> str:
    status = one.status
    if one.runs:
        before = earlier.get(one.target.id.lower())
        return f"before: {before}" if before else ""
    if status.run_state is None:
        return status.provisioning_error or ""
    took = status.ended_at - status.started_at if status.ended_at and status.started_at else None
    said = f"{status.run_state} after {duration(took)}" if took is not None else status.run_state
    return f"{said}: {status.message}" if status.message else said


def _entry(one: Listed, now: datetime, earlier: Mapping[str, str]) -> dict[str, object]:
    status, target = one.status, one.target
    since = status.started_at if one.runs else status.ended_at or status.started_at
    before = earlier.get(target.id.lower())
    return {
        "id": clean(target.id),
        "name": clean(target.template),
        "resource_group": clean(target.group),
        "subscription": clean(target.subscription),
        "subscription_name": _text(one.subscription_name),
        "location": _text(status.template.location if status.template else None),
        "tags": {clean(name): clean(value) for name, value in one.tags.items()},
        "run_state": _text(status.run_state),
        "sub_state": _text(status.sub_state),
        "started_at": iso(status.started_at) if status.started_at else None,
        "ended_at": iso(status.ended_at) if status.ended_at else None,
        "age_seconds": max(0, round((now - since).total_seconds())) if since else None,
        "message": _text(status.message),
        "last_outcome": _text(before) if one.runs else _text(status.run_state),
        "provisioning_state": _text(status.provisioning_state),
        "provisioning_error": _text(status.provisioning_error),
        "confirmed": one.confirmed,
    }


def _text(value: str | None) -> str | None:
    return None if value is None else clean(mask_secrets(value)[0])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    cut = [cell if len(cell) <= width else f"{cell[: width - 1]}…" for cell, width in zip(cells, widths, strict=True)]
    return (" " * _GAP).join(f"{cell:<{width}}" for cell, width in zip(cut, widths, strict=True)).rstrip()
