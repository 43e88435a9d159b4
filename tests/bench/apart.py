"""A part that measures in a process of its own: what it loads and leaves behind is no other part's base."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from tests.bench.parts import Options, Part
from tests.bench.rows import Row

_CLEANS_UP = 10
"""Seconds that a part has for it after Ctrl+C."""


class Broken(Exception):
    """A part raised, which its traceback tells, or its process ended."""


def rows_of(part: Part, options: Options) -> Iterator[Row]:
    """The rows of a part, as they come. Raises Broken."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(part, options, theirs))
    process.start()
    theirs.close()
    try:
        with ours:
            while (told := _next(ours)) is not None:
                yield told
                ours.send(None)
    except BaseException:
        _leave(process)
        raise
    process.join()


def _next(pipe: Connection) -> Row | None:
    try:
        told: Row | str | None = pipe.recv()
    except EOFError:
        raise Broken("Its process ended before it was done.") from None
    if isinstance(told, str):
        raise Broken(told)
    return told


def _measure(part: Part, options: Options, pipe: Connection) -> None:
    try:
        for row in part.measure(options):
            pipe.send(row)
            pipe.recv()  # it is printed: what is said next belongs below it
        pipe.send(None)
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        pass  # nobody listens any more
    except Exception:
        pipe.send(traceback.format_exc())


def _leave(process: BaseProcess) -> None:
    """A terminal sends Ctrl+C to both; whoever sends it to us alone means both too."""
    process.join(1)
    if process.is_alive() and process.pid:
        os.kill(process.pid, signal.SIGINT)
        process.join(_CLEANS_UP)
        process.kill()
        process.join()
