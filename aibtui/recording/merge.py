"""Two logs of one build as one: the bytes of the blob, and behind its end what the container has said beyond it.

It knows where bytes lie, not what they mean, and keeps none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from aibtui.core.polls import Chunk, LogName
from aibtui.recording.codec import Span

BLOB: LogName = "customization.log"
CONTAINER: LogName = "container.log"
_STEP = 1 << 20
_WINDOW = 4 << 20  # as much of a log's end is searched: no more than the container tells at once
_SURE = 1 << 10
_ANCHORS = (16 << 10, _SURE, 128)  # bytes that prove a place, the surest first


class Merge:
    """What is read of a run whose log may come from two sources. `read` gives the recorded bytes of a span.

    Both logs only grow, and the container's text is a stretch of the same log as the blob. Where they turn out to
    differ the blob is right: `generation` grows, and all is told again from its start.
    """

    def __init__(self, read: Callable[[Span], bytes]) -> None:
        self.generation = 0
        self._recorded = read
        self._blob_generation = 0
        self._blob = 0
        self._said = 0
        self._meets: int | None = 0  # where in the container's log the blob ends, perhaps behind its end; None: unknown
        self._told = 0

    @property
    def size(self) -> int:
        """Bytes of the log as it is read."""
        return self._blob + self._lead

    @property
    def joined(self) -> bool:
        """The container has said something beyond the blob's end."""
        return self._lead > 0

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the log as it is read; fewer where it ends."""
        data = self._blob_bytes(offset, min(offset + length, self._blob))
        if self._lead and self._meets is not None and len(data) < length and offset + len(data) >= self._blob:
            start = self._meets + offset + len(data) - self._blob
            data += self._said_bytes(start, min(start + length - len(data), self._said))
        return data

    def take(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        """Chunks of the recorded logs, already readable, as chunks of the one log; those of other logs as they are."""
        if not self._said and all(chunk.log != CONTAINER for chunk in chunks):
            for chunk in chunks:
                if chunk.log == BLOB:
                    self._blob_generation = self.generation = chunk.generation
                    self._blob = self._told = chunk.offset + len(chunk.data)
                    self._meets = None if self._blob else 0
            return tuple(chunks)
        generation = self.generation
        for chunk in chunks:
            if chunk.log == BLOB:
                self._grow_blob(chunk)
            elif chunk.log == CONTAINER:
                self._grow_container(chunk)
        others = (chunk for chunk in chunks if chunk.log not in (BLOB, CONTAINER))
        return (*self._news(anew=self.generation != generation), *others)

    @property
    def _lead(self) -> int:
        return 0 if self._meets is None else max(0, self._said - self._meets)

    def _news(self, *, anew: bool) -> Iterator[Chunk]:
        if anew and not self.size:
            yield Chunk(BLOB, self.generation, 0, b"")
        while self._told < self.size:
            data = self.read(self._told, _STEP)
            if not data:
                return  # what is recorded cannot be read just now; it is told with the next look
            yield Chunk(BLOB, self.generation, self._told, data)
            self._told += len(data)

    def _grow_blob(self, chunk: Chunk) -> None:
        if chunk.generation > self._blob_generation:
            self._blob_generation = chunk.generation
            self._blob = 0
            self._meets = None
            self._begin_anew()
        data, lead = chunk.data, self._lead
        self._blob = chunk.offset + len(data)
        if self._meets is not None:
            known = self._said_bytes(self._meets, min(self._meets + len(data), self._said))
            self._meets += len(data)
            if not data.startswith(known):
                self._meets = None
                if lead:
                    self._begin_anew()
        self._meet()

    def _grow_container(self, chunk: Chunk) -> None:
        before, self._said = self._said, chunk.offset + len(chunk.data)
        if self._meets is not None and self._meets > before:
            ahead = self._blob - (self._meets - before)
            there = self._blob_bytes(ahead, min(self._blob, ahead + len(chunk.data)))
            if not chunk.data.startswith(there):
                self._meets = None
        self._meet()

    def _meet(self) -> None:
        """Find where the blob ends in the container's log, or the other way round."""
        if self._meets is not None:
            return
        if not self._blob:
            self._meets = 0
            return
        start = max(0, self._said - _WINDOW)
        said = self._said_bytes(start, self._said)
        end = behind(self._blob_bytes(max(0, self._blob - _ANCHORS[0]), self._blob), said, self._blob - start)
        if end is not None:
            self._meets = start + end
            return
        start = max(0, self._blob - _WINDOW)
        blob = self._blob_bytes(start, self._blob)
        end = behind(said[-_ANCHORS[0] :], blob, self._said - start)
        if end is not None:
            self._meets = self._said + len(blob) - end

    def _begin_anew(self) -> None:
        self.generation += 1
        self._told = 0

    def _blob_bytes(self, start: int, end: int) -> bytes:
        return self._recorded(Span(BLOB, self._blob_generation, start, end - start)) if start < end else b""

    def _said_bytes(self, start: int, end: int) -> bytes:
        return self._recorded(Span(CONTAINER, 0, start, end - start)) if start < end else b""


def behind(end: bytes, text: bytes, likely: int | None = None) -> int | None:
    """The place in `text` behind the bytes `end`, as many of the last of them as prove it.

    That is `likely`, where they stand there, else the only place where they do; None where there is none, or several.
    Less than _SURE bytes prove it only where `text`, or `end`, begins so shortly before.
    """
    for length in _ANCHORS:
        anchor = end[-length:]
        if not anchor:
            return None
        place = likely if likely is not None and likely <= len(text) else None
        if place is None or not text.endswith(anchor, 0, place):
            first = text.find(anchor)
            place = first + len(anchor) if first >= 0 and text.find(anchor, first + 1) < 0 else None
        if place is not None and end.endswith(text[max(0, place - min(len(end), _SURE)) : place]):
            return place
    return None
