"""The table of templates: what fits its terminal, what is said of each, and that nothing remote is drawn as it came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from aibtui.core.polls import Status, Template
from aibtui.outputs.listing import as_json, table
from aibtui.sources.listing import Listed, Scope
from aibtui.sources.target import Target

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUNNING = Listed(
    Target("s1", "rg-images", "win11-avd"),
    Status("Running", "Customizing", NOW - timedelta(minutes=72), template=Template("x", "win11-avd")),
    {"ring": "pilot"},
    confirmed=True,
)
FAILED = Listed(
    Target("s1", "rg-agents", "ubuntu"),
    Status("Failed", None, NOW - timedelta(hours=30), NOW - timedelta(hours=29), "It broke.\x1b[31m\nBadly."),
)
NEW = Listed(Target("s2", "rg-images", "fresh"), Status(provisioning_state="Succeeded"))
ALL = (RUNNING, FAILED, NEW)


def test_each_has_its_state_its_age_and_how_it_ended() -> None:
    head, *rows = table(ALL, NOW, None, {RUNNING.target.id.lower(): "failed"})
    assert head.split("  ")[0] == "TEMPLATE"
    assert "Running" in rows[0]
    assert "Customizing  1 h 12 min  before: failed" in rows[0]
    assert "Failed after 1:00:00: It broke." in rows[1]
    assert " 29 h " in rows[1]
    assert "never ran" in rows[2]


def test_nothing_remote_moves_the_cursor_or_ends_a_line() -> None:
    assert not any(sign in line for line in table(ALL, NOW, None, {}) for sign in "\x1b\n\r")
    assert "\x1b" not in as_json(ALL, Scope(), NOW, {})


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal_and_the_names_stay(width: int) -> None:
    lines = table(ALL, NOW, width, {})
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines[1:]] == ["win11-avd", "ubuntu", "fresh"]


def test_groups_and_subscriptions_are_named_only_where_there_are_several() -> None:
    assert "GROUP" not in table((RUNNING,), NOW, None, {})[0]
    assert "SUBSCRIPTION" not in table((RUNNING, FAILED), NOW, None, {})[0]
    assert "SUBSCRIPTION" in table(ALL, NOW, None, {})[0]


def test_one_that_did_not_answer_for_itself_is_marked() -> None:
    assert "Running?" in table((replace(RUNNING, confirmed=False),), NOW, None, {})[1]


def test_programs_get_the_schema_times_and_seconds() -> None:
    told = json.loads(as_json(ALL, Scope("s1", "rg-images"), NOW, {}))
    assert (told["schema"], told["at"]) == ("aibtui.templates/1", "2026-03-04T12:00:00Z")
    assert told["scope"] == {"subscription": "s1", "resource_group": "rg-images"}
    first, second, third = told["templates"]
    assert (first["age_seconds"], first["tags"], first["last_outcome"]) == (4320, {"ring": "pilot"}, None)
    assert (second["run_state"], second["last_outcome"], second["ended_at"]) == (
        "Failed",
        "Failed",
        "2026-03-03T07:00:00Z",
    )
    assert (third["run_state"], third["age_seconds"]) == (None, None)


@pytest.mark.parametrize(
    ("tags", "has"),
    [
        ([("ring", "pilot")], True),
        ([("RING", None)], True),
        ([("ring", "Pilot")], False),
        ([("ring", None), ("x", None)], False),
    ],
)
def test_tags_are_found_as_azure_finds_them(tags: list[tuple[str, str | None]], has: bool) -> None:
    assert RUNNING.has(tags) is has
