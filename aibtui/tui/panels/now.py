"""What happens at this moment: the step's activity, its transfer, its last words; at the end, the result and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from textual.content import Content

from aibtui import wording
from aibtui.core.build import Build, Download, Outcome
from aibtui.core.updates import TransportState, Update
from aibtui.safetext import clean
from aibtui.tui.drawing import fit, gauge, part, remote, row, spread, wrapped
from aibtui.tui.panels.panel import Panel, ago, padded

_UNSEEN: Final[frozenset[TransportState]] = frozenset({"blind", "waiting", "status-only"})
_MEANINGS: Final[dict[Outcome, str]] = {"succeeded": "good", "failed": "bad", "timed-out": "bad"}


class Now(Panel):
    """Most telling line first, so that one line of room is enough to be of use."""

    PLACE = "side"

    def watch_update(self, update: Update | None) -> None:
        self.entitle("Result" if update is not None and update.ended else "Now")

    def draw(self, update: Update, now: datetime, width: int, height: int) -> Content:
        width -= 2
        if height <= 1:
            return padded([self._one_line(update, now, width)])
        if update.ended:
            lines = _result(update, width)
        elif update.transport.state in _UNSEEN:
            lines = _cannot_see(update, width) + _output(update, now, width, height)
        else:
            lines = _doing(update, width) + _output(update, now, width, height)
        return padded([fit(line, width) for line in lines[:height]])

    def _one_line(self, update: Update, now: datetime, width: int) -> Content:
        build, transport, cause = update.build, update.transport, update.root_cause
        if update.ended:
            said = clean(cause.text) if cause else wording.outcome_sentence(update)
            return fit(part(said, _MEANINGS.get(build.outcome, "warn")), width)
        if transport.remedy and transport.state in _UNSEEN:
            return fit(remote(f"do: {transport.remedy}"), width)
        age = ago(now, transport.quiet_since) if build.lines else None
        last = part(f"last output {wording.duration(age)} ago", "dim") if age is not None else part("")
        doing = _doing(update, width)
        return spread(doing[0] if doing else part("waiting for the first line of the log", "dim"), last, width)


def _doing(update: Update, width: int) -> list[Content]:
    build = update.build
    step = build.step
    lines: list[Content] = []
    if step is not None and step.state == "running":
        doing = clean(step.activity) if step.activity else wording.step_name(step)
        lines += [part(text, "strong") for text in wrapped(doing, width, 2)]
        if download := _transfer(build):
            lines += _progress(download, width)
    elif build.log_done:
        lines.append(part("Packer has finished, the service goes on", "strong"))
    elif build.phase is not None:
        lines.append(part(wording.phase_name(build.phase.name).capitalize(), "strong"))
    status = build.status
    if build.log_done and status is not None and status.sub_state:
        lines.append(remote(f"service: {status.sub_state}"))
    return lines


def _transfer(build: Build) -> Download | None:
    """The newest transfer of the running step that is not through."""
    step = build.step
    since = step.first_line if step and step.first_line else 1
    going = [item for item in build.downloads if item.last_line >= since and (item.percent or 0) < 100]
    return max(going, key=lambda item: item.last_line) if going else None


def _progress(download: Download, width: int) -> list[Content]:
    amount = wording.size(download.bytes) if download.bytes is not None else ""
    if amount and download.total:
        amount = f"{amount} of {wording.size(download.total)}"
    share = download.percent
    if share is None and download.bytes is not None and download.total:
        share = 100 * download.bytes / download.total
    lines = [spread(remote(download.name), part(amount), width)]
    if share is not None:
        percent, rate = f"{share:.0f} %", _rate(download)
        bar = max(4, width - len(percent) - len(rate) - (4 if rate else 2))
        lines.append(row(gauge(share / 100, bar), part(percent, "strong"), part(rate, "dim"), gap=2))
    return lines


def _rate(download: Download) -> str:
    """Bytes per second on the average since it began."""
    if not download.bytes or not download.started_at or not download.at or download.at <= download.started_at:
        return ""
    return f"{wording.size(round(download.bytes / (download.at - download.started_at).total_seconds()))}/s"


def _output(update: Update, now: datetime, width: int, height: int) -> list[Content]:
    build = update.build
    if not build.lines:
        return []
    age = ago(now, update.transport.quiet_since)
    last = f"last output {wording.duration(age)} ago" if age is not None else "last output"
    lines = [part(""), part(last, "dim")]
    said = build.output.text.strip() if build.output is not None else ""
    if said and not (build.step and build.step.activity == said):
        lines += [part(text) for text in wrapped(clean(said), width, 3)]
    lines += [part(""), part(f"log {wording.count(build.lines, 'line')}, {wording.size(build.bytes)}", "dim")]
    return lines


def _cannot_see(update: Update, width: int) -> list[Content]:
    transport = update.transport
    plain = replace(transport, reason=None) if transport.state == "waiting" else transport
    said = wording.transport_sentence(plain).partition(": ")[2]
    lines = [part(text, "strong") for text in wrapped(clean(said[:1].upper() + said[1:]), width, 4)]
    if transport.reason and transport.state == "waiting":
        lines += [part(""), *(part(text) for text in wrapped(clean(transport.reason), width, 3))]
    if transport.remedy:
        lines.append(part(""))
        lines += [part(text) for text in wrapped(clean(f"do: {transport.remedy}"), width, 6)]
    return lines


def _result(update: Update, width: int) -> list[Content]:
    build, cause = update.build, update.root_cause
    meaning = _MEANINGS.get(build.outcome, "warn")
    lines = [part(text, meaning) for text in wrapped(wording.outcome_sentence(update), width, 3)]
    if cause is not None:
        where = f"line {cause.line:,}" if cause.line is not None else "not in the log"
        lines += [part(""), row(part("cause", "dim"), part(clean(cause.rule), "strong"), part(where, "dim"), gap=2)]
        lines += [part(text) for text in wrapped(clean(cause.text.strip()), width, 5)]
    message = build.status.message if build.status and build.outcome != "succeeded" else None
    if message or (build.message and not cause):
        lines += [part(""), part("the service says" if message else "Packer says", "dim")]
        lines += [part(text) for text in wrapped(clean((message or build.message or "").strip()), width, 5)]
    if build.lines:
        lines += [part(""), part(f"log {wording.count(build.lines, 'line')}, {wording.size(build.bytes)}", "dim")]
    return lines
