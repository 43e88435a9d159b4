"""One watch, put together: source, monitor, recordings and clock behind a front end, and the code it ends with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click
from msgspec import Struct

from aibtui.cli.front_ends import RUNNERS, front_end, line_output, tail_of
from aibtui.cli.holding import Grabs
from aibtui.cli.keeping import keep_report, make_room
from aibtui.cli.later import asyncio
from aibtui.cli.learning import Earlier
from aibtui.cli.onscreen import ScreenOptions, Shown, on_screen
from aibtui.cli.options import narrate
from aibtui.cli.rulefiles import LiveRules

if TYPE_CHECKING:
    from aibtui.cli.acting import Acts
    from aibtui.core.updates import Update
    from aibtui.outputs.annotations import Allowance
    from aibtui.outputs.webhook import Webhook
    from aibtui.recording import Recordings
    from aibtui.session import Clock
    from aibtui.sources import Source
    from aibtui.sources.arm import Access
    from aibtui.sources.target import Target


class Limits(Struct, frozen=True):
    """What ends a watch besides the build: an alert of a rule or severity, a time."""

    fail_on: tuple[str, ...] = ()
    timeout: timedelta | None = None

    def code(self, update: Update, first_at: datetime) -> int | None:
        """The exit code where a limit is reached at this update, else None."""
        from aibtui.session import ExitCode

        for alert in update.alerts:
            if alert.open and (alert.rule in self.fail_on or alert.severity in self.fail_on):
                return ExitCode.FAIL_ON
        if self.timeout is not None and update.at - first_at >= self.timeout and not update.ended:
            return ExitCode.TIMEOUT
        return None


class Job(Struct, frozen=True):
    """A build to watch: where its looks come from, where they are kept, its full id or its path.

    `words` are those of the command that comes back to it. `place` is the template and the way to it, for what is
    collected while the build holds. `acts` is what the watch may do to it. `log` is where the log of a
    run lies that is played again.
    """

    source: Source
    recordings: Recordings
    target: str
    words: tuple[str, ...]
    place: tuple[Target, Access] | None = None
    acts: Acts | None = None
    log: Path | None = None

    @property
    def in_azure(self) -> bool:
        """False for what an emulator plays: its address is the only one without TLS."""
        return self.place is None or not (self.place[1].arm_endpoint or "").startswith("http://")


def limits_of(fail_on: tuple[str, ...], timeout: timedelta | None, rules: LiveRules) -> Limits:
    """The limits, once it is sure that they can be reached. Raises click.UsageError for a rule that nobody knows."""
    check_names(fail_on, rules)
    return Limits(fail_on, timeout)


def check_names(names: tuple[str, ...], rules: LiveRules) -> None:
    """Raises click.UsageError for what is no severity, and no rule that anybody knows."""
    if not names:
        return
    from aibtui.core.rulebook import FOUND_BY_CODE
    from aibtui.wording import SEVERITIES

    known = {*SEVERITIES, *FOUND_BY_CODE, *(rule.id for rule in rules.current)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(
            f"There is no rule or severity called {unknown[0]!r}. Severities: {', '.join(SEVERITIES)}; "
            "the rules are listed by: aibtui rules list"
        )


async def follow(
    source: Source,
    recordings: Recordings,
    target: str,
    output: str,
    limits: Limits,
    rules: LiveRules,
    words: tuple[str, ...],
    *,
    clock: Clock | None = None,
    screen: ScreenOptions | None = None,
    place: tuple[Target, Access] | None = None,
    acts: Acts | None = None,
    log: Path | None = None,
) -> int:
    """Watch one build to the end, drawn as `output` says; the exit code. `words` are the command that comes back."""
    job = Job(source, recordings, target, words, place, acts, log)
    return await follow_all([job], output, limits, rules, clock=clock, screen=screen)


async def follow_all(
    jobs: Sequence[Job],
    output: str,
    limits: Limits,
    rules: LiveRules,
    *,
    clock: Clock | None = None,
    screen: ScreenOptions | None = None,
) -> int:
    """Watch all to the end, drawn as `output` says; the worst exit code."""
    from aibtui.session import SystemClock, Watch, worst

    screen = screen or ScreenOptions()
    live = clock is None  # what is made up, or played again, is told to nobody else
    webhook = _webhook(screen) if live else None
    clock = clock or SystemClock()
    titles = _titles([job.target for job in jobs])
    async with AsyncExitStack() as stack:
        past = [Earlier(job.recordings, lambda: rules.current, job.place) for job in jobs]
        watches = [
            await stack.enter_async_context(
                Watch(job.source, rules.monitor, job.recordings, clock, history=earlier.baseline)
            )
            for job, earlier in zip(jobs, past, strict=True)
        ]
        for watch, earlier in zip(watches, past, strict=True):
            await stack.enter_async_context(earlier.behind(watch))
        on_hold = screen.config.on_hold.value == "grab"
        shown = []
        for watch, title, job, earlier in zip(watches, titles, jobs, past, strict=True):
            redact = not screen.no_redact
            file = Path(job.target) if job.words[:2] == ("watch", "--file") else None
            kept = job.recordings
            grabs = Grabs(
                job.place, kept, lambda: rules.current, watch, clock, on_hold=on_hold, redact=redact, file=file
            )
            voice = job.place[1].sign_ins.voice if job.place else None
            good, acts = earlier.last_good, job.acts
            words, log = job.words, job.log
            shown.append(
                Shown(
                    watch, title, job.target, grabs, webhook, words, good, job.in_azure, voice, acts, redact, log, file
                )
            )
        output = front_end(output)
        if output == "tui":
            ends = await on_screen(shown, limits, clock, screen, rules.reloading)
        else:
            async with rules.reloading(narrate):
                ends = await _all_as_lines(shown, output, limits)
        for one, (_, ended) in zip(shown, ends, strict=True):
            if one.grabs is not None:
                one.grabs.say = narrate
                await one.grabs.finish(wait=ended)
            if one.acts is not None:
                one.acts.say = narrate
                await one.acts.finish()
        if webhook is not None:
            webhook.say = narrate
            await webhook.finish()
        for job, watch, (_, ended) in zip(jobs, watches, ends, strict=True):
            keep_report(watch, job.target)
            if ended and live and watch.last is not None:
                from aibtui.cli.exporting import export_at_the_end

                await export_at_the_end(watch.last, watch.run.id, narrate)
            if not ended:
                from aibtui.wording import come_back

                with suppress(OSError):  # the terminal may be gone
                    click.echo(come_back(*job.words), err=True)
        watched = {watch.run.id for watch in watches}
    if all(ended for _, ended in ends):
        make_room(jobs[0].recordings, screen.config, watched)
    return worst(code for code, _ in ends)


def _titles(targets: Sequence[str]) -> list[str]:
    """The last part of each, for those that share it the whole."""
    names = [target.rpartition("/")[2] for target in targets]
    return [name if names.count(name) == 1 else target for name, target in zip(names, targets, strict=True)]


async def _all_as_lines(shown: Sequence[Shown], output: str, limits: Limits) -> list[tuple[int, bool]]:
    if len(shown) == 1:
        return [await _as_lines(shown[0], output, limits)]
    from aibtui.outputs.several import Marked, named_line, named_object
    from aibtui.session import ExitCode

    width = max(len(one.title) for one in shown)
    allowance = None
    if output in RUNNERS:
        from aibtui.outputs.annotations import Allowance

        allowance = Allowance(len(shown))

    async def one(build: Shown) -> tuple[int, bool]:
        from aibtui.sources import CannotWatch

        mark = named_object(build.target) if output == "jsonl" else named_line(build.title, width)
        stream = cast(TextIO, Marked(sys.stdout, mark))
        try:
            return await _as_lines(build, output, limits, stream, allowance)
        except CannotWatch as refusal:
            narrate(f"{build.title}: {refusal.text} {refusal.remedy}")
            return refusal.exit_code, True

    tasks = [asyncio.create_task(one(build)) for build in shown]
    ends: list[tuple[int, bool]] = []
    try:
        for task in asyncio.as_completed(tasks):
            ends.append(await task)
            if ends[-1][0] == ExitCode.FAIL_ON:
                break
    except asyncio.CancelledError:
        pass
    for each in tasks:
        each.cancel()
    told = await asyncio.gather(*tasks)
    # Who was told to stop because another reached a limit has no verdict of its own.
    stopped = any(code == ExitCode.FAIL_ON for code, _ in told)
    left = (ExitCode.SUCCEEDED, False)
    return [left if stopped and end[0] == ExitCode.INTERRUPTED else end for end in told]


async def _as_lines(
    build: Shown, output: str, limits: Limits, stream: TextIO | None = None, allowance: Allowance | None = None
) -> tuple[int, bool]:
    from aibtui.session import ExitCode, exit_code
    from aibtui.sources import CannotWatch

    watch, target = build.watch, build.target
    last: Update | None = None
    shown = line_output(output, build, lambda: tail_of(watch.run, last), stream, allowance)
    first_at: datetime | None = None
    code: int | None = None
    try:
        async for update in watch.updates():
            last = update
            first_at = first_at or update.at
            shown.update(update)
            if build.grabs is not None:
                build.grabs.see(update)
            if build.acts is not None:
                build.acts.see(update)
            if build.webhook is not None:
                build.webhook.see(target, update)
            code = limits.code(update, first_at)
            if code is not None:
                break
    except asyncio.CancelledError:
        code = ExitCode.INTERRUPTED
    except CannotWatch as refusal:
        shown.refuse(refusal.text, refusal.remedy)
        raise
    ended = code is None
    if code is None:
        code = exit_code(last.build) if last else ExitCode.UNKNOWN
    shown.close(code)
    return code, ended


def _webhook(screen: ScreenOptions) -> Webhook | None:
    """The one of the settings."""
    chosen: Mapping[str, Any] = screen.config.webhook.value
    if not chosen:
        return None
    from aibtui.outputs.webhook import Webhook

    return Webhook(chosen["url"], chosen["form"], chosen["on"], narrate)
