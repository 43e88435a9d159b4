"""What changes something on Azure, asked for by name alone: to start a run of a template, to cancel it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from msgspec.structs import replace

from aibtui.core.polls import Poll, Status, Surroundings, Trouble
from aibtui.sources import CannotWatch, Source
from aibtui.sources.backoff import Backoff
from aibtui.sources.faults import Place, retry_after, status_of, trouble_of
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from aibtui.sources.arm import Access, Arm
    from aibtui.sources.canceling import CancelAsked
    from aibtui.sources.staging import StagingGroup
    from aibtui.sources.template_status import TemplateStatus

Action = Literal["run", "cancel"]
_PACE = timedelta(seconds=3)
_ASK_OPERATION = timedelta(seconds=15)
_REFUSED_TWICE = 2


class Turns:
    """How many runs may be under way at once; None is any number."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self._taken = 0

    def take(self) -> bool:
        """Take one, if one is free."""
        if self.most is not None and self._taken >= self.most:
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        self._taken -= 1


def told(error: Exception, target: Target, action: Action) -> Trouble:
    """Why an action failed, as a Trouble."""
    trouble = trouble_of(error, Place("template", f"the image template {target.template}", target.group, "Contributor"))
    doing, status = "start a run" if action == "run" else "cancel the run", status_of(error)
    if status is not None and status != 403 and trouble.kind != "sign-in":
        text = f"Azure did not {doing} of the image template {target.template}: it answered {status}."
        return Trouble("template", trouble.kind, text, "It is asked again by itself.")
    if status != 403 or trouble.kind != "forbidden":
        return trouble
    text = f"You may not {doing} of the image template {target.template}."
    right = f"Microsoft.VirtualMachineImages/imageTemplates/{action}/action"
    return Trouble("template", "forbidden", text, f"Ask for Contributor on it, or a role with {right}.")


def refusal(error: Exception, target: Target, action: Action) -> CannotWatch | None:
    """The refusal of an action, by the service's own words where it has some; None for what may pass."""
    trouble, status = told(error, target, action), status_of(error)
    if trouble.kind == "sign-in" or status == 403:
        return CannotWatch(trouble.text, trouble.remedy or "Ask its owner.", 4) if status != 401 else None
    if status is None or status in (408, 429) or status >= 500:
        return None
    words = " ".join(str(getattr(getattr(error, "error", None), "message", None) or error).split()).rstrip(".")
    doing = "be run" if action == "run" else "be cancelled"
    remedy = "Wait for what is under way, or mend the template, and try again."
    return CannotWatch(f"The image template {target.template} cannot {doing} now: {words}.", remedy, 1)


