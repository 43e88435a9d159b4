"""The terminal's normal screen, while the app is aside: lines are written to it, and any key ends that."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable

from aibtui.safetext import SafeText

_LOOK_EVERY = 0.05
"""Seconds; Windows tells nobody that a key was pressed."""


def write_lines(lines: Iterable[SafeText]) -> None:
    """Write lines where the app draws."""
    stream = sys.__stderr__
    if stream is not None:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()


async def any_key() -> None:
    """Wait for a key, whichever; Ctrl+C is one too."""
    stdin = sys.__stdin__
    if stdin is None:
        return
    if sys.platform == "win32":
        import msvcrt

        while not msvcrt.kbhit():
            await asyncio.sleep(_LOOK_EVERY)
        while msvcrt.kbhit():
            msvcrt.getwch()
        return
    await _key_of_terminal(stdin.fileno())


async def _key_of_terminal(terminal: int) -> None:
    import termios

    before = termios.tcgetattr(terminal)
    raw = termios.tcgetattr(terminal)
    raw[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    termios.tcsetattr(terminal, termios.TCSADRAIN, raw)
    loop.add_reader(terminal, pressed.set)
    try:
        await pressed.wait()
        os.read(terminal, 1024)  # all of an arrow key's sequence
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
