"""What earlier runs of a build's kind took: what lies here at once, and what is fetched while the build is watched."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from aibtui.cli.keeping import Report, earlier_reports, kept_report, log_cache, once_each
from aibtui.cli.later import asyncio

if TYPE_CHECKING:
    from aibtui.core.forecast import Baseline
    from aibtui.core.polls import Poll, Status
    from aibtui.core.rulebook import Rule
    from aibtui.core.updates import Update
    from aibtui.history import EarlierRun
    from aibtui.recording import Recordings, RunInfo
    from aibtui.session import Watch
    from aibtui.sources.arm import Access
    from aibtui.sources.past import PastRun
    from aibtui.sources.target import Target

_LOOKS_FIRST = 3.0  # seconds of the machine's clock before a watch begins to learn
_LONGEST = 20.0  # seconds that somebody waits for it
_PAUSE = 1.0  # seconds between two logs
_PIECE = 128 << 10  # bytes of a log between two turns for everybody else


class Earlier:
    """The earlier runs of one build's kind. `place` is its template and the way to it, None where it has none.

    What is learned is kept with the recordings; where those are temporary, only what lies here counts. Nothing here
    ends a watch: where Azure refuses, what lies here must do.
    """

    def __init__(
        self, recordings: Recordings, rules: Callable[[], Iterable[Rule]], place: tuple[Target, Access] | None = None
    ) -> None:
        from aibtui.cli.options import recordings as kept

        self._known = kept()
        self._keeps = recordings.path == self._known.path
        self._rules = rules
        self._place = place if self._keeps else None
        self._status: Status | None = None
        self._news = asyncio.Event()
        self._reports: list[Report] = []
        self._stored: list[Report] = []
        self._learned: list[Report] = []

    def baseline(self, status: Status) -> Baseline:
        """What the runs took that are known here of the kind of the run of `status`, which is the one to learn for."""
        self._status, self._stored = status, [*earlier_reports(self._known)]
        self._news.set()
        return self._again(status)

    def last_good(self) -> EarlierRun | None:
        """The newest of them that succeeded."""
        from aibtui.history import last_good

        return last_good(self._reports)

    def now(self, status: Status) -> EarlierRun | None:
        """The newest run before that of `status` that succeeded, with what can be learned within some seconds."""
        import click

        async def learn() -> None:
            async with asyncio.timeout(_LONGEST), aclosing(self.learn(status)) as reports:
                waiting = asyncio.get_running_loop().call_later(1.0, say)
                try:
                    async for report in reports:
                        self._learned.append(report)
                finally:
                    waiting.cancel()

        def say() -> None:
            click.echo("aibtui: reading earlier runs, to compare with; Ctrl+C skips it", err=True)

        self.baseline(status)
        with suppress(TimeoutError, KeyboardInterrupt):  # what is known by then must do
            asyncio.run(learn())
        self._again(status)
        return self.last_good()

    @asynccontextmanager
    async def behind(self, watch: Watch) -> AsyncIterator[None]:
        """Learn while the block runs, and let `watch` know; let go at once at its end."""
        task = asyncio.create_task(self._behind(watch))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def learn(self, status: Status, *, pause: float = 0.0) -> AsyncGenerator[Report, None]:
        """Make the reports that are missing, and give each: of recordings without one, then of older run folders."""
        for info in self._unreported(status):
            if report := await self._of_recording(info):
                yield report
        if self._place is None:
            return
        from aibtui.sources import CannotWatch
        from aibtui.sources.past import older_runs

        target, access = self._place
        with suppress(CannotWatch):  # no right to it, or nothing there: a forecast needs no excuse
            async with aclosing(older_runs(target, access, status, log_cache(), pause=pause)) as runs:
                async for run in runs:
                    yield await self._of_past(run)

    async def _behind(self, watch: Watch) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(_LOOKS_FIRST)
            status = self._status
            if status is None:
                continue
            async with aclosing(self.learn(status, pause=_PAUSE)) as reports:
                async for report in reports:
                    self._learned.append(report)
                    if status is not self._status:
                        break  # another run began
                    watch.expect(self._again(status))

    def _again(self, status: Status) -> Baseline:
        from aibtui.history import baseline, earlier_runs

        self._reports = earlier_runs(once_each((*self._stored, *self._learned)), status)
        return baseline(self._reports)

    def _unreported(self, status: Status) -> list[RunInfo]:
        """The newest recordings of the template's kind whose watch did not see the end, and that nobody records now."""
        from aibtui.core.forecast import masked
        from aibtui.history import MOST_RUNS

        name = masked(status.template.name) if status.template else None
        found = [info for info in self._known.list() if masked(info.template) == name and _is_before(info, status)]
        missing = (info for info in found[:MOST_RUNS] if info.bytes and kept_report(self._known, info) is None)
        return [info for info in missing if not self._known.in_use(info)]

    async def _of_recording(self, info: RunInfo) -> Report | None:
        from aibtui.outputs.report import report
        from aibtui.sources.whole import with_status

        try:
            run = self._known.load(info)
        except OSError:
            return None
        try:
            update = await self._judged(with_status(run.polls(), None))
            if update is None:
                return None
            told: Report = {**report(update, info.template_id)}
            if self._keeps:
                with suppress(OSError):  # it can be made again
                    run.save_report(told)
            return told
        finally:
            run.close()

    async def _of_past(self, run: PastRun) -> Report:
        from aibtui.outputs.report import report

        update = await self._judged(run.polls(_PIECE))
        assert update is not None, "a log's last look is always there"
        told: Report = {**report(update, run.target.id)}
        if run.cached is not None:
            with suppress(OSError):  # it can be made again
                run.cached.save_report(told)
        return told

    async def _judged(self, polls: Iterator[Poll]) -> Update | None:
        """The last Update of the looks, with a turn for everybody else between two of them."""
        from aibtui.core.monitor import Monitor

        monitor = Monitor(self._rules())
        update: Update | None = None
        for poll in polls:
            update = monitor.feed(poll)
            await asyncio.sleep(0)
        return update


def _is_before(info: RunInfo, status: Status) -> bool:
    return info.started_at is None or status.started_at is None or info.started_at < status.started_at
