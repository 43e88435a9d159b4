"""All templates behind one endpoint: each keeps to its own, lists are theirs together, and Resource Graph knows all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aibtui.emulator.answers import Answer, Ask, arm_error, as_json
from aibtui.emulator.arm import TEMPLATES, Arm

_GRAPH = "/providers/microsoft.resourcegraph/resources"
_LEAST_TELLING = ("SubscriptionNotFound", "ResourceGroupNotFound")
_GRAPH_PAGE = 1000


class Directory:
    """Answers ARM requests for several templates. Resource Graph tells how they were `graph_lag` ago."""

    def __init__(self, arms: Sequence[Arm], graph_lag: timedelta) -> None:
        self._arms = arms
        self._graph_lag = graph_lag

    def answer(self, ask: Ask) -> Answer:
        """The answer of the template that knows the path; lists are joined. Raises nothing."""
        if ask.path.rstrip("/").lower() == _GRAPH and ask.method == "POST":
            return self._graph(ask)
        answers = [arm.answer(ask) for arm in self._arms]
        if len(answers) == 1:
            return answers[0]
        found = [answer for answer in answers if answer.status != 404]
        lists = [_entries(answer) for answer in found if ask.method == "GET" and answer.status == 200]
        if len(lists) > 1 and all(entries is not None for entries in lists):
            whole = [entry for entries in lists for entry in entries or ()]
            return as_json({"value": list({_key(entry): entry for entry in whole}.values())})
        return found[0] if found else max(answers, key=_telling)

    def _graph(self, ask: Ask) -> Answer:
        try:
            body = json.loads(ask.body)
            query, options = str(body["query"]), body.get("options", {})
            skip = int(options.get("$skipToken", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            return arm_error(400, "BadRequest", "Please provide below info when asking for support: the query.")
        if TEMPLATES.lower() not in query.lower():
            return arm_error(400, "BadRequest", "This emulator only knows image templates.")
        wanted = {str(each).lower() for each in body.get("subscriptions") or ()}
        rows = [row for arm in self._arms if (row := arm.graph_row(self._graph_lag))]
        rows = sorted(
            (row for row in rows if not wanted or row["subscriptionId"] in wanted), key=lambda row: str(row["id"])
        )
        top = min(int(options.get("$top", _GRAPH_PAGE)), _GRAPH_PAGE)
        page = rows[skip : skip + top]
        answer: dict[str, Any] = {"totalRecords": len(rows), "count": len(page), "data": page, "facets": []}
        answer["resultTruncated"] = "false"
        if skip + top < len(rows):
            answer["$skipToken"] = str(skip + top)
        return as_json(answer)


def _entries(answer: Answer) -> list[Any] | None:
    try:
        value = json.loads(answer.body).get("value")
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, list) else None


def _key(entry: Any) -> str:
    return str(entry.get("id") or json.dumps(entry)) if isinstance(entry, dict) else str(entry)


def _telling(answer: Answer) -> int:
    """How much a refusal says: that the template is not there says more than that its subscription is not."""
    code = json.loads(answer.body).get("error", {}).get("code") if answer.body else None
    return _LEAST_TELLING.index(code) if code in _LEAST_TELLING else len(_LEAST_TELLING)