class StartingSource:
    """Starts a run when it is its turn, and then is the source that watches it. A run under way is watched instead.

    `follow` makes that source; it is given the start of the last run before, which is none of its business. `say` is
    told what was done. `poll` may make the looks until then faster.
    """

    def __init__(
        self,
        target: Target,
        access: Access,
        turns: Turns,
        follow: Callable[[datetime | None], Source],
        say: Callable[[str], None],
        poll: timedelta | None = None,
        random: Random | None = None,
    ) -> None:
        self._target = target
        self._access = access
        self._turns = turns
        self._follow = follow
        self._say = say
        self._pace = min(poll or _PACE, _PACE)
        self._random = random or Random()
        self._backoff = Backoff(self._random)
        self._arm: Arm | None = None
        self._template: TemplateStatus | None = None
        self._source: Source | None = None
        self._has_turn = False
        self._refused = False
        self._asked_at: datetime | None = None
        self._before: datetime | None = None
        self._conflicts = 0
        self._operation: str | None = None
        self._operation_due: datetime | None = None

    async def look(self, at: datetime) -> Poll:
        """Until the run is there, a Poll that says what is waited for. Raises CannotWatch where it cannot begin."""
        if not self._has_turn:
            self._has_turn = self._turns.take()
        if not self._has_turn:
            return _waiting(at, f"It waits for its turn: {self._turns.most} under way are enough (--max).", self._pace)
        try:
            poll = await (self._source.look(at) if self._source is not None else self._start(at))
        except CannotWatch:
            self._refused = True
            self._end_turn()
            raise
        if poll.ended:
            self._end_turn()
        return poll

    async def close(self) -> None:
        self._end_turn()
        if self._asked_at is None and self._source is None and not self._refused:
            self._say(f"{self._target.template} was not started.")
        if self._source is not None:
            await self._source.close()
        await self._close_arm()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._turns.give_back()
            self._has_turn = False

    async def _start(self, at: datetime) -> Poll:
        template = self._template or await self._open(at)
        status = await template.look(at)
        if status is None:
            troubles = (template.trouble,) if template.trouble else ()
            return Poll(at, troubles=troubles, pause=_until(template.due, at))
        if self._asked_at is None:
            return await self._ask(at, template, status)
        if status.started_at is not None and (self._before is None or status.started_at > self._before):
            return await self._watch(at, self._before)
        await self._check_operation(at)
        template.due = at + self._pace
        return _waiting(at, "The run was asked for; the service has not begun it yet.", self._pace)

    async def _open(self, at: datetime) -> TemplateStatus:
        from aibtui.sources.arm import Arm, load
        from aibtui.sources.template_status import TemplateStatus

        await load()
        self._arm = Arm(self._access, self._target.subscription)
        self._template = TemplateStatus(self._arm, self._target, None, self._random, at)
        return self._template

    async def _ask(self, at: datetime, template: TemplateStatus, status: Status) -> Poll:
        name = self._target.template
        if status.run_state in ("Running", "Canceling"):
            since = f" since {status.started_at:%Y-%m-%d %H:%M} UTC" if status.started_at else ""
            self._say(f"{name} is {status.run_state}{since}: that run is watched, and no other is started.")
            return await self._watch(at, None)
        self._before = status.started_at
        try:
            self._operation = await self._open_arm().act(self._target, "run")
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is told, and tried again
            return self._not_asked(at, template, error)
        self._asked_at = at
        self._operation_due = at + _ASK_OPERATION
        self._say(f"A run of {name} was asked for.")
        template.due = at + self._pace
        return _waiting(at, "The run was asked for; the service has not begun it yet.", self._pace)

    def _not_asked(self, at: datetime, template: TemplateStatus, error: Exception) -> Poll:
        if status_of(error) == 401:
            self._open_arm().refused()
        refused = refusal(error, self._target, "run")
        self._conflicts += status_of(error) == 409  # somebody else may have started it just now: the next look tells
        if refused is not None and (status_of(error) != 409 or self._conflicts >= _REFUSED_TWICE):
            raise refused from error
        # Whether the service has heard it or not: asked again while it runs, it only says so.
        template.due = at + self._backoff.fail(retry_after(error))
        return Poll(at, troubles=(told(error, self._target, "run"),), pause=_until(template.due, at))

    async def _check_operation(self, at: datetime) -> None:
        """A run that was accepted and then failed before it began is told by its operation alone."""
        path, version = _operation(self._operation, self._open_arm().endpoint.arm)
        if path is None or self._operation_due is None or at < self._operation_due:
            return
        self._operation_due = at + _ASK_OPERATION
        try:
            answer = await self._open_arm().get(path, version)
        except Exception as error:  # the template itself is asked too, and what it says counts
            if status_of(error) == 401:
                self._open_arm().refused()
            return
        if answer.get("status") in ("Failed", "Canceled"):
            error_object = answer.get("error")
            message = error_object.get("message") if isinstance(error_object, dict) else None
            text = f"The run of {self._target.template} was not begun: {message or answer['status']}"
            raise CannotWatch(text, f"Look at the template: az image builder show --ids {self._target.id}", 1)

    async def _watch(self, at: datetime, before: datetime | None) -> Poll:
        await self._close_arm()
        self._source = self._follow(before)
        return await self._source.look(at)

    def _open_arm(self) -> Arm:
        if self._arm is None:
            raise RuntimeError("a run is asked for after the template was looked at")
        return self._arm

    async def _close_arm(self) -> None:
        if self._arm is not None:
            arm, self._arm = self._arm, None
            await arm.close()


