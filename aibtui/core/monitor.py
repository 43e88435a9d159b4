"""The core as one thing: Polls go in, Updates come out. The same Polls give the same Updates, whatever the chunking."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from aibtui.core import arm_error, cause, holds
from aibtui.core.build import Build
from aibtui.core.changes import changes_between, replica_changes
from aibtui.core.forecast import Baseline
from aibtui.core.interest import Interests
from aibtui.core.job_limits import look_ahead
from aibtui.core.log_notes import log_absent, log_replaced
from aibtui.core.moment import moment_of
from aibtui.core.outlook import Outlook
from aibtui.core.polls import NOTES, Poll, Status, Surroundings
from aibtui.core.reading import Reading
from aibtui.core.rulebook import Rule
from aibtui.core.runstate import lay_over
from aibtui.core.task import Said, Task
from aibtui.core.thresholds import Limits, limits_of
from aibtui.core.transport import Sight
from aibtui.core.updates import Change, ForecastChanged, HoldBegan, HoldEnded, LogReplaced, Update
from aibtui.core.validation import Validators

_LOG = "customization.log"
_TASK_LOG = "devops.log"
_VALIDATION_LOG = "validation.log"


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
        self._interests = Interests(self._rules, hold_marker)
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
        self._log = Reading(self._rules, self._interests, self._marker, self._limits)

    def _limits(self, build: Build) -> Limits | None:
        return limits_of(lay_over(build, self._statuses[-1:]), self._outlook.baseline)

    def use(self, rules: Iterable[Rule]) -> None:
        """Other rules from the next look on; what was raised stays."""
        self._rules = tuple(rules)
        self._interests = Interests(self._rules, self._marker)
        self._log.use(self._rules, self._interests)

    def expect(self, baseline: Baseline) -> None:
        """Compare with these earlier runs from the next look on."""
        self._outlook = Outlook(baseline)
        self._log.alerts.limits = limits_of(self._build(), baseline)

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
                replaced += [HoldEnded(poll.at, self._log.holds.hold)] if self._log.holds.hold else []
                self._start_log()
                self._log.alerts.note(log_replaced(poll.at))
                replaced.append(LogReplaced(poll.at, chunk.generation))
            self._log.take(chunk.data, poll.at)
        if poll.ended:
            self._log.finish()
            self._hear(self._task.finish(), poll.at)
            self._log.holds.finish()
        if not (poll.ended or self._log.fold.build.log_done or _is_over(self._log.fold.build)):
            self._log.pass_time(poll.at)
        self._miss_log(poll)
        refusals = [trouble for trouble in poll.troubles if trouble.target == "log" and trouble.kind not in NOTES]
        self._refused = any(not trouble.waiting for trouble in refusals) or (self._refused and not poll.log_read)
        build = self._build()
        transport = self._sight.look(poll, build)
        hold = self._log.holds.hold
        planned, now = self._log.holds.planned(build), self._log.now(poll.at) or poll.at
        told = None
        if not poll.ended:
            look_ahead(self._around.job_began_at, build, poll.at, self._log.alerts)
            told = self._outlook.look(build, now, self._log.alerts, hold, self._log.holds.held, planned)
        verdict = cause.judge(build, self._log.alerts.all, self._log.clues)
        alerts = verdict.proves(self._log.alerts.all) if verdict else self._log.alerts.all
        root_cause = arm_error.root_cause(build, alerts, self._log.arm_errors) or (verdict.cause if verdict else None)
        validation = self._validators.seen if self._validators else None
        if validation:
            alerts, root_cause = validation.explains(alerts), validation.proves(root_cause)
        before = self._shown
        known = before if before and not replaced else None
        news = self._log.holds.take_news()
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
            tempo=self._log.pace.tempo(build, self._log.now(poll.at)),
            forecast=told,
            hold=hold,
            planned_holds=planned,
            limits=self._log.alerts.limits,
            around=self._around,
            validation=validation,
        )
        self._shown = update
        return update

    def _build(self) -> Build:
        read = (self._log.bytes, self._log.lines.count) if self._log.bytes else (self._task.bytes, self._task.lines)
        steps = self._log.holds.counted(self._log.fold.build.steps)
        seen = replace(self._log.fold.build, bytes=read[0], lines=read[1], output=self._log.output, steps=steps)
        return lay_over(seen, self._statuses, logless=self._refused and not self._log.bytes)

    def _miss_log(self, poll: Poll) -> None:
        """A run that failed and has no log: it ended before Packer began, or the log went with the staging group."""
        status = self._statuses[-1][1] if self._statuses else None
        failed = status is not None and status.run_state == "Failed" and self._log.bytes == 0
        missing = any(told.target == "log" and told.kind in ("not-found", "gone") for told in poll.troubles)
        if failed and missing and not any(alert.rule == "log-absent" for alert in self._log.alerts.all):
            self._log.alerts.note(log_absent(poll.at))

    def _take_status(self, status: Status, at: datetime) -> None:
        known = self._statuses[-1][1] if self._statuses else None
        if known is not None and known.template is not None and status.template is None:
            status = replace(status, template=known.template)
        self._log.alerts.see_status(status, replace(moment_of(self._log.fold.build, at, self._around), status=status))
        if status == known:
            return
        if known and (known.run_state, known.sub_state) == (status.run_state, status.sub_state):
            self._statuses[-1] = (self._statuses[-1][0], status)
        else:
            self._statuses.append((at, status))
        self._log.fold.build = replace(self._log.fold.build, status=status)
        self._log.holds.know(status.template, self._log.fold.build.steps)

    def _hear(self, said: Iterable[Said], at: datetime) -> None:
        """What a pipeline's task prints: its own lines, and what the service told it."""
        for one in said:
            now = moment_of(self._log.fold.build, one.line.at or at)
            now = replace(now, status=self._task.status, job_ran=self._task.ran)
            if one.place:
                self._log.alerts.see_text(one.place, one.quoted, now, one.line)
            self._log.alerts.see_line(one.line, now, "devops")
        if self._task.status and self._task.status != (self._statuses[-1][1] if self._statuses else None):
            self._take_status(self._task.status, at)


def _is_over(build: Build) -> bool:
    return build.status is not None and build.status.terminal
