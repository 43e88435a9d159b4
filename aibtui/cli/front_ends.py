"""Which front end a watch gets, and those of them that write lines, put together with what they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from aibtui.cli.later import tempfile
from aibtui.cli.onscreen import Shown

if TYPE_CHECKING:
    from aibtui.core.updates import Update
    from aibtui.outputs import Output
    from aibtui.outputs.annotations import Allowance
    from aibtui.outputs.runner import Kept, Runner
    from aibtui.recording import Run
    from aibtui.session import Watch

_TAIL_LINES = 20
_TAIL_BYTES = 256 * 1024
_INTERRUPTED = 130
RUNNERS = ("github", "azdo")


def front_end(output: str, environ: Mapping[str, str] | None = None) -> str:
    """What `auto` means here: the screen on a terminal, else what the pipeline's runner understands, else lines."""
    environ = os.environ if environ is None else environ
    if output != "auto":
        return output
    # The screen is drawn on stderr, its keys come from stdin; what is not a terminal gets lines.
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    if on_terminal and environ.get("TERM") != "dumb" and not environ.get("CI"):
        return "tui"
    if environ.get("GITHUB_ACTIONS", "").lower() == "true":
        return "github"
    return "azdo" if environ.get("TF_BUILD", "").lower() == "true" else "plain"


def line_output(
    output: str,
    build: Shown,
    tail: Callable[[], list[str]],
    stream: TextIO | None = None,
    allowance: Allowance | None = None,
) -> Output:
    """The front end that writes lines to `stream`, which marks them where there are several builds; else to stdout."""
    out = stream or sys.stdout
    if output == "jsonl":
        from aibtui.outputs.jsonl import JsonLines

        return JsonLines(out, build.target, redact=build.redact)
    if output not in RUNNERS:
        from aibtui.outputs.plain import Plain

        return Plain(out, tail, redact=build.redact)
    from aibtui.outputs.annotations import Annotated
    from aibtui.wording import come_back

    folder = _folder(os.environ)
    return Annotated(
        out,
        tail,
        _runner(output, os.environ, folder),
        source=build.target,
        title=build.title,
        come_back=lambda update: come_back(*build.words, *_same_run(build, update)),
        keep=lambda update, code: _kept(build.watch, update, build.target, folder, code),
        allowance=allowance,
        commands=sys.stdout if stream else None,
    )


def _same_run(build: Shown, update: Update) -> tuple[str, ...]:
    """The option that comes back to this very run, where the service knows its start."""
    status = update.build.status
    if build.words[:1] != ("watch",) or status is None or status.started_at is None:
        return ()
    from aibtui.wording import iso

    return "--started-at", iso(status.started_at)


def tail_of(run: Run, update: Update | None) -> list[str]:
    """The last lines that the failed step printed."""
    from aibtui.core.lines import parse_line

    step = update.build.step if update else None
    if update is None or step is None or step.first_line is None:
        return []
    data = run.read(max(0, run.size - _TAIL_BYTES), _TAIL_BYTES)
    rows = data.removesuffix(b"\n").split(b"\n")
    first = update.build.lines - len(rows) + 1
    lines = (parse_line(row, first + place) for place, row in enumerate(rows))
    end = step.last_line or update.build.lines
    said = [line.text for line in lines if line.builder and step.first_line <= line.number <= end and line.text.strip()]
    return said[-_TAIL_LINES:]


def _runner(output: str, environ: Mapping[str, str], folder: Path) -> Runner:
    if output == "github":
        from aibtui.outputs.github import GitHubActions

        return GitHubActions(environ)
    from aibtui.outputs.azdo import AzurePipelines

    return AzurePipelines(environ, folder)


def _folder(environ: Mapping[str, str]) -> Path:
    """A new folder of this user's alone, which the runner clears away after the job."""
    parent = environ.get("AGENT_TEMPDIRECTORY") or environ.get("RUNNER_TEMP") or None
    return Path(tempfile.mkdtemp(prefix="aibtui-", dir=parent if parent and Path(parent).is_dir() else None))


def _kept(watch: Watch, update: Update, target: str, folder: Path, exit_code: int) -> Kept | None:
    """Copies of the recording and of the report, without secrets; none where the watch was told to keep nothing, and
    none when it is interrupted, because a runner waits only seconds then."""
    if not watch.run.kept or exit_code == _INTERRUPTED:
        return None
    from aibtui.cli.pages import html_page, report_json
    from aibtui.outputs.masking import mask_file
    from aibtui.outputs.runner import Kept
    from aibtui.safetext import safe_name

    place = folder / safe_name(watch.run.id)
    place.mkdir(mode=0o700, exist_ok=True)
    log, page, report = (place / name for name in ("customization.log", "report.html", "report.json"))
    files = [page, report]
    page.write_text(html_page(update, target, watch.run), encoding="utf-8", newline="\n")
    report.write_text(report_json(update, target) + "\n", encoding="utf-8", newline="\n")
    if watch.run.size:
        with open(log, "wb") as copy:
            mask_file(watch.run.path, copy)
        files.insert(0, log)
    return Kept(place, tuple(files))
