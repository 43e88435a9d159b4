"""One image template on Azure, or on an emulator of it: its run state and the log of its newest run, as Polls."""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from msgspec.structs import replace

from aibtui.core.polls import Chunk, LogName, Poll, Status, Surroundings, Trouble
from aibtui.recording import Cursor
from aibtui.recording.merge import BLOB
from aibtui.sources import CannotWatch
from aibtui.sources.skew import skew_note
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from aibtui.sources.arm import Access, Arm
    from aibtui.sources.canceling import CancelAsked
    from aibtui.sources.gallery import Replication
    from aibtui.sources.log_alone import LogAlone
    from aibtui.sources.run_log import RunLog
    from aibtui.sources.staging import StagingGroup
    from aibtui.sources.template_status import TemplateStatus

_LONGEST = timedelta(seconds=30)
_TOGETHER = timedelta(seconds=1)  # so much the run state is asked later, for one wake-up and not two
_NO_ACCESS = 4


class AzureSource:
    """Looks at one template until its run is over and its log complete, or until it is deleted.

    `cursor` says, for a template id, a start time and a log's name, where a recording of that log of the run ends
    (Recordings.cursor).
    `wait_for_next` does not end on a run that is over at the first look, nor ever on the one that began at `earlier`.
    `poll` sets the pace of the looks.
    """

    def __init__(
        self,
        target: Target,
        access: Access,
        *,
        cursor: Callable[..., Cursor] | None = None,
        poll: timedelta | None = None,
        wait_for_next: bool = False,
        earlier: datetime | None = None,
        random: Random | None = None,
    ) -> None:
        self._target = target
        self._access = access
        self._cursor = cursor
        self._poll = poll
        self._wait_for_next = wait_for_next
        self._random = random or random_module.Random()
        self._arm: Arm | None = None
        self._template: TemplateStatus | None = None
        self._log: RunLog | None = None
        self._staging: StagingGroup | None = None
        self._replication: Replication | None = None
        self._cancel: CancelAsked | None = None
        self._around = Surroundings()
        self._told = Surroundings()
        self._run: datetime | None = None
        self._alone: LogAlone | None = None
        self._signed_in = False
        self._over_since: datetime | None = None
        self._earlier = earlier

    async def look(self, at: datetime) -> Poll:
        """Ask for the run state and for new bytes, each when it is due. The first look asks for the state alone."""
        if self._alone is not None:
            return await self._alone.look(at)
        template = self._template or await self._open(at)
        first = template.status is None
        try:
            fresh = await template.look(at)
        except CannotWatch as refusal:
            return await self._leave_template(at, refusal)
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
        if not first and status is not None:
            await self._look_around(at, status)
        ended = status is not None and not first and self._ended(at, status)
        clock = skew_note(self._arm.skew) if self._arm else None
        troubles = [template.trouble, self._log.trouble if self._log else None, clock]
        return Poll(
            at=at,
            status=fresh,
            chunks=chunks,
            troubles=tuple(trouble for trouble in troubles if trouble is not None),
            log_read=read,
            ended=ended,
            pause=timedelta() if first and fresh is not None else self._pause(at, template),
            around=self._news_around(),
        )

    async def close(self) -> None:
        if self._alone is not None:
            await self._alone.close()
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

    async def _leave_template(self, at: datetime, refusal: CannotWatch) -> Poll:
        """The template may not be read: go on with the log alone, where its address opens it. Raises CannotWatch."""
        from aibtui.sources.log_alone import LogAlone

        if self._access.log_url is None or refusal.exit_code != _NO_ACCESS:
            raise refusal
        note = Trouble("log", "detour", f"The log alone is read. {refusal.text}", refusal.remedy)
        self._alone = LogAlone(self._access, self._access.log_url, self._poll, self._random, note)
        return await self._alone.look(at)

    async def _look_around(self, at: datetime, status: Status) -> None:
        """What is known besides run state and log; each part keeps what the others found."""
        if self._arm is not None and self._arm.sign_in is not None:
            self._around = replace(self._around, sign_in=self._arm.sign_in.told)
        if self._staging is not None and (found := await self._staging.look(at, status)) is not None:
            self._around = replace(self._around, resources=found, listed_at=at)
        if self._replication is not None and (copies := await self._replication.look(at, status)) is not None:
            self._around = replace(self._around, replicas=copies)
        if self._cancel is not None and (cancel := await self._cancel.look(at, status)) is not None:
            self._around = replace(self._around, cancel=cancel)

    def _news_around(self) -> Surroundings | None:
        """All that is known around the run, where something of it is new."""
        if self._around == self._told:
            return None
        self._told = self._around
        return self._around

    def _follow(self, at: datetime, status: Status, *, first: bool) -> None:
        """A run that is new, or over since now."""
        if status.run_state is not None and (self._log is None or status.started_at != self._run):
            if first and self._wait_for_next and status.terminal:
                self._earlier = status.started_at
            self._run = status.started_at
            self._over_since = None
            self._log = self._open_log(at, status)
            self._open_surroundings(at)
            self._told = Surroundings()
        if self._over_since is None and (status.terminal or status.deleted):
            self._over_since = at
            if self._log is not None:
                self._log.hurry(at)
            if self._staging is not None:
                self._staging.due = at

    def _open_log(self, at: datetime, status: Status) -> RunLog:
        from aibtui.sources.run_log import RunLog, pace_of

        if self._arm is None:
            raise RuntimeError("a log is opened after the template was looked at")
        began, template = status.started_at, status.template

        def cursor(log: LogName) -> Cursor:
            if self._cursor is None or began is None or template is None:
                return Cursor()
            return self._cursor(template.id, began) if log == BLOB else self._cursor(template.id, began, log)

        # The address opens one run's log; of a run that begins later it knows nothing.
        log_url = self._access.log_url if self._log is None else None
        return RunLog(self._arm, began, cursor, pace_of(self._poll), self._random, at, log_url)

    def _open_surroundings(self, at: datetime) -> None:
        """What stands around the run that is followed now."""
        from aibtui.sources.canceling import CancelAsked
        from aibtui.sources.gallery import Replication
        from aibtui.sources.pipeline_job import job_began_at
        from aibtui.sources.staging import StagingGroup

        if self._arm is None:
            raise RuntimeError("what stands around a run is looked at after the template was")
        self._staging = StagingGroup(self._arm, self._random, at)
        self._replication = Replication(self._arm, self._random, at)
        self._cancel = CancelAsked(self._arm, self._target, at)
        job = self._around.job_began_at or job_began_at(self._access.environ, at)
        self._around = Surroundings(sign_in=self._around.sign_in, job_began_at=job)

    def _ended(self, at: datetime, status: Status) -> bool:
        if status.deleted:
            return self._log is None or self._log.caught_up or self._log.trouble is not None
        if status.run_state is None:
            return status.provisioning_state in ("Failed", "Canceled") and status.started_at is None
        if not status.terminal or self._over_since is None or self._log is None:
            return False
        if self._earlier is not None and status.started_at == self._earlier:
            return False
        return self._log.complete(at, self._over_since, status)

    def _pause(self, at: datetime, template: TemplateStatus) -> timedelta:
        due = template.due
        if self._log is not None and self._log.due < due + _TOGETHER:
            due = self._log.due
        return min(max(due - at, timedelta()), _LONGEST)
