"""Lists of ARM that come in pages: the next one is asked of the same host and path, whatever its link says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aibtui.sources.arm import Arm
from aibtui.sources.faults import Foreign

MOST_PAGES = 20


async def every(
    arm: Arm, path: str, api_version: str, query: Mapping[str, str] | None = None
) -> list[Mapping[str, Any]]:
    """The objects of all pages, of the first 20 at most. Raises what the SDK raises, and Foreign."""
    found: list[Mapping[str, Any]] = []
    for _ in range(MOST_PAGES):
        answer = await arm.get(path, api_version, query)
        found += [entry for entry in answer.get("value") or () if isinstance(entry, Mapping)]
        query = next_page(arm, answer.get("nextLink"), path)
        if query is None:
            break
    return found


def next_page(arm: Arm, link: object, path: str) -> dict[str, str] | None:
    """The query of the next page. Raises Foreign for one elsewhere."""
    if not isinstance(link, str) or not link:
        return None
    parts, own = urlsplit(link), urlsplit(arm.endpoint.arm)
    same = (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc.lower())
    if not same or unquote(parts.path).lower() != path.lower():
        raise Foreign("Azure named a next page in another place, which is not asked.")
    return {key: value for key, value in parse_qsl(parts.query) if key.lower() != "api-version"}
