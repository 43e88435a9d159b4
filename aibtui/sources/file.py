"""A log on this machine: followed while it grows, or read as a whole. It has no run state; its end marker ends it."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import os
import stat
import sys
import time
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from aibtui.core.polls import Chunk, Poll, Trouble
from aibtui.sources import CannotWatch
from aibtui.sources.blob import END_MARKER

_STEP = 4 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # no waiting on a pipe
_SAMPLE = 64 << 10
_OVERLAP = 64
_WAIT = 1.0  # seconds until the file is looked at without word from the system (network drives send none)
_WHOLE_MAX = 2 << 30
_GZIP = b"\x1f\x8b"
_BOMS: Mapping[bytes, str] = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_TEXT_CONTROLS = frozenset(b"\t\n\r\x1b\b\f")


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
                raise _unreadable(self._path, error) from None
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
            encoding = _encoding(data[:_SAMPLE])
            if not self._seen and encoding is None and _binary(data[:_SAMPLE]):
                raise CannotWatch(f"{self._path} is not a log: it holds binary data.", "Name a customization.log.", 2)
            self._decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
        self._offset += len(data)
        self._last = (self._last + data)[-_OVERLAP:]
        given = self._decoder.decode(data).encode() if self._decoder else data
        chunk = Chunk("customization.log", self._generation, self._given, given)
        self._given += len(given)
        self._text = (self._text + given)[-512:]
        ended = self._offset >= size and END_MARKER in self._text.rstrip().rpartition(b"\n")[2]
        return Poll(at, chunks=(chunk,) if given or replaced else (), log_read=True, ended=ended, pause=timedelta())

    def _new_bytes(self) -> tuple[bytes | None, int]:
        """What follows the bytes that were read, and the file's size; None where it is not the same file any more."""
        with open(os.open(self._path, _FLAGS), "rb") as f:
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


def read_whole(path: str | Path) -> bytes:
    """A log as a whole, in UTF-8: a file, a gzip of one, or stdin (`-`). Raises CannotWatch (2) for anything else."""
    name = "stdin" if str(path) == "-" else str(path)
    try:
        if name == "stdin":
            data = sys.stdin.buffer.read(_WHOLE_MAX + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(_WHOLE_MAX + 1)
    except OSError as error:
        raise _unreadable(Path(path), error) from None
    if data.startswith(_GZIP):
        data = _unpacked(data, name)
    if len(data) > _WHOLE_MAX:
        raise CannotWatch(f"{name} is larger than {_WHOLE_MAX >> 30} GiB.", "Give a part of it.", 2)
    encoding = _encoding(data[:_SAMPLE])
    if encoding:
        return data.decode(encoding, "replace").encode()
    if _binary(data[:_SAMPLE]):
        raise CannotWatch(f"{name} is not a log: it holds binary data.", "Name a customization.log.", 2)
    return data


def _unpacked(data: bytes, name: str) -> bytes:
    from io import BytesIO

    from aibtui.sources.bundled import unpacked_most

    most = unpacked_most(len(data), _WHOLE_MAX)
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            unpacked = file.read(most + 1)
    except EOFError:
        raise CannotWatch(f"{name} is a gzip file that ends too early.", "Copy it again.", 2) from None
    except (OSError, zlib.error):
        raise CannotWatch(f"{name} is a damaged gzip file.", "Copy it again, or unpack it first.", 2) from None
    if len(unpacked) > most:
        raise CannotWatch(f"{name} unpacks to more than any log.", "Unpack it yourself, if you trust it.", 2)
    return unpacked


def _unreadable(path: Path, error: OSError) -> CannotWatch:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return CannotWatch(f"There is no file {path}.", "Check the path.", 2)
        case IsADirectoryError():
            return CannotWatch(f"{path} is a directory, not a log.", "Name the customization.log in it.", 2)
        case PermissionError():
            return CannotWatch(f"You may not read {path}.", "Ask its owner for the right to read it.", 2)
        case _:
            return CannotWatch(f"{path} cannot be read: {error.strerror or error}.", "Name a customization.log.", 2)


def _encoding(sample: bytes) -> str | None:
    """`utf-16-le` or `-be` where the bytes are that, by mark or by their zeros; else None."""
    if sample[:2] in _BOMS:
        return _BOMS[sample[:2]]
    pairs = len(sample) // 2
    if pairs < 8:
        return None
    even, odd = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd > 0.8 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.8 * pairs and odd < 0.1 * pairs else None


def _binary(sample: bytes) -> bool:
    """No log: zeros or many control characters, and no word of Packer. A script may print a little of either."""
    if b"PACKER" in sample or b"azure-arm" in sample:
        return False
    controls = sum(1 for byte in sample if byte < 32 and byte not in _TEXT_CONTROLS)
    return 0 in sample or controls > len(sample) // 20
