"""An address is opened in a browser beside the terminal, never in one that takes it."""

from __future__ import annotations

import asyncio
import webbrowser
from pathlib import Path

import pytest

from aibtui.cli.browsing import browse

URL = "https://portal.azure.com/#resource/subscriptions/x"


async def test_a_browser_of_its_own_window_gets_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script, opened = tmp_path / "xdg-open", tmp_path / "opened"
    script.write_text(
        f'#!/bin/sh\necho noise; echo noise >&2\nprintf %s "$1" > {opened}.part; mv {opened}.part {opened}\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.BackgroundBrowser(str(script)))
    assert await browse(URL)
    async with asyncio.timeout(10):
        while not opened.exists():
            await asyncio.sleep(0.01)
    assert opened.read_text() == URL
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["w3m", "/usr/bin/lynx", "www-browser"])
async def test_a_browser_in_the_terminal_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser(name))
    assert not await browse(URL)


async def test_without_a_browser_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> webbrowser.BaseBrowser:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert not await browse(URL)
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.BackgroundBrowser("/nowhere/browser"))
    assert not await browse(URL)
