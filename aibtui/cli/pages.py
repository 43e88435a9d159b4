"""The HTML page of a run, with what is known besides: its log, and what earlier runs of its kind took."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aibtui.cli.keeping import earlier_reports
from aibtui.cli.later import tempfile
from aibtui.cli.options import fail, recordings

if TYPE_CHECKING:
    from aibtui.core.forecast import Baseline
    from aibtui.core.polls import Poll
    from aibtui.core.updates import Update
    from aibtui.history import EarlierRun
    from aibtui.outputs.log_excerpt import LogBytes

_IN_MEMORY = 32 << 20


class PassingLog:
    """The bytes of customization.log, kept aside while its looks go by: in memory, and on disk where they are many.

    A context; behind it the bytes are gone.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        self._generation = 0
        self.size = 0

    def __enter__(self) -> PassingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def passing(self, polls: Iterable[Poll]) -> Iterator[Poll]:
        """The same looks."""
        for poll in polls:
            for chunk in poll.chunks:
                if chunk.log != "customization.log":
                    continue
                if chunk.generation > self._generation:
                    self._generation, self.size = chunk.generation, 0
                    self._file.seek(0)
                    self._file.truncate()
                self._file.seek(self.size)
                self._file.write(chunk.data)
                self.size += len(chunk.data)
            yield poll

    def read(self, offset: int, length: int) -> bytes:
        """Some of them; fewer at the end."""
        self._file.seek(offset)
        return self._file.read(length)


def html_page(
    update: Update, source: str, log: LogBytes | None, *, redact: bool = True, earlier: EarlierRun | None = None
) -> str:
    """The page of a run; `earlier` is the one that it is compared with."""
    from aibtui.outputs.html import html

    return html(update, source, log, _usual(update), redact=redact, earlier=earlier)


def report_json(update: Update, source: str, more: Mapping[str, object] | None = None, *, redact: bool = True) -> str:
    """The report as JSON text, with `more` fields, without secrets unless `redact` is False."""
    from aibtui.outputs.masking import Masker
    from aibtui.outputs.redaction import without_secrets
    from aibtui.outputs.report import report
    from aibtui.outputs.writer import json_text

    told = {**report(without_secrets(update) if redact else update, source), **(more or {})}
    return json_text(Masker().value(told) if redact else told, indent=1)


def save(text: str, path: Path) -> None:
    """Write the page, as a whole or not at all. Leaves with 2 where that cannot be done."""
    if path.is_dir():
        fail(f"{path} is a folder.", "Name the file to write, as --html report.html.", 2)
    made: str | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            made = file.name
            file.write(text)
        os.chmod(made, 0o600)
        os.replace(made, path)
    except OSError as error:
        if made:
            with suppress(OSError):
                os.unlink(made)
        fail(f"{path} cannot be written: {error.strerror or error}.", "Name another file with --html.", 2)


def _usual(update: Update) -> Baseline:
    """What earlier runs of the same kind took, as far as they are known here."""
    from aibtui.history import baseline, earlier_runs

    status = update.build.status
    return baseline(earlier_runs(earlier_reports(recordings()), status) if status else ())
