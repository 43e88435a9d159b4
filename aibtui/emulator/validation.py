"""validation.log: what the validators print while the run is Validating, in the form of the log before it."""

from __future__ import annotations

import hashlib

from aibtui.emulator.dialects import DIALECTS, render
from aibtui.emulator.records import Record, Voice
from aibtui.emulator.run import Run

_END = 3.0
"""Seconds from the validators' last word until the service says what comes next."""


def validation_log(run: Run, elapsed: float) -> bytes:
    """What is written `elapsed` seconds after the run's start; a line that begins with `!` is an error."""
    begins = next((state.at for state in run.states if state.sub_state == "Validating"), None)
    if begins is None or not run.scenario.validators:
        return b""
    ends = next((state.at for state in run.states if state.at > begins), begins + 60.0) - _END
    told = [*map(_record, run.scenario.validators), ("end", "")]
    records = [
        Record(begins + (ends - begins) * (place + 1) / len(told), voice, text)
        for place, (voice, text) in enumerate(told)
    ]
    dialect = DIALECTS[run.generation]
    lines = (
        text
        for record in records
        if record.at <= elapsed
        for text in render(record, dialect, run.started_at, run.operation)
    )
    return "".join(f"{line}\n" for line in lines).encode()


def tag(data: bytes) -> str:
    """An ETag that changes with the bytes."""
    return f'"0x8DF{hashlib.sha256(data).hexdigest()[:13].upper()}"'


def _record(text: str) -> tuple[Voice, str]:
    return ("error", text[1:]) if text.startswith("!") else ("say", text)
