"""The hot path: finds the few lines of a block that can mean something, and says which needles each of them holds.

A log of 100 MB has 600,000 lines, and a microsecond of Python for each would double the time of all the rest. But most
of them differ from others in their digits alone. So all digits become zeros, and of the shapes that are left each is
looked at once: one RE2 pattern, made of every needle, runs over them together; of those that it hits one RE2 set tells
which needles their text holds, and where that text begins. Of a line itself nothing is asked but whether its shape was
hit, and, where a needle tells digits apart, once more which needles it holds. A Line is made by who wants one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import re2

from aibtui.core.digits import ZEROS, blind
from aibtui.core.lines import MAX_LINE, Block, Head, Line, split_line, stamp_of

_MEMORY = 256 << 20
_BUILDER = "azure-arm: "
_STAMPED = re.compile(rb"PACKER (?:OUT |ERR )?(0000/00/00 00:00:00)(?: |$)")
_DATED = (b"PACKER 0000/00/00 00:00:00", b"PACKER ERR 0000/00/00 00:00:00")
_STAMP = len("0000/00/00 00:00:00")


class Candidate(NamedTuple):
    """A line that the scanner has hit.

    `offset` is where it begins in the block. `at` is its own stamp, or the last one before it in the block, or None.
    `found` are the needles that its text holds, by their places among those of the scanner.
    """

    offset: int
    number: int
    head: Head
    at: datetime | None
    text: bytes
    found: tuple[int, ...]

    def line(self) -> Line:
        """The Line that it is."""
        return self.head.line(self.number, self.at, self.text)


class Needle(NamedTuple):
    """What is looked for, in RE2's syntax: `text` in what a line says, without blanks around it; `block` in its bytes.

    `block` has no anchors; where it is None the needle alone makes no line a candidate.
    """

    text: str
    block: str | None

    @classmethod
    def anywhere(cls, source: str) -> Needle:
        """One that may stand anywhere in a text. Nothing is lost where a text ends with the needle's own blanks."""
        return cls(source.rstrip(" "), source)

    @classmethod
    def at_the_start(cls, source: str) -> Needle:
        """One with which what the builder says begins."""
        return cls(f"^(?:{source})", f"{_BUILDER}(?:{source})")


class Kind(NamedTuple):
    """What lines of one shape have in common: who speaks, where the text begins, which needles it holds.

    `stamp` is where their own stamp begins, None where they have none. Where `doubtful`, they may hold more needles, by
    their digits.
    """

    head: Head
    column: int
    stamp: int | None
    found: tuple[int, ...]
    doubtful: bool


class Scanned:
    """A block of which the lines were found that can mean something.

    `hits` are their places in the block, from 0, and their kinds, in order. `once` has each shape of its lines on a
    line.
    """

    def __init__(
        self,
        block: Block,
        shapes: list[bytes],
        once: bytes,
        hits: list[tuple[int, Kind]],
        doubted: Callable[[bytes], set[int]],
    ) -> None:
        self.block = block
        self.once = once
        self.hits = hits
        self._doubted = doubted
        self._shapes = shapes
        self._columns: dict[bytes, int] = {}
        self._told: tuple[int, datetime | None] = (0, None)  # a place, and the last stamp before it

    def text(self, place: int, kind: Kind) -> bytes:
        """What a line says, without what stands before it."""
        begin = self.block.offset(place)
        stop = min(self.block.end(place), begin + MAX_LINE)
        return self.block.data[begin + kind.column : stop].rstrip(b"\r\n")

    def at(self, place: int, kind: Kind) -> datetime | None:
        """A line's own stamp, else the last one before it in the block, else None."""
        own = self._stamp(self.block.offset(place) + kind.stamp) if kind.stamp is not None else None
        return own or self._last_before(place)

    def found(self, place: int, kind: Kind) -> tuple[int, ...]:
        """The needles that a line holds."""
        if not kind.doubtful:
            return kind.found
        return tuple(sorted(self._doubted(self.text(place, kind)).union(kind.found)))

    def candidate(self, place: int, kind: Kind) -> Candidate:
        """A line with all that is known of it."""
        offset = self.block.offset(place)
        head, text = split_line(self.block.data[offset : self.block.end(place)])
        number = self.block.first_line + place
        return Candidate(offset, number, head, self.at(place, kind), text, self.found(place, kind))

    def line(self, place: int, kind: Kind, at: datetime | None) -> Line:
        """A line of the builder, which is no plug-in's; its operation id is not asked for. `at` is its time."""
        text = self.text(place, kind).decode("utf-8", "replace")
        return Line(self.block.first_line + place, at, kind.head.stream, text, kind.head.builder, kind.head.arrow)

    def _last_before(self, place: int) -> datetime | None:
        known, told = self._told if self._told[0] <= place else (0, None)
        for above in range(place - 1, known - 1, -1):
            column = self._column(self._shapes[above])
            stamp = self._stamp(self.block.offset(above) + column) if column >= 0 else None
            if stamp is not None:
                told = stamp
                break
        self._told = place, told
        return told

    def _column(self, shape: bytes) -> int:
        """Where the last stamp begins in lines of a shape; negative where they have none."""
        column = self._columns.get(shape)
        if column is None:
            column = max(shape.rfind(form) + len(form) if form in shape else 0 for form in _DATED) - _STAMP
            self._columns[shape] = column
        return column

    def _stamp(self, begin: int) -> datetime | None:
        return stamp_of(self.block.data[begin : begin + _STAMP])


