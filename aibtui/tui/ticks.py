"""When to draw: what only the clock changes, and what comes oftener than anybody can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.message_pump import MessagePump
from textual.timer import Timer

TICK: Final = 1.0
"""Seconds of real time between two drawings."""
SELDOM: Final = 5.0
"""The same at rest: to draw a screen of clocks every second is nearly all that an idle watch computes."""
REST_AFTER: Final = 20
"""After so many ticks at which nobody touched anything, and the build neither said nor did anything, all is at rest."""
FRAME: Final = 0.1
"""Seconds between two drawings of what comes without end."""
_AT_ONCE: Final = 4
"""So many may come sooner, after a while in which fewer came."""


class Ticks:
    """Every second while somebody looks or something happens, seldom at rest. A timer of `node` calls `tick`."""

    def __init__(self, node: MessagePump, tick: Callable[[], None]) -> None:
        self._node = node
        self._tick = tick
        self._quiet = 0
        self._timer = node.set_interval(TICK, self._beat)

    @property
    def at_rest(self) -> bool:
        """Seconds are not drawn now."""
        return self._quiet > REST_AFTER

    def stir(self) -> None:
        """Somebody looks, or something came: seconds are drawn from now on."""
        rested, self._quiet = self.at_rest, 0
        if rested:
            self._every(TICK)
            self._tick()

    def looked(self) -> None:
        """The build was looked at, and nothing came; at rest that is the time to draw."""
        if self.at_rest:
            self._timer.reset()
            self._tick()

    def _beat(self) -> None:
        self._tick()
        self._quiet += 1
        if self._quiet == REST_AFTER + 1:
            self._every(SELDOM)

    def _every(self, seconds: float) -> None:
        self._timer.stop()
        self._timer = self._node.set_interval(seconds, self._beat)


class Frames:
    """Calls `draw` as soon as something came, but no oftener than a film needs; what came last is always drawn.

    `clock` tells the seconds, `node` has the timer.
    """

    def __init__(self, node: MessagePump, draw: Callable[[], None], clock: Callable[[], float]) -> None:
        self._node = node
        self._draw = draw
        self._clock = clock
        self._next = 0.0
        self._waiting: Timer | None = None

    def came(self) -> None:
        """Something is to be drawn."""
        if self._waiting is not None:
            return
        wait = self._next - _AT_ONCE * FRAME - self._clock()
        if wait <= 0:
            self._go()
        else:
            self._waiting = self._node.set_timer(wait, self._go)

    def _go(self) -> None:
        self._waiting = None
        self._next = max(self._next, self._clock()) + FRAME
        self._draw()
