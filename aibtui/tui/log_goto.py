"""Where `:` goes: a line number, a time of day, a time after the start, a part of the log, or a step."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

from aibtui.core.build import Step
from aibtui.core.regex import regex
from aibtui.tui.log_rows import LogRows
from aibtui.tui.log_text import LogText

_TIME: Final = regex(r"(\+)?(\d{1,3}):(\d\d)(?::(\d\d))?")
_STEP: Final = regex(r"s(?:tep)? ?(\d+)", re.IGNORECASE)


class NoPlace(ValueError):
    """There is no such place; says why."""


def line_of(
    said: str, text: LogText, rows: LogRows, *, started_at: datetime | None, since_start: bool, zone: tzinfo | None
) -> int:
    """The line (from 0) that was asked for. A time without `+` is one after the start where the log shows such."""
    said = said.strip().replace(",", "")
    lines = rows.index.lines
    if said.isdigit():
        if not 1 <= int(said) <= lines:
            raise NoPlace(f"The log has {lines:,} lines")
        return int(said) - 1
    if said.endswith("%") and said[:-1].isdigit():
        return min(lines - 1, lines * int(said[:-1]) // 100)
    if step := _STEP.fullmatch(said):
        for section in rows.sections:
            if isinstance(section.part, Step) and section.part.index == int(step[1]):
                return section.first
        raise NoPlace(f"Step {step[1]} has no line in the log")
    time = _TIME.fullmatch(said)
    if time is None:
        raise NoPlace("Not a line, a time (14:05, +1:30:00), a part (50%) or a step (s5)")
    return _line_at(time, text, rows, started_at, since_start=since_start, zone=zone)


def _line_at(
    time: re.Match[str],
    text: LogText,
    rows: LogRows,
    started_at: datetime | None,
    *,
    since_start: bool,
    zone: tzinfo | None,
) -> int:
    first, second, third = int(time[2]), int(time[3]), int(time[4] or 0)
    began = text.first_stamp() or started_at
    if began is None:
        raise NoPlace("The log shows no time yet")
    if time[1] or since_start:
        after = timedelta(hours=first, minutes=second, seconds=third) if time[4] else timedelta(minutes=first)
        after += timedelta() if time[4] else timedelta(seconds=second)
        wanted = (started_at or began) + after
    elif first > 23 or second > 59 or third > 59:
        raise NoPlace("Not a time of day")
    else:
        local = began.astimezone(zone)
        wanted = local.replace(hour=first, minute=second, second=third, microsecond=0)
        if wanted < local.replace(second=0, microsecond=0):
            wanted += timedelta(days=1)
    line = rows.index.line_at(wanted)
    while line < rows.index.lines:
        at = text.line(line).at
        if at is not None and at >= wanted:
            return line
        line += 1
    raise NoPlace("The log does not go as far as that time")
