"""Lines of the log as text to take away: no time, no sign, no prefix; controls cleaned and likely secrets masked."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from aibtui import wording
from aibtui.safetext import SafeText, mask_secrets
from aibtui.tui.log_rows import HEADLINE, RUN_ROW, LogRows, Row
from aibtui.tui.log_text import LogText

MOST: Final = 100_000
"""Characters; terminals take no more by OSC 52, and many take less."""


class Taken(Struct, frozen=True):
    """What was taken: the text, how many lines it is, which (from 1), how many secrets were masked.

    `too_much` says that the text ends before the lines do.
    """

    text: str
    lines: int
    first: int
    last: int
    masked: int
    too_much: bool = False

    def sentence(self, recorded: SafeText | None) -> str:
        """What to tell the person who copied; it names the file as the second way to the same lines."""
        place = f"{self.first:,}" if self.first == self.last else f"{self.first:,} to {self.last:,}"
        file = recorded or "customization.log"
        where = f"line{'' if self.first == self.last else 's'} {place} of {file}"
        if self.too_much:
            return f"Too much for the clipboard, nothing copied: {where}"
        masked = f", {wording.count(self.masked, 'possible secret')} masked" if self.masked else ""
        return f"Copied {wording.count(self.lines, 'line')}{masked}: {where}"


def take_rows(text: LogText, rows: LogRows, first: Row, last: Row, *, mask: bool) -> Taken:
    """The lines that stand in the rows from one to the other, with those that a fold among them hides."""
    begin, end = min(first, last), max(first, last)
    stop = end.until
    section = rows.section_of(end.line) if end.kind == HEADLINE else None
    if section is not None and (begin == end or section.name in rows.folded):
        stop = rows.end_of(section) - 1
    if begin == end and begin.kind not in (HEADLINE, RUN_ROW):
        return _take(text, [begin.line], mask=mask)
    lines: list[int] = []
    line = rows.index.next(rows.seen_table, begin.line, stop + 1)
    while line is not None and len(lines) <= MOST:
        lines.append(line)
        line = rows.index.next(rows.seen_table, line + 1, stop + 1)
    return _take(text, lines or [begin.line], mask=mask)


def take_span(
    text: LogText, rows: LogRows, begin: tuple[int, int], end: tuple[int, int | None], *, mask: bool
) -> Taken | None:
    """What was selected: from one (line, column) to another, of the lines that have a row."""
    row = rows.at(begin[0])
    lines: list[int] = []
    while row is not None and row.line <= end[0] and len(lines) <= MOST:
        if row.line >= begin[0] and row.kind > HEADLINE and row.kind != RUN_ROW:
            lines.append(row.line)
        row = rows.after(row)
    if not lines:
        return None
    cut = (begin[1] if lines[0] == begin[0] else 0, end[1] if lines[-1] == end[0] else None)
    return _take(text, lines, mask=mask, cut=cut)


def take_lines(text: LogText, lines: list[int], *, mask: bool) -> Taken:
    """These lines alone."""
    return _take(text, lines, mask=mask)


def _take(text: LogText, lines: list[int], *, mask: bool, cut: tuple[int, int | None] = (0, None)) -> Taken:
    texts: list[str] = []
    masked = size = 0
    for line in lines:
        said: str = text.whole_line(line).text
        if line == lines[-1]:
            said = said[: cut[1]] if cut[1] is not None else said
        if line == lines[0]:
            said = said[max(0, cut[0]) :]
        if mask:
            said, hidden = mask_secrets(said)
            masked += hidden
        size += len(said) + 1
        if size > MOST:
            return Taken("", len(lines), lines[0] + 1, lines[-1] + 1, 0, too_much=True)
        texts.append(said)
    return Taken("\n".join(texts), len(lines), lines[0] + 1, lines[-1] + 1, masked)
