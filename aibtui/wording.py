"""One vocabulary for every front end: glyphs, durations, names, and a sentence for how a build stands.

Values come in, text goes out, already safe to draw; nothing here knows a terminal, a widget or a clock.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta, tzinfo

from aibtui.core.build import Build, Outcome, Phase, PhaseName, State, Step
from aibtui.core.hold_calls import HoldCall
from aibtui.core.updates import (
    Alert,
    Hold,
    PlannedHold,
    Severity,
    Transport,
    TransportState,
    Update,
)
from aibtui.safetext import SafeText, clean

STATE_GLYPHS: dict[State, str] = {
    "planned": "·",
    "running": "▸",
    "done": "✓",
    "failed": "✗",
    "stopped": "■",
    "skipped": "-",
}
SEVERITY_GLYPHS: dict[Severity, str] = {"error": "✗", "warning": "▲", "info": "•"}
SEVERITIES: dict[Severity, str] = {"error": "Error", "warning": "Warning", "info": "Note"}

# A twin of one character for every glyph that any front end draws, for terminals and pipes that know ASCII only.
ASCII_TWINS = {
    "·": ".",
    "▸": ">",
    "✓": "+",
    "✗": "x",
    "■": "#",
    "▲": "!",
    "•": "i",
    "…": "~",
    "─": "-",
    "━": "=",
    "│": "|",
    "█": "#",
    "░": ".",
    "→": ">",
    "↓": "v",
    "↑": "^",
}
_TO_ASCII = str.maketrans(ASCII_TWINS)

TRANSPORT_WORDS: dict[TransportState, str] = {
    "live": "LIVE",
    "quiet": "QUIET",
    "blind": "BLIND",
    "waiting": "WAITING",
    "log-done": "LOG DONE",
    "status-only": "STATUS ONLY",
    "ended": "ENDED",
}
_TRANSPORT_MEANINGS: dict[TransportState, str] = {
    "live": "the log is being read",
    "quiet": "the log can be read, but nothing new comes",
    "blind": "the build cannot be seen",
    "waiting": "there is no log yet; its first line usually comes 2 to 5 minutes after the start",
    "log-done": "Packer has finished; the service goes on",
    "status-only": "the template can be read, its log cannot",
    "ended": "the run is over",
}

PHASE_NAMES: dict[PhaseName, str] = {
    "prepare": "preparing",
    "deploy": "deploying the build VM",
    "connect": "connecting to the build VM",
    "customize": "customizing",
    "deprovision": "deprovisioning",
    "capture": "capturing the image",
    "cleanup": "cleaning up",
    "optimize": "optimizing",
    "validate": "validating",
    "distribute": "distributing",
}

OUTCOMES: dict[Outcome, str] = {
    "running": "Running",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "stopped": "Stopped",
    "timed-out": "Timed out",
    "canceled": "Canceled",
    "partially-succeeded": "Partially succeeded",
}

EXIT_CODES = {
    0: "succeeded",
    1: "failed or timed out",
    2: "wrong usage",
    3: "template or run not found",
    4: "no sign-in or no permission",
    5: "contact lost, the state of the run is unknown",
    6: "canceled",
    7: "partially succeeded",
    8: "an alert that you chose to fail on",
    124: "your own time limit",
    130: "interrupted; the build goes on",
}

SUB_STATES = {
    "Queued": "is queued",
    "Building": "is building",
    "Customizing": "is customizing",
    "Optimizing": "is optimizing",
    "Validating": "is validating",
    "Distributing": "is distributing",
}


def ascii_twin(text: str) -> str:
    """`text` with every glyph of ours replaced by its ASCII twin; other characters stay."""
    return text.translate(_TO_ASCII)


def duration(value: timedelta) -> str:
    """As a clock counts: `0:43`, `34:13`, `2:41:07`. Less than nothing is nothing."""
    minutes, seconds = divmod(max(0, int(value.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def about(value: timedelta) -> str:
    """As people say it: `43 s`, `5 min`, `2 h 41 min`, `3 d 4 h`."""
    seconds = max(0, round(value.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def size(value: int) -> str:
    """Bytes in powers of 1000, as the portal counts them: `826 B`, `1.2 MB`, `140 MB`."""
    if value < 1000:
        return f"{value} B"
    scaled = float(value)
    for unit in ("kB", "MB", "GB", "TB"):
        scaled /= 1000
        if scaled < 999.5 or unit == "TB":
            break
    return f"{scaled:.1f} {unit}" if scaled < 9.95 else f"{scaled:.0f} {unit}"


def count(number: int, noun: str) -> str:
    """`1 line`, `11,914 lines`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def iso(at: datetime) -> str:
    """ISO 8601 in UTC to the second: `2026-03-04T12:13:14Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(at: datetime, zone: tzinfo | None = None) -> str:
    """The time of day in `zone`, the machine's own where none is given: `14:07:31`. `zone_name` says which."""
    return at.astimezone(zone).strftime("%H:%M:%S")


