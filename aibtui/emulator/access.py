"""What a reader of an emulated build may see, and how the log's blob is written; the `[access]` of a scenario."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Access(Struct, frozen=True):
    """What a reader may see, and how the log's blob is written.

    `storage` is how the storage account answers: `no-role` and `keys-off` refuse whoever asks, `firewall` and `private`
    the network. `staging` false refuses all of the staging group in ARM. `blob` is a BlobMode, `appears_after` when the
    blob is there, in seconds since the run's start.
    """

    storage: Literal["open", "no-role", "keys-off", "firewall", "private"] = "open"
    staging: bool = True
    blob: str = "append"
    appears_after: float | None = None
