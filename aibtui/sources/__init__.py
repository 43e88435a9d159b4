"""Where Polls come from. A source is one file with one class that answers `look`."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from aibtui.core.polls import Poll

END_MARKER = b"Done exporting Packer logs"
"""Is in the last line of a customization.log that is complete."""


class Source(Protocol):
    """One build, looked at again and again."""

    async def look(self, at: datetime) -> Poll:
        """Look once, at the time `at`. A look that fails is a Poll with trouble.

        `Poll.pause` says when the next look makes sense; after a Poll with `ended` there is none. Raises CannotWatch
        where no later look could do better (no such template, no sign-in).
        """

    async def close(self) -> None:
        """Let go of connections and files; never waits for a request in flight."""


class CannotWatch(Exception):
    """There is nothing to watch: what happened to what, what to do next, and the exit code it deserves."""

    def __init__(self, text: str, remedy: str, exit_code: int) -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy
        self.exit_code = exit_code
