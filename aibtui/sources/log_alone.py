"""A log that its address opens, with nothing known of its run: its last line ends the watch, as with a file."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from aibtui.core.polls import Poll, Status, Trouble
from aibtui.recording import Cursor
from aibtui.sources import CannotWatch

if TYPE_CHECKING:
    from aibtui.sources.arm import Access, Arm
    from aibtui.sources.blob_log import BlobLog
    from aibtui.sources.log_url import LogUrl

_LONGEST = timedelta(seconds=30)


class LogAlone:
    """Looks at one blob until its last line; `note` says why it is alone, `name` is its address without the signature.

    It signs in nowhere. Raises CannotWatch (2) without an address.
    """

    def __init__(
        self,
        access: Access,
        log_url: LogUrl | None,
        poll: timedelta | None = None,
        random: Random | None = None,
        note: Trouble | None = None,
    ) -> None:
        if log_url is None:
            raise CannotWatch("There is no address of a log.", "Give one with --log-url.", 2)
        self.name = f"{log_url.account}/{log_url.container}/{log_url.blob}"
        self._access = access
        self._log_url = log_url
        self._poll = poll
        self._random = random or Random()
        self._note = note
        self._arm: Arm | None = None
        self._log: BlobLog | None = None

    async def look(self, at: datetime) -> Poll:
        """Read on. Raises CannotWatch where the address opens nothing at the first look."""
        log = self._log or await self._open(at)
        chunks, read = await log.look(at, Status()) if at >= log.due else ((), False)
        if log.trouble is not None and log.trouble.kind == "forbidden" and not log.offset:
            raise CannotWatch(log.trouble.text, log.trouble.remedy or "", 4)
        troubles = tuple(trouble for trouble in (log.trouble, self._note) if trouble is not None)
        ended = log.marked and log.caught_up
        pause = min(max(log.due - at, timedelta()), _LONGEST)
        return Poll(at, chunks=chunks, troubles=troubles, log_read=read, ended=ended, pause=pause)

    async def close(self) -> None:
        if self._arm is not None:
            arm, self._arm = self._arm, None
            await arm.close()

    async def _open(self, at: datetime) -> BlobLog:
        from aibtui.sources.arm import Arm, load
        from aibtui.sources.blob_log import BlobLog, pace_of

        await load()
        self._arm = Arm(self._access, "")
        self._log = BlobLog(self._arm, None, Cursor(), pace_of(self._poll), self._random, at, self._log_url)
        return self._log
