"""The runs whose folders lie in the staging group, the older ones too, and what each came to by the end of its log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from aibtui.core.build import Outcome
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status
from aibtui.core.status import status_from_template
from aibtui.sources import CannotWatch
from aibtui.sources.arm import Arm
from aibtui.sources.blob import STEP, BlobTail
from aibtui.sources.discovery import CONTAINER, LOG_FILE, SLACK, Account, hinted_folder, storage_accounts
from aibtui.sources.faults import Place, once, status_of, trouble_of
from aibtui.sources.target import Target

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

TAIL = 64 << 10  # bytes of a log's end that tell how it went
MOST_FILES = 20_000
_AT_ONCE = 4


class RunFile(Struct, frozen=True):
    """One blob of a run folder, by its whole name in the container; `size` in bytes."""

    blob: str
    size: int
    etag: str
    began_at: datetime
    modified_at: datetime

    @property
    def name(self) -> str:
        """The name within the folder; somebody else's word, never a path."""
        return self.blob.partition("/")[2]


class RunFolder(Struct, frozen=True):
    """The folder of one run: where it is, when its log began, what lies in it."""

    account: Account
    folder: str
    files: tuple[RunFile, ...]

    @property
    def log(self) -> RunFile | None:
        return next((file for file in self.files if file.name == LOG_FILE), None)

    @property
    def began_at(self) -> datetime:
        log = self.log
        return log.began_at if log else min(file.began_at for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of its customization.log."""
        return self.log.size if self.log else 0


class Runs(Struct, frozen=True):
    """What a template says of its last run, and the run folders in its staging group, the newest first."""

    status: Status
    folders: tuple[RunFolder, ...]

    @property
    def last(self) -> RunFolder | None:
        """The folder of the run that the template speaks of, as far as there is one."""
        if self.status.started_at is None:
            return None
        return folder_of(self.folders, self.status.started_at, hinted_folder(self.status.message))

    def run_state_of(self, folder: RunFolder) -> str | None:
        """The run state, where it is the last run's folder: of older ones the service tells none."""
        return self.status.run_state if folder == self.last else None


async def list_runs(arm: Arm, target: Target, storage_account: str | None = None) -> Runs:
    """Ask for the template and its run folders. Raises CannotWatch (3, 4, 5) where there is no way to them."""
    status = await read_status(arm, target)
    return Runs(status, await folders_of(arm, target, status, storage_account))


async def folders_of(
    arm: Arm, target: Target, status: Status, storage_account: str | None = None
) -> tuple[RunFolder, ...]:
    """The run folders in the staging group that `status` names, the newest first. Raises CannotWatch (3, 4, 5)."""
    group = status.template.staging_group if status.template else None
    if not group:
        text = f"The service has not named a staging group for the template {target.template} yet."
        raise CannotWatch(text, "There is one from its first run on.", 3)
    where = f"the resource group {group.rstrip('/').rpartition('/')[2]}"
    try:
        accounts = await storage_accounts(arm, group, storage_account)
        folders = [folder for account in accounts for folder in await run_folders(arm, account)]
    except Exception as error:  # one boundary for what SDK and proxies may raise: it is told in one sentence
        if status_of(error) == 404:
            text = f"The staging group of the template {target.template} is gone, and the logs with it."
            raise CannotWatch(text, "What was watched here is kept; show it with: aibtui runs", 3) from error
        role = "Reader and Storage Blob Data Reader"
        raise refused(error, Place("log", f"the logs of the template {target.template}", where, role)) from error
    return tuple(sorted(folders, key=_began, reverse=True))


async def read_status(arm: Arm, target: Target) -> Status:
    """The state of a template. Raises CannotWatch: 3 where it is not there, 4 where it may not be read, else 5."""
    return status_from_template(await read_template(arm, target))


async def read_template(arm: Arm, target: Target) -> dict[str, object]:
    """The template's JSON. Raises CannotWatch as `read_status` does."""
    try:
        return dict(await arm.template(target))
    except Exception as error:  # one boundary for what SDK and proxies may raise: it is told in one sentence
        where = f"the image template {target.template} (resource group {target.group})"
        if status_of(error) == 404:
            text = f"There is no image template {target.template} in the resource group {target.group}."
            remedy = f"Show what is there with: az image builder list -g {target.group} --output table"
            raise CannotWatch(text, remedy, 3) from error
        raise refused(error, Place("template", f"the image template {target.template}", where, "Reader")) from error


def refused(error: Exception, place: Place) -> CannotWatch:
    """The refusal that an exception means: 4 for access, 5 for a lost contact."""
    trouble = once(trouble_of(error, place))
    code = 4 if trouble.kind in ("sign-in", "forbidden") else 5
    return CannotWatch(trouble.text, trouble.remedy or "Try it again.", code)


async def run_folders(arm: Arm, account: Account) -> list[RunFolder]:
    """All run folders of one storage account; none where it has no logs. Raises what the SDK raises."""
    try:
        files = await arm.storage(partial(_files, arm, account))
    except Exception as error:
        if status_of(error) == 404:  # no container yet, or an account for other things
            return []
        raise
    files.sort(key=lambda file: file.blob)
    grouped = groupby(files, key=lambda file: file.blob.partition("/")[0])
    return [RunFolder(account, folder, tuple(held)) for folder, held in grouped]


def folder_of(folders: Sequence[RunFolder], started_at: datetime, hint: str | None = None) -> RunFolder | None:
    """The folder of the run that began then: the hinted one, else the first that began after it."""
    hinted = [folder for folder in folders if folder.folder == hint]
    fitting = [folder for folder in folders if folder.began_at >= started_at - SLACK]
    return max(hinted, key=_began, default=None) or min(fitting, key=_began, default=None)


async def outcomes(arm: Arm, folders: Sequence[RunFolder]) -> list[Outcome | None]:
    """What each run came to by the last bytes of its log; None where they cannot be read."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(folder: RunFolder) -> Outcome | None:
        async with free:
            try:
                return await outcome(arm, folder)
            except Exception as error:  # of one log of many: its row says that it is not known
                if status_of(error) == 401:
                    arm.refused()
                return None

    return list(await asyncio.gather(*(one(folder) for folder in folders)))


async def outcome(arm: Arm, folder: RunFolder) -> Outcome | None:
    """What one run came to by the last bytes of its log; None where it has none. Raises what the SDK raises."""
    log = folder.log
    if log is None or not log.size:
        return None
    start = max(0, log.size - TAIL)
    client = blob_client(arm, folder, log)

    async def read() -> bytes:
        download = await client.download_blob(offset=start, length=TAIL, max_concurrency=1)
        return bytes(await download.readall())

    return outcome_of_tail(await arm.storage(read), whole=start == 0)


def outcome_of_tail(tail: bytes, *, whole: bool) -> Outcome:
    """What a log's last bytes prove; its first line is cut off unless they are the whole log."""
    data = tail if whole else tail.partition(b"\n")[2]
    chunks = (Chunk("customization.log", 0, 0, data),)
    update = Monitor(()).feed(Poll(datetime.now(UTC), chunks=chunks, log_read=True, ended=True))
    return update.build.outcome


async def read_log(arm: Arm, folder: RunFolder) -> bytes:
    """The whole customization.log of a run, as it is now. Raises what the SDK raises."""
    log = folder.log
    if log is None:
        return b""
    tail = BlobTail(blob_client(arm, folder, log), step=STEP)
    parts: list[bytes] = []
    caught_up = False
    while not caught_up:
        await arm.sign_in_to_storage()
        look = await tail.look()
        for chunk in look.chunks:
            if chunk.offset == 0:
                parts.clear()
            parts.append(chunk.data)
        caught_up = look.caught_up
    return b"".join(parts)


def blob_client(arm: Arm, folder: RunFolder, file: RunFile) -> BlobClient:
    """The client of one blob of a run folder."""
    service = arm.blob_service(*arm.endpoint.blob_account(folder.account.url, folder.account.name))
    return service.get_blob_client(CONTAINER, file.blob)


def _began(folder: RunFolder) -> datetime:
    return folder.began_at


async def _files(arm: Arm, account: Account) -> list[RunFile]:
    service = arm.blob_service(*arm.endpoint.blob_account(account.url, account.name))
    found: list[RunFile] = []
    async for blob in service.get_container_client(CONTAINER).list_blobs():
        if len(found) >= MOST_FILES:
            break
        name = blob.name or ""
        if not all(name.partition("/")):
            continue  # it lies in no run's folder
        modified = (blob.last_modified or datetime.now(UTC)).astimezone(UTC)
        began = blob.creation_time.astimezone(UTC) if blob.creation_time else modified
        found.append(RunFile(name, int(blob.size or 0), str(blob.etag or ""), began, modified))
    return found
