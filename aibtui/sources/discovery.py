"""Where the log of a run is: staging group, storage account, container `packerlogs`, the run's folder."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from aibtui.sources.arm import STORAGE_API_VERSION, Arm
from aibtui.sources.faults import Foreign, Network, Refused

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

CONTAINER = "packerlogs"
LOG_FILE = "customization.log"
SLACK = timedelta(seconds=60)  # between the service's clock and the storage account's

_GROUP_ID = re.compile(r"(?i)/subscriptions/[a-z0-9-]+/resourceGroups/[\w()-][\w.()-]*/?")
_HINT = re.compile(r"(?i)(?P<account>[a-z0-9]{3,24})[^ ]*/packerlogs/(?P<folder>[^/\s]+)/customization\.log")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_LIST_MAX = 20_000


class Account(Struct, frozen=True):
    """A storage account of the staging group, its blob endpoint, and whom it lets in.

    `id` is its resource id. `keys` says whether it takes account keys, `network` whether it has a firewall, or private
    endpoints alone. Of one that was named and not listed only its address is known.
    """

    name: str
    url: str
    id: str = ""
    keys: bool = True
    network: Network = "open"


class LogPlace(Struct, frozen=True):
    """One customization.log: its account, its blob's name, its run folder, when it was made."""

    account: Account
    blob: str
    folder: str
    began_at: datetime


def hinted_folder(message: str | None) -> str | None:
    """The run folder that `lastRunStatus.message` names. A hint to compare with, never an address."""
    found = _HINT.search(message or "")
    return found["folder"] if found else None


def is_group_id(text: str) -> bool:
    """The id of a resource group, and nothing besides."""
    return _GROUP_ID.fullmatch(text) is not None


async def storage_accounts(arm: Arm, staging_group: str, only: str | None = None) -> Sequence[Account]:
    """The storage accounts of the staging group, as ARM lists them; with their keys, where `--auth key` asks for them.

    `only` (else what `--storage-account` names) is taken by its name: who may read blobs need not be allowed to list.
    """
    if not is_group_id(staging_group):
        raise Foreign(
            "The template names a staging group that is not one.", "Check the template's stagingResourceGroup."
        )
    path = staging_group.rstrip("/") + "/providers/Microsoft.Storage/storageAccounts"
    if only := only or arm.storage_account:
        accounts = [Account(only, arm.endpoint.blob_endpoint(only), f"{path}/{only}")]
    else:
        answer = await arm.get(path, STORAGE_API_VERSION)
        entries = (entry for entry in answer.get("value") or () if isinstance(entry, Mapping))
        accounts = [account for entry in entries if (account := _account(arm, entry, path))]
    if arm.by_key:
        for account in accounts:
            await _unlock(arm, account)
    return accounts


async def _unlock(arm: Arm, account: Account) -> None:
    if not account.keys:
        text = f"The storage account {account.name} takes no account keys (allowSharedKeyAccess is off)."
        raise Refused(text, "Leave out --auth key, and ask for the role Storage Blob Data Reader on it.")
    await arm.list_keys(account.name, account.id)


async def find_log(arm: Arm, accounts: Sequence[Account], began: datetime, hint: str | None) -> LogPlace | None:
    """The newest log that began with the run or after it, the hinted one where it is there; None where none is yet.

    Raises what the SDK raises, for an account that cannot be listed, unless another one has the log.
    """
    found: list[LogPlace] = []
    failure: Exception | None = None
    for account in accounts:
        try:
            found += await arm.storage(partial(_logs, arm, account))
        except Exception as error:
            if getattr(error, "status_code", None) != 404:  # no container yet, or an account for other things
                failure = failure or error
    hinted = [place for place in found if place.folder == hint]
    fitting = [place for place in found if place.began_at >= began - SLACK]
    best = max(hinted or fitting, key=lambda place: place.began_at, default=None)
    if best is None and failure is not None:
        raise failure
    return best


async def _logs(arm: Arm, account: Account) -> list[LogPlace]:
    container = arm.blob_service(account.url, _key_name(arm, account)).get_container_client(CONTAINER)
    places = []
    async for blob in _first(container.list_blobs(), _LIST_MAX):
        folder, _, name = (blob.name or "").partition("/")
        if name == LOG_FILE and folder:
            began_at = blob.creation_time or blob.last_modified or datetime.now(UTC)
            places.append(LogPlace(account, blob.name, folder, began_at.astimezone(UTC)))
    return places


async def _first(blobs: Any, limit: int) -> AsyncIterator[BlobProperties]:
    count = 0
    async for blob in blobs:
        count += 1
        if count > limit:
            return
        yield blob


def _account(arm: Arm, entry: Mapping[str, Any], path: str) -> Account | None:
    name, properties = entry.get("name"), entry.get("properties")
    if not isinstance(name, str) or not _ACCOUNT.fullmatch(name) or not isinstance(properties, Mapping):
        return None
    endpoints = properties.get("primaryEndpoints")
    url = endpoints.get("blob") if isinstance(endpoints, Mapping) else None
    if not isinstance(url, str):
        return None  # still being made
    try:
        checked, _ = arm.endpoint.blob_account(url, name)
    except ValueError as error:
        text = str(error)
        remedy = "Check --cloud, and whether the staging group holds an account of somebody else."
        raise Foreign(f"{text[:1].upper()}{text[1:]}; nothing is sent there.", remedy) from None
    return Account(
        name, checked, f"{path}/{name}", properties.get("allowSharedKeyAccess") is not False, _net(properties)
    )


def _net(properties: Mapping[str, Any]) -> Network:
    """Whom a storage account lets in by its network rules."""
    if str(properties.get("publicNetworkAccess")).lower() in ("disabled", "securedbyperimeter"):
        return "private"
    rules = properties.get("networkAcls")
    return "firewall" if isinstance(rules, Mapping) and str(rules.get("defaultAction")).lower() == "deny" else "open"


def _key_name(arm: Arm, account: Account) -> str:
    return arm.endpoint.blob_account(account.url, account.name)[1]
