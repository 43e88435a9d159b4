"""What is being measured, told on stderr: one line that is written over on a terminal, else a line for each."""

from __future__ import annotations

import sys

_OVER = "\r\x1b[K"


def say(what: str) -> None:
    """This is measured now."""
    print(f"{_OVER}{what} ..." if sys.stderr.isatty() else f"{what} ...", file=sys.stderr, flush=True, end=_end())


def hush() -> None:
    """Take it away, before something else is written to the terminal."""
    if sys.stderr.isatty():
        print(_OVER, file=sys.stderr, flush=True, end="")


def _end() -> str:
    return "" if sys.stderr.isatty() else "\n"
