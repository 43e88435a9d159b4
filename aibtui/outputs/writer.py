"""Whole lines to a text stream whose reader may be gone and whose encoding may be poor."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from typing import TextIO

from aibtui.wording import ASCII_TWINS, ascii_twin

_READER_GONE = (errno.EPIPE, errno.EINVAL)  # Windows says EINVAL


class LineWriter:
    """Writes lines and flushes each, so that a pipe gets it at once.

    Where the encoding lacks our glyphs they become their ASCII twins, and what else it cannot say becomes `?`.
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
        if self.broken:
            return
        text = "".join(f"{line}\n" for line in lines)
        try:
            self._stream.write(ascii_twin(text) if self._poor else text)
            self._stream.flush()
        except OSError as error:
            if error.errno not in _READER_GONE:
                raise
            self.broken = True
            _silence(self._stream)


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
