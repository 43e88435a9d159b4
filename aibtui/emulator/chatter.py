"""What scripts print: beats become lines with their times. Placeholders are filled from lists, counters and a seed.

In a line, `{n}` counts rounds from 1, `{times}` is how many there are, `{percent}` how far that is; `{item}` or
`{item.field}` is the round's item, `{part.field}` the share of that number that is done; `{number:2-90}`,
`{decimal:0.1-4.5}` and `{hex:8}` are random, `{pick:list}` is an item of a list, `{bar:30}` is a progress bar,
`{now:%H:%M:%S}` is the guest's time, `{computer}` its name, `{script}` the running script's path. `{{` is a brace.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from aibtui.emulator.scenario import Beat, Lists, Stream, Throw, duration

_PLACEHOLDER = re.compile(r"\{\{|\{([a-z]+)((?:\.[a-z_]+)?)(?::([^{}]*))?\}")
CONSOLE_WIDTH = 120
"""The elevated wrapper's console: Windows PowerShell wraps its error records at this width."""


class Said(Struct, frozen=True):
    """One line of a script's output, `at` seconds since the run's start."""

    at: float
    stream: Stream
    text: str


class Stage(Struct, frozen=True):
    """What a script's lines may refer to; `pace` is how many times as long it takes as its beats say."""

    started_at: datetime
    random: Random
    lists: Lists
    computer: str
    script: str = ""
    n: int = 1
    times: int = 1
    item: Any = None
    pace: float = 1.0


def perform(beats: Sequence[Beat], stage: Stage, at: float) -> Iterator[Said | float]:
    """Play beats from `at` on: lines, and when all is said the time it is then."""
    for beat in beats:
        for said in _beat(beat, stage, at):
            if isinstance(said, Said):
                yield said
            else:
                at = said
    yield at


def fill(text: str, stage: Stage, at: float) -> str:
    """A line with its placeholders filled. Raises ValueError for one that nothing fills."""

    def value(match: re.Match[str]) -> str:
        name, path, argument = match.group(1), match.group(2)[1:] if match.group(2) else "", match.group(3) or ""
        if name is None:
            return "{"
        return str(_value(name, path, argument, stage, at))

    return _PLACEHOLDER.sub(value, text)


def _value(name: str, path: str, argument: str, stage: Stage, at: float) -> Any:
    match name:
        case "n" | "times" | "computer" | "script":
            return getattr(stage, name)
        case "percent":
            return round(100 * stage.n / stage.times)
        case "bar":
            done = int(argument) * stage.n // stage.times
            return "=" * done + " " * (int(argument) - done)
        case "now":
            return (stage.started_at + timedelta(seconds=at)).strftime(argument or "%H:%M:%S")
        case "number":
            low, high = argument.split("-")
            return stage.random.randint(int(low), int(high))
        case "decimal":
            low, high = argument.split("-")
            return f"{stage.random.uniform(float(low), float(high)):.{len(high.partition('.')[2])}f}"
        case "hex":
            return f"{stage.random.getrandbits(4 * int(argument)):0{int(argument)}x}"
        case "pick":
            return stage.random.choice(stage.lists[argument])
        case "item":
            return stage.item[path] if path else stage.item
        case "part":
            return f"{stage.item[path] * stage.n / stage.times:.1f}"
    raise ValueError(f"nothing fills {{{name}}}")


def _rounds(beat: Beat, stage: Stage) -> Iterator[Stage]:
    if beat.forever:
        n = 0
        while True:
            n += 1
            yield replace(stage, n=n, times=n)
    elif beat.each is not None:
        items = stage.lists[beat.each]
        for n, item in enumerate(items, 1):
            yield replace(stage, n=n, times=len(items), item=item)
    elif beat.times > 1:
        for n in range(1, beat.times + 1):
            yield replace(stage, n=n, times=beat.times)
    else:
        yield stage


def _seconds(text: str, stage: Stage, at: float) -> float:
    return stage.pace * duration(fill(text, stage, at)) if text else 0.0


def _beat(beat: Beat, stage: Stage, at: float) -> Iterator[Said | float]:
    at += _seconds(beat.wait, stage, at)
    count = len(stage.lists[beat.each]) if beat.each is not None else beat.times
    share = 0.0 if beat.forever or beat.play else _seconds(beat.over, stage, at) / count
    for here in _rounds(beat, stage):
        began = at
        if beat.throws:
            for line in error_record(_filled(beat.throws, here, at), here.script):
                yield Said(at, beat.stream, line)
        every = _seconds(beat.every, here, at)
        for line in beat.lines:
            yield Said(at, beat.stream, fill(line, here, at))
            if not every:
                # Work is never even; the mean stays the pace.
                at += share / len(beat.lines) * here.random.uniform(0.6, 1.4)
        for said in perform(beat.play, here, at):
            if isinstance(said, Said):
                yield said
            else:
                at = said
        at = max(at, began + every)
    yield at


def _filled(throw: Throw, stage: Stage, at: float) -> Throw:
    return replace(throw, message=fill(throw.message, stage, at))


def error_record(throw: Throw, script: str) -> list[str]:
    """A terminating error as Windows PowerShell 5.1 prints it into a console of 120 columns.

    `command` names the cmdlet that failed; without one the script itself threw.
    """
    path = script.replace("/", "\\").replace("c:", "C:", 1)
    name = path.rpartition("\\")[2]
    if throw.command == "Write-Error":
        said, category = f"{path} : {throw.message}", "NotSpecified: (:) [Write-Error], WriteErrorException"
        identity = f"Microsoft.PowerShell.Commands.WriteErrorException,{name}"
    elif throw.command:
        said = f"{throw.command} : {throw.message}"
        kind, _, identity = throw.identity.partition("|")
        category = f"{kind or 'NotSpecified: (:)'} [{throw.command}], {throw.exception}"
        cmdlet = f"Microsoft.PowerShell.Commands.{throw.command.replace('-', '')}Command"
        identity = f"{identity or throw.exception},{cmdlet}"
    else:
        short = throw.message if len(throw.message) <= 34 else f"{throw.message[:17]}...{throw.message[-17:]}"
        said, category = throw.message, f"OperationStopped: ({short}:String) [], RuntimeException"
        identity = throw.message
    indent = " " * 4
    return [
        *textwrap.wrap(said, CONSOLE_WIDTH - 1, break_on_hyphens=False),
        f"At {path}:{throw.line} char:{throw.char}",
        f"+{' ' * throw.char}{throw.code}",
        f"+{' ' * throw.char}{'~' * len(throw.code)}",
        *_cut(f"{indent}+ CategoryInfo          : {category}"),
        *_cut(f"{indent}+ FullyQualifiedErrorId : {identity}"),
        "",
    ]


def _cut(text: str) -> list[str]:
    """Lines of at most the console's width, broken anywhere, as PowerShell breaks the indented part of a record."""
    first, rest = text[: CONSOLE_WIDTH - 1], text[CONSOLE_WIDTH - 1 :]
    width = CONSOLE_WIDTH - 1 - 3
    return [first, *("   " + rest[start : start + width] for start in range(0, len(rest), width))]
