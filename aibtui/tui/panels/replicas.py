"""The copies of an image version while the service distributes: a row for each region, the worst and slowest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from textual.content import Content

from aibtui import wording
from aibtui.core.build import State
from aibtui.core.polls import Replica
from aibtui.safetext import SafeText, clean
from aibtui.tui.drawing import STATE_MEANINGS, fit, gauge, part, remote, row

_DONE: Final = "completed"
_FAILED: Final = "failed"
_NAME: Final = 24
"""No name is wider."""
_STATE: Final = 11
_GAUGE: Final = 12


def replica_rows(replicas: Sequence[Replica], width: int, room: int) -> list[Content]:
    """At most `room` lines; where more would follow, the last one says how many."""
    ordered = _in_order(replicas)
    several = len({replica.version for replica in replicas}) > 1
    names = [clean(f"{each.version} {each.region}" if several else each.region) for each in ordered]
    widest = min(_NAME, max((cell_len(name) for name in names), default=0))
    shown = ordered if len(ordered) <= room else ordered[: max(0, room - 1)]
    lines = [fit(_row(each, name, widest, width), width) for each, name in zip(shown, names, strict=False)]
    left = len(ordered) - len(shown)
    return [*lines, part(f"  and {wording.count(left, 'more region')}", "dim")] if left and room > 0 else lines


def replicas_done(replicas: Sequence[Replica]) -> SafeText:
    """How many are where they are to be."""
    done = sum(_is(replica, _DONE) for replica in replicas)
    return clean(f"{done} of {wording.count(len(replicas), 'region')} done")


def replicas_in_one(replicas: Sequence[Replica]) -> SafeText:
    """All of them in a sentence: `2 of 3 regions done, eastus 45 %`."""
    said = replicas_done(replicas)
    worst = _in_order(replicas)[0] if replicas else None
    if worst is None or _is(worst, _DONE):
        return clean(said)
    share = f" {worst.percent} %" if worst.percent is not None and not _is(worst, _FAILED) else f" {worst.state}"
    return clean(f"{said}, {worst.region}{share}")


def _in_order(replicas: Sequence[Replica]) -> list[Replica]:
    def rank(replica: Replica) -> tuple[bool, bool, int, str]:
        return not _is(replica, _FAILED), _is(replica, _DONE), replica.percent or 0, replica.region

    return sorted(replicas, key=rank)


def _is(replica: Replica, state: str) -> bool:
    return replica.state.lower() == state


def _row(replica: Replica, name: SafeText, widest: int, width: int) -> Content:
    done, failed = _is(replica, _DONE), _is(replica, _FAILED)
    state: State = "done" if done else "failed" if failed else "running"
    meaning = STATE_MEANINGS[state]
    said = _cell(replica.state, _STATE, meaning)
    head = row(part(wording.state_glyph(state), meaning), _cell(name, widest), said)
    if failed:
        return row(head, remote(replica.details or "", "dim"), gap=2)
    if replica.percent is None or done:
        return head
    share = part(f"{replica.percent:>3} %", "strong")
    room = min(_GAUGE, width - head.cell_length - share.cell_length - 3)
    return row(head, share, gauge(replica.percent / 100, room) if room >= 4 else part(""))


def _cell(text: str, width: int, meaning: str = "") -> Content:
    said = fit(remote(text, meaning), width)
    return said + Content(" " * (width - said.cell_length))
