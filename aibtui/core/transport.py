"""Whether we see the build: one status word, derived from Polls alone, so that a replay shows the same words."""

from __future__ import annotations

from datetime import datetime, timedelta

from aibtui.core.build import Build
from aibtui.core.polls import Poll, Trouble
from aibtui.core.updates import Transport, TransportState

_QUIET_AFTER = timedelta(seconds=30)


class Sight:
    """Remembers what was last read, and when."""

    def __init__(self) -> None:
        self._transport: Transport | None = None
        self._last_byte_at: datetime | None = None
        self._troubles: dict[str, Trouble] = {}

    def look(self, poll: Poll, build: Build) -> Transport:
        """The status word after this look."""
        if any(chunk.data for chunk in poll.chunks):
            self._last_byte_at = poll.at
        if poll.status is not None:
            self._troubles.pop("template", None)
        if poll.log_read:
            self._troubles.pop("log", None)
        # A recording that cannot be written is worth a word, but we still see the build.
        disk = next((trouble for trouble in poll.troubles if trouble.kind == "disk"), None)
        for told in poll.troubles:
            if told is not disk:
                self._troubles[told.target] = told
        state, trouble = self._state(poll, build)
        trouble = trouble or disk
        known = self._transport
        since = known.since if known and known.state == state else poll.at
        self._transport = Transport(
            state=state,
            since=since,
            reason=trouble.text if trouble else None,
            remedy=trouble.remedy if trouble else None,
            looked_at=poll.at,
            next_look_at=None if poll.ended else poll.at + poll.pause,
            quiet_since=self._last_byte_at,
        )
        return self._transport

    def _state(self, poll: Poll, build: Build) -> tuple[TransportState, Trouble | None]:
        template, log = self._troubles.get("template"), self._troubles.get("log")
        if poll.ended:
            return "ended", template
        if template and not template.waiting:
            return "blind", template
        if log and not log.waiting:
            if log.kind == "forbidden" and build.bytes == 0:
                return "status-only", log
            if log.kind == "gone" or build.log_done:
                return ("log-done" if build.log_done else "blind"), log
            return "blind", log
        if build.bytes == 0:
            return "waiting", log or template
        if build.log_done:
            return "log-done", None
        fresh = self._last_byte_at is not None and poll.at - self._last_byte_at <= _QUIET_AFTER
        return ("live" if fresh else "quiet"), None
