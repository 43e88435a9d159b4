"""How a row of the log looks: strips of a given width. It reads a line's text when it is to be drawn, and no sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Final, Literal, get_args

from msgspec import Struct
from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.selection import Selection
from textual.strip import Strip

from aibtui import wording
from aibtui.core.build import State, Step
from aibtui.core.index import ERROR, EVIDENCE, HIT, KIND, NOISE, OUTPUT, WARNING, WORDS
from aibtui.core.looks import is_progress
from aibtui.safetext import clean
from aibtui.tui.log_find import Query
from aibtui.tui.log_map import Cell
from aibtui.tui.log_rows import ERRORS, GAP_ROW, HEADLINE, LINE, RUN_ROW, WARNINGS, LogRows, Row
from aibtui.tui.log_sections import Section
from aibtui.tui.log_text import Drawable, LogText

Times = Literal["clock", "since start", "since step", "none"]
TIMES: Final[tuple[Times, ...]] = get_args(Times)

SELECT_AT: Final = 64
"""In the offsets of a selection a line's text begins at this column, whatever stands before it on the screen."""
BOOKMARK: Final = "◆"
_TIME: Final = 8
_KINDS: Final = {
    NOISE: "log--noise",
    WORDS: "log--words",
    OUTPUT: "log--output",
    WARNING: "log--warning",
    ERROR: "log--error",
}
_STATES: Final[dict[State, str]] = {
    "planned": "log--time",
    "running": "log--step",
    "done": "log--good",
    "failed": "log--error",
    "stopped": "log--warning",
    "skipped": "log--time",
}
COMPONENTS: Final = frozenset(
    {*_KINDS.values(), "log--time", "log--step", "log--good", "log--rule", "log--hit", "log--hit-mark"}
    | {"log--cursor", "log--cursor-focused", "log--marked", "log--thumb", "log--track"}
)
_BOLD: Final = Style(bold=True)
_FEW_CELLS: Final = 72
"""A headline narrower than this says only what matters."""


class Look(Struct, frozen=True):
    """What drawing depends on besides the row; a change of any of it makes every strip anew."""

    width: int = 0
    column: int = 0
    """Cells of the text that are out of sight on the left; with `wrap` none are."""
    wrap: bool = False
    times: Times = "clock"
    zone: tzinfo | None = None
    started_at: datetime | None = None
    query: Query | None = None
    cause: int | None = None
    """The line of the root cause, from 0."""
    bookmarks: frozenset[int] = frozenset()

    @property
    def head(self) -> int:
        """Cells before a line's text: time and sign."""
        return 3 if self.times == "none" else _TIME + 4


