"""Tries a rule on one of its samples. A sample is a line, a list of lines, or a beat: {first, line, every, for}."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from aibtui.core.alerts import Alerts
from aibtui.core.build import Build, Download, Output, Step
from aibtui.core.lines import Line
from aibtui.core.moment import Moment
from aibtui.core.polls import Status
from aibtui.core.pulse import Pulse
from aibtui.core.rulebook import LINE_PLACES, Lasting, Loop, Rule, Silence, Stall, parse_duration

_START = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=30)


def raises(rule: Rule, sample: Any) -> bool:
    """Whether the sample raises the rule, in a step and a phase that the rule asks for.

    A sample of a silence is {last, for}, of a stall {percent, for}, of a lasting state {state, for}.
    """
    alerts = Alerts([rule])
    if isinstance(rule.condition, Silence | Stall | Lasting):
        _let_pass(alerts, rule, sample)
        return bool(alerts.all)
    place = next((place for place in ("output", "packer", "raw", "debug", "devops") if place in rule.where), None)
    pulse = Pulse()
    for at, number, text in _lines(sample):
        now = _moment(rule, at)
        if isinstance(rule.condition, Loop):
            pulse.beat(_line(place, number, at, text))
            alerts.see_beat(now, pulse)
        elif place in LINE_PLACES:
            alerts.see_line(_line(place, number, at, text), now, place)
        else:
            alerts.see_text(sorted(rule.where)[0], text, now)
    return bool(alerts.all)


def _moment(rule: Rule, at: datetime) -> Moment:
    kind = sorted(rule.steps)[0] if rule.steps else "powershell"
    step = Step(2, kind, state="running", started_at=_START, first_line=1)
    return Moment(at, sorted(rule.phases)[0] if rule.phases else "customize", step)


def _line(place: str | None, number: int, at: datetime, text: str) -> Line:
    match place:
        case "output":
            return Line(number, at, "ui", text, builder=True)
        case "packer":
            return Line(number, at, "ui", text)
        case "debug":
            return Line(number, at, "log", text, process="packer-plugin-azure")
        case _:
            return Line(number, at, "raw", text)


def _lines(sample: Any) -> Iterator[tuple[datetime, int, str]]:
    at, number = _START, 1
    if isinstance(sample, dict):
        if "first" in sample:
            yield at, number, sample["first"]
        end = at + parse_duration(sample["for"])
        while at <= end:
            number += 1
            yield at, number, sample["line"]
            at += parse_duration(sample["every"])
        return
    for text in [sample] if isinstance(sample, str) else sample:
        yield at, number, text
        at, number = at + timedelta(seconds=1), number + 1


def _let_pass(alerts: Alerts, rule: Rule, sample: Any) -> None:
    end = _START + parse_duration(sample["for"])
    output = Output(3, _START, sample.get("last", "still at work"))
    percent = sample.get("percent")
    downloads = (Download("data.iso", 1, 100, percent, 2, 3, _START, _START),) if percent is not None else ()
    build = Build(lines=3, output=output, downloads=downloads)
    at = _START
    while at <= end:
        now = _moment(rule, at)
        alerts.tick(now, build, _START)
        if "state" in sample:
            state, _, sub_state = sample["state"].partition(" ")
            alerts.see_status(Status(run_state=state, sub_state=sub_state or None, provisioning_state=state), now)
        at += _TICK
