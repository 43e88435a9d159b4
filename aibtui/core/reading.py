"""One generation of Packer's log, read as far as it has come: its bytes become the build, the alerts and the clues.

It knows nothing of the service. What it finds at which line depends on the lines alone, not on how they came in pieces.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from operator import itemgetter

from msgspec.structs import replace

from aibtui.core import holds, packer, progress
from aibtui.core.alerts import Alerts
from aibtui.core.arm_error import ArmErrors
from aibtui.core.build import Build, Output
from aibtui.core.clues import Clues
from aibtui.core.events import CommandFound, DownloadMoved
from aibtui.core.fold import Fold
from aibtui.core.interest import Interest, Interests
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
from aibtui.core.moment import Moment, moment_of
from aibtui.core.packer import Row
from aibtui.core.pulse import Pulse, Sampler
from aibtui.core.rulebook import Rule
from aibtui.core.scan import Candidate, Kind, Scanned
from aibtui.core.tempo import Pace
from aibtui.core.thresholds import Limits, survived
from aibtui.core.waiting import Waiting

_STOP_WITHOUT_STAMP = b"PACKER OUT Cancelling build after receiving"
_TICK = timedelta(seconds=30)
_JUDGE_EVERY = timedelta(seconds=10)
_LONGEST_RUN = timedelta(hours=24)


class Reading:
    """The log so far. `limits` tells what is unusual for a build's running step, by earlier runs."""

    def __init__(
        self,
        rules: Iterable[Rule],
        interests: Interests,
        marker: str,
        limits: Callable[[Build], Limits | None],
    ) -> None:
        rules = tuple(rules)
        self.lines = Lines()
        self.fold = Fold()
        self.alerts = Alerts(holds.without_holds(rules))
        self.holds = holds.Holds(self.alerts, holds.rule_of(rules), marker)
        self.clues = Clues()
        self.arm_errors = ArmErrors()
        self.pace = Pace()
        self.bytes = 0
        self.output: Output | None = None
        self._interests = interests
        self._limits = limits
        self._clock: datetime | None = None
        self._first_at: datetime | None = None
        self._arrived_at: datetime | None = None
        self._sampler, self._pulse = Sampler(), Pulse()
        self._judge_at: dict[str, datetime] = {}
        self._drift = timedelta()
        self._acting: tuple[Scanned, int, Kind] | None = None
        self._waiting = Waiting(self._progress)
        self._calm, self._calm_by = False, self.fold.build
        self._now: Moment | None = None
        self._now_of = self.fold.build

    def use(self, rules: Iterable[Rule], interests: Interests) -> None:
        """Other rules from now on; what was raised stays."""
        rules = tuple(rules)
        self._interests = interests
        self.alerts.use(holds.without_holds(rules))
        self.holds.use(holds.rule_of(rules))

    def take(self, data: bytes, at: datetime) -> None:
        """More bytes, which came at `at`."""
        first = self.bytes == 0
        self.bytes += len(data)
        block = self.lines.feed(data)
        if self.fold.build.format == "g1" and self._clock and self._arrived_at:
            # The oldest format stamps nothing that a script prints, so the time of arrival stands in.
            stamped = block is not None and next_stamp(block.data, 0) is not None
            self._drift = timedelta() if stamped else self._drift + max(at - self._arrived_at, timedelta())
        if block:
            self._read(block)
        # A log that we find already written was silent before we came; later, silence is counted from the arrival.
        found = first and self._clock is not None and timedelta() <= at - self._clock < _LONGEST_RUN
        self._arrived_at = self._clock if found else at

    def finish(self) -> None:
        """Nothing comes any more."""
        last = self.lines.finish()
        if last:
            self._read(last)

    def pass_time(self, at: datetime) -> None:
        """A tick at the end of a look: the log's own clock goes on while no line comes."""
        if self._clock is None or self._arrived_at is None:
            return
        came = self._clock + self._drift
        now = came + max(at - self._arrived_at, timedelta())
        self._tick(now, self._seen(self.fold.build), came)

    def now(self, at: datetime) -> datetime | None:
        """The log's own time at a look: its last stamp, and what has passed since its last bytes came."""
        if self._clock is None or self._arrived_at is None:
            return None
        return self._clock + max(at - self._arrived_at, timedelta())

    def _tick(self, at: datetime, build: Build, quiet_since: datetime | None) -> None:
        now = moment_of(build, at)
        self.holds.pass_time(at, quiet_since, build)
        if self.holds.hold:
            self.alerts.see_output(at)
            return
        if quiet_since and self.holds.ended_at:
            quiet_since = max(quiet_since, self.holds.ended_at)
        self.alerts.tick(now, build, quiet_since)
        self.alerts.see_beat(now, self._pulse)

    def _seen(self, build: Build) -> Build:
        return replace(build, lines=self.lines.count, output=self.output)

    def _read(self, block: Block) -> None:
        scanned = self._interests.scanner.scan(block)
        self._tell_format(scanned.once)
        self.clues.go_on(block)
        self.holds.go_on(block)
        self.pace.read(block)
        if block.first_line == 1:
            first_end = block.data.find(b"\n")
            self.fold.begin(parse_line(block.data[: first_end if first_end >= 0 else None], 1).at)
        if self._clock is None:
            first = next_stamp(block.data, 0)  # the first line may have none
            self._first_at = first[1] if first else None
            self.fold.clock(self._first_at)
        arrived = self._clock + self._drift if self._clock and self.fold.build.format == "g1" else None
        # At one position the leap comes first: its line was written when the time had passed. A sample comes last.
        leaps: list[tuple[int, Gap | Line]] = [(gap.position, gap) for gap in self._leaps(block)]
        samples = [(offset + 1, line) for offset, line in self._sampler.lines(block, arrived)]
        others = deque(sorted((*leaps, *samples), key=itemgetter(0)))
        following = block.place_at(others[0][0]) if others else None
        for place, kind in scanned.hits:
            while following is not None and following <= place:
                self._pass(others.popleft()[1], block)
                following = block.place_at(others[0][0]) if others else None
            self._weigh(scanned, place, kind)
        for _, each in others:
            self._pass(each, block)
        self._catch_up()
        self._waiting.forget()
        self.clues.pause(self.fold.build.step)
        newest = stamp_before(block.data, 0, len(block.data))
        if newest is not None and (self._clock is None or newest > self._clock):
            self._clock = newest
        self.fold.clock(self._clock)
        self._remember_output(block, len(block.data), self.lines.count)
        if self.output:
            # The sample may have left it out, and the oldest format stamps it only by what stands around it.
            self.holds.printed(Line(self.output.line, self.output.at, "ui", self.output.text))

    def _pass(self, found: Gap | Line, block: Block) -> None:
        if isinstance(found, Gap):
            self._cross(found, block)
        else:
            self._beat(found)

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
        self._catch_up()
        self._remember_output(block, gap.position, gap.line - 1)
        at, self._clock = gap.since, gap.until
        if gap.until - gap.since > _LONGEST_RUN:
            return  # a script has quoted the stamp of another log
        seen = replace(self._seen(self.fold.build), lines=gap.line - 1)
        while (at := at + _TICK) < gap.until:
            self._tick(at, seen, gap.since if gap.silent else None)
        if gap.silent and not self.holds.hold:
            self.fold.build = survived(self.fold.build, gap.until - max(gap.since, self.holds.ended_at or gap.since))

    def _weigh(self, scanned: Scanned, place: int, kind: Kind) -> None:
        """A line that may mean something. Most change nothing that must be known at once, and cost little."""
        interest = self._interests.of(scanned.found(place, kind))
        if interest.sort == "other" or not self._is_calm():
            self._catch_up()
            self._see(scanned.candidate(place, kind), interest, scanned.block)
        elif interest.sort == "act":
            self._show_transfers()
            self._acting = scanned, place, kind
        elif interest.sort == "transfer":
            self._move(scanned, place, kind)
        else:
            builder = kind.head.builder
            if interest.sort == "rules":
                rules = self.alerts.count(interest.rules) if builder else interest.rules
                if rules:
                    at = self._at(scanned.at(place, kind))
                    line = scanned.line(place, kind, at) if builder else self._line(scanned.candidate(place, kind))
                    assert at is not None
                    self.alerts.see(line, self._moment(at), rules, interest.sources)
            if builder:
                self.clues.hint(scanned.block.first_line + place, scanned.block.offset(place))

    def _line(self, candidate: Candidate) -> Line:
        return candidate.head.line(candidate.number, self._at(candidate.at), candidate.text)

    def _at(self, stamp: datetime | None) -> datetime | None:
        """When a line was printed: its own stamp or the last one before it, as far as any is known."""
        return stamp or self._clock or self._first_at

    def _moment(self, at: datetime) -> Moment:
        """Now; lines of one second share it."""
        build = self.fold.build
        if self._now is None or self._now.at != at or self._now_of is not build:
            self._now, self._now_of = moment_of(build, at), build
        return self._now

    def _is_calm(self) -> bool:
        """Whether a line can neither end a hold nor tell why a step has ended, and the run and the time are known."""
        build = self.fold.build
        if build is not self._calm_by:
            over = build.step is not None and build.step.state != "running"
            self._calm = not over and self._first_at is not None and build.facts.operation_id is not None
            self._calm_by = build
        return self._calm and not self.holds.attentive

    def _move(self, scanned: Scanned, place: int, kind: Kind) -> None:
        if self._waiting.add(place, kind):
            return
        self._move_transfers()
        event = self._progress(scanned, place, kind)
        if event is None or event.at is None:
            return
        if self._acting:
            self._catch_up()
        steady = self.fold.move(event)
        at = event.at - self._drift
        if self._due("transfer", at):
            self.fold.show_transfers()
            now = replace(self._moment(at), at=event.at)
            self.alerts.see_transfer(now, replace(self.fold.build, output=self.output))
        text = scanned.text(place, kind).decode("utf-8", "replace")
        if steady and steady > event.at and (course := progress.course(text)):
            self._waiting.begin(scanned, place, kind, course, min(steady - self._drift, self._judge_at["transfer"]))

    def _progress(self, scanned: Scanned, place: int, kind: Kind) -> DownloadMoved | None:
        stream, at = kind.head.stream, self._at(scanned.at(place, kind))
        if stream == "log" or at is None:
            return None
        text = scanned.text(place, kind).decode("utf-8", "replace")
        return progress.read(scanned.block.first_line + place, at + self._drift, stream, text)

    def _move_transfers(self) -> None:
        for event in self._waiting.end():
            self.fold.move(event)

    def _show_transfers(self) -> None:
        self._move_transfers()
        self.fold.show_transfers()

    def _catch_up(self) -> None:
        """What the step does, by the newest line that says so; nobody has asked since the ones before it."""
        self._show_transfers()
        if self._acting:
            scanned, place, kind = self._acting
            candidate = scanned.candidate(place, kind)
            for event in packer.read(self._line(candidate), self._interests.of(candidate.found).rows):
                self.fold.apply(event)
            self._acting = None

    def _see(self, candidate: Candidate, interest: Interest, block: Block) -> None:
        line = self._line(candidate)
        if line.operation_id and self.fold.build.facts.operation_id is None:
            facts = replace(self.fold.build.facts, operation_id=line.operation_id)
            self.fold.build = replace(self.fold.build, facts=facts)
        before = self.fold.build
        transferred = self._apply(line, interest.rows, block, candidate.offset)
        build = self.fold.build
        self.holds.see(replace(line, at=line.at + self._drift) if line.at and self._drift else line, build.step)
        if line.at is None:
            return
        now = self._moment(line.at)
        if before.step is not build.step:
            self._change_step(before, build, now)
        if transferred and self._due("transfer", now.at):
            self.alerts.see_transfer(replace(now, at=now.at + self._drift), replace(build, output=self.output))
        if interest.rules and not _told_to_stop(before):
            self.alerts.see(line, now, interest.rules, interest.sources)
        failed = build.step is not None and build.step.state == "failed"
        if failed or build.outcome == "failed":
            self.alerts.fail(now)
        if build.step is not None and build.step.state != "running":
            self.clues.close(line, block, candidate.offset, build.step)
        elif build.step is not None and line.builder:
            self.clues.hint(candidate.number, candidate.offset)
        if interest.arm_error:
            self.arm_errors.see(line, build)

    def _apply(self, line: Line, rows: Iterable[Row], block: Block, offset: int) -> bool:
        """Fold in what a line says; whether a transfer has moved."""
        transferred = False
        for event in packer.read(line, rows):
            if isinstance(event, DownloadMoved):
                transferred = True
                if self._drift and event.at:
                    event = replace(event, at=event.at + self._drift)
            self.fold.apply(event)
            if isinstance(event, CommandFound):
                self.holds.enter(self.fold.build.step)
                self.holds.find_source(block, offset)
        return transferred

    def _change_step(self, before: Build, build: Build, now: Moment) -> None:
        """Perhaps another step runs now, or none, or it is in another phase."""
        old, new = before.step, build.step
        if (old and (old.index, old.state)) != (new and (new.index, new.state)):
            self.clues.settle(old)
            self.alerts.unsettle()
        if (old and old.index) != (new and new.index):
            self.alerts.leave_step(now)
            self.alerts.limits = self._limits(build)
            self._pulse = Pulse()

    def _beat(self, line: Line) -> None:
        """A line of the sample: what a running step prints."""
        step = self.fold.build.step
        if step is None or step.state != "running" or line.at is None:
            return
        self.holds.printed(line)
        self._pulse.beat(line)
        self.alerts.see_output(line.at)
        if self._due("beat", line.at):
            self.alerts.see_beat(moment_of(self.fold.build, line.at), self._pulse)

    def _due(self, what: str, at: datetime) -> bool:
        """Whether what lines show over time is to be judged again; for every line it would cost too much."""
        due = self._judge_at.get(what)
        if due is not None and at < due:
            return False
        self._judge_at[what] = at + _JUDGE_EVERY
        return True

    def _tell_format(self, lines: bytes) -> None:
        known = self.fold.build.format
        if known == "g1" or known == "g2":
            return
        told = format_of(lines)
        if told and (known is None or told != "g3"):
            self.fold.tell_format(told)

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
                self.output = Output(number, line.at or self._clock, line.text.strip())
                return
            end, number = start, number - 1


def _told_to_stop(build: Build) -> bool:
    """Whether Packer was stopped from outside for a known reason: what it still says then is no reason of its own."""
    canceled = build.status is not None and build.status.run_state in ("Canceling", "Canceled")
    return build.outcome == "stopped" and (build.probably_timed_out or canceled)
