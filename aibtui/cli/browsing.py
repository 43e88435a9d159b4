"""An address, opened in the browser of this machine; never in one that would take the terminal."""

from __future__ import annotations

import subprocess
import threading
import webbrowser
from pathlib import PurePath

from aibtui.cli.later import asyncio

_IN_THE_TERMINAL = frozenset({"www-browser", "links", "elinks", "lynx", "w3m", "browsh", "carbonyl"})


async def browse(url: str) -> bool:
    """Open `url`; False where no browser can be opened here."""
    return await asyncio.to_thread(_open, url)


def _open(url: str) -> bool:
    try:
        browser = webbrowser.get()
        name = PurePath(getattr(browser, "name", "")).name
        if name in _IN_THE_TERMINAL:
            return False
        if isinstance(browser, webbrowser.GenericBrowser):
            return _start([browser.name, *(arg.replace("%s", url) for arg in browser.args)])
        return browser.open(url)
    except (webbrowser.Error, OSError):
        return False


def _start(command: list[str]) -> bool:
    """Such a browser inherits the terminal, and what it says there would stand in the middle of the screen."""
    quiet = subprocess.DEVNULL
    browser = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    threading.Thread(target=browser.wait, daemon=True).start()  # it may stay open longer than we do
    return True
