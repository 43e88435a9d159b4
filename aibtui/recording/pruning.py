"""What old runs make room for new ones: by age, then by size, and never one that a process is recording."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from msgspec import Struct

from aibtui.recording.files import open_for_append, try_lock

MAX_AGE = timedelta(days=90)
MAX_BYTES = 2 << 30
LEFTOVER = ".removed-"  # what a removal begins with; never listed


class Stored(Struct, frozen=True):
    """A folder that may go: its name, when it was last of use, the bytes that it takes."""

    name: str
    path: Path
    used_at: datetime
    bytes: int


class Pruned(Struct, frozen=True):
    """A folder that went, and which limit it was beyond."""

    name: str
    bytes: int
    because: Literal["age", "size"]


def beyond(
    stored: Iterable[Stored], max_age: timedelta, max_bytes: int, keep: Collection[str], now: datetime
) -> list[tuple[Stored, Literal["age", "size"]]]:
    """What is beyond a limit, the oldest first. Those of the names in `keep` stay, and count for the size."""
    left = sorted(stored, key=lambda each: (each.used_at, each.name))
    total = sum(each.bytes for each in left)
    found: list[tuple[Stored, Literal["age", "size"]]] = []
    for each in left:
        if each.name in keep:
            continue
        if now - each.used_at > max_age:
            found.append((each, "age"))
        elif total > max_bytes:
            found.append((each, "size"))
        else:
            continue
        total -= each.bytes
    return found


def prune(
    stored: Iterable[Stored],
    max_age: timedelta,
    max_bytes: int,
    keep: Collection[str],
    now: datetime | None,
    remove: Callable[[Path], bool],
) -> tuple[Pruned, ...]:
    """Remove what is beyond a limit, as far as `remove` does; what went."""
    going = beyond(stored, max_age, max_bytes, keep, now or datetime.now(UTC))
    return tuple(Pruned(each.name, each.bytes, because) for each, because in going if remove(each.path))


def remove_run(path: Path) -> bool:
    """Remove the folder of a run; False where a process is recording it, or the disk refuses."""
    try:
        descriptor = open_for_append(path / "polls.jsonl")
    except OSError:
        return False
    try:
        if not try_lock(descriptor):
            return False
        if sys.platform == "win32":  # it moves no folder with an open file in it
            os.close(descriptor)
            descriptor = -1
        return remove_folder(path)
    except OSError:
        return False
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def remove_folder(path: Path) -> bool:
    """Remove a folder: out of sight at once, then what is in it; False where the disk refuses."""
    going = path.with_name(f"{LEFTOVER}{path.name[:60]}-{os.getpid()}")
    try:
        os.rename(path, going)
    except OSError:
        return False
    shutil.rmtree(going, ignore_errors=True)
    return True


def sweep(parent: Path) -> None:
    """Remove what a removal left that was broken off."""
    with suppress(OSError):
        for folder in parent.iterdir():
            if folder.name.startswith(LEFTOVER) and folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder; links are not followed."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += size_of(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def written_at(path: Path) -> datetime:
    """When a file or folder was last written; long ago where it is not there."""
    try:
        return datetime.fromtimestamp(path.stat(follow_symlinks=False).st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)
