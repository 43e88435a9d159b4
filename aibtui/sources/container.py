"""What the build's container prints, read over ARM: all of it comes each time, and what is new is told by overlap."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from aibtui.core.polls import Chunk
from aibtui.recording import Cursor
from aibtui.recording.merge import CONTAINER, behind
from aibtui.sources import END_MARKER
from aibtui.sources.arm import Arm
from aibtui.sources.discovery import is_group_id
from aibtui.sources.faults import Foreign

API_VERSION = "2023-05-01"
GAP = b"[aibtui] Lines are missing here: the container printed more than it shows at once.\n"
_GROUPS = "Microsoft.ContainerInstance/containerGroups"
_BUILD = ("vmimagebuilder-build-container", "packerizercontainer")  # names that the service has been seen to give
_GROUP_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,63}")
_STAMP = re.compile(rb"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ")
_KEPT = 64 << 10  # bytes of what was told last, to find them again
_LINES = 200  # asked for at least
_AGAIN = 4  # times as many as came last


class Container(Struct, frozen=True):
    """A container of a container group, by the names that ARM gives."""

    group: str
    name: str


class ContainerTail:
    """The log of a staging group's build container, read on from `cursor`. `offset` counts the bytes told so far.

    Raises what the SDK raises, and Foreign; then nothing has moved.
    """

    def __init__(self, arm: Arm, staging_group: str, cursor: Cursor) -> None:
        self.offset = cursor.offset
        self._tail = cursor.tail
        self._arm = arm
        self._staging = staging_group.rstrip("/")
        self._container: Container | None = None
        self._lines = 0  # to be asked for; 0 is all that there is

    @property
    def marked(self) -> bool:
        """The builder's last line has been read."""
        return END_MARKER in self._tail[-512:]

    async def look(self) -> tuple[Chunk, ...] | None:
        """What the container has said since; None where there is no container (yet, or any more)."""
        if self._container is None:
            found = await containers(self._arm, self._staging)
            self._container = min(found, key=_unlikely, default=None)
            if self._container is None:
                return None
        try:
            text = await self._read(self._lines)
            new = self._after(text, whole=not self._lines)
            if new is None and self._lines:
                text = await self._read(0)
                new = self._after(text, whole=True)
        except Exception:
            self._container = None  # gone, or another one has taken its place: ARM is asked again
            self._lines = 0
            raise
        if new is None:
            new = GAP + text
        self._lines = max(_LINES, _AGAIN * new.count(b"\n"))
        self._tail = (self._tail + new)[-_KEPT:]
        chunk = Chunk(CONTAINER, 0, self.offset, new)
        self.offset += len(new)
        return (chunk,) if new else ()

    def _after(self, text: bytes, *, whole: bool) -> bytes | None:
        """What of `text` comes after all that was told; None where the two do not overlap."""
        if not self.offset:
            return text
        place = behind(self._tail, text, self.offset if whole else None)
        return None if place is None else text[place:]

    async def _read(self, lines: int) -> bytes:
        """The last lines, or all, as the blob would have them; one without its end is left for the next look."""
        if self._container is None:
            raise RuntimeError("a container is read after it was found")
        text = await read_container(self._arm, self._staging, self._container, lines)
        data = text.encode("utf-8", "replace")
        data = data[: data.rfind(b"\n") + 1]
        return _STAMP.sub(b"", data) if _stamped(data) else data


async def containers(arm: Arm, staging_group: str) -> list[Container]:
    """The containers that stand in a staging group, by names that may stand in a path."""
    if not is_group_id(staging_group):
        raise Foreign("The template names a staging group that is not one.")
    answer = await arm.get(f"{staging_group.rstrip('/')}/providers/{_GROUPS}", API_VERSION)
    return [container for entry in answer.get("value") or () for container in _named(entry)]


async def read_container(arm: Arm, staging_group: str, container: Container, lines: int = 0) -> str:
    """The last `lines` of what a container has printed; 0 is all that is kept of it, 4 MB at most."""
    path = f"{staging_group.rstrip('/')}/providers/{_GROUPS}/{container.group}/containers/{container.name}/logs"
    answer = await arm.get(path, API_VERSION, {"tail": str(lines)} if lines else None)
    return str(answer.get("content") or "")


def _named(entry: object) -> list[Container]:
    group = entry.get("name") if isinstance(entry, Mapping) else None
    properties = entry.get("properties") if isinstance(entry, Mapping) else None
    held = properties.get("containers") if isinstance(properties, Mapping) else None
    if not isinstance(group, str) or not _GROUP_NAME.fullmatch(group) or not isinstance(held, Sequence):
        return []
    names = [each.get("name") for each in held if isinstance(each, Mapping)]
    return [Container(group, name) for name in names if isinstance(name, str) and _NAME.fullmatch(name)]


def _unlikely(container: Container) -> tuple[bool, bool]:
    """Last come those that have no name as a build's has: a group of the user's may hold others."""
    group, name = _BUILD
    return not container.group.startswith(group), container.name != name


def _stamped(data: bytes) -> bool:
    """Every line begins with the container service's own stamp, which the blob has not."""
    return bool(data) and len(_STAMP.findall(data)) == data.count(b"\n")
