"""Sysprep as its image states tell it: what a good one looks like while it runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

_BEAT = timedelta(seconds=5)
_GOAL = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
# A good Sysprep is undeployable for 1 to 3 minutes; the state before it began stands for a few looks.
_NORMAL = {"IMAGE_STATE_UNDEPLOYABLE": timedelta(minutes=3), "IMAGE_STATE_COMPLETE": timedelta(seconds=30)}


class Sysprep(Struct, frozen=True):
    """The states that the deprovisioning script has printed: all of them so far, and how long the newest stands."""

    state: str | None = None
    seen: int = 0
    looks: int = 0
    since: datetime | None = None
    at: datetime | None = None

    def after(self, state: str, at: datetime | None) -> Sysprep:
        """One more look at the state."""
        if state != self.state:
            return Sysprep(state, self.seen + 1, 1, at, at)
        return replace(self, seen=self.seen + 1, looks=self.looks + 1, at=at)

    @property
    def normal(self) -> bool:
        """Whether a good Sysprep would be where this one is. The oldest format has no stamps; there the beat counts."""
        lasted = self.at - self.since if self.at and self.since else timedelta()
        usual = _NORMAL.get(self.state or "")
        return usual is not None and max(lasted, _BEAT * (self.looks - 1)) <= usual

    @property
    def activity(self) -> str:
        """`Sysprep: IMAGE_STATE_UNDEPLOYABLE, 14 so far, normal`; without the last word once it is not."""
        said = f"Sysprep: {self.state}, {self.seen} so far"
        if self.state == _GOAL:
            return said
        return f"{said}, normal" if self.normal else f"{said}, longer than usual"
