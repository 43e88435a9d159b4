"""Whether we see the build: one status word, derived from Polls alone, so that a replay shows the same words."""

from __future__ import annotations

from datetime import datetime, timedelta

from aibtui.core.build import Build
from aibtui.core.polls import NOTES, Poll, Trouble
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
        for told in poll.troubles:
            if told.kind not in NOTES:
                self._troubles[told.target] = told
        notes = [trouble for trouble in poll.troubles if trouble.kind in NOTES]
        state, trouble = self._state(poll, build)
        trouble = trouble or min(notes, key=lambda note: NOTES.index(note.kind), default=None)
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
        if self._last_byte_at is not None and poll.at - self._last_byte_at <= _QUIET_AFTER:
            return "live", None
        status = build.status
        distributing = status is not None and status.run_state == "Running" and status.sub_state == "Distributing"
        return ("log-done" if distributing else "quiet"), None  # Packer has no part in it, whatever its log lacks
