"""What a pipeline's runner can be asked for, and what is handed over to it when a watch ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from aibtui.core.updates import Severity
from aibtui.safetext import SafeText, clean, neutralise_ci

PAGE_LIMIT = 1 << 20  # bytes that GitHub takes for the summary of a step
MOST_ISSUES = 10  # of an error's or warning's kind that GitHub shows for a step


class Facts(Struct, frozen=True):
    """What later steps of the pipeline may ask for; every value is one safe line, empty where it is not known.

    `artifacts` is the folder of the files that are kept, `report` the HTML page among them.
    """

    outcome: str
    exit_code: str
    template: str
    started_at: str
    artifacts: str = ""
    report: str = ""


class Kept(Struct, frozen=True):
    """The files of a watch that ended: the folder they are in, named after the run, and each of them."""

    folder: Path
    files: tuple[Path, ...]


class Runner(Protocol):
    """A kind of runner. A method gives the lines that ask for a thing, none where it knows no such thing."""

    @property
    def page_limit(self) -> int:
        """Bytes that a summary may have."""

    def group(self, title: str) -> str:
        """Begin lines that can be folded away."""

    def end_group(self) -> str:
        """End them."""

    def issue(self, severity: Severity, title: str, lines: Sequence[str]) -> str | None:
        """An annotation: an error, a warning or a note."""

    def progress(self, percent: int, doing: str) -> str | None:
        """How far it is, from 0 to 100."""

    def hand_over(self, summary: str, facts: Facts, kept: Kept | None) -> Iterable[str]:
        """Take the summary page, the facts and the files. Raises OSError."""


def said(text: str, limit: int | None = None) -> SafeText:
    """Text from afar as one line that is no command, wherever it stands."""
    return neutralise_ci(clean(text, limit) if limit else clean(text))
