"""The run state of one template, looked at politely: when it is due, what it means that it is not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from msgspec.structs import replace

from aibtui.core.polls import Status, Trouble
from aibtui.core.status import status_from_template
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Arm
from aibtui.sources.backoff import Backoff
from aibtui.sources.faults import Place, code_of, lapsed, retry_after, status_of, trouble_of
from aibtui.sources.target import Target

_PACE = timedelta(seconds=10)
_FRESH = timedelta(seconds=5)  # in the minute after a change
_IDLE = timedelta(seconds=30)  # nothing runs
_SECOND_LOOK = timedelta(seconds=30)  # before a template that is not found counts as deleted
_UNREACHABLE = timedelta(seconds=30)  # how long the very first look may take
_EARLY = 0.25  # of the wait between two: so much sooner it is asked beside the log, for one wake-up and not two


class TemplateStatus:
    """What ARM says of the template. `status` is the newest that is known, `due` when it is asked for again."""

    def __init__(self, arm: Arm, target: Target, poll: timedelta | None, random: Random, due: datetime) -> None:
        self.status: Status | None = None
        self.trouble: Trouble | None = None
        self.due = due
        self._early = timedelta()
        self._arm = arm
        self._target = target
        self._poll = poll
        self._random = random
        self._backoff = Backoff(random)
        self._began_at = due
        self._changed_at = due
        self._missing_since: datetime | None = None

    async def look(self, at: datetime) -> Status | None:
        """Ask, if it is time, or nearly so; the status where there is an answer.

        Raises CannotWatch at the first look alone.
        """
        if self.due - at > self._early:
            return None
        try:
            status = self._named(status_from_template(await self._arm.template(self._target)))
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is shown and tried again
            return self._failed(at, error)
        self._backoff.reset()
        self.trouble = None
        self._missing_since = None
        before = self.status
        if before is None or (before.run_state, before.sub_state) != (status.run_state, status.sub_state):
            self._changed_at = at
        if status.deleted and before is not None and not status.run_state:
            status = replace(before, provisioning_state=status.provisioning_state, deleted=True)
        self.status = status
        wait = self._interval(at, status)
        spare = wait - (self._poll or timedelta())  # never oftener than somebody wants
        self.due, self._early = at + wait, max(timedelta(), min(wait * _EARLY, spare))
        return status

    def _named(self, status: Status) -> Status:
        """The template under the name that was asked for, where the answer has none."""
        if status.template is None or status.template.id:
            return status
        return replace(status, template=replace(status.template, id=self._target.id, name=self._target.template))

    def _interval(self, at: datetime, status: Status) -> timedelta:
        wait = _PACE
        if status.terminal or status.run_state is None:
            wait = _IDLE
        elif at - self._changed_at < timedelta(minutes=1):
            wait = _FRESH
        if self._poll is not None:
            wait = max(self._poll, min(wait, 2 * self._poll))
        return wait * self._random.uniform(0.9, 1.1)

    def _failed(self, at: datetime, error: Exception) -> Status | None:
        target = self._target
        where = f"the image template {target.template} (resource group {target.group})"
        place = Place("template", f"the image template {target.template}", where, "Reader")
        trouble = trouble_of(error, place)
        status = status_of(error)
        if status == 401:
            self._arm.refused()
        if self.status is None:
            self._refuse(at, error, trouble)
        trouble = lapsed(trouble, place)
        if status == 404 and self.status is not None:
            if self._missing_since is None:
                self._missing_since = at
            elif at - self._missing_since >= _SECOND_LOOK:
                self.trouble = None
                self.due = at + _IDLE
                self.status = replace(self.status, deleted=True)
                return self.status
            delay = self._missing_since + _SECOND_LOOK - at
            text = f"The image template {target.template} is not found any more; it is looked for once again."
            trouble = Trouble("template", "not-found", text)
        else:
            self._missing_since = None
            delay = self._backoff.fail(retry_after(error))
        self.due, self._early = at + delay, timedelta()
        self.trouble = replace(trouble, retry_at=self.due)
        return None

    def _refuse(self, at: datetime, error: Exception, trouble: Trouble) -> None:
        """The very first look: raise CannotWatch where waiting cannot help."""
        status = status_of(error)
        remedy = trouble.remedy or ""
        if status == 404 or (status == 400 and "Subscription" in code_of(error)):
            raise CannotWatch(*_missing(self._target, code_of(error)), 3) from error
        if trouble.kind == "sign-in" or (status == 403 and trouble.kind == "forbidden"):
            raise CannotWatch(trouble.text, remedy, 4) from error
        if trouble.kind in ("offline", "slow", "protocol") and at - self._began_at >= _UNREACHABLE:
            text = f"{trouble.text.rstrip('.')}, for {_UNREACHABLE.seconds} s now."
            raise CannotWatch(text, remedy, 5) from error


def _missing(target: Target, code: str) -> tuple[str, str]:
    if "Subscription" in code:
        return (
            f"The subscription {target.subscription} is not found, or is not one that you may see.",
            "Show yours with: az account list --output table",
        )
    if code == "ResourceGroupNotFound":
        return (
            f"There is no resource group {target.group} in the subscription {target.subscription}.",
            "Show what is there with: az group list --output table",
        )
    return (
        f"There is no image template {target.template} in the resource group {target.group}.",
        f"Show what is there with: az image builder list -g {target.group} --output table",
    )
