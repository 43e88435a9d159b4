"""The logs of one run, wherever they can be had: the freshest wins. It decides nothing about the run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from aibtui.core.polls import Chunk, LogName, Status, Trouble
from aibtui.recording import Cursor
from aibtui.recording.merge import BLOB, CONTAINER
from aibtui.sources.arm import Arm
from aibtui.sources.blob import BlobTail
from aibtui.sources.blob_log import BlobLog, Pace, pace_of
from aibtui.sources.container import ContainerTail
from aibtui.sources.faults import retry_after, status_of

if TYPE_CHECKING:
    from aibtui.sources.log_url import LogUrl

__all__ = ["Pace", "RunLog", "pace_of"]

VALIDATION: LogName = "validation.log"
_GROWING = timedelta(seconds=15)  # the container's text comes whole each time
_QUIET = timedelta(seconds=30)
_REFUSED = timedelta(seconds=60)
_STALLED = timedelta(seconds=30)  # a blob that has not grown for so long may lag behind the container
_TROUBLED = timedelta(seconds=15)  # a refusal that lasts so long is none that passes by itself
_AFTERWARDS = ("Validating", "Distributing")  # the sub-states in which validators run, or have run

Cursors = Callable[[LogName], Cursor]


class RunLog:
    """The logs of the run that began at `began`: the blob, the container where the blob lags, the validators' log.

    `cursors` says where a recording of each ends. `due` is when the next look makes sense.
    """

    def __init__(
        self,
        arm: Arm,
        began: datetime | None,
        cursors: Cursors,
        pace: Pace,
        random: Random,
        due: datetime,
        log_url: LogUrl | None = None,
    ) -> None:
        self._arm = arm
        self._cursors = cursors
        self._pace = pace
        self._blob = BlobLog(arm, began, cursors(BLOB), pace, random, due, log_url)
        self._troubled_since: datetime | None = None
        self._over = False
        self._container: ContainerTail | None = None
        self._container_due = due
        self._container_wanted = False
        self._container_owed = True  # a last look, once the run is over
        self._ahead = False  # the container tells what the blob does not
        self._validation: BlobTail | None = None
        self._validation_due = due
        self._validation_wanted = False
        self._validation_over = False

    @property
    def due(self) -> datetime:
        dues = [self._blob.due]
        if self._container_wanted:
            dues.append(self._container_due)
        if self._validation_wanted:
            dues.append(self._validation_due)
        return min(dues)

    @property
    def trouble(self) -> Trouble | None:
        """What keeps the log from us; where the container tells it all the same, only a note of that."""
        blob = self._blob.trouble
        if not self._ahead:
            return blob
        why = blob.text if blob else "The blob does not grow."
        return Trouble("log", "detour", f"Read from the container's log. {why}", blob.remedy if blob else None)

    @property
    def caught_up(self) -> bool:
        """All that the blob held at the last look has been read."""
        return self._blob.caught_up

    async def look(self, at: datetime, status: Status) -> tuple[tuple[Chunk, ...], bool]:
        """New bytes, and whether a log was read; why not is in `trouble`. Raises nothing but what is a bug."""
        chunks: tuple[Chunk, ...] = ()
        read = False
        self._validation_wanted = self._wants_validation(status)
        if at >= self._blob.due:
            chunks, read = await self._blob.look(at, status)
            refused = self._blob.trouble is not None and not self._blob.trouble.waiting
            self._troubled_since = (self._troubled_since or at) if refused else None
            self._ahead = self._ahead and (self._blob.trouble is not None or not chunks)
        elif self._validation_wanted and at >= self._validation_due:
            chunks = await self._look_at_validation(at)
        self._container_wanted = self._wants_container(at, status)
        if self._container_wanted and at >= self._container_due:
            said, heard = await self._look_at_container(at, status)
            chunks, read = chunks + said, read or heard
            self._container_wanted = self._wants_container(at, status)
        return chunks, read

    def hurry(self, at: datetime) -> None:
        """The run is over: all that may still be read is looked at now."""
        self._over = True
        self._blob.due = self._container_due = self._validation_due = at

    def complete(self, at: datetime, over_since: datetime, status: Status) -> bool:
        """The run is over since `over_since`: is everything read that will ever be there?"""
        if self._container_wanted or (self._wants_validation(status) and self._blob.trouble is None):
            return False
        return self._blob.complete(at, over_since, status)

    def _wants_container(self, at: datetime, status: Status) -> bool:
        """Whether the container may know more than the blob."""
        trouble = self._blob.trouble
        if (self._container is not None and self._container.marked) or status.run_state is None or status.deleted:
            return False
        if self._over:
            return self._container_owed and (self._ahead or trouble is not None)
        customizing = status.sub_state == "Customizing"
        if trouble is None:
            return customizing and not self._blob.marked and at - self._blob.grew_at >= _STALLED
        if trouble.waiting:
            return customizing
        lasting = self._troubled_since is not None and at - self._troubled_since >= _TROUBLED
        return lasting or trouble.kind in ("forbidden", "sign-in")

    async def _look_at_container(self, at: datetime, status: Status) -> tuple[tuple[Chunk, ...], bool]:
        group = status.template.staging_group if status.template else None
        if not group:
            return (), False
        if self._container is None:
            self._container = ContainerTail(self._arm, group, self._cursors(CONTAINER))
        try:
            said = await self._container.look()
        except (
            Exception
        ) as error:  # one boundary for what SDK and proxies may raise: the blob's trouble is what is told
            if status_of(error) == 401:
                self._arm.refused()
            self._container_due = at + max(
                retry_after(error) or _QUIET, _REFUSED if status_of(error) == 403 else _QUIET
            )
            said = None
        else:
            self._container_due = at + max(_GROWING if said else _QUIET, self._pace.quiet)
        if self._over:
            self._container_owed = bool(said)
        behind = self._blob.trouble is not None or self._container.offset > self._blob.offset
        self._ahead = said is not None and self._container.offset > 0 and behind
        return said or (), said is not None

    def _wants_validation(self, status: Status) -> bool:
        validates = status.template is not None and status.template.validates
        return validates and not self._validation_over and (self._over or status.sub_state in _AFTERWARDS)

    async def _look_at_validation(self, at: datetime) -> tuple[Chunk, ...]:
        """What the validators' log brings; what goes wrong with it, the first log's trouble tells."""
        self._validation_due = at + self._pace.quiet
        self._validation = self._validation or self._blob.sibling(VALIDATION, self._cursors(VALIDATION))
        if self._validation is None:
            self._validation_over = self._over
            return ()
        try:
            await self._arm.sign_in_to_storage()
            look = await self._validation.look()
        except Exception as error:  # one boundary for what SDK and proxies may raise
            self._validation_due = at + max(retry_after(error) or _QUIET, _QUIET)
            self._validation_over = self._over
            return ()
        self._validation_over = self._validation.marked or (self._over and look.caught_up and not look.chunks)
        if not look.caught_up:
            self._validation_due = at
        return look.chunks
