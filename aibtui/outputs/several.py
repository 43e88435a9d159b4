"""Several builds on one stream: every line says whose it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO

from aibtui.outputs.writer import json_text
from aibtui.safetext import clean, neutralise_ci


class Marked(io.TextIOBase):
    """A text stream that puts a mark on every line, and hands it on whole."""

    def __init__(self, stream: TextIO, mark: Callable[[str], str]) -> None:
        self._stream = stream
        self._mark = mark

    @property
    def encoding(self) -> str:  # type: ignore[override]  # there is nothing to set
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write whole lines."""
        self._stream.write("".join(f"{self._mark(line)}\n" for line in text.removesuffix("\n").split("\n")))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()


def named_line(name: str, width: int) -> Callable[[str], str]:
    """For people: `name | line`, the names as wide as the widest."""
    head = neutralise_ci(clean(name)).ljust(width)
    return lambda line: f"{head} | {line}"


def named_object(name: str) -> Callable[[str], str]:
    """For programs: the JSON object of each line gets a field `build`, its first."""
    head = f'{{"build": {json_text(clean(name))}, '
    return lambda line: head + line.removeprefix("{")
