"""`aibtui completion`, and what completes: scenarios, recorded runs, templates that were watched here; no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from aibtui.recording import RunInfo

_PLACES = {
    "bash": "aibtui completion bash > ~/.local/share/bash-completion/completions/aibtui",
    "zsh": 'aibtui completion zsh > "${fpath[1]}/_aibtui"',
    "fish": "aibtui completion fish > ~/.config/fish/completions/aibtui.fish",
}


@click.command(epilog="\n\n".join(("\b", *_PLACES.values())).replace("\n\n", "\n"))
@click.argument("shell", type=click.Choice(list(_PLACES)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, templates, runs and scenarios in a shell.

    Put it where the shell looks for such scripts, and open a new shell:
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = context.find_root().command
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(kind(root, {}, "aibtui", "_AIBTUI_COMPLETE").source())


def templates(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The templates that were watched here, the newest first."""
    return _items(begun, [(info.template, info.template_id) for info in _recorded()])


def runs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The recorded runs, the newest first."""
    return _items(begun, [(info.id, info.template) for info in _recorded()])


def runs_or_templates(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Both; where neither fits, files."""
    from click.shell_completion import CompletionItem

    found = [*templates(context, parameter, begun), *runs(context, parameter, begun)]
    return found or [CompletionItem(begun, type="file")]


def scenarios(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The builds that the emulator plays."""
    from aibtui.emulator import load_scenario, scenario_names

    return _items(begun, [(name, load_scenario(name).title) for name in scenario_names()])


def _recorded() -> list[RunInfo]:
    from aibtui.cli.options import recordings

    return recordings().list()


def _items(begun: str, found: list[tuple[str, str]]) -> list[CompletionItem]:
    """Each once, with a line of help; a name that a terminal could not show is left out."""
    from click.shell_completion import CompletionItem

    from aibtui.safetext import clean

    named: dict[str, str] = {}
    for name, told in found:
        if name.startswith(begun) and name == clean(name):
            named.setdefault(name, told)
    return [CompletionItem(name, help=clean(told)) for name, told in named.items()]
