"""A local Azure Image Builder on loopback: ARM, the log's blob and the container's logs, played from a scenario.

`Emulator(scenario, clock)` serves `load_scenario(name)` by a `ScenarioClock`. A new scenario is one file in
`scenarios/`; what several share is in `phrases/`. It knows nothing of the watcher, nor the watcher of it.
"""

from __future__ import annotations

from aibtui.emulator.clock import ScenarioClock
from aibtui.emulator.dialects import GENERATIONS, Generation
from aibtui.emulator.faults import Fault
from aibtui.emulator.log_blob import BlobMode
from aibtui.emulator.scenario import BadScenario, Scenario, UnknownScenario, load_scenario, scenario_names
from aibtui.emulator.server import Emulator, Served

__all__ = [
    "GENERATIONS",
    "BadScenario",
    "BlobMode",
    "Emulator",
    "Fault",
    "Generation",
    "Scenario",
    "ScenarioClock",
    "Served",
    "UnknownScenario",
    "load_scenario",
    "scenario_names",
]
