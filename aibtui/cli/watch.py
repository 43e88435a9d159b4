"""The command `watch`: builds of templates, a local log, or a log by its address."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from aibtui.cli import completing
from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.acting import Acts, cancel_on_option
from aibtui.cli.holding import hold_options
from aibtui.cli.listing import Tag, TagOption, Wanted, targets_of
from aibtui.cli.onscreen import ScreenOptions, screen_options
from aibtui.cli.options import (
    Moment,
    fail_on_option,
    no_record_option,
    output_option,
    recordings,
    rules_option,
    run,
    timeout_option,
)
from aibtui.cli.rulefiles import LiveRules
from aibtui.cli.watching import Job, check_names, follow_all, limits_of


@click.command()
@click.argument("templates", metavar="[TEMPLATE]...", nargs=-1, shell_complete=completing.templates)
@click.option("--all", "everything", is_flag=True, help="All that runs in the group, or in the subscription.")
@click.option("--tag", "tags", type=TagOption(), multiple=True, help="All of it with this tag; given again, with each.")
@click.option(
    "--file",
    "log_files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Follow a local customization.log instead; given again, several.",
)
@click.option(
    "--log-url",
    metavar="SAS",
    envvar="AIBTUI_LOG_URL",
    show_envvar=True,
    help="Read the log by this address of it, a SAS URL, which is kept nowhere; with or without a template.",
)
@output_option
@click.option("--wait", is_flag=True, help="If the last run is over, wait for the next one.")
@click.option(
    "--started-at",
    type=Moment(),
    help="Only the run that began then; exit 3 if the template is at another. For coming back to one.",
)
@fail_on_option
@cancel_on_option
@timeout_option
@no_record_option
@rules_option
@click.option(
    "--poll",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Look at the log this often, instead of 2 to 15 s as it grows.",
)
@azure_options
@hold_options
@screen_options
def watch(
    templates: tuple[str, ...],
    everything: bool,
    tags: tuple[Tag, ...],
    log_files: tuple[Path, ...],
    log_url: str | None,
    output: str,
    wait: bool,
    started_at: datetime | None,
    fail_on: tuple[str, ...],
    cancel_on: tuple[str, ...],
    timeout: timedelta | None,
    no_record: bool,
    rule_files: tuple[Path, ...],
    poll: float | None,
    azure: AzureOptions,
    screen: ScreenOptions,
) -> None:
    """Watch the running build of TEMPLATE (a name, or a full resource id) until it ends; of several, all.

    Without TEMPLATE you pick from what runs. Watching never touches the build: leaving, Ctrl+C and a lost connection
    let it go on, and only --cancel-on ends it. A run that is over is shown, and the exit code is its own; of several it
    is the worst.

    \b
    aibtui watch win11-avd -g rg-images
    aibtui watch win11-avd win11-kiosk ubuntu-agent -g rg-images
    aibtui watch --tag ring=pilot --cancel-on sysprep-loop
    aibtui watch --file customization.log
    aibtui watch --log-url 'https://ACCOUNT.blob.core.windows.net/packerlogs/FOLDER/customization.log?sv=...&sig=...'
    """
    wanted = Wanted(templates, everything, tags, over=wait)
    if log_files and (templates or everything or tags):
        raise click.UsageError("--file is instead of a TEMPLATE; of several files each has a --file of its own.")
    if not log_files and not log_url:
        wanted.check()
    rules = LiveRules.chosen(rule_files, screen.config)
    limits = limits_of(fail_on, timeout, rules)
    check_names(cancel_on, rules)
    if started_at is not None and (len(templates) != 1 or wait):
        raise click.UsageError("--started-at goes with one template, and not with --wait.")
    if log_files:
        from aibtui.sources.file import FileSource

        files = {path.resolve(): path for path in log_files}.values()
        jobs = [Job(FileSource(path), recordings(True), str(path), ("watch", "--file", str(path))) for path in files]
        run(lambda: follow_all(jobs, output, limits, rules, screen=screen))
    from aibtui.sources.azure import AzureSource
    from aibtui.sources.pinned import PinnedSource

    pace = timedelta(seconds=poll) if poll else None
    azure = azure.opened_by(log_url)
    if log_url and (len(templates) > 1 or everything or tags):
        raise click.UsageError("--log-url opens the log of one run: name one template with it, or none.")
    if log_url and not templates:
        from aibtui.sources.log_alone import LogAlone

        access = azure.access()
        alone = LogAlone(access, access.log_url, pace)
        job = Job(alone, recordings(True), alone.name, ("watch", *azure.words))
        run(lambda: follow_all([job], output, limits, rules, screen=screen))

    async def work() -> int:
        jobs = []
        for target in await targets_of(wanted, azure):
            kept = recordings(no_record)
            access = azure.access()
            source = AzureSource(target, access, cursor=kept.cursor, poll=pace, wait_for_next=wait)
            chosen = PinnedSource(source, started_at, target.id) if started_at else source
            words = ("watch", target.id, *azure.words)
            acts = Acts(target, access, cancel_on) if cancel_on else None
            jobs.append(Job(chosen, kept, target.id, words, (target, access), acts))
        return await follow_all(jobs, output, limits, rules, screen=screen)

    run(work)
