"""What happens at this moment: the step's activity, its transfer, its last words, the pace; at the end, the result."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace
from textual.content import Content

from aibtui import wording
from aibtui.core.build import Download, Outcome, Step
from aibtui.core.thresholds import Limits
from aibtui.core.updates import TransportState, Update
from aibtui.safetext import clean
from aibtui.tui.drawing import fit, gauge, part, remote, row, sparkline, spread, wrapped
from aibtui.tui.panels.panel import Panel, ago, padded
from aibtui.tui.panels.replicas import replica_rows, replicas_done, replicas_in_one

_UNSEEN: Final[frozenset[TransportState]] = frozenset({"blind", "waiting", "status-only"})
_SPARK: Final = 20
_MEANINGS: Final[dict[Outcome, str]] = {"succeeded": "good", "failed": "bad", "timed-out": "bad"}


class Now(Panel, can_focus=True):
    """Most telling line first, so that one line of room is enough to be of use; what never changes place is last."""

    HELP = """\
## Now

What the running step does at this moment, as far as its output tells.

- The bar is the newest transfer or update; below it its rate, and how that went so far.
- While the service distributes: the copies of the image, region by region.
- **last output** is how long ago the log last grew; the columns are its lines in each of the last 20 minutes.
"""
    PLACE = "side"

    def watch_update(self, update: Update | None) -> None:
        self.entitle("Result" if update is not None and update.ended else "Now")
        unseen = update is not None and not update.ended and update.transport.state in _UNSEEN
        self.set_class(unseen and update is not None and not update.build.lines, "-alone")

    def draw(self, update: Update, now: datetime, width: int, height: int) -> list[Content]:
        width -= 2
        if height <= 1:
            return padded([self._one_line(update, now, width)])
        if update.ended:
            return padded([fit(line, width) for line in _result(update, width)[:height]])
        unseen = update.transport.state in _UNSEEN
        top = _cannot_see(update, width) if unseen else _doing(update, width)
        bottom = _pace(update, now, width)
        if copies := update.around.replicas:
            top += [part(""), row(part("image replicas", "dim"), part(replicas_done(copies)), gap=2)]
            top += replica_rows(copies, width, height - len(top) - len(bottom) - 1)
        said = _last_words(update, width, height - len(top) - len(bottom) - 2)
        if said and height - len(top) - len(bottom) - len(said) >= 1:
            top += [part(""), *said]
        gap = max(0, height - len(top) - len(bottom))
        lines = [*top, *([part("")] * gap), *bottom][:height]
        return padded([fit(line, width) for line in lines])

    def _one_line(self, update: Update, now: datetime, width: int) -> Content:
        build, transport, cause = update.build, update.transport, update.root_cause
        if update.ended:
            said = clean(cause.text) if cause else wording.outcome_sentence(update)
            return fit(part(said, _MEANINGS.get(build.outcome, "warn")), width)
        if transport.remedy and transport.state in _UNSEEN:
            return fit(remote(f"do: {transport.remedy}"), width)
        age = ago(now, transport.quiet_since) if build.lines else None
        last = part(f"last output {wording.duration(age)} ago", "dim") if age is not None else part("")
        if copies := update.around.replicas:
            return spread(row(part("image replicas", "dim"), part(replicas_in_one(copies), "strong")), last, width)
        doing = _doing(update, width)
        return spread(doing[0] if doing else part("waiting for the first line of the log", "dim"), last, width)


def _doing(update: Update, width: int) -> list[Content]:
    build = update.build
    step = build.step
    lines: list[Content] = []
    if step is not None and step.state == "running":
        doing = clean(step.activity) if step.activity else wording.step_name(step)
        lines += [part(text, "strong") for text in wrapped(doing, width, 2)]
        if update.tempo.transfer is not None:
            lines += _progress(update.tempo.transfer, update.tempo.rates, width)
    elif build.log_done:
        canceling = build.status is not None and build.status.run_state == "Canceling"
        said = "ended, the run is being canceled" if canceling else "finished, the service goes on"
        lines.append(part(f"Packer has {said}", "strong"))
    elif build.phase is not None:
        lines.append(part(wording.phase_name(build.phase.name).capitalize(), "strong"))
    status = build.status
    if build.log_done and status is not None and status.sub_state:
        lines.append(remote(f"service: {status.sub_state}"))
    return lines


def _progress(download: Download, rates: tuple[float, ...], width: int) -> list[Content]:
    amount = wording.size(download.bytes) if download.bytes is not None else ""
    if amount and download.total:
        amount = f"{amount} of {wording.size(download.total)}"
    share = download.percent
    if share is None and download.bytes is not None and download.total:
        share = 100 * download.bytes / download.total
    lines = [spread(remote(download.name), part(amount), width)]
    if share is not None:
        percent = f"{share:.0f} %"
        lines.append(row(gauge(share / 100, max(4, width - 7)), part(f"{percent:>5}", "strong"), gap=2))
    if rates:
        now = f"{wording.size(round(rates[-1]))}/s"
        was = f"was {wording.size(round(max(rates)))}/s" if max(rates) > 2 * rates[-1] else ""
        columns = sparkline(rates, min(_SPARK, width - len(now) - 2), "warn" if was else "gauge")
        lines.append(row(columns, part(now, "strong"), part(was, "warn"), gap=2))
    return lines


def _last_words(update: Update, width: int, room: int) -> list[Content]:
    build = update.build
    said = build.output.text.strip() if build.output is not None else ""
    if not said or room < 1 or build.log_done or _is_said(build.step, said):
        return []
    return [part(text) for text in wrapped(clean(said), width, min(3, room))]


def _is_said(step: Step | None, words: str) -> bool:
    """The line above says it already."""
    return step is not None and step.activity is not None and words.rstrip(". ") == step.activity.rstrip(". ")


def _pace(update: Update, now: datetime, width: int) -> list[Content]:
    """How long ago the log grew, how fast it grows, how long it is; each always in its place."""
    build = update.build
    if not build.lines:
        return []
    age = ago(now, update.transport.quiet_since)
    lines = [row(part("last output", "dim"), part(f"{wording.duration(age)} ago" if age is not None else "not seen"))]
    if update.limits is not None:
        lines += _usual(update.limits)
    counts = update.tempo.lines
    if counts:
        said = f"{counts[-1]:,} {'line' if counts[-1] == 1 else 'lines'}/min"
        lines.append(row(sparkline(counts, min(_SPARK, width - len(said) - 2)), part(said), gap=2))
    lines.append(part(f"log {wording.count(build.lines, 'line')}, {wording.size(build.bytes)}", "dim"))
    return lines


def _usual(limits: Limits) -> list[Content]:
    """What earlier runs took for this step, and how long it was silent; from when on either is unusual."""
    known = (("this step", limits.took), ("silence", limits.silent))
    return [row(part(what, "dim"), part(limit.said(), "dim"), gap=2) for what, limit in known if limit is not None]


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