class Scanner:
    """Looks for `needles`, and knows them by their places among them."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        needles = tuple(needles)
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True  # a class like [^']+ must not run into the next line
        options.max_mem = _MEMORY
        sources = dict.fromkeys(f"(?:{blind(needle.block).may})" for needle in needles if needle.block)
        self._pattern: Any = re2.compile("|".join(sources).encode(), options)
        texts = [blind(needle.text) for needle in needles]
        # Those that tell digits apart: of a shape they may be sure or doubtful.
        self._telling = [place for place, text in enumerate(texts) if text.may != text.sure]
        self._blind = _set((*(text.may for text in texts), *(texts[place].sure for place in self._telling)), options)
        self._needles, self._options = needles, options

    def scan(self, block: Block) -> Scanned:
        """A block with the lines that are hit."""
        shapes = block.data.translate(ZEROS).split(b"\n")
        block.ends = list(accumulate(map(len, shapes)))
        fresh = set(shapes)
        once = b"\n".join(fresh)
        hit = {shape: self._kind(shape) for shape in (*self._hit(once), *_broken(fresh))}
        hits = [(place, hit[shape]) for place, shape in enumerate(shapes) if shape in hit]
        return Scanned(block, shapes, once, hits, self._doubted)

    def candidates(self, block: Block) -> Iterator[Candidate]:
        """The candidate lines of a block, in order."""
        scanned = self.scan(block)
        for place, kind in scanned.hits:
            yield scanned.candidate(place, kind)

    def _hit(self, shapes: bytes) -> Iterator[bytes]:
        """Those of many shapes, each on its line, that the pattern is found in."""
        search, end = self._pattern.search, 0
        while (match := search(shapes, end)) is not None:
            found = match.start()
            end = shapes.find(b"\n", found)
            end = end if end >= 0 else len(shapes)
            yield shapes[shapes.rfind(b"\n", 0, found) + 1 : end]

    def _kind(self, shape: bytes) -> Kind:
        head, text = split_line(shape)
        holds = set(self._blind.Match(_said(text)) or ())
        count = len(self._needles)
        sure = {self._telling[each - count] for each in holds if each >= count}
        holds = {each for each in holds if each < count}
        doubtful = holds.intersection(self._telling) - sure
        column = len(shape[:MAX_LINE].rstrip(b"\r\n")) - len(text)
        stamped = _STAMPED.search(shape, 0, column)
        stamp = stamped.start(1) if stamped else None
        return Kind(head, column, stamp, tuple(sorted(holds - doubtful)), bool(doubtful))

    @cached_property
    def _exact(self) -> Any:
        return _set((self._needles[place].text for place in self._telling), self._options)

    def _doubted(self, text: bytes) -> set[int]:
        return {self._telling[each] for each in self._exact.Match(_said(text)) or ()}


def _set(patterns: Iterable[str], options: Any) -> Any:
    """All patterns that a text holds are found at once."""
    made = re2.Set.SearchSet(options)
    for pattern in patterns:
        made.Add(pattern)
    made.Compile()
    return made


def _said(text: bytes) -> bytes:
    """What the needles look at: no blanks around it, also of other scripts, and UTF-8, which a line may not be."""
    said = text.strip()
    plain = b" " < said[:1] < b"\x7f" and b" " < said[-1:] < b"\x7f"
    return said if plain and (said.isascii() or _is_whole(said)) else text.decode("utf-8", "replace").strip().encode()


def _broken(shapes: set[bytes]) -> list[bytes]:
    """Those that are no UTF-8: a needle cannot match what is broken, so each is a candidate."""
    return [shape for shape in shapes if not shape.isascii() and not _is_whole(shape)]


def _is_whole(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
