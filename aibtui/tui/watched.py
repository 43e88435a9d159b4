"""One build as the screen is handed it: its name, its Updates, its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

from aibtui.core.updates import Update
from aibtui.safetext import SafeText, clean
from aibtui.tui.log_text import LogReader

if TYPE_CHECKING:
    from aibtui.history import EarlierRun


def _not_recorded() -> None:
    return None


class Watched(Struct, frozen=True):
    """`updates` is called once and starts the watch; `log` reads what it records; `recording` names where to.

    `id` is the full name, where there is one: a resource id or a path. `grab` begins to collect all that is known of
    the run, and is told of by notifications; None where nothing can be collected. `in_azure` is False for what is made
    up, so that no portal has a page of it. `last_good` is the newest earlier run of its kind that succeeded.
    """

    title: str
    updates: Callable[[], AsyncIterator[Update]]
    log: LogReader
    recording: Callable[[], str | None] = field(default=_not_recorded)
    id: str = ""
    grab: Callable[[], object] | None = None
    in_azure: bool = True
    last_good: Callable[[], EarlierRun | None] = field(default=_not_recorded)

    @property
    def name(self) -> SafeText:
        """The title, safe to draw."""
        return clean(self.title)


class Seen(Struct, frozen=True):
    """What is known of a build: its name, the newest Update, and why its watch broke off if it did."""

    name: SafeText
    update: Update | None = None
    failure: SafeText | None = None


def failure_sentence(error: BaseException | None) -> SafeText:
    """What broke the watch off, and what to do next where the error says so."""
    said = str(error).strip() or type(error).__name__
    remedy = getattr(error, "remedy", None) or "The build goes on; press q and watch it again."
    return clean(f"The watch broke off: {said.rstrip('.')}. {remedy}")
