"""The core as one thing: Polls go in, Updates come out. The same Polls give the same Updates, whatever the chunking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from aibtui.core import cause, packer
from aibtui.core.alerts import Alerts, Rule
from aibtui.core.build import Build, LogFormat, Output
from aibtui.core.cause import Clues
from aibtui.core.changes import changes_between
from aibtui.core.fold import Fold
from aibtui.core.lines import Block, Lines, parse_line, stamp_before
from aibtui.core.polls import Chunk, Poll, Status
from aibtui.core.runstate import lay_over
from aibtui.core.scan import Scanner
from aibtui.core.transport import Sight
from aibtui.core.updates import LogReplaced, Update

_LOG = "customization.log"


class Monitor:
    """Watches one run."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._scanner = Scanner((*packer.NEEDLES, *cause.NEEDLES, *Alerts(self._rules).needles))
        self._statuses: list[tuple[datetime, Status]] = []
        self._sight = Sight()
        self._generation = 0
        self._shown: Update | None = None
        self._start_log()

    def _start_log(self) -> None:
        self._lines = Lines()
        self._fold = Fold()
        self._alerts = Alerts(self._rules)
        self._clues = Clues()
        self._bytes = 0
        self._output: Output | None = None
        self._clock: datetime | None = None

    def feed(self, poll: Poll) -> Update:
        """Digest one look."""
        replaced: list[LogReplaced] = []
        for chunk in poll.chunks:
            if chunk.log != _LOG:
                continue
            if chunk.generation > self._generation:
                self._generation = chunk.generation
                self._start_log()
                replaced.append(LogReplaced(poll.at, chunk.generation))
            self._take(chunk)
        if poll.ended:
            last = self._lines.finish()
            if last:
                self._read(last)
        if poll.status:
            self._take_status(poll.status, poll.at)
        build = self._build()
        transport = self._sight.look(poll, build)
        alerts = self._alerts.all
        before = self._shown
        update = Update(
            at=poll.at,
            build=build,
            alerts=alerts,
            changes=(
                *replaced,
                *changes_between(
                    before.build if before and not replaced else Build(),
                    build,
                    before.alerts if before and not replaced else (),
                    alerts,
                    before.transport if before else None,
                    transport,
                    poll.at,
                ),
            ),
            transport=transport,
            root_cause=cause.root_cause(build, alerts, self._clues.all),
            generation=self._generation,
            ended=poll.ended,
        )
        self._shown = update
        return update

    def _build(self) -> Build:
        seen = replace(self._fold.build, bytes=self._bytes, lines=self._lines.count, output=self._output)
        return lay_over(seen, self._statuses)

    def _take_status(self, status: Status, at: datetime) -> None:
        known = self._statuses[-1][1] if self._statuses else None
        if known is not None and known.template is not None and status.template is None:
            status = replace(status, template=known.template)
        if status == known:
            return
        if known and (known.run_state, known.sub_state) == (status.run_state, status.sub_state):
            self._statuses[-1] = (self._statuses[-1][0], status)
        else:
            self._statuses.append((at, status))
        self._fold.build = replace(self._fold.build, status=status)
        self._alerts.see_status(status, at)

    def _take(self, chunk: Chunk) -> None:
        self._bytes += len(chunk.data)
        block = self._lines.feed(chunk.data)
        if block:
            self._read(block)

    def _read(self, block: Block) -> None:
        self._tell_format(block.data)
        if block.first_line == 1:
            first_end = block.data.find(b"\n")
            self._fold.begin(parse_line(block.data[: first_end if first_end >= 0 else None], 1).at)
        for offset, line in self._scanner.lines(block):
            if line.at is None:
                line = replace(line, at=self._clock)
            if line.operation_id and self._fold.build.facts.operation_id is None:
                facts = replace(self._fold.build.facts, operation_id=line.operation_id)
                self._fold.build = replace(self._fold.build, facts=facts)
            for event in packer.read(line):
                self._fold.apply(event)
            self._alerts.see_line(line, self._fold.build)
            self._clues.see(line, block, offset, self._fold.build.step)
        newest = stamp_before(block.data, 0, len(block.data))
        if newest is not None and (self._clock is None or newest > self._clock):
            self._clock = newest
        self._fold.clock(self._clock)
        self._remember_output(block)

    def _tell_format(self, data: bytes) -> None:
        known = self._fold.build.format
        if known == "g1" or known == "g2":
            return
        told: LogFormat | None = None
        if b"PACKER OUT" in data or b"PACKER ERR" in data:
            told = "g1"
        elif b" ui:     azure-arm:" in data:
            told = "g2"
        elif known is None and b"PACKER " in data:
            told = "g3"
        if told:
            self._fold.tell_format(told)

    def _remember_output(self, block: Block) -> None:
        """The newest line that a person would read; debug lines are passed over."""
        data, end, number = block.data, len(block.data), block.first_line + block.data.count(b"\n") - 1
        if not data.endswith(b"\n"):
            number += 1
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
