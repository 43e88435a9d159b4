"""The commands, and the composition root: only this package knows everybody. Heavy imports wait until needed."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from importlib import import_module

import click

from aibtui import __version__

_PARTS = (
    "textual",
    "azure-identity",
    "azure-mgmt-imagebuilder",
    "azure-storage-blob",
    "azure-core",
    "google-re2",
    "opentelemetry-sdk",
)
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _say_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    """Its own version, and below it those of the parts that a report of a bug needs."""
    if not asked or context.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    click.echo(f"aibtui {__version__}")
    click.echo(f"python {platform.python_version()} on {platform.platform()}")
    for part in _PARTS:
        with suppress(PackageNotFoundError):
            click.echo(f"{part} {version(part)}")
    context.exit()


# Where each command is, and how its help begins: a command is imported when it is asked for, not to be listed.
_COMMANDS = {
    "cancel": ("acting:cancel", "Cancel the run of TEMPLATE, and wait until it is Canceled, which takes some minutes."),
    "completion": (
        "completing:completion",
        "Print the script that completes commands, options, templates, runs and scenarios in a shell.",
    ),
    "config": ("settings:config_group", "The settings: a TOML file, over it variables, over these options."),
    "demo": ("demo:demo", "Watch a made-up build on a local emulator of Azure Image Builder; no account, no network."),
    "doctor": (
        "doctor:doctor",
        "Check what a watch needs: this machine, the sign-in, the way to the log of TEMPLATE; whom to ask for what.",
    ),
    "emulate": ("demo:emulate", "Run the emulator alone and print the command that watches it."),
    "explain": ("explaining:explain", "Tell what happened in a build, and what to do."),
    "export": (
        "exporting:export",
        "Send runs that are over to an OpenTelemetry collector or backend, as a trace and metrics each.",
    ),
    "grab": (
        "grabbing:grab",
        "Collect all that is known of the last run of TEMPLATE, or of a recorded RUN: a folder, and a zip of it.",
    ),
    "ls": (
        "listing:ls",
        "List image templates with their run state: those of a group, of the subscription, or of all.",
    ),
    "replay": ("runs:replay", "Watch a recorded RUN again (its name, or the beginning of it; see aibtui runs)."),
    "report": (
        "runs:report",
        "Report on a recorded RUN, or on the last run of TEMPLATE, whose log it fetches; step times side by side ...",
    ),
    "rules": (
        "rulebooks:rules_group",
        "The rules behind the alerts: list them, test them, try your own on builds that you have recorded.",
    ),
    "run": (
        "acting:run",
        "Start a run of each TEMPLATE and watch it to its end; the exit code is the run's, of several the worst.",
    ),
    "runs": (
        "runs:runs",
        "List the builds that were watched here, the newest first; those of TEMPLATE, if it is named.",
    ),
    "watch": (
        "watch:watch",
        "Watch the running build of TEMPLATE (a name, or a full resource id) until it ends; of several, all.",
    ),
}


class _Commands(click.Group):
    """Commands that leave with 130 when they are interrupted, also before there is a loop that hears signals."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            module, _, name = _COMMANDS[cmd_name][0].partition(":")
            self.add_command(getattr(import_module(f"{__name__}.{module}"), name), cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, _COMMANDS))
        with formatter.section("Commands"):
            listed = (click.Command(name, help=said) for name, (_, said) in _COMMANDS.items())
            formatter.write_dl([(str(each.name), each.get_short_help_str(limit)) for each in listed])

    def invoke(self, ctx: click.Context) -> object:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Show the versions."
)
def main() -> None:
    """Watch a build of Azure VM Image Builder live: where it is, whether it is healthy, what to do.

    \b
    aibtui demo                      a Windows build on the screen, no account needed
    aibtui watch TEMPLATE -g GROUP   your own build
    aibtui explain customization.log what happened, and why
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a replaced stream may lack it
