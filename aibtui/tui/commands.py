"""The command palette's own list: everything that a key does in any pane of the screen, by its explanation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.screen import Screen
from textual.types import IgnoreReturnCallbackType
from textual.widget import Widget


class Command(NamedTuple):
    """An action by name: what it does, the keys and the pane it belongs to, and how to run it."""

    name: str
    help: str
    run: IgnoreReturnCallbackType


class Actions(Provider):
    """Offers the bindings of the screen under the palette, of its panes and of the app."""

    async def discover(self) -> Hits:
        for command in commands(self.screen):
            yield DiscoveryHit(command.name, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in commands(self.screen):
            if (match := matcher.match(command.name)) > 0:
                yield Hit(match, matcher.highlight(command.name), command.run, help=command.help)


def commands(screen: Screen[object]) -> Iterator[Command]:
    """Every action that can be taken now, once each."""
    known: set[str] = set()
    for node in _nodes(screen):
        for binding in bindings(type(node)):
            if not binding.tooltip or binding.tooltip in known or not _enabled(node, binding):
                continue
            known.add(binding.tooltip)
            keys = screen.app.get_key_display(binding) if binding.key else ""
            pane = "" if isinstance(node, Screen) or node is screen.app else f"in {type(node).__name__}, "
            yield Command(binding.tooltip, f"{pane}key {keys}", partial(_run, screen, node, binding.action))


def bindings(kind: type[DOMNode]) -> Iterator[Binding]:
    """The bindings with an id of a class and its bases."""
    for base in kind.__mro__:
        for binding in base.__dict__.get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id:
                yield binding


def _nodes(screen: Screen[object]) -> list[DOMNode]:
    panes = [node for node in screen.walk_children(Widget) if node.can_focus]
    return [screen, *panes, screen.app]


def _enabled(node: DOMNode, binding: Binding) -> bool:
    name, _, _ = binding.action.partition("(")
    return node.check_action(name, ()) is not False if name in ("cause", "explain") else True


async def _run(screen: Screen[object], node: DOMNode, action: str) -> None:
    await screen.app.run_action(action, node)


def binding_ids() -> list[str]:
    """Every id that a key may be chosen for."""
    from aibtui.tui import log_line  # noqa: F401 - its bindings count too
    from aibtui.tui.app import WatchApp
    from aibtui.tui.screens import compare, explain, runs  # noqa: F401 - their bindings count too

    kinds: list[type[DOMNode]] = [WatchApp, *_all_of(Screen), *_all_of(Widget)]
    ours = [kind for kind in kinds if kind.__module__.startswith("aibtui.")]
    return sorted({binding.id for kind in ours for binding in bindings(kind) if binding.id})


def _all_of(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all_of(each)