def capital(text: str) -> str:
    """The same words at the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def zone_name(at: datetime, zone: tzinfo | None = None) -> SafeText:
    """What `clock` counts in at that moment: `UTC`, `CET`, `UTC+02:00`."""
    return clean(at.astimezone(zone).tzname() or "local")


def state_glyph(state: State) -> str:
    """The sign of a step's or phase's state, one cell wide."""
    return STATE_GLYPHS[state]


def severity_glyph(severity: Severity) -> str:
    """The sign of an alert, one cell wide."""
    return SEVERITY_GLYPHS[severity]


def transport_word(state: TransportState) -> str:
    """The one status word that is always on the screen."""
    return TRANSPORT_WORDS[state]


def phase_name(name: PhaseName) -> str:
    """What happens in a phase, within a sentence: `deploying the build VM`."""
    return PHASE_NAMES[name]


def step_name(step: Step) -> SafeText:
    """What a step is: `powershell Install-Apps.ps1`; the two that Image Builder adds are named by what they do."""
    if step.hidden:
        return SafeText("upload of the deprovisioning script" if step.type == "file" else "deprovision")
    return clean(f"{step.type} {step.name}" if step.name else step.type)


def step_title(step: Step, steps: int) -> SafeText:
    """Its place and its name, for a list: `5 of 9 powershell Install-Apps.ps1`."""
    return clean(f"{_place(step, steps)} {step_name(step)}")


def step_phrase(step: Step, steps: int) -> SafeText:
    """Its place and its name, within a sentence: `step 5 of 9, powershell Install-Apps.ps1`."""
    return clean(f"step {_place(step, steps)}, {step_name(step)}")


def _place(step: Step, steps: int) -> str:
    return f"{step.index} of {steps}" if steps >= step.index else f"{step.index}"


def with_exit_code(step: Step) -> str:
    """How a failed step goes on in a sentence: `, with exit code 1`; nothing where there is none."""
    return f", with exit code {step.exit_code}" if step.state == "failed" and step.exit_code is not None else ""


def elapsed(part: Step | Phase, now: datetime | None = None) -> timedelta | None:
    """How long it took, or has taken until `now`; None before it began and where its end is unknown."""
    until = part.ended_at or (now if part.state == "running" else None)
    return max(until - part.started_at, timedelta()) if until and part.started_at else None


def hold_sentence(hold: Hold, zone: tzinfo | None = UTC) -> SafeText:
    """That the build holds: `Hold: step 3 sleeps for 20 min, until 08:28:22 UTC`."""
    if hold.until is not None and hold.seconds is not None:
        until = f"{clock(hold.until, zone)} {zone_name(hold.until, zone)}"
        said = f"sleeps for {about(timedelta(seconds=hold.seconds))}, until {until}"
    else:
        said = "sleeps without an end of its own" if hold.planned else "sleeps, and does not say for how long"
    return clean(f"Hold: step {hold.step} {said}")


def hold_call(call: HoldCall) -> SafeText:
    """What somebody is called for: that a hold begins, or that it ends soon."""
    if call.left is None:
        return hold_sentence(call.hold)
    return clean(f"The hold in step {call.hold.step} ends in {about(call.left)}")


def planned_sentence(planned: PlannedHold) -> SafeText:
    """What a script is going to do: `Step 3 will sleep for 20 min`."""
    span = f"for {about(timedelta(seconds=planned.seconds))}" if planned.seconds is not None else "without an end"
    return clean(f"Step {planned.step} will sleep {span}")


def alert_line(alert: Alert) -> SafeText:
    """An alert in one line: `Error: the script failed (script-failed, line 1203)`."""
    where = f", line {alert.line}" if alert.line is not None else ""
    return clean(f"{SEVERITIES[alert.severity]}: {alert.title} ({alert.rule}{where})")


def transport_sentence(transport: Transport) -> SafeText:
    """The status word and what it means, or why it holds: `BLIND: the storage account refuses the connection`."""
    return clean(f"{TRANSPORT_WORDS[transport.state]}: {transport.reason or _TRANSPORT_MEANINGS[transport.state]}")


def outcome_sentence(update: Update) -> SafeText:
    """How the run stands or ended: `Failed after 34:13 in step 5 of 9, powershell A.ps1, with exit code 1`."""
    build = update.build
    took = run_elapsed(update)
    if build.outcome == "running" and build.log_done:
        since = f", {duration(took)} since the start" if took is not None else ""
        return clean(f"Packer has finished, the service goes on{since}")
    if build.outcome == "running" and not (build.lines or build.steps):
        if build.status is None:
            return clean("The state of the run is not known")
        if build.status.run_state is None:
            return clean("The template has no run yet")
    said = OUTCOMES[build.outcome]
    if took is not None:
        said += f" {'for' if build.outcome == 'running' else 'after'} {duration(took)}"
    if build.outcome != "succeeded":
        said += _place_of_ending(build)
    if build.outcome == "stopped":
        said += f", {'probably by the build time-out' if build.probably_timed_out else 'by a time-out or a cancel'}"
    return clean(said)


def cause_alert(update: Update) -> Alert | None:
    """The alert that the root cause names: the one on its line where there is one, else the first of its rule."""
    cause = update.root_cause
    named = [alert for alert in update.alerts if cause and alert.rule == cause.rule]
    return next((alert for alert in named if cause and alert.line == cause.line), named[0] if named else None)


def reason(update: Update) -> SafeText | None:
    """Why a run did not succeed, in the words of the first cause, else of the service, else of Packer."""
    build, status = update.build, update.build.status
    said = update.root_cause.text if update.root_cause else None
    if said is None and build.outcome not in ("running", "succeeded"):
        said = (status.message or status.provisioning_error if status else None) or build.message
    return clean(said) if said else None


def run_elapsed(update: Update) -> timedelta | None:
    """From the start of the run to its end; to the newest look while it runs. None before the start is known."""
    build = update.build
    if build.run_started_at is None:
        return None
    ended = (build.status.ended_at if build.status else None) or build.ended_at
    until = update.at if build.outcome == "running" or ended is None else ended
    return max(until - build.run_started_at, timedelta())


def now_sentence(update: Update) -> SafeText:
    """What goes on while nothing is reported: `still in step 5 of 9, 12:40 elapsed, last output 0:43 ago`."""
    build, transport = update.build, update.transport
    doing: list[str] = []
    if build.outcome == "running" and not build.log_done:
        part: Step | Phase | None = next((step for step in build.steps if step.state == "running"), None) or build.phase
        if isinstance(part, Step):
            doing.append(f"still in step {_place(part, len(build.steps))}")
        elif part is not None and part.started_at is not None:
            doing.append(f"still {phase_name(part.name)}")
        if doing and part is not None and (took := elapsed(part, update.at)) is not None:
            doing.append(f"{duration(took)} elapsed")
    if not doing:
        doing.append(_service_now(build))
        if (since_start := run_elapsed(update)) is not None:
            doing.append(f"{duration(since_start)} since the start")
    if transport.state in ("blind", "waiting", "status-only"):
        doing.append(transport_sentence(transport))
    elif transport.quiet_since is not None and not build.log_done:
        doing.append(f"last output {duration(update.at - transport.quiet_since)} ago")
    return clean(", ".join(doing))


def share(value: float) -> str:
    """`63 %`; what is not certain is never 0 or 100."""
    return "below 1 %" if value < 0.005 else "above 99 %" if value > 0.995 else f"{value:.0%}".replace("%", " %")


def timeout_facts(update: Update, now: datetime, zone: tzinfo | None = UTC) -> dict[str, str]:
    """What is known of the build's own time-out, by what it tells; empty where the time-out is not known.

    The chance is known from three earlier runs on, what is needed from one on.
    """
    build, told = update.build, update.forecast
    started, limit = build.run_started_at, build.timeout
    if started is None or not limit:
        return {}
    ended = (build.status.ended_at if build.status else None) or build.ended_at or now
    used = max((now if build.outcome == "running" else ended) - started, timedelta())
    facts = {"used": f"{duration(used)} of {duration(limit)} ({100 * (used / limit):.0f} %)"}
    if build.outcome == "running":
        at = started + limit
        facts["left"] = f"{duration(limit - used)}, until {clock(at, zone)} {zone_name(at, zone)}"
    if told is None or told.timeout_at is None:
        return facts
    facts["needed"] = f"{duration(told.ends_at - now)}, by {count(told.n, 'earlier run')}"
    chance = told.timeout_chance
    facts["chance to hit it"] = share(chance) if chance is not None else "known from three earlier runs on"
    step = next((step for step in build.steps if step.index == told.timeout_step), None)
    if step is not None:
        facts["running then"] = step_phrase(step, len(build.steps))
    if told.advised is not None:
        facts["next time"] = f"buildTimeoutInMinutes {told.advised // timedelta(minutes=1)} leaves room"
    return facts


def come_back(*words: str) -> SafeText:
    """The command that shows the same thing again: `aibtui` and its words, quoted for a shell."""
    return clean(shlex.join(["aibtui", *words]), limit=None)


def _place_of_ending(build: Build) -> str:
    """The step, else the phase, that failed, was stopped, or runs."""
    ends = ("failed", "stopped", "running")
    if step := next((step for step in build.steps if step.state in ends), None):
        return f" in {step_phrase(step, len(build.steps))}{with_exit_code(step)}"
    phase = next((phase for phase in build.phases if phase.state in ends), None)
    return f" in phase {phase.name}" if phase else ""


def _service_now(build: Build) -> str:
    status = build.status
    if status is None or status.run_state is None:
        return "still waiting for the run"
    if status.run_state == "Running" and status.sub_state:
        return f"the service {SUB_STATES.get(status.sub_state, f'says {status.sub_state}')}"
    return f"the service says {status.run_state}"