async def cancel(arm: Arm, target: Target) -> None:
    """Ask for the cancel of the run, again where a fault may pass. Raises CannotWatch: 1, 4 or 5.

    A run that is being cancelled already, or over by now, is refused with the service's words.
    """
    backoff = Backoff(Random())
    for last in (False, False, False, True):
        try:
            await arm.act(target, "cancel")
            return
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is told, and tried again
            if status_of(error) == 401:
                arm.refused()
            refused = refusal(error, target, "cancel")
            if refused is not None:
                raise refused from error
            if last:
                trouble = told(error, target, "cancel")
                raise CannotWatch(trouble.text, f"Try again: aibtui cancel {target.id}", 5) from error
            await asyncio.sleep(backoff.fail(retry_after(error)).total_seconds())


class StoppingSource:
    """A run that is cancelled: its state, what stands in its staging group, when the cancel was asked for; no log."""

    def __init__(self, target: Target, access: Access) -> None:
        self._target = target
        self._access = access
        self._random = Random()
        self._arm: Arm | None = None
        self._template: TemplateStatus | None = None
        self._staging: StagingGroup | None = None
        self._asked: CancelAsked | None = None
        self._around = Surroundings()

    async def state(self, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]]) -> Status:
        """The run state, once it can be read. Raises CannotWatch: 3, 4 or 5."""
        while True:
            at = now()
            template = self._template or await self._open(at)
            status = await template.look(at)
            if status is not None:
                return status
            await sleep(_until(template.due, at).total_seconds())

    async def cancel(self) -> None:
        """Raises CannotWatch where that is refused."""
        if self._arm is None or self._template is None:
            raise RuntimeError("a cancel is asked for after the template was looked at")
        await cancel(self._arm, self._target)
        self._template.due = datetime.min.replace(tzinfo=UTC)

    async def look(self, at: datetime) -> Poll:
        """The run state, when it is due, and what is known around it."""
        template = self._template or await self._open(at)
        fresh, known = await template.look(at), template.status
        if known is not None and self._staging is not None and self._asked is not None:
            resources, asked = await self._staging.look(at, known), await self._asked.look(at, known)
            if resources is not None:
                self._around = replace(self._around, resources=resources, listed_at=at)
            if asked is not None:
                self._around = replace(self._around, cancel=asked)
        troubles = (template.trouble,) if template.trouble else ()
        return Poll(at, fresh, troubles=troubles, pause=_until(template.due, at), around=self._around)

    async def close(self) -> None:
        if self._arm is not None:
            arm, self._arm = self._arm, None
            await arm.close()

    async def _open(self, at: datetime) -> TemplateStatus:
        from aibtui.sources.arm import Arm, load
        from aibtui.sources.canceling import CancelAsked
        from aibtui.sources.staging import StagingGroup
        from aibtui.sources.template_status import TemplateStatus

        await load()
        self._arm = Arm(self._access, self._target.subscription)
        self._template = TemplateStatus(self._arm, self._target, None, self._random, at)
        self._staging = StagingGroup(self._arm, self._random, at)
        self._asked = CancelAsked(self._arm, self._target, at)
        return self._template


def _waiting(at: datetime, text: str, pause: timedelta) -> Poll:
    return Poll(at, troubles=(Trouble("template", "not-found", text, waiting=True),), pause=pause)


def _until(due: datetime, at: datetime) -> timedelta:
    return max(due - at, timedelta())


def _operation(address: str | None, arm: str) -> tuple[str | None, str]:
    """Path and API version of where ARM says an operation can be asked about; none where that is another host."""
    parts, own = urlsplit(address or ""), urlsplit(arm)
    versions = parse_qs(parts.query).get("api-version")
    if (parts.scheme, parts.netloc.lower()) != (own.scheme, own.netloc.lower()) or not versions:
        return None, ""
    return parts.path, versions[0]