class Painter:
    """Draws rows as strips as wide as the look.

    `style` gives the Style of one of COMPONENTS, without a background except where it is the point; `ground` the Style
    that all of them stand on.
    """

    def __init__(
        self, text: LogText, rows: LogRows, style: Callable[[str], Style], ground: Callable[[], Style]
    ) -> None:
        self._text = text
        self._rows = rows
        self._style = style
        self._ground = ground
        self._look = Look()
        self._strips: LRUCache[tuple[int, int], tuple[Strip, ...]] = LRUCache(512)
        self._styles: dict[str, Style] = {}
        self._overs: dict[str, Style] = {}
        self._cells: dict[Cell, Segment] = {}

    @property
    def look(self) -> Look:
        """How rows are drawn now."""
        return self._look

    @look.setter
    def look(self, look: Look) -> None:
        if look != self._look:
            self._look = look
            self._strips.clear()

    def forget(self) -> None:
        """Lines or styles are others now."""
        self._strips.clear()
        self._styles.clear()
        self._overs.clear()
        self._cells.clear()

    def draw(self, row: Row, now: datetime | None) -> tuple[Strip, ...]:
        """A row as one strip, or several where a long line is wrapped, each of the look's width."""
        if row.kind == HEADLINE:
            section = self._rows.section_of(row.line)
            return (self._headline(section, now) if section is not None else self.padded([]),)
        if row.kind == GAP_ROW:
            gap = self._rows.index.gap(row.line) or timedelta()
            return (self._between("┆", f"{wording.duration(gap)} without output", "log--step"),)
        if row.kind == RUN_ROW:
            newest = self._text.line(row.until).text
            what = "progress updates" if is_progress(newest.encode()) else "repeated lines"
            return (self._between("·", f"{self._rows.repeats(row):,} {what} folded", "log--time"),)
        key = row.line, self._rows.index.byte(row.line)
        strips = self._strips.get(key)
        if strips is None:
            strips = self._strips[key] = self._line(self._text.line(row.line), key[1])
        return strips

    def overlay(self, strip: Strip, component: str) -> Strip:
        """A strip with the ground of a component under it."""
        over = self._over(component)
        return Strip([Segment(text, (style or Style()) + over) for text, style, _ in strip], strip.cell_length)

    def cell(self, cell: Cell) -> Segment:
        """A cell of the map."""
        segment = self._cells.get(cell)
        if segment is None:
            style = self._styled(cell.component)
            segment = Segment(cell.sign, style + self._over("log--thumb") if cell.thumb else style)
            self._cells[cell] = segment
        return segment

    def said(self, text: str) -> Strip:
        """A strip with words of ours."""
        return self.padded([Segment(text, self._styled("log--time"))])

    def padded(self, segments: list[Segment]) -> Strip:
        """Segments as a strip of the look's width."""
        width = self._look.width
        used = sum(cell_len(segment.text) for segment in segments)
        strip = Strip([*segments, Segment(" " * max(0, width - used), self._styled(""))], max(width, used))
        return strip.crop(0, width) if used > width else strip

    def selected(self, strip: Strip, row: Row, part: int, selection: Selection, over: Style) -> Strip:
        """A line's strip with what is selected of it in another style."""
        span = selection.get_span(row.line)
        if row.kind != LINE or span is None:
            return strip
        first, stop = span[0] - SELECT_AT, None if span[1] == -1 else span[1] - SELECT_AT
        segments = []
        for segment, begin in self._columns(strip, row, part):
            text, style, _ = segment
            if begin is None:
                segments.append(segment)
                continue
            here = max(0, first - begin), len(text) if stop is None else max(0, stop - begin)
            for piece, chosen in ((text[: here[0]], 0), (text[here[0] : here[1]], 1), (text[max(here) :], 0)):
                if piece:
                    segments.append(Segment(piece, (style or Style()) + over if chosen else style))
        return Strip(segments, strip.cell_length)

    def placed(self, strip: Strip, row: Row, part: int) -> Strip:
        """A line's strip whose segments know what they show, so that the mouse can select it.

        No strip is drawn so: Textual looks every style up again and again, and here no two are the same.
        """
        if row.kind != LINE:
            return strip
        segments, before = [], True
        for (text, style, _), begin in self._columns(strip, row, part):
            # What stands before the text need not be told apart: one place is enough for all of it.
            column = SELECT_AT + begin if begin is not None else 0
            before = before and begin is None
            meta = Style.from_meta({"offset": (column, row.line)}) if before or begin is not None else Style()
            segments.append(Segment(text, (style or Style()) + meta))
        return Strip(segments, strip.cell_length)

    def _columns(self, strip: Strip, row: Row, part: int) -> Iterator[tuple[Segment, int | None]]:
        """A line's segments, each with where in the line's text it begins; None where it shows nothing of that."""
        look = self._look
        pieces = cut(self._text.line(row.line).text, look.column, look.width - look.head, wrap=look.wrap)
        begin, text, more = pieces[min(part, len(pieces) - 1)]
        before, left = look.head, len(text) + more
        for segment in strip:
            if before > 0:
                before -= len(segment.text)
                yield segment, None
            elif left > 0:
                yield segment, begin
                begin, left = begin + len(segment.text), left - len(segment.text)
            else:
                yield segment, None

    def _line(self, line: Drawable, byte: int) -> tuple[Strip, ...]:
        look, number = self._look, line.number - 1
        style = self._styled(_KINDS[byte & KIND])
        gutter, gutter_style = self._gutter(number, byte, style)
        time = f"{self.time(line)} " if look.times != "none" else ""
        head = [(f" {time}{gutter} ", self._styled("log--time"))]
        if gutter != " " or number in look.bookmarks:
            marked = BOOKMARK if number in look.bookmarks else " "
            head = [(marked, self._styled("log--hit-mark")), (time, self._styled("log--time"))]
            head.append((f"{gutter} ", gutter_style + _BOLD))
        pieces = cut(line.text, look.column, look.width - look.head, wrap=look.wrap)
        spans = look.query.spans(line.text) if look.query is not None and byte & HIT else []
        indent = [(" " * look.head, style)]
        strips = []
        for place, (begin, text, more) in enumerate(pieces):
            parts = _split(text, begin, spans, style, style + self._over("log--hit")) if spans else [(text, style)]
            if more:
                parts.append(("…", self._styled("log--time")))
            before = head if place == 0 else indent
            strips.append(self.padded([Segment(shown, its) for shown, its in (*before, *parts) if shown]))
        return tuple(strips)

    def _gutter(self, line: int, byte: int, style: Style) -> tuple[str, Style]:
        if line == self._look.cause:
            return wording.severity_glyph("error"), self._styled("log--error")
        if byte & EVIDENCE:
            return "!", self._styled("log--error" if byte & KIND == ERROR else "log--warning")
        return {ERROR: "E", WARNING: "W"}.get(byte & KIND, " "), style

    def time(self, line: Drawable) -> str:
        """What the time column says of a line."""
        if line.at is None:
            return " " * _TIME
        if self._look.times == "clock":
            return wording.clock(line.at, self._look.zone)
        since = self._look.started_at
        if self._look.times == "since step":
            section = self._rows.section_of(line.number - 1)
            since = section.part.started_at if section is not None else None
        return f"{wording.duration(line.at - since):>{_TIME}}" if since is not None else " " * _TIME

    def _between(self, sign: str, said: str, component: str) -> Strip:
        style = self._styled(component)
        return self.padded([Segment(" " * (self._look.head - 2), style), Segment(f"{sign} {said}", style)])

    def _headline(self, section: Section, now: datetime | None) -> Strip:
        part, rows = section.part, self._rows
        folded = section.name in rows.folded
        state = self._styled(_STATES[part.state])
        dim = self._styled("log--time")
        name = f"{part.index} {wording.step_name(part)}" if isinstance(part, Step) else wording.phase_name(part.name)
        strong = (state if part.state in ("running", "failed", "stopped") else self._styled("")) + _BOLD
        left = [(f" {'▸' if folded else '▾'} ", dim), (f"{wording.state_glyph(part.state)} ", state), (name, strong)]
        right = self._figures(section, now)
        room = self._look.width - sum(cell_len(text) for text, _ in right) - 1
        used = sum(cell_len(text) for text, _ in left)
        if used > room - 2:
            over = used - max(0, room - 2)
            name = str(clean(name))
            left[-1] = (chop_cells(name, max(1, cell_len(name) - over - 1))[0] + "…", strong)
            used = sum(cell_len(text) for text, _ in left)
        rule = (f" {'─' * max(0, room - used - 2)} ", self._styled("log--rule"))
        return self.padded([Segment(text, style) for text, style in [*left, rule, *right]])

    def _figures(self, section: Section, now: datetime | None) -> list[tuple[str, Style]]:
        """Lines, errors, warnings and time of a section, or what matters of it where there is little room."""
        rows, part = self._rows, section.part
        first, stop = section.first, rows.end_of(section)
        dim = self._styled("log--time")
        errors, warnings = (rows.index.count(wanted, first, stop) for wanted in (ERRORS, WARNINGS))
        lines = rows.seen(first, stop)
        figures = []
        if self._look.width >= _FEW_CELLS:
            figures.append((f"{wording.count(lines, 'line')}  ", dim))
        if errors:
            figures.append((f"{errors:,} E  ", self._styled("log--error")))
        if warnings:
            figures.append((f"{warnings:,} W  ", self._styled("log--warning")))
        took = wording.elapsed(part, now)
        said = wording.duration(took) if took is not None else ""
        figures.append((f"{said:>7} ", self._styled("log--step") if part.state == "running" else dim))
        return figures

    def _styled(self, component: str) -> Style:
        style = self._styles.get(component)
        if style is None:
            ground = self._ground()
            style = self._styles[component] = ground + self._style(component) if component else ground
        return style

    def _over(self, component: str) -> Style:
        """A component's style alone, to lay it over another."""
        style = self._overs.get(component)
        if style is None:
            style = self._overs[component] = self._style(component)
        return style


