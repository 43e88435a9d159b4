"""Modules that a command needs and `--help` does not: each is imported when something of it is used first."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class _Later:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import asyncio as asyncio
    import tempfile as tempfile
    from importlib import metadata as metadata
    from importlib import resources as resources
else:
    asyncio, tempfile = _Later("asyncio"), _Later("tempfile")
    metadata, resources = _Later("importlib.metadata"), _Later("importlib.resources")
