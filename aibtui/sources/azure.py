"""One image template on Azure, or on an emulator of it: its run state and the log of its newest run, as Polls."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from aibtui.core.polls import Chunk, Poll, Status
from aibtui.recording import Cursor
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from aibtui.sources.arm import Access, Arm
    from aibtui.sources.run_log import RunLog
    from aibtui.sources.template_status import TemplateStatus

_LONGEST = timedelta(seconds=30)


class AzureSource:
    """Looks at one template until its run is over and its log complete, or until it is deleted.

    `cursor` says, for a template id and a start time, where a recording of that run ends (Recordings.cursor).
    `wait_for_next` does not end on a run that is over at the first look. `poll` sets the pace of the looks.
    """

    def __init__(
        self,
        target: Target,
        access: Access,
        *,
        cursor: Callable[[str, datetime], Cursor] | None = None,
        poll: timedelta | None = None,
        wait_for_next: bool = False,
        storage_account: str | None = None,
        random: Random | None = None,
    ) -> None:
        self._target = target
        self._access = access
        self._cursor = cursor
        self._poll = poll
        self._wait_for_next = wait_for_next
        self._storage_account = storage_account
        self._random = random or random_module.Random()
        self._arm: Arm | None = None
        self._template: TemplateStatus | None = None
        self._log: RunLog | None = None
        self._run: datetime | None = None
        self._signed_in = False
        self._over_since: datetime | None = None
        self._earlier: datetime | None = None  # the run that was over when the watch began, if the next is waited for

    async def look(self, at: datetime) -> Poll:
        """Ask for the run state and for new bytes, each when it is due. The first look asks for the state alone."""
        template = self._template or await self._open(at)
        first = template.status is None
        fresh = await template.look(at)
        status = template.status
        if fresh is not None:
            self._follow(at, fresh, first=first)
        chunks: tuple[Chunk, ...] = ()
        read = False
        if not first and not self._signed_in and self._arm is not None:
            self._signed_in = True
            await self._arm.sign_in_early()
        if self._log is not None and status is not None and not first and at >= self._log.due:
            chunks, read = await self._log.look(at, status)
        ended = status is not None and not first and self._ended(at, status)
        troubles = [template.trouble, self._log.trouble if self._log else None]
        return Poll(
            at=at,
            status=fresh,
            chunks=chunks,
            troubles=tuple(trouble for trouble in troubles if trouble is not None),
            log_read=read,
            ended=ended,
            pause=timedelta() if first and fresh is not None else self._pause(at, template),
        )

    async def close(self) -> None:
        if self._arm is not None:
            arm, self._arm = self._arm, None
            await arm.close()

    async def _open(self, at: datetime) -> TemplateStatus:
        from aibtui.sources.arm import Arm, load
        from aibtui.sources.template_status import TemplateStatus

        await load()
        self._arm = Arm(self._access, self._target.subscription)
        self._template = TemplateStatus(self._arm, self._target, self._poll, self._random, at)
        return self._template

    def _follow(self, at: datetime, status: Status, *, first: bool) -> None:
        """A run that is new, or over since now."""
        if status.run_state is not None and (self._log is None or status.started_at != self._run):
            if first and self._wait_for_next and status.terminal:
                self._earlier = status.started_at
            self._run = status.started_at
            self._over_since = None
            self._log = self._open_log(at, status)
        if self._over_since is None and (status.terminal or status.deleted):
            self._over_since = at
            if self._log is not None:
                self._log.due = at

    def _open_log(self, at: datetime, status: Status) -> RunLog:
        from aibtui.sources.run_log import RunLog, pace_of

        if self._arm is None:
            raise RuntimeError("a log is opened after the template was looked at")
        cursor = Cursor()
        if self._cursor is not None and status.started_at is not None and status.template is not None:
            cursor = self._cursor(status.template.id, status.started_at)
        pace = pace_of(self._poll)
        return RunLog(self._arm, status.started_at, cursor, pace, self._random, self._storage_account, at)

    def _ended(self, at: datetime, status: Status) -> bool:
        if status.deleted:
            return self._log is None or self._log.caught_up or self._log.trouble is not None
        if status.run_state is None:
            return status.provisioning_state in ("Failed", "Canceled") and status.started_at is None
        if not status.terminal or self._over_since is None or self._log is None:
            return False
        if self._wait_for_next and status.started_at == self._earlier:
            return False
        return self._log.complete(at, self._over_since, status)

    def _pause(self, at: datetime, template: TemplateStatus) -> timedelta:
        due = min(template.due, self._log.due) if self._log is not None else template.due
        return min(max(due - at, timedelta()), _LONGEST)
