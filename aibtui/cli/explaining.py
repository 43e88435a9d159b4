"""The command `explain`: what happened in a build that is over, or as far as it got."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aibtui.cli.access import AzureOptions, azure_options
from aibtui.cli.completing import runs_or_templates
from aibtui.cli.onscreen import settings
from aibtui.cli.options import fail, or_exit, recordings, rules_option
from aibtui.cli.pages import PassingLog, html_page
from aibtui.cli.past import Past, past
from aibtui.cli.rulefiles import chosen_rules

if TYPE_CHECKING:
    from aibtui.core.polls import Poll, Status
    from aibtui.core.rulebook import Rule
    from aibtui.core.updates import Update
    from aibtui.history import EarlierRun
    from aibtui.recording import Run

against_option = click.option(
    "--against", metavar="RUN", help="Compare with this run or log; with the last good run of its kind unless given."
)


@click.command()
@click.argument("log", metavar="LOG|RUN|TEMPLATE|-", shell_complete=runs_or_templates)
@click.option(
    "--output",
    type=click.Choice(["text", "json", "html", "markdown", "chat"]),
    default="text",
    show_default=True,
    help="For the terminal, a program, a browser, an issue or wiki, a message to a colleague.",
)
@click.option(
    "--status",
    type=click.Path(path_type=Path),
    metavar="STATUS.json",
    help="The run's lastRunStatus, or the output of az image builder show.",
)
@click.option("--previous", is_flag=True, help="The run before: of the template, or of the recorded run.")
@against_option
@click.option("--no-redact", is_flag=True, help="Leave likely secrets as they are.")
@azure_options
@rules_option
def explain(
    log: str,
    output: str,
    status: Path | None,
    previous: bool,
    against: str | None,
    no_redact: bool,
    azure: AzureOptions,
    rule_files: tuple[Path, ...],
) -> None:
    """Tell what happened in a build, and what to do.

    It takes a customization.log, the log of an Azure DevOps task, the JSON of a run's state or of a template, each as a
    file (gzip too) or from standard input (-), a zip of aibtui grab, the name of a recorded run, and an image template,
    whose last run's log it fetches. Exits with 0 whenever it could be read and judged, whatever the outcome.

    \b
    aibtui explain customization.log
    aibtui explain win11-avd -g rg-images --previous
    aibtui explain customization.log --status status.json --output chat
    az image builder show -g RG -n TEMPLATE -o json | aibtui explain -
    """
    from aibtui.outputs.writer import LineWriter
    from aibtui.sources.whole import read_status, with_status

    known = or_exit(lambda: read_status(status)) if status else None
    rules = chosen_rules(rule_files, settings({}))
    over = past(log, azure, previous=previous)
    name, polls = (over.name, with_status(over.polls, known)) if over else looks_at(log, known)
    with PassingLog() as passing:
        update = judged(passing.passing(polls) if output == "html" else polls, rules)
        if over:
            over.keep_report(update)
        earlier = compared_with(against, update, over, azure, rules) if output != "chat" else None
        if output == "html":
            text = html_page(update, name, passing, redact=not no_redact, earlier=earlier)
        else:
            text = told(update, name, output, redact=not no_redact, earlier=earlier)
    LineWriter(sys.stdout).write(text)


def looks_at(argument: str, status: Status | None = None) -> tuple[str, Iterator[Poll]]:
    """The name and the looks of what an argument names: a file by its content, else a recorded run. Leaves with 2."""
    from aibtui.sources.whole import whole_of, with_status
    from aibtui.sources.whole_file import read_whole

    if argument != "-" and not Path(argument).exists():
        kept = recordings()
        info = kept.find(argument)
        if info is None:
            fail(f"There is no file and no recorded run {argument}.", "Show the runs with: aibtui runs", 2)
        return info.id, with_status(_recorded(kept.load(info)), status)
    name = "stdin" if argument == "-" else Path(argument).name
    whole = or_exit(lambda: whole_of(read_whole(argument), name))
    return name, with_status(whole.polls(), status)


def _recorded(run: Run) -> Iterator[Poll]:
    try:
        yield from run.polls()
    finally:
        run.close()


def judged(polls: Iterable[Poll], rules: Iterable[Rule]) -> Update:
    """The last Update of the looks. Leaves with 2 where there is none."""
    from aibtui.core.monitor import Monitor

    monitor = Monitor(rules)
    update: Update | None = None
    for poll in polls:
        update = monitor.feed(poll)
    if update is None:
        fail("Nothing was recorded of this run.", "Show the runs with: aibtui runs", 2)
    return update


def compared_with(
    against: str | None, update: Update, over: Past | None, azure: AzureOptions, rules: tuple[Rule, ...]
) -> EarlierRun | None:
    """The run to compare with: the one that is named, else the last good one of the same kind, where one is known."""
    if against is not None:
        from aibtui.history import earlier_run
        from aibtui.outputs.report import report

        known = past(against, azure)
        name, polls = (known.name, known.polls) if known else looks_at(against)
        return earlier_run({**report(judged(polls, rules), name)})
    status = update.build.status
    if over is None or status is None or status.template is None:
        return None
    from aibtui.cli.learning import Earlier

    place = (over.run.target, azure.access()) if over.run else None
    return Earlier(recordings(), lambda: rules, place).now(status)


def told(update: Update, name: str, output: str, *, redact: bool, earlier: EarlierRun | None = None) -> str:
    """The diagnosis in one of the forms of `--output`."""
    match output:
        case "json":
            from aibtui.cli.pages import report_json
            from aibtui.outputs.report import against_dict

            more = {"against": against_dict(update, earlier)} if earlier else {}
            return report_json(update, name, more, redact=redact)
        case "markdown":
            from aibtui.outputs.markdown import markdown

            return markdown(update, name, redact=redact, earlier=earlier)
        case "chat":
            from aibtui.outputs.chat import chat

            return chat(update, name, redact=redact)
        case _:
            from aibtui.outputs.explain import explain as text
            from aibtui.outputs.redaction import hidden_note, without_secrets

            if not redact:
                return text(update, name, earlier)
            shown = text(without_secrets(update), name, earlier)
            note = hidden_note(shown)
            return f"{shown}\n\n{note}" if note else shown
