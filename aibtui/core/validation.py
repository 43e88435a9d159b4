"""What the validators' log shows: a Packer log of its own, read by a monitor of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from aibtui.core.build import Outcome
from aibtui.core.lines import parse_line
from aibtui.core.polls import Chunk, Poll
from aibtui.core.updates import Alert, RootCause, Update

RULE = "validation-failed"
_HAD_ERRORS = "Provisioning step had errors"
_LAST = 10


class Validation(Struct, frozen=True):
    """validation.log so far. `cause` is its first failure, by lines of that log; `last` are the last words of Packer's
    screen, `bytes` and `lines` count what was read.
    """

    outcome: Outcome
    bytes: int
    lines: int
    cause: RootCause | None
    last: tuple[str, ...]

    def explains(self, alerts: Iterable[Alert]) -> tuple[Alert, ...]:
        """The alerts, the one of the failed validation with what its log says."""
        if self.cause is None:
            return tuple(alerts)
        where = f"line {self.cause.line}" if self.cause.line else "its end"
        told = f"validation.log says ({where}): {self.cause.text}"
        return tuple(replace(alert, cause=f"{alert.cause} {told}") if alert.rule == RULE else alert for alert in alerts)

    def proves(self, cause: RootCause | None) -> RootCause | None:
        """The first cause of the run: that of the validators' log, where they failed."""
        if cause is None or cause.rule != RULE or self.cause is None:
            return cause
        return replace(cause, text=self.cause.text)


class Validators:
    """Hears the log; `feed` is the monitor that reads it. `seen` is None before its first byte."""

    def __init__(self, feed: Callable[[Poll], Update]) -> None:
        self.seen: Validation | None = None
        self._feed = feed
        self._rest = b""
        self._rows = 0
        self._failed: RootCause | None = None
        self._last: deque[str] = deque(maxlen=_LAST)

    def hear(self, chunk: Chunk, at: datetime) -> None:
        """Take more bytes."""
        update = self._feed(Poll(at, chunks=(replace(chunk, log="customization.log"),), log_read=True))
        *rows, self._rest = (self._rest + chunk.data).split(b"\n")
        for row in rows:
            self._rows += 1
            line = parse_line(row, self._rows)
            if line.stream not in ("ui", "error") or not line.text.strip():
                continue
            if line.text.startswith(_HAD_ERRORS) and self._last and self._failed is None:
                self._failed = RootCause("script-failed", self._rows - 1, None, self._last[-1])
            self._last.append(line.text.strip())
        build, cause = update.build, update.root_cause or self._failed
        self.seen = Validation(build.outcome, build.bytes, build.lines, cause, tuple(self._last))
