"""Whether a transfer still comes further, by the log's own clock: it stands still, it is slow, or neither."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from aibtui.core.build import Build, Download, Step
from aibtui.core.durations import median_of
from aibtui.core.transfers import MARK_EVERY, amount

_OPERATION_PATIENCE = 5
_USUAL_GAPS = 3
# Bytes that do not move for so long have stopped, however seldom they are told.
_LONGEST_PATIENCE = timedelta(minutes=2, seconds=30)
_SHORT_WAIT = timedelta(minutes=5)
_LEAST_COURSE = timedelta(minutes=2)
_STILL_AT_IT = re.compile(
    r"\b(?:still|waiting|retry|retrying|time-?out|timed out|no data|stalled|resum\w+)\b", re.IGNORECASE
)


class Standing(Struct, frozen=True):
    """A transfer in trouble: it stands still, its rate has collapsed, or it ends after the time-out.

    `lasted` is for how long, `told` what the words of a rule may name.
    """

    kind: Literal["still", "slow"]
    download: Download
    lasted: timedelta
    told: dict[str, str | None]


def judge(build: Build, step: Step | None, now: datetime, over: timedelta, slow: timedelta | None) -> Standing | None:
    """Whether the newest transfer of `step`, which runs, comes further, at `now` by the log's clock.

    Still: no progress for `over`, for an operation five times that, and for one that moves in long steps three of its
    usual ones. Slow: for `slow` below a tenth of its own earlier rate, or projected to end after the time-out.
    """
    begun = step.first_line if step and step.state == "running" else None
    mine = [each for each in build.downloads if begun is not None and each.last_line >= begun]
    download = max(mine, key=lambda each: each.last_line, default=None)
    if download is None or download.at is None or (download.percent is not None and download.percent >= 100):
        return None
    said = build.output
    if said and said.line > download.last_line and not _STILL_AT_IT.search(said.text):
        return None  # the step has gone on to something else
    stood = now - download.at
    if stood >= over and stood >= _patience(download, over):
        return Standing("still", download, stood, _told(download, stood, 0.0, None, None))
    if slow is None or download.operation:
        return None
    recent, earlier = _rate(download, now - slow, now), _rate(download, None, now - slow)
    left = _left(download)
    if not recent or left is None:
        return None
    eta = timedelta(seconds=min(left / recent, 1e8))
    if earlier and recent < earlier / 10 and eta > _SHORT_WAIT:
        return Standing("slow", download, slow, _told(download, slow, recent, eta, now + eta))
    begin, limit = build.run_started_at, build.timeout
    if begin and limit and download.started_at and now - download.started_at >= _LEAST_COURSE:
        eta = timedelta(seconds=min(left / max(recent, _rate(download, None, now) or 0), 1e8))
        if now + eta > begin + limit:
            return Standing("slow", download, now - download.started_at, _told(download, slow, recent, eta, now + eta))
    return None


def _patience(download: Download, over: timedelta) -> timedelta:
    """For how long it may stand, at least `over`."""
    patience = max(over * (_OPERATION_PATIENCE if download.operation else 1), _usual_gap(download) * _USUAL_GAPS)
    if download.bytes is not None and not download.operation:
        patience = min(patience, max(over, _LONGEST_PATIENCE))
    return patience


def _usual_gap(download: Download) -> timedelta:
    """The usual time between two moves, where it moves less often than marks are kept."""
    times = [at for at, _ in download.marks]
    gaps = [after - before for before, after in pairwise(times)]
    if not gaps and download.bytes is None and download.at == download.started_at:
        return _SHORT_WAIT / _USUAL_GAPS  # a percentage that was seen once: its steps may be long
    return median_of(gaps) if gaps else timedelta()


def _rate(download: Download, since: datetime | None, until: datetime) -> float | None:
    """Bytes, or percent, a second between two moments; None where that is too short to tell."""
    marks = [*download.marks]
    if download.at:
        marks.append((download.at, amount(download)))
    low = next((mark for mark in reversed(marks) if since is not None and mark[0] <= since), None)
    if since is None:
        low = marks[0] if marks else None
    high = next((mark for mark in reversed(marks) if mark[0] <= until), None)
    if low is None or high is None:
        return None
    span = (until if since is not None else high[0]) - low[0]
    return (high[1] - low[1]) / span.total_seconds() if span >= MARK_EVERY else None


def _left(download: Download) -> float | None:
    if download.bytes is not None and download.total:
        return float(download.total - download.bytes)
    return 100 - download.percent if download.percent is not None and download.bytes is None else None


def _told(
    download: Download, lasted: timedelta, rate: float, eta: timedelta | None, ends: datetime | None
) -> dict[str, str | None]:
    sized = download.bytes is not None
    done = f"{download.percent:.0f} %" if download.percent is not None else _size(download.bytes or 0)
    return {
        "name": download.name,
        "percent": done,
        "rate": f"{_size(rate)}/s" if sized else f"{rate * 60:.1f} % a minute",
        "eta": _span(eta) if eta else None,
        "minutes": str(int(lasted.total_seconds() // 60)),
        "ends": f"{ends:%Y-%m-%d %H:%M} UTC" if ends else None,
    }


def _size(count: float) -> str:
    power = 0
    while count >= 1000 and power < 3:
        count, power = count / 1000, power + 1
    return f"{count:.0f} B" if power == 0 else f"{count:.1f} {'BkMG'[power]}B"


def _span(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
