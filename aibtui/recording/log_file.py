"""One recorded log on disk: append, rotate when the blob was replaced, read at a place."""

from __future__ import annotations

import os
from pathlib import Path

from aibtui.core.polls import LogName
from aibtui.recording.codec import Span
from aibtui.recording.files import open_for_append, open_for_reading, read_at


class LogFile:
    """`<name>` holds the newest generation, `<name>.1` the first one that was replaced, `<name>.2` the next.

    So the files alone tell the generation, and the length of `<name>` is the offset to go on from. `directory` None
    keeps nothing and every write fails. Raises OSError where the disk does.
    """

    def __init__(self, directory: Path | None, name: LogName, *, writable: bool) -> None:
        self.name = name
        self.generation = 0
        self.size = 0
        self._directory = directory
        self._writable = writable
        self._descriptor: int | None = None
        if directory is None:
            return
        while self._old(self.generation).exists():
            self.generation += 1
        if self._path(directory).exists():
            self._open(directory)

    def write(self, data: bytes) -> int:
        """Append what fits of `data`; how many bytes did."""
        if self._directory is None:
            raise OSError("there is no folder to record in")
        descriptor = self._open(self._directory)
        written = os.write(descriptor, data) if data else 0
        self.size += written
        return written

    def rotate(self) -> None:
        """Set the newest generation aside and begin the next one, empty."""
        if self._directory is None:
            raise OSError("there is no folder to record in")
        self._open(self._directory)
        self.close()
        os.rename(self._path(self._directory), self._old(self.generation))
        self.generation += 1
        self.size = 0
        self._open(self._directory)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the newest generation; fewer where the file ends."""
        return b"" if self._descriptor is None else read_at(self._descriptor, offset, length)

    def read_span(self, span: Span) -> bytes:
        """The bytes of a chunk, of whichever generation."""
        if span.generation == self.generation:
            return self.read(span.offset, span.length)
        try:
            descriptor = open_for_reading(self._old(span.generation))
        except OSError:
            return b""
        try:
            return read_at(descriptor, span.offset, span.length)
        finally:
            os.close(descriptor)

    def holds(self, span: Span) -> bool:
        """Every byte of the chunk is there."""
        if span.generation == self.generation:
            return span.end <= self.size
        old = self._old(span.generation)
        return span.generation < self.generation and old.exists() and span.end <= old.stat().st_size

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, directory: Path) -> int:
        if self._descriptor is None:
            path = self._path(directory)
            self._descriptor = open_for_append(path) if self._writable else open_for_reading(path)
            self.size = os.fstat(self._descriptor).st_size
        return self._descriptor

    def _path(self, directory: Path) -> Path:
        return directory / self.name

    def _old(self, generation: int) -> Path:
        return (self._directory or Path()) / f"{self.name}.{generation + 1}"
