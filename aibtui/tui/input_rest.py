"""Textual's input thread wakes ten times a second to see whether it is to end; here it sleeps until there is input.

That is a third of what an idle watch computes. Nothing of Textual's loop is replaced: it asks an event whether it is to
end, and this event takes its time to answer.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Any, Final

from textual.driver import Driver

_ROUNDS: Final = 10
"""As often it wakes after the last input: an Escape alone is told from the begin of a sequence by waiting."""
_ROUND: Final = 0.1
"""Seconds that Textual's loop waits between two answers; it waits less only where there was input."""


class SleepingEnd(threading.Event):
    """Set where input is to end. Asked by the input thread, it answers when `descriptor` can be read, or it is set."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._ear, self._mouth = os.pipe()
        self._rounds = 0
        self._answered = 0.0

    def set(self) -> None:
        super().set()
        os.write(self._mouth, b"\0")

    def clear(self) -> None:
        while select.select([self._ear], [], [], 0)[0]:
            os.read(self._ear, 64)
        self._rounds = 0
        super().clear()

    def is_set(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            if time.monotonic() - self._answered < _ROUND:
                self._rounds = 0  # the loop did not wait to the end: input came then, and perhaps an Escape alone
            asleep = self._rounds >= _ROUNDS
            ready = select.select([self._descriptor, self._ear], [], [], None if asleep else 0)[0]
            self._rounds = 0 if ready else self._rounds + 1
            self._answered = time.monotonic()
        return super().is_set()


def resting(driver_class: type[Driver]) -> type[Driver]:
    """The driver with an input thread that sleeps; on Windows, where the system wakes it, the driver itself."""
    if os.name == "nt":
        return driver_class
    from textual.drivers.linux_driver import LinuxDriver

    if not issubclass(driver_class, LinuxDriver):
        return driver_class

    class Resting(driver_class):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            self.exit_event = SleepingEnd(self.fileno)

    return Resting
