"""A Poll as one line of polls.jsonl, and back. The bytes of the log are not in it, only where they lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from aibtui.core.polls import (
    Cancel,
    Customizer,
    Distribution,
    LogName,
    Poll,
    Replica,
    Resource,
    Status,
    Surroundings,
    Template,
    Trouble,
)

LOG_NAMES: tuple[LogName, ...] = get_args(LogName)
SAME = "same"  # the status is the one of the last line that wrote it out


class Span(Struct, frozen=True):
    """Where a chunk's bytes lie: `length` bytes from `offset` in that generation of that log."""

    log: LogName
    generation: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class Entry(Struct, frozen=True):
    """One line of polls.jsonl: the Poll without its chunks, and where their bytes lie."""

    poll: Poll
    spans: tuple[Span, ...]


def to_line(poll: Poll, known: Status | None) -> bytes:
    """The line for `poll`, newline included. `known` is the status that the lines before it hold."""
    entry: dict[str, object] = {"at": poll.at.isoformat()}
    if poll.status is not None:
        entry["status"] = SAME if poll.status == known else asdict(poll.status)
    if poll.around is not None:
        entry["around"] = asdict(poll.around)
    if poll.chunks:
        entry["chunks"] = [[chunk.log, chunk.generation, chunk.offset, len(chunk.data)] for chunk in poll.chunks]
    if poll.troubles:
        entry["troubles"] = [asdict(trouble) for trouble in poll.troubles]
    if poll.log_read:
        entry["log_read"] = True
    if poll.ended:
        entry["ended"] = True
    entry["pause"] = poll.pause.total_seconds()
    return json.dumps(entry, default=_plain, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes, known: Status | None) -> Entry:
    """Read a line back. Raises ValueError where it is torn or is not one of ours."""
    try:
        json_entry = json.loads(line)
        return _entry(json_entry, known)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a line of polls.jsonl: {error!r}") from error


def _entry(entry: Mapping[str, Any], known: Status | None) -> Entry:
    spans = tuple(Span(log, *map(int, place)) for log, *place in entry.get("chunks", ()))
    if any(span.log not in LOG_NAMES or min(span.generation, span.offset, span.length) < 0 for span in spans):
        raise ValueError("a chunk that cannot be")
    status, around = entry.get("status"), entry.get("around")
    poll = Poll(
        at=datetime.fromisoformat(entry["at"]),
        status=known if status == SAME else status and _status(status),
        around=around and _surroundings(around),
        troubles=tuple(_trouble(trouble) for trouble in entry.get("troubles", ())),
        log_read=entry.get("log_read", False),
        ended=entry.get("ended", False),
        pause=timedelta(seconds=entry["pause"]),
    )
    return Entry(poll, spans)


def _status(json_status: Mapping[str, Any]) -> Status:
    template = json_status["template"]
    status = Status(**{**json_status, "template": template and _template(template)})
    return replace(status, started_at=_time(status.started_at), ended_at=_time(status.ended_at))


def _template(json_template: Mapping[str, Any]) -> Template:
    customizers = (Customizer(**{**entry, "inline": tuple(entry["inline"])}) for entry in json_template["customizers"])
    kept = json_template.get("distributions", ())
    distributions = (Distribution(**{**entry, "regions": tuple(entry["regions"])}) for entry in kept)
    return Template(
        **{
            **json_template,
            "distributions": tuple(distributions),
            "build_timeout": timedelta(seconds=json_template["build_timeout"]),
            "customizers": tuple(customizers),
            "distributes": tuple(json_template["distributes"]),
        }
    )


def _surroundings(json_around: Mapping[str, Any]) -> Surroundings:
    resources, replicas = json_around["resources"], json_around["replicas"]
    cancel = json_around.get("cancel")
    return Surroundings(
        sign_in=json_around["sign_in"],
        resources=None if resources is None else tuple(Resource(**resource) for resource in resources),
        listed_at=_time(json_around["listed_at"]),
        replicas=None if replicas is None else tuple(Replica(**replica) for replica in replicas),
        cancel=cancel and Cancel(datetime.fromisoformat(cancel["at"]), cancel["by"]),
        job_began_at=_time(json_around.get("job_began_at")),
    )


def _trouble(json_trouble: Mapping[str, Any]) -> Trouble:
    trouble = Trouble(**json_trouble)
    return replace(trouble, retry_at=_time(trouble.retry_at))


def _time(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Struct):
        return asdict(value)
    raise TypeError(f"no JSON for {type(value)}")
