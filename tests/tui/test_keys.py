"""Every default key of the program is one that terminals hand on, and is bound once for each pane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys
from textual.screen import Screen
from textual.widget import Widget

from aibtui.tui.app import WatchApp
from aibtui.tui.commands import _all_of, bindings
from aibtui.tui.log_view import LogView
from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.run import Run
from aibtui.tui.panels.steps import Steps
from aibtui.tui.screens.build import BuildScreen

# Windows Terminal's own keys (its defaults.json), and those of the usual terminals on Linux and macOS.
TAKEN = frozenset(
    {"ctrl+tab", "ctrl+shift+tab", "ctrl+comma", "ctrl+v", "ctrl+equals_sign", "ctrl+plus", "ctrl+minus", "ctrl+0"}
    | {"ctrl+insert", "shift+insert", "f10", "f11", "alt+enter", "alt+f4", "alt+space", "menu"}
    | {"ctrl+pageup", "ctrl+pagedown", "shift+pageup", "shift+pagedown", "shift+home", "shift+end"}
)
# What a terminal cannot tell from another key.
SAME = frozenset({"ctrl+i", "ctrl+m", "ctrl+j", "ctrl+h", "ctrl+left_square_bracket", "shift+enter", "ctrl+enter"})
SOMETIMES = frozenset({"f1"})
"""Help of the terminal itself in some."""


def ours() -> Iterator[tuple[type[DOMNode], Binding]]:
    kinds: list[type[DOMNode]] = [WatchApp, *_all_of(Screen), *_all_of(Widget)]
    for kind in kinds:
        if kind.__module__.startswith("aibtui."):
            yield from ((kind, binding) for binding in bindings(kind) if binding in kind.__dict__.get("BINDINGS", ()))


def test_no_key_is_one_that_a_terminal_takes_for_itself() -> None:
    keys = {key: binding.id for _, binding in ours() for key in binding.key.split(",")}
    assert len(keys) > 40
    assert not {key: id for key, id in keys.items() if key in TAKEN | SAME}
    assert not {key: id for key, id in keys.items() if key.startswith(("alt+", "super+", "ctrl+shift+", "ctrl+alt+"))}


def test_every_action_has_a_key_that_all_terminals_hand_on() -> None:
    for kind, binding in ours():
        keys = set(binding.key.split(","))
        assert keys - SOMETIMES, (kind, binding.id)


def test_every_key_is_one_that_textual_knows() -> None:
    named = {key.value for key in Keys}
    for _, binding in ours():
        for key in binding.key.split(","):
            assert key in named or len(key) == 1 or key.replace("_", "").isalpha(), binding.id


def test_every_binding_has_an_id_of_its_own_and_says_what_it_does() -> None:
    by_id: dict[str, set[str]] = {}
    for _, binding in ours():
        assert binding.id
        assert binding.tooltip
        by_id.setdefault(binding.id, set()).add(binding.action)
    assert {id for id, actions in by_id.items() if len(actions) > 1} == set()


@pytest.mark.parametrize("pane", [LogView, Alerts, Run, Steps, BuildScreen])
def test_a_key_does_one_thing_in_a_pane(pane: type[DOMNode]) -> None:
    keys = [key for binding in bindings(pane) for key in binding.key.split(",")]
    assert sorted(keys) == sorted(set(keys))
