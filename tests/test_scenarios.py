"""Every scenario of the emulator, watched to its end: the outcome, the alerts that it must raise, and none besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui.cli.watching import built_in_rules
from aibtui.core.build import Outcome
from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.emulator import Emulator, Generation, ScenarioClock, load_scenario, scenario_names
from aibtui.recording import Recordings
from aibtui.session import Watch
from aibtui.sources.arm import Access
from aibtui.sources.azure import AzureSource
from aibtui.sources.target import Target

PACE = timedelta(seconds=15)
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Expected:
    """What a watch must say at its end: every alert with its severity, and the rule and a piece of the first cause."""

    outcome: Outcome
    alerts: dict[str, str] = field(default_factory=dict)
    cause: str | None = None
    text: str = ""
    generation: Generation = "g3"


EXPECTED: dict[str, Expected] = {
    "windows": Expected("succeeded"),
    "script-failed": Expected(
        "failed", {"script-failed": "error", "packer-build-failed": "error"}, "script-failed", "is damaged"
    ),
    "sysprep-loop": Expected(
        "timed-out", {"sysprep-loop": "error", "build-timeout": "error"}, "sysprep-loop", "IMAGE_STATE_UNDEPLOYABLE"
    ),
}


async def watch(name: str, generation: Generation, state: Path) -> Update:
    clock = ScenarioClock(None, START)
    rules = built_in_rules()
    recordings = Recordings(state)
    last: Update | None = None
    async with Emulator(load_scenario(name), clock, generation=generation) as emulator:
        target = Target(emulator.subscription, emulator.group, emulator.template)
        access = Access({}, arm_endpoint=emulator.endpoint)
        source = AzureSource(target, access, cursor=recordings.cursor, poll=PACE)
        async with Watch(source, lambda: Monitor(rules), recordings, clock) as watched:
            async for update in watched.updates():
                last = update
            assert last is not None
            assert watched.run.read(0, watched.run.size) == emulator.log_bytes()
    return last


@pytest.mark.parametrize("name", sorted(EXPECTED))
async def test_a_scenario_is_told_right_and_raises_nothing_besides(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    update = await watch(name, expected.generation, tmp_path)
    assert update.build.outcome == expected.outcome
    assert {alert.rule: alert.severity for alert in update.alerts} == expected.alerts
    assert (update.root_cause.rule if update.root_cause else None) == expected.cause
    assert expected.text in (update.root_cause.text if update.root_cause else "")


def test_every_scenario_has_its_expectation() -> None:
    assert set(EXPECTED) == set(scenario_names())
