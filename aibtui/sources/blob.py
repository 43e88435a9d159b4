"""Tailing one blob: one conditional ranged request a look, every byte once, and proof that it is still the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aibtui.core.polls import Chunk, LogName
from aibtui.recording import Cursor
from aibtui.sources import END_MARKER
from aibtui.sources.faults import Foreign, status_of

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

STEP = 4 << 20  # well under the SDK's max_single_get_size, so one look is one request
_STEP_MIN = 64 << 10
_OVERLAP = 64  # bytes read again to prove continuity
_OVERLAP_MIN = 4
_OVERLAP_SHARE = 0.04  # of what was read: keeps a log that trickles cheap
_TAIL = 512
_DEADLINE = 30.0  # seconds; the SDK's read timeout never fires on a drip


class BlobLook(Struct, frozen=True):
    """What a look brought: new bytes, and whether all that is there has been read."""

    chunks: tuple[Chunk, ...]
    caught_up: bool


class _Answer(Struct, frozen=True):
    data: bytes
    total: int
    etag: str
    created: datetime | None


class _Unchanged(Exception):
    pass


class _OutOfRange(Exception):
    pass


class BlobTail:
    """One blob, read on from `cursor`. The bytes before the cursor tell appending and rewriting from replacement.

    Raises what the SDK raises, TimeoutError at the deadline, Foreign for an answer that is not one; the cursor then
    stays where it was.
    """

    def __init__(
        self, client: BlobClient, cursor: Cursor | None = None, *, log: LogName = "customization.log", step: int = STEP
    ) -> None:
        cursor = cursor or Cursor()
        self.offset = cursor.offset
        self.generation = cursor.generation
        self._tail = cursor.tail
        self._client = client
        self._log = log
        self._step_max = step
        self._step = step
        self._etag: str | None = None
        self._created: datetime | None = None
        self._credit = float(_OVERLAP)

    @property
    def marked(self) -> bool:
        """The service's last line has been read."""
        return END_MARKER in self._tail

    def cursor(self) -> Cursor:
        """Where another tail would go on."""
        return Cursor(self.offset, self._tail, self.generation)

    async def look(self) -> BlobLook:
        """Read what is new, `step` bytes at most."""
        overlap = min(self.offset, len(self._tail), _OVERLAP, max(_OVERLAP_MIN, int(self._credit)))
        start = self.offset - overlap
        try:
            answer = await self._read(start, overlap)
        except _Unchanged:
            return BlobLook((), caught_up=True)
        except _OutOfRange:
            if self.offset == 0:
                return BlobLook((), caught_up=True)
            return await self._replaced(None)
        if not await self._continues(answer, overlap):
            return await self._replaced(answer if start == 0 else None)
        self._credit -= overlap
        return self._take(answer, overlap)

    async def _continues(self, answer: _Answer, overlap: int) -> bool:
        """Still the blob that was read before: the bytes say so, more of them where it was deleted and made again."""
        if not answer.data.startswith(self._tail[len(self._tail) - overlap :]):
            return False
        wanted = min(self.offset, len(self._tail), _OVERLAP)
        if overlap >= wanted or self._created is None or answer.created == self._created:
            return True
        try:
            proof = await self._request(self.offset - wanted, wanted, None)
        except _OutOfRange:
            return False
        return proof.data == self._tail[len(self._tail) - wanted :]

    async def _replaced(self, whole: _Answer | None) -> BlobLook:
        """Begin the next generation; `whole` is its beginning, where that was read already."""
        answer = whole
        if answer is None:
            try:
                answer = await self._request(0, self._step, None)
            except _OutOfRange:
                answer = None
        self.generation += 1
        self.offset = 0
        self._tail = b""
        self._etag = None
        self._credit = float(_OVERLAP)
        if answer is None:
            self._created = None
            return BlobLook((Chunk(self._log, self.generation, 0, b""),), caught_up=True)
        return self._take(answer, 0)

    def _take(self, answer: _Answer, overlap: int) -> BlobLook:
        data = answer.data[overlap:]
        chunk = Chunk(self._log, self.generation, self.offset, data)
        first = self.offset == 0 and self.generation > 0
        self.offset += len(data)
        self._tail = (self._tail + data)[-_TAIL:]
        self._created = answer.created
        self._credit = min(self._credit + len(data) * _OVERLAP_SHARE, 64.0 * _OVERLAP)
        caught_up = self.offset >= answer.total
        self._etag = answer.etag if caught_up else None
        return BlobLook((chunk,) if data or first else (), caught_up)

    async def _read(self, start: int, overlap: int) -> _Answer:
        """The next step. A blob that changes under the request is asked once more; a slow line gets smaller steps."""
        try:
            try:
                answer = await self._request(start, overlap + self._step, self._etag)
            except Exception as error:
                if status_of(error) != 412:
                    raise
                answer = await self._request(start, overlap + self._step, None)
        except TimeoutError:
            self._step = max(self._step // 4, min(_STEP_MIN, self._step_max))
            raise
        self._step = min(self._step * 2, self._step_max)
        return answer

    async def _request(self, start: int, length: int, etag: str | None) -> _Answer:
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        seen = _Seen()
        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfModified} if etag else {}
        try:
            async with asyncio.timeout(_DEADLINE):
                download = await self._client.download_blob(
                    offset=start,
                    length=length,
                    max_concurrency=1,
                    raw_response_hook=lambda response: _check(response.http_response, start, length, seen),
                    **condition,
                )
                data = await download.readall()
        except BaseException as error:
            if seen.body is not None:
                seen.body.close()  # or its connection stays open until somebody collects it
            if not isinstance(error, HttpResponseError):
                raise
            match status_of(error):
                case 304:
                    raise _Unchanged from None
                case 416:
                    raise _OutOfRange from None
            raise
        if len(data) > length:
            raise Foreign("The storage account sent more than it was asked for.")
        properties = download.properties
        return _Answer(data, seen.total, str(properties.etag), properties.creation_time)


class _Seen(Struct):
    """What the headers of an answer told: the blob's size; and the answer whose body is still to come."""

    total: int = 0
    body: Any = None


def _check(response: Any, start: int, length: int, seen: _Seen) -> None:
    """Refuse an answer before its body is read: packed, of another range, or larger than asked for."""
    if response.status_code not in (200, 206):
        return
    seen.body = response.internal_response
    fault = _fault(response.status_code, response.headers, start, length, seen)
    if fault:
        response.internal_response.close()
        raise Foreign(fault)


def _fault(status: int, headers: Mapping[str, str], start: int, length: int, seen: _Seen) -> str | None:
    if headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        return "The storage account sent the log packed, which was not asked for."
    unit, _, place = headers.get("Content-Range", "").partition(" ")
    span, _, total = place.partition("/")
    first, _, last = span.partition("-")
    if status != 206 or unit != "bytes" or not (first.isdigit() and last.isdigit() and total.isdigit()):
        return "The storage account did not answer with the part of the log that was asked for."
    if int(first) != start or int(last) - int(first) >= length:
        return "The storage account answered with another part of the log than was asked for."
    if int(headers.get("Content-Length", "0") or 0) > length:
        return "The storage account sent more than it was asked for."
    seen.total = int(total)
    return None
