"""The blob of one run's log: found, read on, given up when it is gone. It decides nothing about the run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct

from aibtui.core.polls import Chunk, LogName, Status, Trouble
from aibtui.recording import Cursor
from aibtui.sources.arm import Arm
from aibtui.sources.backoff import Backoff
from aibtui.sources.blob import BlobTail
from aibtui.sources.discovery import CONTAINER, Account, LogPlace, find_log, hinted_folder, storage_accounts
from aibtui.sources.faults import By, Place, code_of, lapsed, retry_after, status_of, trouble_of

_RELIST = timedelta(seconds=60)  # how often a quiet log's newer sibling is looked for
_REFUSED = timedelta(seconds=60)
_GONE = timedelta(seconds=15)
_SETTLED = timedelta(seconds=15)  # two equal looks that far apart: nothing more will come
_LATE = timedelta(seconds=60)  # a log that was never seen may still appear for so long after the run
_DATA_ROLE = "Storage Blob Data Reader"
_PATIENCE = timedelta(minutes=2)  # for a storage account out of reach, after the run

if TYPE_CHECKING:
    from aibtui.sources.log_url import LogUrl


class Pace(Struct, frozen=True):
    """How often the log is looked at: while it grows, when it is quiet, and while it is searched for."""

    growing: timedelta = timedelta(seconds=2)
    quiet: timedelta = timedelta(seconds=5)
    idle: timedelta = timedelta(seconds=10)
    search: timedelta = timedelta(seconds=10)


class BlobLog:
    """customization.log of the run that began at `began`. `due` is when the next look makes sense.

    With `log_url` it is that blob, and none is looked for. `grew_at` is when its last bytes came.
    """

    def __init__(
        self,
        arm: Arm,
        began: datetime | None,
        cursor: Cursor,
        pace: Pace,
        random: Random,
        due: datetime,
        log_url: LogUrl | None = None,
    ) -> None:
        self.due = due
        self.grew_at = due
        self.trouble: Trouble | None = None
        self._arm = arm
        self._began = began or datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
        self._cursor = cursor
        self._pace = pace
        self._random = random
        self._backoff = Backoff(random)
        self._log_url = log_url
        self._accounts: Sequence[Account] = ()
        self._place: LogPlace | None = None
        self._tail: BlobTail | None = None
        self._seen = cursor.offset > 0
        self._caught_up = False
        self._hint: str | None = None
        self._read_at = due
        self._same_since: datetime | None = None
        self._trouble_since: datetime | None = None
        self._listed_at = due

    async def look(self, at: datetime, status: Status) -> tuple[tuple[Chunk, ...], bool]:
        """The new bytes, and whether the log was read; why not is in `trouble`. Raises nothing but what is a bug."""
        try:
            tail = await self._find(at, status)
            if tail is None:
                return (), False
            chunks = await self._read(at, tail)
        except Exception as error:  # one boundary for what SDK and proxies may raise: it is shown and tried again
            await self._failed(at, error, status)
            return (), False
        return chunks, True

    def complete(self, at: datetime, over_since: datetime, status: Status) -> bool:
        """The run is over since `over_since`: is everything read that will ever be there?"""
        if self.trouble is None:
            if self._tail is None or not self._caught_up:
                return False
            settled = self._same_since is not None and self._read_at - max(self._same_since, over_since) >= _SETTLED
            return self._tail.marked or settled
        if self.trouble.kind == "gone" or status.deleted:
            return True
        waited = at - max(self._trouble_since or at, over_since)
        if self.trouble.kind in ("forbidden", "sign-in"):
            return waited >= _SETTLED
        if self.trouble.kind == "not-found":
            long_over = status.ended_at is not None and at - status.ended_at > _LATE
            return waited >= (_SETTLED if long_over else _LATE)
        return waited >= _PATIENCE

    @property
    def caught_up(self) -> bool:
        """All that the blob held at the last look has been read."""
        return self._caught_up

    @property
    def marked(self) -> bool:
        """The service's last line has been read."""
        return self._tail is not None and self._tail.marked

    @property
    def offset(self) -> int:
        """Bytes of it that were read."""
        return self._tail.offset if self._tail else self._cursor.offset

    def sibling(self, log: LogName, cursor: Cursor) -> BlobTail | None:
        """Another log in the same folder; None while the folder is not known."""
        if self._place is None:
            return None
        service = self._arm.blob_service(
            *self._arm.endpoint.blob_account(self._place.account.url, self._place.account.name)
        )
        return BlobTail(service.get_blob_client(CONTAINER, f"{self._place.folder}/{log}"), cursor, log=log)

    async def _find(self, at: datetime, status: Status) -> BlobTail | None:
        """The tail of this run's log; None, with the trouble said, where there is none yet."""
        if self._log_url is not None:
            self._tail = self._tail or BlobTail(self._arm.signed_blob(self._log_url), self._cursor)
            return self._tail
        hint = hinted_folder(status.message)
        quiet = at - self.grew_at >= _RELIST and at - self._listed_at >= _RELIST
        stray = hint is not None and hint != self._hint and self._place is not None and self._place.folder != hint
        if self._tail is not None and not quiet and not stray:
            return self._tail
        self._listed_at = at
        group = status.template.staging_group if status.template else None
        if not group:
            self._absent(at, "The service has not named a staging group for this template yet.")
            return None
        if not self._accounts:
            self._accounts = await storage_accounts(self._arm, group)
        if not self._accounts:
            self._absent(at, f"There is no storage account in the staging group {_name(group)} yet.")
            return None
        await self._arm.sign_in_to_storage()
        place = await find_log(self._arm, self._accounts, self._began, hint)
        self._hint = hint
        if place is None:
            if self._tail is not None:
                return self._tail
            self._absent(at, f"There is no log of this run in the storage account {self._accounts[0].name} yet.")
            return None
        return self._follow(place)

    def _follow(self, place: LogPlace) -> BlobTail:
        """Read on at `place`; another folder than before is another generation of the log."""
        if self._tail is not None and self._place is not None and self._place.blob == place.blob:
            return self._tail
        if self._tail is not None:
            read = self._tail.cursor()
            self._cursor = Cursor(generation=read.generation + 1) if read.offset else Cursor(generation=read.generation)
        self._place = place
        service = self._arm.blob_service(*self._arm.endpoint.blob_account(place.account.url, place.account.name))
        self._tail = BlobTail(service.get_blob_client(CONTAINER, place.blob), self._cursor)
        return self._tail

    async def _read(self, at: datetime, tail: BlobTail) -> tuple[Chunk, ...]:
        if self._log_url is None:
            await self._arm.sign_in_to_storage()
        look = await tail.look()
        self._seen = True
        self._backoff.reset()
        self.trouble = None
        self._trouble_since = None
        self._caught_up = look.caught_up
        self._read_at = at
        if look.chunks:
            self.grew_at = at
            self._same_since = None
        elif self._same_since is None:
            self._same_since = at
        self.due = at + self._wait(at, tail) if look.caught_up else at
        return look.chunks

    def _wait(self, at: datetime, tail: BlobTail) -> timedelta:
        silent = at - self.grew_at
        if tail.marked or silent >= timedelta(minutes=5):
            wait = self._pace.idle
        else:
            wait = self._pace.growing if silent < _SETTLED else self._pace.quiet
        return wait * self._random.uniform(0.9, 1.1)

    def _absent(self, at: datetime, text: str) -> None:
        """Not there yet, which is plain early in a run; once it was seen, it is gone."""
        if self._seen:
            text = "The log is gone: the service deleted it. What was read is kept."
            self._say(at, Trouble("log", "gone", text), _GONE)
        else:
            self._say(at, Trouble("log", "not-found", text, waiting=True), self._pace.search)

    async def _failed(self, at: datetime, error: Exception, status: Status) -> None:
        if status_of(error) == 401:
            self._arm.refused()
        if status_of(error) == 404 or await self._account_gone(error, status):
            known, self._accounts = self._accounts, ()
            if status.terminal and not known and not self._seen:
                text = "The staging group is gone, and the log with it: the service deleted them."
                self._say(at, Trouble("log", "gone", text), _GONE)
            else:
                self._absent(at, f"There is nothing to read the log from yet ({code_of(error) or 'not found'}).")
            return
        words = self._words(status)
        trouble = trouble_of(error, words)
        trouble = lapsed(trouble, words) if self._seen else trouble
        waits = _REFUSED if trouble.kind == "forbidden" else None
        delay = self._backoff.fail(retry_after(error) or waits)
        self._say(at, trouble, delay)

    async def _account_gone(self, error: Exception, status: Status) -> bool:
        """A storage account that was deleted has no address any more, which looks like being offline: ARM knows."""
        group = status.template.staging_group if status.template else None
        if status_of(error) is not None or self._place is None or not group or self._arm.storage_account:
            return False
        try:
            accounts = await storage_accounts(self._arm, group)
        except Exception as failure:  # ARM is asked for a second opinion only; the first error is what is shown
            return status_of(failure) == 404
        return self._place.account.url not in {account.url for account in accounts}

    def _words(self, status: Status) -> Place:
        if self._log_url is not None:
            host = self._log_url.account.partition("://")[2]
            return Place("log", f"the log at {host}", f"the storage account at {host}", _DATA_ROLE, by="sas")
        group_id = (status.template.staging_group or "").rstrip("/") if status.template else ""
        group = _name(group_id)
        if not self._accounts:
            role = f"Reader and {_DATA_ROLE}"
            return Place("log", f"the staging group {group}", f"the resource group {group}", role, group_id)
        account = self._place.account if self._place else self._accounts[0]
        where = f"the storage account {account.name} (resource group {group})"
        by: By = "key" if self._arm.by_key else "token"
        what = f"the log in the storage account {account.name}"
        return Place("log", what, where, _DATA_ROLE, account.id, account.network, by)

    def _say(self, at: datetime, trouble: Trouble, delay: timedelta) -> None:
        self._trouble_since = self._trouble_since or at
        self._caught_up = False
        self._same_since = None
        self.due = at + delay
        self.trouble = Trouble(
            trouble.target, trouble.kind, trouble.text, trouble.remedy, waiting=trouble.waiting, retry_at=self.due
        )


def pace_of(poll: timedelta | None) -> Pace:
    """The pace that `--poll` asks for; our own where it is not given."""
    return Pace() if poll is None else Pace(poll, poll, poll, min(poll, Pace().search))


def _name(group_id: str) -> str:
    return group_id.rstrip("/").rpartition("/")[2]
