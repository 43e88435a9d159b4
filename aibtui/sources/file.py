"""A log on this machine, followed while it grows. It has no run state; its end marker ends it."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
import time
from datetime import datetime, timedelta
from pathlib import Path

from aibtui.core.polls import Chunk, Poll, Trouble
from aibtui.sources import END_MARKER, CannotWatch
from aibtui.sources.whole_file import SAMPLE, encoding_of, is_binary, unreadable

_STEP = 1 << 20  # as much is digested in one turn of the event loop
FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # no waiting on a pipe
_OVERLAP = 64
_GROWS = timedelta(seconds=0.2)  # between two looks at a file that is being written
_WAIT = 1.0  # seconds until the file is looked at without word from the system (network drives send none)


class FileSource:
    """A local file as it grows. A file that shrank, or whose last bytes changed, is another generation.

    UTF-16 is turned into UTF-8. Raises CannotWatch (2) at the first look for what is not a readable log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = False
        self._changed = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._generation = 0
        self._begin()

    async def look(self, at: datetime) -> Poll:
        """New bytes. Where there are none, waits up to a second for the file to change."""
        began = time.monotonic()
        poll = self._read(at)
        if self._seen and not poll.chunks and not poll.ended:
            await self._wait()
            poll = self._read(at + timedelta(seconds=time.monotonic() - began))
        self._seen = True
        return poll

    async def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None

    def _begin(self) -> None:
        self._offset = 0  # in the file
        self._given = 0  # bytes given out, which differ from the file's where it is UTF-16
        self._last = b""  # the file's last bytes that were read
        self._text = b""  # the last bytes that were given out
        self._decoder: codecs.IncrementalDecoder | None = None

    def _read(self, at: datetime) -> Poll:
        try:
            data, size = self._new_bytes()
        except OSError as error:
            if not self._seen:
                raise unreadable(self._path, error) from None
            text = f"The file {self._path} cannot be read any more: {error.strerror or error}."
            trouble = Trouble("log", "gone", text, "The watch goes on when it is back.")
            return Poll(at, troubles=(trouble,), pause=timedelta())
        replaced = data is None
        if data is None:
            self._generation += 1
            self._begin()
            data, size = self._new_bytes()
            data = data or b""
        if self._offset == 0 and data:
            encoding = encoding_of(data[:SAMPLE])
            if not self._seen and encoding is None and is_binary(data[:SAMPLE]):
                raise CannotWatch(f"{self._path} is not a log: it holds binary data.", "Name a customization.log.", 2)
            self._decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
        self._offset += len(data)
        self._last = (self._last + data)[-_OVERLAP:]
        given = self._decoder.decode(data).encode() if self._decoder else data
        chunk = Chunk("customization.log", self._generation, self._given, given)
        self._given += len(given)
        self._text = (self._text + given)[-512:]
        ended = self._offset >= size and END_MARKER in self._text.rstrip().rpartition(b"\n")[2]
        pause = _GROWS if given and self._offset >= size else timedelta()
        return Poll(at, chunks=(chunk,) if given or replaced else (), log_read=True, ended=ended, pause=pause)

    def _new_bytes(self) -> tuple[bytes | None, int]:
        """What follows the bytes that were read, and the file's size; None where it is not the same file any more."""
        with open(os.open(self._path, FLAGS), "rb") as f:
            status = os.fstat(f.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(21, "it is a directory")
            if not stat.S_ISREG(status.st_mode):
                raise OSError(22, "it is not a file")
            f.seek(self._offset - len(self._last))
            if status.st_size < self._offset or f.read(len(self._last)) != self._last:
                return None, status.st_size
            return f.read(_STEP), status.st_size

    async def _wait(self) -> None:
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._listen())
        try:
            async with asyncio.timeout(_WAIT):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def _listen(self) -> None:
        """Have the system tell of changes; where it cannot, the regular look does."""
        from watchfiles import awatch

        try:
            async for changes in awatch(self._path.parent, recursive=False, debounce=200, step=50):
                if any(Path(changed).name == self._path.name for _, changed in changes):
                    self._changed.set()
        except (OSError, RuntimeError):
            return
