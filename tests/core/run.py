"""Feeds bytes to the core as one look, or as many."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files

from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status
from aibtui.core.rulebook import Rule, compile_rules
from aibtui.core.updates import Update
from tests.core.logs import START


def rules() -> tuple[Rule, ...]:
    """The built-in rules."""
    tables = sorted((files("aibtui.core") / "rules").iterdir(), key=lambda entry: entry.name)
    return tuple(
        rule
        for table in tables
        if table.name.endswith(".toml")
        for rule in compile_rules(table.read_text(), table.name)
    )


def explain(data: bytes, status: Status | None = None) -> Update:
    """The whole log in one look that ends the watch."""
    return watch([data], status)[-1]


def watch(pieces: Iterable[bytes], status: Status | None = None) -> list[Update]:
    """A look for each piece, five seconds apart, and a last one that ends the watch."""
    monitor, updates, offset, at = Monitor(rules()), [], 0, START + timedelta(minutes=1)
    for piece in pieces:
        chunk = Chunk("customization.log", 0, offset, piece)
        updates.append(monitor.feed(Poll(at, chunks=(chunk,), log_read=True)))
        offset, at = offset + len(piece), at + timedelta(seconds=5)
    updates.append(monitor.feed(Poll(at, status=status, ended=True)))
    return updates
