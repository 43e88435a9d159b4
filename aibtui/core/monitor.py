"""The core as one thing: Polls go in, Updates come out. The same Polls give the same Updates, whatever the chunking."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from aibtui.core import arm_error, cause, holds, packer
from aibtui.core.alerts import Alerts
from aibtui.core.arm_error import ArmErrors
from aibtui.core.build import Build, Output
from aibtui.core.changes import changes_between, replica_changes
from aibtui.core.clues import Clues
from aibtui.core.events import CommandFound, DownloadMoved
from aibtui.core.fold import Fold
from aibtui.core.forecast import Baseline
from aibtui.core.job_limits import look_ahead
from aibtui.core.lines import (
    LOOK_BACK,
    Block,
    Gap,
    Line,
    Lines,
    format_of,
    gaps,
    next_stamp,
    parse_line,
    stamp_before,
)
from aibtui.core.log_notes import log_absent, log_replaced
from aibtui.core.moment import moment_of
from aibtui.core.outlook import Outlook
from aibtui.core.polls import NOTES, Chunk, Poll, Status, Surroundings
from aibtui.core.pulse import Pulse, Sampler
from aibtui.core.rulebook import Rule
from aibtui.core.runstate import lay_over
from aibtui.core.scan import Scanner
from aibtui.core.task import Said, Task
from aibtui.core.tempo import Pace
from aibtui.core.thresholds import limits_of, survived
from aibtui.core.transport import Sight
from aibtui.core.updates import Change, ForecastChanged, HoldBegan, HoldEnded, LogReplaced, Update
from aibtui.core.validation import Validators

_LOG = "customization.log"
_TASK_LOG = "devops.log"
_VALIDATION_LOG = "validation.log"
_STOP_WITHOUT_STAMP = b"PACKER OUT Cancelling build after receiving"
_TICK = timedelta(seconds=30)
_JUDGE_EVERY = timedelta(seconds=10)
_LONGEST_RUN = timedelta(hours=24)


class Monitor:
    """Watches one run. `baseline` is what earlier runs of its kind took; it may come later, by `expect`.

    `hold_marker` is the line that a script prints before it sleeps by plan.
    """

    def __init__(
        self, rules: Iterable[Rule], baseline: Baseline | None = None, hold_marker: str = holds.MARKER
    ) -> None:
        self._rules = tuple(rules)
        self._marker = hold_marker
        self._outlook = Outlook(baseline or Baseline())
        self._scanner = _scanner(self._rules, hold_marker)
        self._task = Task()
        self._statuses: list[tuple[datetime, Status]] = []
        self._around = Surroundings()
        self._sight = Sight()
        self._generation = 0
        self._shown: Update | None = None
        self._validators: Validators | None = None
        self._refused = False
        self._start_log()

    def _start_log(self) -> None:
        self._lines = Lines()
        self._fold = Fold()
        self._alerts = Alerts(holds.without_holds(self._rules))
        self._holds = holds.Holds(self._alerts, holds.rule_of(self._rules), self._marker)
        self._clues = Clues()
        self._arm_errors = ArmErrors()
        self._bytes = 0
        self._output: Output | None = None
        self._clock: datetime | None = None
        self._first_at: datetime | None = None
        self._arrived_at: datetime | None = None
        self._pace = Pace()
        self._sampler, self._pulse = Sampler(), Pulse()
        self._judged_at: dict[str, datetime] = {}
        self._drift = timedelta()

    def use(self, rules: Iterable[Rule]) -> None:
        """Other rules from the next look on; what was raised stays."""
        self._rules = tuple(rules)
        self._scanner = _scanner(self._rules, self._marker)
        self._alerts.use(holds.without_holds(self._rules))
        self._holds.use(holds.rule_of(self._rules))

    def expect(self, baseline: Baseline) -> None:
        """Compare with these earlier runs from the next look on."""
        self._outlook = Outlook(baseline)
        self._alerts.limits = limits_of(self._build(), baseline)

    def retell(self) -> None:
        """Tell everything again at the next look, as to somebody who comes in now."""
        self._shown = None

    def feed(self, poll: Poll) -> Update:
        """Digest one look."""
        replaced: list[Change] = []
        self._around = poll.around or self._around
        if poll.status:
            self._take_status(poll.status, poll.at)
        for chunk in poll.chunks:
            if chunk.log == _VALIDATION_LOG:
                self._validators = self._validators or Validators(Monitor(self._rules).feed)
                self._validators.hear(chunk, poll.at)
            if chunk.log == _TASK_LOG:
                self._hear(self._task.feed(chunk.data), poll.at)
            if chunk.log != _LOG:
                continue
            if chunk.generation > self._generation:
                self._generation = chunk.generation
                replaced += [HoldEnded(poll.at, self._holds.hold)] if self._holds.hold else []
                self._start_log()
                self._alerts.note(log_replaced(poll.at))
                replaced.append(LogReplaced(poll.at, chunk.generation))
            self._take(chunk, poll.at)
        if poll.ended:
            last = self._lines.finish()
            if last:
                self._read(last)
            self._hear(self._task.finish(), poll.at)
            self._holds.finish()
        self._pass_time(poll)
        self._miss_log(poll)
        refusals = [trouble for trouble in poll.troubles if trouble.target == "log" and trouble.kind not in NOTES]
        self._refused = any(not trouble.waiting for trouble in refusals) or (self._refused and not poll.log_read)
        build = self._build()
        transport = self._sight.look(poll, build)
        hold = self._holds.hold
        planned, now = self._holds.planned(build), self._log_now(poll) or poll.at
        told = None
        if not poll.ended:
            look_ahead(self._around.job_began_at, build, poll.at, self._alerts)
            told = self._outlook.look(build, now, self._alerts, hold, self._holds.held, planned)
        verdict = cause.judge(build, self._alerts.all, self._clues)
        alerts = verdict.proves(self._alerts.all) if verdict else self._alerts.all
        root_cause = arm_error.root_cause(build, alerts, self._arm_errors) or (verdict.cause if verdict else None)
        validation = self._validators.seen if self._validators else None
        if validation:
            alerts, root_cause = validation.explains(alerts), validation.proves(root_cause)
        before = self._shown
        known = before if before and not replaced else None
        news = self._holds.take_news()
        if before is None and hold and not news:
            news = [((hold.line or 0) * 4 + 3, HoldBegan(hold.began_at, hold))]
        update = Update(
            at=poll.at,
            build=build,
            alerts=alerts,
            changes=(
                *replaced,
                *changes_between(
                    known.build if known else Build(),
                    build,
                    known.alerts if known else (),
                    alerts,
                    before.transport if before else None,
                    transport,
                    poll.at,
                    news,
                ),
                *replica_changes(before.around.replicas if before else None, self._around.replicas, poll.at),
                *((ForecastChanged(poll.at, told),) if told and self._outlook.news(told) else ()),
            ),
            transport=transport,
            root_cause=root_cause,
            generation=self._generation,
            ended=poll.ended,
            tempo=self._pace.tempo(build, self._log_now(poll)),
            forecast=told,
            hold=hold,
            planned_holds=planned,
            limits=self._alerts.limits,
            around=self._around,
            validation=validation,
        )
        self._shown = update
        return update

    def _build(self) -> Build:
        read = (self._bytes, self._lines.count) if self._bytes else (self._task.bytes, self._task.lines)
        steps = self._holds.counted(self._fold.build.steps)
        seen = replace(self._fold.build, bytes=read[0], lines=read[1], output=self._output, steps=steps)
        return lay_over(seen, self._statuses, logless=self._refused and not self._bytes)

    def _miss_log(self, poll: Poll) -> None:
        """A run that failed and has no log: it ended before Packer began, or the log went with the staging group."""
        status = self._statuses[-1][1] if self._statuses else None
        failed = status is not None and status.run_state == "Failed" and self._bytes == 0
        missing = any(told.target == "log" and told.kind in ("not-found", "gone") for told in poll.troubles)
        if failed and missing and not any(alert.rule == "log-absent" for alert in self._alerts.all):
            self._alerts.note(log_absent(poll.at))

    def _take_status(self, status: Status, at: datetime) -> None:
        known = self._statuses[-1][1] if self._statuses else None
        if known is not None and known.template is not None and status.template is None:
            status = replace(status, template=known.template)
        self._alerts.see_status(status, replace(moment_of(self._fold.build, at, self._around), status=status))
        if status == known:
            return
        if known and (known.run_state, known.sub_state) == (status.run_state, status.sub_state):
            self._statuses[-1] = (self._statuses[-1][0], status)
        else:
            self._statuses.append((at, status))
        self._fold.build = replace(self._fold.build, status=status)
        self._holds.know(status.template, self._fold.build.steps)

    def _hear(self, said: Iterable[Said], at: datetime) -> None:
        """What a pipeline's task prints: its own lines, and what the service told it."""
        for one in said:
            now = moment_of(self._fold.build, one.line.at or at)
            now = replace(now, status=self._task.status, job_ran=self._task.ran)
            if one.place:
                self._alerts.see_text(one.place, one.quoted, now, one.line)
            self._alerts.see_line(one.line, now, "devops")
        if self._task.status and self._task.status != (self._statuses[-1][1] if self._statuses else None):
            self._take_status(self._task.status, at)

    def _take(self, chunk: Chunk, at: datetime) -> None:
        first = self._bytes == 0
        self._bytes += len(chunk.data)
        block = self._lines.feed(chunk.data)
        if self._fold.build.format == "g1" and self._clock and self._arrived_at:
            # The oldest format stamps nothing that a script prints, so the time of arrival stands in.
            stamped = block is not None and next_stamp(block.data, 0) is not None
            self._drift = timedelta() if stamped else self._drift + max(at - self._arrived_at, timedelta())
        if block:
            self._read(block)
        # A log that we find already written was silent before we came; later, silence is counted from the arrival.
        found = first and self._clock is not None and timedelta() <= at - self._clock < _LONGEST_RUN
        self._arrived_at = self._clock if found else at

    def _pass_time(self, poll: Poll) -> None:
        """Ticks at the end of a look: the log's own clock goes on while no line comes."""
        build = self._fold.build
        over = poll.ended or build.log_done or (build.status is not None and build.status.terminal)
        if over or self._clock is None or self._arrived_at is None:
            return
        came = self._clock + self._drift
        now = came + max(poll.at - self._arrived_at, timedelta())
        self._tick(now, self._seen(build), came)

    def _tick(self, at: datetime, build: Build, quiet_since: datetime | None) -> None:
        now = moment_of(build, at)
        self._holds.pass_time(at, quiet_since, build)
        if self._holds.hold:
            self._alerts.see_output(at)
            return
        if quiet_since and self._holds.ended_at:
            quiet_since = max(quiet_since, self._holds.ended_at)
        self._alerts.tick(now, build, quiet_since)
        self._alerts.see_beat(now, self._pulse)

    def _log_now(self, poll: Poll) -> datetime | None:
        """The log's own time at a look: its last stamp, and what has passed since its last bytes came."""
        if self._clock is None or self._arrived_at is None:
            return None
        return self._clock + max(poll.at - self._arrived_at, timedelta())

    def _seen(self, build: Build) -> Build:
        return replace(build, lines=self._lines.count, output=self._output)

    def _read(self, block: Block) -> None:
        self._tell_format(block.data)
        self._clues.go_on(block)
        self._holds.go_on(block)
        self._pace.read(block)
        if block.first_line == 1:
            first_end = block.data.find(b"\n")
            self._fold.begin(parse_line(block.data[: first_end if first_end >= 0 else None], 1).at)
        if self._clock is None:
            first = next_stamp(block.data, 0)  # the first line may have none
            self._first_at = first[1] if first else None
            self._fold.clock(self._first_at)
        leaps: Iterable[tuple[int, Gap | tuple[Line, bool]]] = ((gap.position, gap) for gap in self._leaps(block))
        found_lines = ((offset, (line, True)) for offset, line in self._scanner.lines(block))
        arrived = self._clock + self._drift if self._clock and self._fold.build.format == "g1" else None
        samples = ((offset, (line, False)) for offset, line in self._sampler.lines(block, arrived))
        # At one position the leap comes first: its line was written when the time had passed.
        for offset, found in heapq.merge(leaps, found_lines, samples, key=lambda item: item[0]):
            if isinstance(found, Gap):
                self._cross(found, block)
            elif found[1]:
                self._see(found[0], block, offset)
            else:
                self._beat(found[0])
        newest = stamp_before(block.data, 0, len(block.data))
        if newest is not None and (self._clock is None or newest > self._clock):
            self._clock = newest
        self._fold.clock(self._clock)
        self._remember_output(block, len(block.data), self._lines.count)
        if self._output:
            # The sample may have left it out, and the oldest format stamps it only by what stands around it.
            self._holds.printed(Line(self._output.line, self._output.at, "ui", self._output.text))

    def _leaps(self, block: Block) -> Iterator[Gap]:
        """The leaps of the log's clock. The oldest format does not stamp the line that stops a build, so a leap that
        comes to light after it was before it."""
        for gap in gaps(block, self._clock, _TICK):
            stop = block.data.rfind(_STOP_WITHOUT_STAMP, max(0, gap.position - LOOK_BACK), gap.position)
            if stop >= 0 and next_stamp(block.data, stop, gap.position) is None:
                position = block.data.rfind(b"\n", 0, stop) + 1
                moved = gap.line - block.data.count(b"\n", position, gap.position)
                above = block.data.rfind(b"\n", 0, max(0, position - 1)) + 1
                last = next_stamp(block.data, above, position)
                yield replace(gap, position=position, line=moved, silent=last is not None and last[0] == above)
            else:
                yield gap

    def _cross(self, gap: Gap, block: Block) -> None:
        """The log's clock made a leap: let the time pass in ticks, as it did while the build ran."""
        self._remember_output(block, gap.position, gap.line - 1)
        seen = replace(self._seen(self._fold.build), lines=gap.line - 1)
        at = gap.since
        while (at := at + _TICK) < gap.until:
            self._tick(at, seen, gap.since if gap.silent else None)
        if gap.silent and not self._holds.hold:
            self._fold.build = survived(self._fold.build, gap.until - max(gap.since, self._holds.ended_at or gap.since))
        self._clock = gap.until

    def _see(self, line: Line, block: Block, offset: int) -> None:
        if line.at is None:
            line = replace(line, at=self._clock or self._first_at)
        before = self._fold.build
        if line.operation_id and before.facts.operation_id is None:
            facts = replace(before.facts, operation_id=line.operation_id)
            self._fold.build = before = replace(before, facts=facts)
        transferred = False
        for event in packer.read(line):
            if isinstance(event, DownloadMoved):
                transferred = True
                event = replace(event, at=event.at + self._drift if event.at else None)
            self._fold.apply(event)
            if isinstance(event, CommandFound):
                self._holds.enter(self._fold.build.step)
                self._holds.find_source(block, offset)
        build = self._fold.build
        self._holds.see(replace(line, at=line.at + self._drift) if line.at else line, build.step)
        now = moment_of(build, line.at) if line.at else None
        if now is None:
            return
        if (before.step and before.step.index) != (build.step and build.step.index):
            self._alerts.leave_step(now)
            self._alerts.limits = limits_of(lay_over(build, self._statuses[-1:]), self._outlook.baseline)
            self._pulse = Pulse()
        if transferred and self._due("transfer", now.at):
            self._alerts.see_transfer(replace(now, at=now.at + self._drift), self._seen(build))
        if not _told_to_stop(before):
            self._alerts.see_line(line, now)
        failed = build.step is not None and build.step.state == "failed"
        if failed or build.outcome == "failed":
            self._alerts.fail(now)
        self._clues.see(line, block, offset, build.step)
        self._arm_errors.see(line, build)

    def _beat(self, line: Line) -> None:
        """A line of the sample: what a running step prints."""
        step = self._fold.build.step
        if step is None or step.state != "running" or line.at is None:
            return
        self._holds.printed(line)
        self._pulse.beat(line)
        self._alerts.see_output(line.at)
        if self._due("beat", line.at):
            self._alerts.see_beat(moment_of(self._fold.build, line.at), self._pulse)

    def _due(self, what: str, at: datetime) -> bool:
        """Whether what lines show over time is to be judged again; for every line it would cost too much."""
        if what in self._judged_at and at - self._judged_at[what] < _JUDGE_EVERY:
            return False
        self._judged_at[what] = at
        return True

    def _tell_format(self, data: bytes) -> None:
        known = self._fold.build.format
        if known == "g1" or known == "g2":
            return
        told = format_of(data)
        if told and (known is None or told != "g3"):
            self._fold.tell_format(told)

    def _remember_output(self, block: Block, end: int, number: int) -> None:
        """The newest line before `end` that a person would read; `number` is that of the line just before `end`."""
        data = block.data
        if end and data[end - 1] != 0x0A:
            end += 1
        for _ in range(200):
            if end <= 0:
                return
            start = data.rfind(b"\n", 0, end - 1) + 1
            line = parse_line(data[start : end - 1], number)
            if line.stream in ("ui", "error") and line.text.strip():
                self._output = Output(number, line.at or self._clock, line.text.strip())
                return
            end, number = start, number - 1


def _scanner(rules: Iterable[Rule], marker: str) -> Scanner:
    needles = (*packer.NEEDLES, *cause.NEEDLES, *arm_error.NEEDLES, *holds.Holds.needles(marker))
    return Scanner((*needles, *Alerts.needles(rules)))


def _told_to_stop(build: Build) -> bool:
    """Whether Packer was stopped from outside for a known reason: what it still says then is no reason of its own."""
    canceled = build.status is not None and build.status.run_state in ("Canceling", "Canceled")
    return build.outcome == "stopped" and (build.probably_timed_out or canceled)
