"""A followed file for who shows it: what is recorded of it, and behind that the file itself, as far as it goes.

So the end of a long log can be shown before all that precedes it was digested. Every byte comes to the recording in the
end, and is read there from then on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from aibtui.recording import Run
from aibtui.sources.file import FLAGS
from aibtui.sources.whole_file import SAMPLE, encoding_of


class FileAhead:
    """`size`, `generation` and `read` as a recording has them. Where the file is not in UTF-8 it is the recording."""

    def __init__(self, path: Path, run: Callable[[], Run]) -> None:
        self._path = path
        self._run = run
        self._plain = encoding_of(self._beyond(0, SAMPLE)) is None

    @property
    def generation(self) -> int:
        return self._run().generation

    @property
    def size(self) -> int:
        recorded = self._run().size
        if not self._plain or self.generation:
            return recorded
        try:
            status = os.stat(self._path)
        except OSError:
            return recorded
        return max(recorded, status.st_size) if stat.S_ISREG(status.st_mode) else recorded

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`; fewer where it ends."""
        data = self._run().read(offset, length)
        if len(data) < length and self._plain and not self.generation:
            data += self._beyond(offset + len(data), length - len(data))
        return data

    def _beyond(self, offset: int, length: int) -> bytes:
        try:
            with open(os.open(self._path, FLAGS), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return b""
                file.seek(offset)
                return file.read(length)
        except OSError:
            return b""
