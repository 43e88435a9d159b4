"""The stream of Updates drawn as lines, as JSON, as a report. One file for each; none counts, none fetches."""

from __future__ import annotations

from typing import Protocol

from aibtui.core.updates import Update


class Output(Protocol):
    """A front end that writes as it goes."""

    def update(self, update: Update) -> None:
        """Write what this look changed."""

    def close(self, exit_code: int) -> None:
        """Write how it ended. Nothing is written after it."""

    def refuse(self, text: str, remedy: str) -> None:
        """Take note that the watch broke off before its end, and why; stderr says it to people."""
