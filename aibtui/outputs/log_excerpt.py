"""The log of a run by phase and step, for a page that must not grow with it: of what went well only the ends."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from aibtui.core.build import State
from aibtui.core.lines import parse_line
from aibtui.core.updates import Update
from aibtui.outputs.masking import Masker
from aibtui.outputs.timeline import all_steps, reached_phases
from aibtui.safetext import SafeText, clean
from aibtui.wording import capital, clock, phase_name

HEAD, TAIL = 40, 120  # lines of a part that went well
MOST_HEAD, MOST_TAIL = 2_000, 18_000  # of one that did not: whole, as a rule
AROUND = 3  # lines on each side of one that an alert speaks of
_NOT_WORTH_IT = 20  # lines that nobody need miss
_MOST_WANTED = 400
_LINE_LIMIT = 2_000
_BLOCK = 1 << 20
_WRONG: tuple[State, ...] = ("failed", "stopped")


class LogBytes(Protocol):
    """A log that can be read in pieces."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Some of them; fewer at its end."""


class Row(Struct, frozen=True):
    """A line, safe to draw: its number, its time of day (UTC), its text; `kind` is ui, error, log or raw.

    `left_out` counts the lines before it that the page does not have; a row of number 0 only tells of those at the end.
    """

    number: int
    at: str
    text: SafeText
    kind: str
    left_out: int = 0


class Part(Struct, frozen=True):
    """The lines of a phase or step. `wrong` marks one that failed, or that holds the cause."""

    title: str
    state: State
    first_line: int
    last_line: int
    rows: tuple[Row, ...]
    wrong: bool

    @property
    def lines(self) -> int:
        """How many it has in the log."""
        return self.last_line - self.first_line + 1

    @property
    def left_out(self) -> int:
        """How many the page does not have."""
        return self.lines - sum(1 for row in self.rows if row.number)


class _Span(Struct, frozen=True):
    title: str
    state: State
    first: int
    last: int
    wrong: bool


def excerpt(update: Update, log: LogBytes, *, redact: bool) -> tuple[Part, ...]:
    """The parts in order; together they cover every line. None where the log has none."""
    spans = list(_spans(update))
    wanted = sorted(_wanted(update))
    ranges = [list(_kept(span, wanted)) for span in spans]
    texts = _texts(log, [kept for each in ranges for kept in each])
    masker = Masker() if redact else None
    return tuple(_part(span, kept, texts, masker) for span, kept in zip(spans, ranges, strict=True))


def _spans(update: Update) -> Iterator[_Span]:
    """Phases, and steps in place of the phase that they make up, each up to where the next one begins."""
    build, cause = update.build, update.root_cause
    found: list[tuple[int, str, State]] = []
    for phase in reached_phases(build):
        if phase.first_line is not None and phase.name != "customize":
            found.append((phase.first_line, capital(phase_name(phase.name)), phase.state))
    for step in all_steps(build):
        if step.first_line is not None:
            found.append((step.first_line, f"Step {step.numbers} {step.name}", step.state))
    found.sort(key=lambda part: part[0])
    if not found and build.lines:
        found = [(1, "The log", "done")]
    for place, (first, title, state) in enumerate(found):
        start = first if place else 1
        last = found[place + 1][0] - 1 if place + 1 < len(found) else build.lines
        if last < start:
            continue
        holds_cause = cause is not None and cause.line is not None and start <= cause.line <= last
        yield _Span(title, state, start, last, state in _WRONG or holds_cause)


def _wanted(update: Update) -> set[int]:
    """The lines that alerts speak of."""
    lines = [line for alert in update.alerts for line in (alert.line, *(each.line for each in alert.evidence)) if line]
    return set(lines[:_MOST_WANTED])


def _kept(span: _Span, wanted: list[int]) -> Iterator[range]:
    """What is shown of a part, in order and without overlap."""
    head, tail = (MOST_HEAD, MOST_TAIL) if span.wrong else (HEAD, TAIL)
    if span.last - span.first < head + tail + _NOT_WORTH_IT:
        yield range(span.first, span.last + 1)
        return
    pieces = [range(span.first, span.first + head)]
    begin, end = bisect_left(wanted, span.first), bisect_left(wanted, span.last + 1)
    pieces += [range(max(line - AROUND, span.first), min(line + AROUND, span.last) + 1) for line in wanted[begin:end]]
    pieces.append(range(span.last + 1 - tail, span.last + 1))
    shown = span.first
    for piece in sorted(pieces, key=lambda each: each.start):
        if piece.stop > shown:
            yield range(max(piece.start, shown), piece.stop)
            shown = piece.stop


def _texts(log: LogBytes, ranges: Iterable[range]) -> dict[int, bytes]:
    """The lines of these numbers, read in one go through the log."""
    texts: dict[int, bytes] = {}
    pending = iter(ranges)
    wanted = next(pending, None)
    offset, number, rest = 0, 1, b""
    while wanted is not None:
        block = log.read(offset, _BLOCK)
        offset += len(block)
        data = rest + block
        end = data.rfind(b"\n") + 1 if block else len(data)
        lines = data[:end].removesuffix(b"\n").split(b"\n") if end else []
        rest = data[end:]
        while wanted is not None and wanted.start < number + len(lines):
            for line in range(max(wanted.start, number), min(wanted.stop, number + len(lines))):
                texts[line] = lines[line - number]
            if wanted.stop > number + len(lines):
                break
            wanted = next(pending, None)
        number += len(lines)
        if not block:
            break
    return texts


def _part(span: _Span, kept: list[range], texts: dict[int, bytes], masker: Masker | None) -> Part:
    rows: list[Row] = []
    shown = span.first
    for piece in kept:
        for number in piece:
            if number not in texts:
                continue
            line = parse_line(texts[number], number)
            text = masker.block(line.text) if masker else line.text
            at = clock(line.at, line.at.tzinfo) if line.at else ""
            rows.append(Row(number, at, clean(text, _LINE_LIMIT), line.stream, number - shown))
            shown = number + 1
    if shown <= span.last:
        rows.append(Row(0, "", SafeText(""), "log", span.last + 1 - shown))
    return Part(span.title, span.state, span.first, span.last, tuple(rows), span.wrong)
