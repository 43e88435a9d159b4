"""What the screen promises of itself: it tells no time, fetches nothing, knows no Azure, and its panels do not meet."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import aibtui.tui

FOLDER = Path(aibtui.tui.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
# Parsed when the tests are collected: Python 3.11 loses count where a garbage collection formats a traceback meanwhile.
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
ALLOWED = {"app.py": {"os", "sys"}, "normal_screen.py": {"os", "sys"}}
"""The environment and the streams of the terminal."""
OUTSIDE = frozenset(
    {"time", "os", "sys", "subprocess", "socket", "ssl", "http", "urllib", "aiohttp", "requests", "threading", "random"}
    | {"concurrent", "multiprocessing", "webbrowser", "shutil", "tempfile", "pathlib", "azure", "msal", "click"}
)
CLOCKS = frozenset({"now", "utcnow", "today", "monotonic", "perf_counter"})
REACHING = frozenset(
    {"query", "query_one", "query_exactly_one", "query_children", "get_child_by_id", "get_widget_by_id"}
)


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(TREES[path])


def imported(path: Path) -> set[str]:
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def called(path: Path) -> set[str]:
    calls = (node.func for node in nodes(path) if isinstance(node, ast.Call))
    return {func.attr for func in calls if isinstance(func, ast.Attribute)}


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(FOLDER)) for path in MODULES])
def test_the_screen_tells_no_time_and_fetches_nothing(path: Path) -> None:
    assert imported(path) & OUTSIDE <= ALLOWED.get(path.name, set())
    assert not called(path) & CLOCKS


@pytest.mark.parametrize("path", sorted((FOLDER / "panels").glob("*.py")), ids=lambda path: path.name)
def test_no_panel_reaches_into_another(path: Path) -> None:
    assert not called(path) & REACHING


def test_no_address_and_no_type_of_azure_is_written_here() -> None:
    texts = [
        (path.name, node.value)
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert len(texts) > 500
    words = ("https://", "microsoft.", "/subscriptions/", "portal.azure", "az image")
    assert [(name, text) for name, text in texts if any(word in text.lower() for word in words)] == []
