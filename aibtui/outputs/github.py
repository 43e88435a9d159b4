"""GitHub Actions: its workflow commands and files (docs.github.com, "Workflow commands for GitHub Actions")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict

from aibtui.core.updates import Severity
from aibtui.outputs.runner import PAGE_LIMIT, Facts, Kept, said

_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_PROPERTY = (*_DATA, (":", "%3A"), (",", "%2C"))
_KINDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}
_TITLE_LIMIT = 240
_LINE_LIMIT = 1_000


class GitHubActions:
    """Asks a runner of GitHub Actions; pages and outputs go to the files that its variables name."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._page = environ.get("GITHUB_STEP_SUMMARY")
        self._outputs = environ.get("GITHUB_OUTPUT")

    @property
    def page_limit(self) -> int:
        """Bytes that are left of the page, which earlier commands of the same step share."""
        page = Path(self._page) if self._page else None
        return max(0, PAGE_LIMIT - (page.stat().st_size if page and page.exists() else 0))

    def group(self, title: str) -> str:
        return f"::group::{_escaped(said(title), _DATA)}"

    def end_group(self) -> str:
        return "::endgroup::"

    def issue(self, severity: Severity, title: str, lines: Sequence[str]) -> str | None:
        heading = _escaped(said(title, _TITLE_LIMIT), _PROPERTY)
        text = "\n".join(said(line, _LINE_LIMIT) for line in lines) or said(title)
        return f"::{_KINDS[severity]} title={heading}::{_escaped(text, _DATA)}"

    def progress(self, percent: int, doing: str) -> str | None:
        return None

    def hand_over(self, summary: str, facts: Facts, kept: Kept | None) -> Iterable[str]:
        if self._page and len(summary.encode()) <= self.page_limit:  # the runner drops a page that is too long
            _append(self._page, summary)
        if self._outputs:
            rows = (f"{name.replace('_', '-')}={said(value)}\n" for name, value in asdict(facts).items())
            _append(self._outputs, "".join(rows))
        return ()


def _append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _escaped(text: str, escapes: Sequence[tuple[str, str]]) -> str:
    for plain, coded in escapes:
        text = text.replace(plain, coded)
    return text
