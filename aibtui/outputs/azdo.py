"""Azure Pipelines: its logging commands (learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict

from aibtui.core.updates import Severity
from aibtui.outputs.runner import PAGE_LIMIT, Facts, Kept, said
from aibtui.safetext import clean

_ESCAPES = (("%", "%AZP25"), (";", "%3B"), ("\r", "%0D"), ("\n", "%0A"), ("]", "%5D"))
_ISSUE_LIMIT = 3_000
_ARTIFACT = "aibtui"
_RESULTS = {"1": "Failed", "7": "SucceededWithIssues"}
PAGE = "aibtui.md"  # its name is the heading under which the run shows it


class AzurePipelines:
    """Asks an agent of Azure Pipelines. `folder` is where the summary page can lie until the agent has taken it."""

    page_limit = PAGE_LIMIT

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._builds = environ.get("SYSTEM_HOSTTYPE", "build").lower() == "build"  # a release takes no artifacts
        self._folder = folder

    def group(self, title: str) -> str:
        return f"##[group]{said(title)}"

    def end_group(self) -> str:
        return "##[endgroup]"

    def issue(self, severity: Severity, title: str, lines: Sequence[str]) -> str | None:
        if severity == "info":
            return None
        text = said(" ".join([_ended(title), *map(_ended, lines)]), _ISSUE_LIMIT)
        return _command("task.logissue", {"type": severity}, text)

    def progress(self, percent: int, doing: str) -> str | None:
        return _command("task.setprogress", {"value": str(percent)}, said(doing))

    def hand_over(self, summary: str, facts: Facts, kept: Kept | None) -> Iterable[str]:
        page = self._folder / PAGE
        page.write_text(summary, encoding="utf-8", newline="\n")
        return list(self._handed_over(page, facts, kept))

    def _handed_over(self, page: Path, facts: Facts, kept: Kept | None) -> Iterator[str]:
        yield _command("task.uploadsummary", {}, str(page.absolute()))
        for path in kept.files if kept else ():
            whole = str(path.absolute())
            if self._builds and kept:
                place = {"containerfolder": kept.folder.name, "artifactname": _ARTIFACT}
                yield _command("artifact.upload", place, whole)
            else:
                yield _command("task.uploadfile", {}, whole)
        for name, value in asdict(facts).items():
            if not value:
                continue
            variable = "aibtui" + name.title().replace("_", "")
            yield _command("task.setvariable", {"variable": variable, "isOutput": "true"}, said(value))
        if result := _RESULTS.get(facts.exit_code):
            yield _command("task.complete", {"result": result}, said(facts.outcome))


def _command(name: str, properties: Mapping[str, str], data: str) -> str:
    given = "".join(f"{key}={_escaped(value)};" for key, value in properties.items())
    return f"##vso[{name}{' ' if given else ''}{given}]{_escaped(data)}"


def _escaped(text: str) -> str:
    for plain, coded in _ESCAPES:
        text = text.replace(plain, coded)
    return text


def _ended(text: str) -> str:
    """As a sentence among others."""
    line = clean(text).rstrip()
    return line if line.endswith((".", ":", "!", "?", "…")) else f"{line}."
