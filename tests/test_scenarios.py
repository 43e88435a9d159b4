"""Every scenario of the emulator, watched to its end: the outcome, the alerts that it must raise, and none besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.build import Outcome
from aibtui.core.monitor import Monitor
from aibtui.core.updates import TransportState, Update
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
    """What a watch must say at its end: every alert with its severity, and the rule and a piece of the first cause.

    `states` are the status words that it must have shown on its way, `log` whether the whole log can be had.
    """

    outcome: Outcome
    alerts: dict[str, str] = field(default_factory=dict)
    cause: str | None = None
    text: str = ""
    generation: Generation = "g3"
    states: frozenset[TransportState] = frozenset()
    log: bool = True


LIVE: frozenset[TransportState] = frozenset({"live", "log-done"})
EXPECTED: dict[str, Expected] = {
    "windows": Expected("succeeded"),
    "linux": Expected("succeeded"),
    "apt-locked": Expected(
        "failed",
        {"apt-locked": "error", "script-failed": "error", "packer-build-failed": "error"},
        "apt-locked",
        "E: Could not get lock /var/lib/dpkg/lock-frontend",
    ),
    "script-failed": Expected(
        "failed", {"script-failed": "error", "packer-build-failed": "error"}, "script-failed", "is damaged"
    ),
    "sysprep-loop": Expected(
        "timed-out", {"sysprep-loop": "error", "build-timeout": "error"}, "sysprep-loop", "IMAGE_STATE_UNDEPLOYABLE"
    ),
    "sysprep-exited": Expected(
        "timed-out", {"sysprep-loop": "error", "build-timeout": "error"}, "sysprep-loop", "has ended without"
    ),
    "decoys": Expected("succeeded"),
    "sleep-hold": Expected("succeeded", {"sleep-hold": "info"}),
    "stalled-download": Expected(
        "timed-out",
        {"stalled-download": "warning", "build-timeout": "error"},
        "stalled-download",
        "library.vhdx has stood still at 26 %",
    ),
    "timeout-silent": Expected(
        "timed-out", {"step-silent": "warning", "build-timeout": "error"}, "step-silent", "No output for 50"
    ),
    "timeout-chatty": Expected(
        "timed-out",
        {"step-repeating": "warning", "build-timeout": "error"},
        "step-repeating",
        "Looking for the device registration... Attempt 1",
    ),
    "deprovision-missing": Expected("succeeded", {"deprovision-script-missing": "warning"}),
    "winrm-timeout": Expected(
        "failed",
        {"winrm-timeout": "error", "packer-build-failed": "error"},
        "winrm-timeout",
        "Timeout waiting for WinRM",
    ),
    "connection-lost": Expected(
        "failed",
        {"connection-lost": "error", "script-failed": "error", "packer-build-failed": "error"},
        "connection-lost",
        "2300218",
        "g1",
    ),
    "restart-timeout": Expected(
        "failed",
        {"restart-timeout": "error", "packer-build-failed": "error"},
        "restart-timeout",
        "Timeout waiting for machine to restart",
        "g2",
    ),
    "windows-update-memory": Expected(
        "failed", {"low-windows-resources": "error", "packer-build-failed": "error"}, "low-windows-resources"
    ),
    "disk-full": Expected(
        "failed",
        {"disk-full": "error", "script-failed": "error", "packer-build-failed": "error"},
        "disk-full",
        "not enough space on the disk",
    ),
    "policy-denied": Expected(
        "failed",
        {"policy-denied": "error", "deployment-failed": "error", "packer-build-failed": "error"},
        "policy-denied",
        "RequestDisallowedByPolicy: Resource 'pkrkvsocagent'",
    ),
    "quota": Expected(
        "failed",
        {"vcpu-quota": "error", "deployment-failed": "error", "packer-build-failed": "error"},
        "vcpu-quota",
        "Current Limit: 32, Current Usage: 24, Additional Required: 16",
        "g1",
    ),
    "gallery-timeout": Expected("failed", {"gallery-timeout": "error"}, "gallery-timeout", "replicated to the gallery"),
    "stuck-canceling": Expected("canceled", {"stuck-canceling": "warning"}),
    "no-blob-role": Expected("succeeded", states=LIVE),
    "keys-off": Expected("succeeded", states=LIVE),
    "firewall": Expected("succeeded", states=LIVE),
    "blob-late": Expected("succeeded", states=LIVE),
    "status-only": Expected("succeeded", states=frozenset({"status-only"}), log=False),
    "validation-failed": Expected(
        "failed", {"validation-failed": "error"}, "validation-failed", "agent.json is not there", states=LIVE
    ),
}


async def watch(name: str, generation: Generation, state: Path, *, log: bool = True) -> tuple[Update, set[str]]:
    """The last update, and every status word on the way."""
    clock = ScenarioClock(None, START)
    rules = built_in_rules()
    recordings = Recordings(state)
    last: Update | None = None
    words: set[str] = set()
    async with Emulator(load_scenario(name), clock, generation=generation) as emulator:
        target = Target(emulator.subscription, emulator.group, emulator.template)
        access = Access({}, arm_endpoint=emulator.endpoint)
        source = AzureSource(target, access, cursor=recordings.cursor, poll=PACE)
        async with Watch(source, lambda: Monitor(rules), recordings, clock) as watched:
            async for update in watched.updates():
                last = update
                words.add(update.transport.state)
            assert last is not None
            assert watched.run.read(0, watched.run.size) == (emulator.log_bytes() if log else b"")
    return last, words


@pytest.mark.parametrize("name", sorted(EXPECTED))
async def test_a_scenario_is_told_right_and_raises_nothing_besides(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    update, words = await watch(name, expected.generation, tmp_path, log=expected.log)
    assert words >= expected.states
    assert update.build.outcome == expected.outcome
    assert {alert.rule: alert.severity for alert in update.alerts} == expected.alerts
    assert (update.root_cause.rule if update.root_cause else None) == expected.cause
    assert expected.text in (update.root_cause.text if update.root_cause else "")


def test_every_scenario_has_its_expectation() -> None:
    assert set(EXPECTED) == set(scenario_names())


async def test_a_sysprep_that_has_exited_is_called_within_four_minutes(tmp_path: Path) -> None:
    update, _ = await watch("sysprep-exited", "g3", tmp_path)
    began = next(phase.started_at for phase in update.build.phases if phase.name == "deprovision")
    called = next(alert.at for alert in update.alerts if alert.rule == "sysprep-loop")
    assert began is not None
    assert called - began <= timedelta(minutes=4)
