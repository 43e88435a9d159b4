"""The builder's own block near the top of the log: what it states once, gathered into BuildFacts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from msgspec.structs import replace

from aibtui.core.build import BuildFacts
from aibtui.core.regex import regex

_IMAGE_NAME = regex(r"packerImg_(\d{14})")
_URN = regex(r".*/publishers/([^/]+)/ArtifactTypes/vmimage/offers/([^/]+)/skus/([^/]+)/versions/([^/]+)$", re.I)


class FactBook:
    """The lines `Name=value` seen so far, by the builder's names; the first of a name counts."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def state(self, name: str, value: str, facts: BuildFacts) -> BuildFacts:
        """The facts with one more line of the block; masked and empty values say nothing."""
        if not value or set(value) == {"*"}:
            return facts
        self._seen.setdefault(name, value)
        seen = self._seen
        image = seen.get("ManagedImageName")
        stamp = _IMAGE_NAME.search(image) if image else None
        group = seen.get("BuildResourceGroupName") or seen.get("TempResourceGroupName") or seen.get("ResourceGroupName")
        return replace(
            facts,
            packer=seen.get("packer"),
            vm_size=seen.get("VMSize"),
            source=_source(seen),
            image_name=image,
            staging_group=group,
            vm_name=_vm_name(seen),
            run_started_at=_digits_to_time(stamp[1]) if stamp else facts.run_started_at,
        )


def _vm_name(seen: dict[str, str]) -> str | None:
    """Packer names all that it makes alike; the network interface is named before the VM is."""
    interface = seen.get("NicName", "")
    by_interface = f"pkrvm{interface.removeprefix('pkrni')}" if interface.startswith("pkrni") else None
    return seen.get("ComputeName") or by_interface


def _source(seen: dict[str, str]) -> str | None:
    resolved = seen.get("SourceImageName")
    urn = _URN.match(resolved) if resolved else None
    if urn:
        return ":".join(urn.groups())
    if seen.get("ImagePublisher"):
        parts = ("ImagePublisher", "ImageOffer", "ImageSku", "ImageVersion")
        return ":".join(seen[part] for part in parts if part in seen)
    return resolved


def _digits_to_time(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
