"""A sign-in that takes its time, on the screen."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.app import App

from aibtui.cli.onscreen import Shown, _signing_in
from aibtui.sources.credentials import Voice
from aibtui.tui.sign_in import DeviceCode, SignInLine, SignInOnScreen


class Bare(App[None]):
    """Nothing but what is signed in on."""


async def test_a_line_counts_the_seconds_and_goes_when_it_is_over() -> None:
    app = Bare()
    async with app.run_test() as pilot:
        pane = SignInOnScreen(app)
        pane.progress("signing in (az), 1 s")
        pane.progress("signing in (az), 2 s\x1b]52;c;x\x07")
        await pilot.pause()
        (line,) = app.screen.query(SignInLine)
        said = str(line.render())
        assert said.startswith("signing in (az), 2 s")
        assert said.isprintable()
        pane.done()
        await pilot.pause()
        assert not app.screen.query(SignInLine)


async def test_a_device_code_is_shown_can_be_copied_and_goes_when_it_is_over() -> None:
    app = Bare()
    async with app.run_test() as pilot:
        pane = SignInOnScreen(app)
        pane.show_code("https://example.test/device", "ABCD-EFGH")
        pane.progress("signing in (device code), 3 s")
        await pilot.pause()
        assert isinstance(app.screen, DeviceCode)
        assert not app.screen.query(SignInLine)
        await pilot.press("c")
        assert app.clipboard == "ABCD-EFGH"
        await pilot.press("u")
        assert app.clipboard == "https://example.test/device"
        pane.done()
        await pilot.pause()
        assert not isinstance(app.screen, DeviceCode)


async def test_closing_the_sheet_leaves_the_line_and_the_sign_in() -> None:
    app = Bare()
    async with app.run_test() as pilot:
        pane = SignInOnScreen(app)
        pane.show_code("https://example.test/device", "ABCD-EFGH")
        await pilot.pause()
        await pilot.press("escape")
        pane.progress("signing in (device code), 3 s")
        await pilot.pause()
        assert app.screen.query(SignInLine)
        pane.done()
        pane.done()


async def test_the_screen_takes_the_voice_over_and_gives_it_back(capsys: pytest.CaptureFixture[str]) -> None:
    def on_stderr(*told: object) -> None:
        raise AssertionError(f"{told} was said on stderr while the screen was drawn")

    voice = Voice(on_stderr, on_stderr)
    shown = [cast(Shown, SimpleNamespace(voice=each)) for each in (voice, voice, None)]
    app = Bare()
    async with app.run_test() as pilot:
        with _signing_in(shown, cast(Any, app)):
            assert voice.progress is not None
            assert voice.done is not None
            voice.progress("az", 3)
            await pilot.pause()
            assert str(app.screen.query_one(SignInLine).render()) == "signing in (az), 3 s"
            voice.done()
            await asyncio.sleep(0)
    assert (voice.code, voice.progress, voice.done) == (on_stderr, on_stderr, None)
