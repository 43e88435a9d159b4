"""What build runners read from a program's output: the commands of Azure Pipelines and GitHub Actions, as documented
and as their agents parse them (azure-pipelines-agent Command.cs, actions/runner ActionCommand.cs)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

_LINE_END = re.compile(r"\r\n|\r|\n")
_AZURE_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))
_DATA_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_GITHUB_COMMANDS = (
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "save-state"),
    *("remove-matcher", "set-env", "set-output", "stop-commands", "warning", "internal-set-repo-path"),
)
_WITHOUT_WEIGHT = ("Cf", "Cc", "Mn", "Me")


@dataclass(frozen=True)
class Command:
    """What a runner was asked for."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    data: str = ""


def azure(output: str) -> list[Command]:
    """The commands that an agent of Azure Pipelines finds, and `##[...]` which its log view acts on.

    `##vso` that is no command is one too, because the agent warns of it.
    """
    return [command for line in _lines(output) if (command := _azure(line))]


def github(output: str) -> list[Command]:
    """The commands that a runner of GitHub Actions finds."""
    return [command for line in _lines(output) if (command := _github(line) or _github_before(line))]


def outputs(file: str) -> dict[str, str]:
    """What a step's GITHUB_OUTPUT sets."""
    found: dict[str, str] = {}
    for line in filter(None, _lines(file)):
        assert "<<" not in line.partition("=")[0], line
        name, _, value = line.partition("=")
        assert name not in found, line
        found[name] = value
    return found


def _lines(output: str) -> list[str]:
    return _LINE_END.split(output)


def _find(line: str, mark: str) -> int:
    """Where .NET's IndexOf finds a mark: its comparison passes over characters without weight."""
    kept = [(place, char) for place, char in enumerate(line) if unicodedata.category(char) not in _WITHOUT_WEIGHT]
    found = "".join(char for _, char in kept).find(mark)
    return kept[found][0] if found >= 0 else -1


def _azure(line: str) -> Command | None:
    start = _find(line, "##vso[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        if _find(line, "##vso") >= 0:
            return Command("a warning of ##vso")
        mark = re.match(r"##\[(\w+)\](.*)", line)
        if mark:
            return Command(mark[1], {}, mark[2])
        return Command("##[ within a line") if _find(line, "##[") >= 0 else None
    name, _, given = line[start:end].partition("[")[2].partition(" ")
    pairs = [pair.split("=", 1) for pair in given.split(";") if "=" in pair]
    properties = {key: _unescaped(value, _AZURE_ESCAPES) for key, value in pairs if key and value}
    return Command(name, properties, _unescaped(line[end + 1 :], _AZURE_ESCAPES))


def _github(line: str) -> Command | None:
    line = line.lstrip()
    start = _find(line, "::")
    if start < 0 or any(unicodedata.category(char) not in _WITHOUT_WEIGHT for char in line[:start]):
        return None
    end = line.find("::", start + 2)
    if end < 0:
        return None
    name, _, given = line[start + 2 : end].partition(" ")
    if name.lower() not in _GITHUB_COMMANDS:
        return None
    pairs = [pair.split("=", 1) for pair in given.strip().split(",") if "=" in pair]
    properties = {key: _unescaped(value, _PROPERTY_ESCAPES) for key, value in pairs if key and value}
    return Command(name, properties, _unescaped(line[end + 2 :], _DATA_ESCAPES))


def _github_before(line: str) -> Command | None:
    """The form from before `::`, which is still known."""
    return Command("##[ within a line") if _find(line, "##[") >= 0 else None


def _unescaped(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for coded, plain in escapes:
        text = text.replace(coded, plain)
    return text
