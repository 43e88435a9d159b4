"""Folds events and run states into the Build. Keeps beside it only what decides whether a headline may be believed.

In the newest log format a script's output looks like Packer's own words. So a headline counts only where the plan, a
path that only the service makes, or a finished script says that it can be one.
"""

from __future__ import annotations

import re
from datetime import datetime

from msgspec.structs import replace

from aibtui.core import endings, events
from aibtui.core.build import PHASES, Build, LogFormat, Phase, PhaseName, State, Step
from aibtui.core.events import Event
from aibtui.core.facts import FactBook
from aibtui.core.sysprep import Sysprep
from aibtui.core.transfers import Transfers

_SCRIPT_CALL = re.compile(r"""^[&.]?\s*["']?(?:[^\s"']*[\\/])?([\w.-]+\.(?:ps1|cmd|bat|sh|exe|msi))\b""")
_SERVICE_MADE = ("/aib/packerInput/", "/tmp/packer-shell", "/tmp/powershell-provisioner")


class Fold:
    """The build so far; `apply` makes the next one."""

    def __init__(self, build: Build | None = None) -> None:
        self.build = build or Build()
        self._plans: dict[bool, list[str]] = {True: [], False: []}
        self._planned = False
        self._busy = False
        self._codes_told = False
        self._doubted: list[Event] = []
        self._facts = FactBook()
        self._sysprep = Sysprep()
        self._transfers = Transfers()
        self._moved: events.DownloadMoved | None = None

    def apply(self, event: Event) -> None:
        """Fold one event of the log in, in the order of its lines."""
        match event:
            case events.PluginLaunched(type=kind, external=external, plugin=plugin):
                if kind and not self._planned:
                    self._plans[external].append(kind)
                if plugin:
                    plugins = dict(self.build.facts.plugins) | dict([plugin])
                    self._set(facts=replace(self.build.facts, plugins=tuple(plugins.items())))
            case events.BuilderStarted():
                self._take_plan()
            case events.FactStated(name=name, value=value):
                self._state_fact(name, value)
            case events.PhaseReached(phase=phase):
                self._reach(event, phase)
            case events.StepHeadlined():
                self._headline(event)
            case events.StepAnnounced(ended=ended):
                self._busy = self._busy and not ended
            case events.CommandFound(text=text):
                self._name_from_command(text)
            case events.ScriptReturned(code=code):
                self._returned(code)
            case events.StepErrored():
                self._fail_step(event)
            case events.StepActed(text=text):
                self._change_step(activity=text)
            case events.DownloadMoved():
                self.move(event)
                self.show_transfers()
            case events.ImageStateRead(state=state) if self._phase("deprovision").state == "running":
                self._sysprep = self._sysprep.after(state, event.at)
                self._change_step(activity=self._sysprep.activity)
            case events.ProvisioningEnded():
                if self._doubts(event):
                    pass
                elif self.build.step:
                    self._close_step(event, "done")
            case events.DeletionRequested():
                self._believe()
            case events.CancelSpread():
                self.build = endings.stopped_at(self.build, event.at)
            case events.BuildFinished() | events.BuildErrored() | events.BuildCancelled() | events.LogEnded():
                self._end(event)

    # The plan and the builder's block

    def _take_plan(self) -> None:
        if self._planned:
            return
        self._planned = True
        plan = max(self._plans[True], self._plans[False], key=len)
        if len(plan) < 2:
            return
        last = len(plan)
        self._set(steps=tuple(Step(i, kind, hidden=i in (1, last)) for i, kind in enumerate(plan, start=1)))

    def _state_fact(self, name: str, value: str) -> None:
        if self.build.step is not None:
            return
        if name == "OSType":
            self._set(os="linux" if value.lower() == "linux" else "windows")
        self._set(facts=self._facts.state(name, value, self.build.facts))

    # Phases

    def _reach(self, event: Event, name: PhaseName) -> None:
        build = self.build
        if name in ("deploy", "connect"):
            self._take_plan()
            if build.step is None:
                self._open_phase(event, name)
        elif name == "capture":
            if build.step and build.outcome == "running" and not self._doubts(event):
                self._close_step(event, "done")
                self._open_phase(event, name)
        elif name == "cleanup":
            current = build.step
            if self._doubts(event):
                return
            if not current or current.state != "running" or self._phase("capture").state == "running":
                self._open_phase(event, name)

    def _open_phase(self, event: Event, name: PhaseName) -> None:
        if self._phase(name).state != "planned":
            return
        reached = PHASES.index(name)
        phases = []
        for place, phase in enumerate(self.build.phases):
            if place < reached and phase.state == "running":
                phase = replace(phase, state="done", ended_at=event.at, last_line=event.line - 1)
            elif phase.name == name:
                phase = replace(phase, state="running", started_at=event.at, first_line=event.line)
            phases.append(phase)
        self._set(phases=tuple(phases))

    def _phase(self, name: PhaseName) -> Phase:
        return self.build.phases[PHASES.index(name)]

    def begin(self, at: datetime | None) -> None:
        """The first line of the log was seen."""
        first = Phase("prepare", "running", at, first_line=1)
        self._set(phases=(first, *self.build.phases[1:]), started_at=at)

    def clock(self, at: datetime | None) -> None:
        """The newest stamp of the log."""
        if at is not None:
            start = self.build.started_at or at
            phases = self.build.phases
            if phases[0].state == "running" and phases[0].started_at is None:
                phases = (replace(phases[0], started_at=at), *phases[1:])
            self._set(started_at=start, ended_at=at, phases=phases)

    # Steps

    def _headline(self, event: events.StepHeadlined) -> None:
        self._take_plan()
        current = self.build.step
        running = current if current and current.state == "running" else None
        if self.build.outcome != "running" or self._phase("cleanup").state != "planned":
            return
        if running and event.again and running.type == event.type and not self._busy:
            self._second_headline(event, running)
            return
        if running and self._must_doubt(running) and not _proves_end(running, event):
            return
        index = self._place(event)
        if index is None:
            return
        self._doubted.clear()
        self._close_step(event, "done")
        steps = list(self.build.steps)
        if index > len(steps):
            first = not steps and event.source is not None and "DeprovisioningScript" in event.source
            steps.append(Step(index, event.type, hidden=first))
        for passed in range(index - 1):
            if steps[passed].state == "planned":
                steps[passed] = replace(steps[passed], state="done")
        step = steps[index - 1]
        steps[index - 1] = replace(
            step,
            state="running",
            name=step.name or _step_name(event),
            started_at=event.at,
            first_line=event.line,
        )
        self._set(steps=tuple(steps))
        self._busy = bool(event.source) and event.type in ("powershell", "shell", "windows-shell")
        self._open_phase(event, "customize")
        if steps[index - 1].hidden and index > 1 and self._phase("customize").state == "running":
            self._open_phase(event, "deprovision")

    def _second_headline(self, event: events.StepHeadlined, running: Step) -> None:
        if event.position is not None and self._planned and running.index != event.position + 2:
            self._move_step(running, event.position + 2)
        current = self.build.step
        if current and current.name is None:
            self._change_step(name=_step_name(event))
        self._busy = True

    def _must_doubt(self, running: Step) -> bool:
        """Whether a script runs whose output could be what we read.

        Nobody else's script runs in AIB's own last step. Older formats mark their own words better, and not all of
        them tell a script's end; where one does, it is waited for.
        """
        if not self._busy or running.state != "running" or (running.hidden and running.index > 1):
            return False
        return self.build.format not in ("g1", "g2") or (running.type == "powershell" and self._codes_told)

    def _doubts(self, event: Event) -> bool:
        """Keep what cannot be believed yet until something proves it or gives the lie to it; whether it was kept."""
        current = self.build.step
        if current is None or not self._must_doubt(current):
            return False
        self._doubted.append(event)
        return True

    def _place(self, event: events.StepHeadlined) -> int | None:
        """Which step this headline starts; None where it can be none."""
        steps = self.build.steps
        current = self.build.step
        following = current.index + 1 if current else 1
        if not steps or (not any(step.hidden for step in steps[1:]) and following > len(steps)):
            return following
        if event.position is not None:
            anchored = event.position + 2
            if following <= anchored < len(steps) and steps[anchored - 1].type == event.type:
                return anchored
        if following <= len(steps) and steps[following - 1].type == event.type:
            return following
        return None

    def _move_step(self, running: Step, index: int) -> None:
        steps = list(self.build.steps)
        if not running.index < index < len(steps) or steps[index - 1].type != running.type:
            return
        moved = replace(running, index=index, hidden=steps[index - 1].hidden, name=None)
        for place in range(running.index - 1, index - 1):
            steps[place] = replace(
                steps[place], state="done", started_at=None, first_line=None, ended_at=None, last_line=None
            )
        steps[index - 1] = moved
        self._set(steps=tuple(steps))

    def _close_step(self, event: Event, state: State) -> None:
        current = self.build.step
        if current and current.state == "running":
            self._busy = False
            # Only a powershell provisioner reports a code, and a step that was ended from outside has none.
            code = None if state == "stopped" else current.exit_code
            self._change_step(state=state, ended_at=event.at, last_line=event.line - 1, exit_code=code, activity=None)

    def _returned(self, code: int) -> None:
        self._busy = False
        self._codes_told = True
        self._doubted.clear()
        current = self.build.step
        if current and current.state == "running" and self.build.outcome == "running":
            self._change_step(exit_code=code)

    def _fail_step(self, event: Event) -> None:
        current = self.build.step
        if current is None or current.state != "running":
            return
        if self._doubts(event):
            return
        self._close_step(event, "failed")
        self.build = endings.ended_badly(self.build, event, "failed")

    def _believe(self) -> None:
        doubted, self._doubted = self._doubted, []
        # Packer says once that a step had errors, and cleans up at once: what a script printed like it came before.
        errors = [place for place, event in enumerate(doubted) if isinstance(event, events.StepErrored)]
        doubted = doubted[errors[-1] :] if errors else doubted
        if doubted:
            self._busy = False
            for event in doubted:
                self.apply(event)

    def _name_from_command(self, text: str) -> None:
        current = self.build.step
        if current is None or current.state != "running":
            return
        if "DeprovisioningScript.ps1" in text and text.lower().startswith("if( test-path") and not current.hidden:
            self._change_step(hidden=True)
            phase = Phase("deprovision", "running", current.started_at, first_line=current.first_line)
            place = PHASES.index("deprovision")
            if self._phase("deprovision").state == "planned" and current.first_line:
                self._open_phase(Event(current.first_line, current.started_at), "deprovision")
            else:
                self._set(phases=(*self.build.phases[:place], phase, *self.build.phases[place + 1 :]))
        called = _SCRIPT_CALL.match(text)
        if called and current.name is None and not current.hidden:
            self._change_step(name=called[1])

    def move(self, event: events.DownloadMoved) -> datetime | None:
        """A progress line; the build has it when `show_transfers` is called.

        Returns until when lines that go on from it change only how far the transfer is; None where they may do more.
        """
        if not self._transfers.take(event):
            return None
        self._moved = event
        return self._transfers.steady_until

    def show_transfers(self) -> None:
        """Put what has moved into the build."""
        moved, self._moved = self._moved, None
        if moved:
            self._set(downloads=self._transfers.all)
            percent = f" {moved.percent:.0f} %" if moved.percent is not None else ""
            over = moved.percent is not None and moved.percent >= 100
            self._change_step(activity=None if over else f"{moved.name}{percent}")

    def _change_step(self, **changes: object) -> None:
        current = self.build.step
        if current and current.state == "running":
            place = current.index - 1
            steps = self.build.steps
            changed = replace(current, **changes)
            self._set(steps=(*steps[:place], changed, *steps[place + 1 :]))

    # Endings

    def _end(self, event: Event) -> None:
        if isinstance(event, events.BuildCancelled):
            self._doubted.clear()
        self._believe()
        if isinstance(event, events.LogEnded):
            if self.build.outcome == "running":
                self._close_step(event, "failed")
                self.build = endings.ended_badly(self.build, event, "failed")
                self._set(outcome="failed")
            self.build = endings.log_over(self.build, event)
            return
        if self.build.outcome == "running":
            self._verdict(event)

    def _verdict(self, event: Event) -> None:
        match event:
            case events.BuildFinished():
                self._close_step(event, "done")
                self._set(outcome="succeeded")
            case events.BuildErrored(message=message):
                self._close_step(event, "failed")
                failed = endings.blamed(endings.ended_badly(self.build, event, "failed"))
                self.build = endings.with_verdict(failed, message)
            case events.BuildCancelled():
                self._close_step(event, "stopped")
                self.build = endings.stopped(endings.ended_badly(self.build, event, "stopped"), event.at)

    # What is known of the log as a whole

    def tell_format(self, log_format: LogFormat) -> None:
        """The generation of the log's format, once a line has shown it."""
        if self.build.format != log_format:
            self._set(format=log_format)

    def _set(self, **changes: object) -> None:
        self.build = replace(self.build, **changes)


def _proves_end(running: Step, event: events.StepHeadlined) -> bool:
    """Whether a headline proves by its path, which only the service makes, that the running script is over.

    A powershell provisioner reports the end of its script before anything follows; a shell provisioner does not.
    """
    return running.type != "powershell" and bool(event.source and event.source.startswith(_SERVICE_MADE))


def _step_name(event: events.StepHeadlined) -> str | None:
    path = event.target or event.source
    if path is None or path.startswith("/tmp/"):
        return None
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1] or None
