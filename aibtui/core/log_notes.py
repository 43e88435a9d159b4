"""What is to be said of the log itself: that there is none, that it was replaced."""

from __future__ import annotations

from datetime import datetime

from aibtui.core.updates import Alert


def log_absent(at: datetime) -> Alert:
    """A run that left no log."""
    return Alert(
        rule="log-absent",
        severity="info",
        title="There is no log of this run",
        cause="The run failed before Packer began, or the staging group was deleted before the log could be read.",
        remedy="Look at the run's message: it is all that the service says of this failure.",
        at=at,
    )


def log_replaced(at: datetime) -> Alert:
    """The log that is read now is another one."""
    return Alert(
        rule="log-replaced",
        severity="info",
        title="The log was replaced by another one; it is read again from its start",
        cause="The blob in the staging group was rewritten with other content, or deleted and made anew; or it holds "
        "something else than what the build's container had said.",
        remedy="Nothing to do. What was read before is kept beside the recording.",
        at=at,
    )
