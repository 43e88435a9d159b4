"""Files that nobody else may read and no planted link can redirect: opening, locking, reading at a place, replacing."""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
from pathlib import Path

_EXTRA = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LOCK_BYTE = 1 << 40  # far behind the content: a Windows lock is mandatory for the bytes it covers
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_seek_lock = threading.Lock()


def safe_name(text: str, limit: int = 80) -> str:
    """`text` as a name of one file on any system: `[A-Za-z0-9._-]`, no `..`, no leading `-` or `.`, no device name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    name = re.sub(r"\.{2,}", ".", name).strip("-.") or "unnamed"
    if _DEVICES.match(name):
        name = f"_{name}"
    return name[:limit].rstrip("-.")


def make_directory(path: Path) -> None:
    """Make `path` and what is missing above it, for the owner alone. Raises OSError, also where `path` is a link."""
    for parent in [*reversed(path.parents), path]:
        try:
            parent.mkdir(mode=0o700)
        except OSError:
            if not parent.is_dir():
                raise
    if path.is_symlink():
        raise NotADirectoryError(f"{path} is a link")


def open_for_append(path: Path) -> int:
    """A descriptor to read and append. Raises OSError, also where `path` is a symbolic link."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _EXTRA, 0o600)


def open_new(path: Path) -> int:
    """A descriptor of a file that is made here and now. Raises OSError where there is one already."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _EXTRA, 0o600)


def open_for_reading(path: Path) -> int:
    return os.open(path, os.O_RDONLY | _EXTRA)


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _EXTRA, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Up to `length` bytes from `offset`; fewer only at the end of the file."""
    parts = []
    while length > 0:
        part = _read_once(descriptor, offset, length)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return b"".join(parts)


def try_lock(descriptor: int) -> bool:
    """Take the file for this process; False where another one has it. Closing the descriptor lets go."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCK_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP):  # some network file systems have no locks
            raise
    return True


def _read_once(descriptor: int, offset: int, length: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, offset)
    with _seek_lock:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)
