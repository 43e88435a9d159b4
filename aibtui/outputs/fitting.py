"""Text made to fit: ids and paths shortened in the middle, lines cut, so that what decides can be seen."""

from __future__ import annotations

import re

from aibtui.safetext import clean, clean_lines

_GUID = re.compile(r"\b([0-9a-fA-F]{8})-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")
_SCRIPT_OF_PACKER = re.compile(
    r"^[A-Za-z]:[\\/]Windows[\\/]Temp[\\/]script-[0-9a-fA-F…-]+\.ps1 : (?=\S)", re.IGNORECASE
)
_TASK_CALL = re.compile(
    r"^(?:##\[error\])?(?:Error: )?(?:(?:put|post|run) template call failed for template \S+ with error: )?",
    re.IGNORECASE,
)
_LONG_COMMAND = re.compile(r"`((?:az|aibtui) [^`]{50,})`")
_WORD = re.compile(r"\S+")
_LONGEST_WORD = 48
_HEAD = 16

WHOLE_WORDS = 66  # what stands alone on its line


def plain_cause(text: str) -> str:
    """A cause without what every one begins with: Packer's temporary script, the failed call of a pipeline's task."""
    return _TASK_CALL.sub("", _SCRIPT_OF_PACKER.sub("", text))


def remedy_lines(remedy: str) -> list[str]:
    """A remedy cut so that a long command in it stands on a line of its own."""
    lines = [part.strip() for line in clean_lines(remedy) for part in _LONG_COMMAND.split(line)]
    return [text for line in lines if (text := line if is_command(line) else line.lstrip(". "))]


def is_command(line: str) -> bool:
    """Whether a line of a remedy is a command to be typed."""
    return line.startswith(("az ", "aibtui "))


def short(text: str, limit: int | None = None, longest: int = _LONGEST_WORD) -> str:
    """One safe line, no longer than `limit`: GUIDs cut, words longer than `longest` shortened in the middle."""

    def shorter(word: re.Match[str]) -> str:
        said = word.group()
        if len(said) <= longest or said.startswith(("http://", "https://")):
            return said
        return f"{said[:_HEAD]}…{said[_HEAD + 1 - longest :]}"

    return clean(_WORD.sub(shorter, _GUID.sub(r"\1…", clean(text))), limit)
