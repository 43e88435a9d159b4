"""Whole lines to a text stream whose reader may be gone, whose encoding may be poor, and who may be a build runner."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
from typing import TextIO

from aibtui.safetext import SafeText, neutralise_ci
from aibtui.wording import ASCII_TWINS, ascii_twin

_MARK = re.compile("#(?=#)")
_READER_GONE = (errno.EPIPE, errno.EINVAL, errno.EIO)  # Windows says EINVAL, a terminal that was closed EIO


class LineWriter:
    """Writes lines and flushes each, so that a pipe gets it at once.

    Where the encoding lacks our glyphs they become their ASCII twins, and what else it cannot say becomes `?`. No line
    is a command to a build runner, but for those that are meant to be.
    A reader that went away (`| head`) sets `broken` and silences the writer; the caller decides what follows.
    """

    def __init__(self, stream: TextIO) -> None:
        self.broken = False
        self._stream = stream
        self._poor = not _can_say(stream, "".join(ASCII_TWINS))
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def write(self, *lines: str) -> None:
        """Write lines, each given without its end."""
        text = "".join(f"{line}\n" for line in lines)
        # Only now: a twin may be the sign that makes a mark whole.
        self._put(neutralise_ci(SafeText(ascii_twin(text) if self._poor else text)))

    def command(self, line: str) -> None:
        """Write a line that a build runner obeys; whatever in it came from afar is escaped already, so no twins."""
        self._put(f"{line}\n")

    def _put(self, text: str) -> None:
        if self.broken:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            if error.errno not in _READER_GONE:
                raise
            self.broken = True
            _silence(self._stream)


def json_text(value: object, indent: int | None = None) -> str:
    """JSON in ASCII. `##` within a text is written escaped: a runner finds no command, a parser reads the same text."""
    return _MARK.sub(r"\\u0023", json.dumps(value, indent=indent))


def _silence(stream: TextIO) -> None:
    """Send what is still buffered nowhere, or the interpreter complains when it flushes the stream at its exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)


def _can_say(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
