"""One watch, put together: source, monitor, recordings and clock behind a front end, and the code it ends with."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aibtui.core.rulebook import Rule
    from aibtui.core.updates import Update
    from aibtui.recording import Recordings, Run
    from aibtui.session import Clock, Watch
    from aibtui.sources import Source

_TAIL_LINES = 20
_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a watch besides the build: an alert of a rule or severity, a time."""

    fail_on: tuple[str, ...] = ()
    timeout: timedelta | None = None

    def code(self, update: Update, first_at: datetime) -> int | None:
        """The exit code where a limit is reached at this update, else None."""
        from aibtui.session import ExitCode

        for alert in update.alerts:
            if alert.open and (alert.rule in self.fail_on or alert.severity in self.fail_on):
                return ExitCode.FAIL_ON
        if self.timeout is not None and update.at - first_at >= self.timeout and not update.ended:
            return ExitCode.TIMEOUT
        return None


async def follow(
    source: Source,
    recordings: Recordings,
    target: str,
    output: str,
    limits: Limits,
    *,
    clock: Clock | None = None,
    local_file: bool = False,
) -> int:
    """Watch to the end, drawn as `output` says; the exit code."""
    from aibtui.core.monitor import Monitor
    from aibtui.session import SystemClock, Watch

    rules = built_in_rules()
    clock = clock or SystemClock()
    async with Watch(source, lambda: Monitor(rules), recordings, clock) as watch:
        if _front_end(output) == "tui":
            code, ended = await _on_screen(watch, target, limits, clock)
        else:
            code, ended = await _as_lines(watch, target, output, limits)
        if not ended:
            from aibtui.wording import come_back

            click.echo(come_back(target, local_file=local_file), err=True)
    return code


async def _as_lines(watch: Watch, target: str, output: str, limits: Limits) -> tuple[int, bool]:
    from aibtui.outputs.jsonl import JsonLines
    from aibtui.outputs.plain import Plain
    from aibtui.session import ExitCode, exit_code

    last: Update | None = None
    shown = JsonLines(sys.stdout, target) if output == "jsonl" else Plain(sys.stdout, lambda: _tail(watch.run, last))
    first_at: datetime | None = None
    code: int | None = None
    try:
        async for update in watch.updates():
            last = update
            first_at = first_at or update.at
            shown.update(update)
            code = limits.code(update, first_at)
            if code is not None:
                break
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    ended = code is None
    if code is None:
        code = exit_code(last.build) if last else ExitCode.UNKNOWN
    shown.close(code)
    return code, ended


async def _on_screen(watch: Watch, target: str, limits: Limits, clock: Clock) -> tuple[int, bool]:
    from aibtui.session import ExitCode, exit_code
    from aibtui.tui.app import WatchApp
    from aibtui.tui.log_text import CurrentLog
    from aibtui.wording import outcome_sentence

    first_at: datetime | None = None
    reached: int | None = None

    async def limited() -> AsyncIterator[Update]:
        nonlocal first_at, reached
        async for update in watch.updates():
            first_at = first_at or update.at
            yield update
            reached = limits.code(update, first_at)
            if reached is not None:
                app.exit()
                return

    def recording() -> str | None:
        return str(watch.run.path) if watch.run.kept else None

    log = CurrentLog(lambda: watch.run)
    app = WatchApp(limited, log, title=target.rpartition("/")[2], clock=clock.now, recording=recording)
    try:
        await app.run_async()
    except asyncio.CancelledError:
        return ExitCode.INTERRUPTED, False
    if app.failure is not None:
        raise app.failure
    last = app.last_update
    if last is None:
        return ExitCode.SUCCEEDED, False
    click.echo(outcome_sentence(last))
    if reached is not None:
        return reached, False
    return (exit_code(last.build), True) if last.ended else (ExitCode.SUCCEEDED, False)


def _tail(run: Run, update: Update | None) -> list[str]:
    """The last lines that the failed step printed."""
    from aibtui.core.lines import parse_line

    step = update.build.step if update else None
    if update is None or step is None or step.first_line is None:
        return []
    data = run.read(max(0, run.size - _TAIL_BYTES), _TAIL_BYTES)
    rows = data.removesuffix(b"\n").split(b"\n")
    first = update.build.lines - len(rows) + 1
    lines = (parse_line(row, first + place) for place, row in enumerate(rows))
    end = step.last_line or update.build.lines
    said = [line.text for line in lines if line.builder and step.first_line <= line.number <= end and line.text.strip()]
    return said[-_TAIL_LINES:]


def _front_end(output: str) -> str:
    if output != "auto":
        return output
    # The screen is drawn on stderr, its keys come from stdin; what is not a terminal gets lines.
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    on_terminal = on_terminal and os.environ.get("TERM") != "dumb"
    return "tui" if on_terminal and not os.environ.get("CI") else "plain"


def built_in_rules() -> tuple[Rule, ...]:
    """The built-in rules."""
    from importlib.resources import files

    from aibtui.core.rulebook import compile_rules

    tables = sorted((files("aibtui.core") / "rules").iterdir(), key=lambda entry: entry.name)
    named = [table for table in tables if table.name.endswith(".toml")]
    return tuple(rule for table in named for rule in compile_rules(table.read_text(encoding="utf-8"), table.name))