def cut(text: str, column: int, room: int, *, wrap: bool) -> list[tuple[int, str, bool]]:
    """What of a text is seen in `room` cells: where each piece begins in it, the piece, and whether more follows."""
    room = max(1, room)
    if wrap:
        pieces = chop_cells(text, room) if text else [""]
        begins = [0]
        for piece in pieces:
            begins.append(begins[-1] + len(piece))
        return [(begin, piece, False) for begin, piece in zip(begins, pieces, strict=False)]
    if text.isascii():
        more = len(text) > column + room
        return [(min(column, len(text)), text[column : column + room - more], more)]
    begin = cells = 0
    while begin < len(text) and cells < column:
        cells += cell_len(text[begin])
        begin += 1
    rest = text[begin:]
    if cell_len(rest) <= room:
        return [(begin, rest, False)]
    return [(begin, chop_cells(rest, max(2, room - 1))[0], True)]


def _split(
    text: str, begin: int, spans: Iterable[tuple[int, int]], style: Style, found: Style
) -> list[tuple[str, Style]]:
    """A piece that begins at `begin` of its text, with the spans of that text in another style."""
    parts, done = [], 0
    for first, stop in spans:
        first, stop = max(done, first - begin), min(len(text), stop - begin)
        if first < stop:
            parts += [(text[done:first], style), (text[first:stop], found)]
            done = stop
    return [part for part in [*parts, (text[done:], style)] if part[0]]
