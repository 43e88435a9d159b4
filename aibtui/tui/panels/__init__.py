"""The panels of the screen, one file each. A new one is a file and a line in PANELS."""

from __future__ import annotations

from aibtui.tui.panels.alerts import Alerts
from aibtui.tui.panels.connection import Connection
from aibtui.tui.panels.header import Header
from aibtui.tui.panels.hold import Hold
from aibtui.tui.panels.now import Now
from aibtui.tui.panels.panel import Panel
from aibtui.tui.panels.phases import Phases
from aibtui.tui.panels.run import Run
from aibtui.tui.panels.steps import Steps
from aibtui.tui.panels.timeline import Timeline

PANELS: tuple[type[Panel] | type[Alerts], ...] = (Header, Phases, Hold, Steps, Now, Timeline, Run, Alerts, Connection)
