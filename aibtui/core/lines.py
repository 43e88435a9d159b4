"""Bytes become lines: blocks of whole lines, and a Line object for the few that matter.

Only `\\n` ends a line. Whatever the chunking of the bytes, blocks hold the same lines under the same numbers; a line
longer than MAX_LINE is cut there, so that none can stall the rest.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal

from msgspec import Struct

from aibtui.core.build import LogFormat
from aibtui.core.regex import regex

MAX_LINE = 64 * 1024
_LEAST_REACH = 4 * 1024
_LONGEST_MARK = len(b"PACKER ERR 2")
LOOK_BACK = 16 * 1024
_SMALL = 600  # bytes that are quicker searched than halved

# What tells a generation: g1 by OUT and ERR, g2 by the blanks before what a script prints.
_MARKS: tuple[tuple[bytes, LogFormat], ...] = (
    (b"PACKER OUT", "g1"),
    (b"PACKER ERR", "g1"),
    (b" ui:     azure-arm:", "g2"),
)
_BLANKS = regex(rb"(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?ui:     azure-arm:")

Stream = Literal["ui", "error", "log", "raw"]

# [guid] PACKER OUT|ERR yyyy/mm/dd HH:MM:SS ..., each part missing in some generation, some record or some quotation;
# the container's log and an Azure DevOps task put an RFC 3339 stamp in front.
_PREFIX = regex(
    rb"(?:\d{4}-\d\d-\d\dT[\d:.]+Z? +)?[^\w\n]{0,4}(?:([0-9a-fA-F]{8}-[0-9a-fA-F-]{27})\W{0,4})?"
    rb"PACKER(?: (OUT|ERR)\b)?(?: |$)"
)
_CONTAINER_STAMP = regex(rb"\d{4}-\d\d-\d\dT[\d:.]+Z? +")
_STAMP = regex(rb"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?: |$)")
_STAMPED = regex(rb"PACKER (?:ERR )?(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)")
_PROCESS = regex(rb"(packer[\w.-]*?)(?:_v[\w.]+)?(?: plugin)?: (?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d )?")
_BUILDER = regex(rb"(?:(==> |--> | {4}))?(?:azure-arm[\w.]*|vhd):(?: |$)")
# Almost all that a script prints stands behind these bytes, near the start of the line.
_SPOKEN = b"azure-arm: "
_REACH = 160


class Line(Struct, frozen=True):
    """One line with its prefix understood.

    `stream` is "ui" or "error" for what Packer shows (a script's output included), "log" for Packer's own debug log,
    "raw" for a line without Packer's prefix. `text` is what follows prefix, stamp and `==> azure-arm: `. `at` is the
    line's own stamp, or the last one before it; the log gives no zone, the service writes UTC. `builder` says that
    the text came through the builder (`azure-arm:`), which all that a script prints does; `arrow` that it had `==>`.
    `process` is the plug-in that wrote a debug line, without its version; None is Packer's core.
    """

    number: int
    at: datetime | None
    stream: Stream
    text: str
    builder: bool = False
    arrow: bool = False
    process: str | None = None
    operation_id: str | None = None


class Block:
    """Whole lines in a row, the first with number `first_line`; `before` is up to LOOK_BACK bytes of earlier ones."""

    def __init__(self, data: bytes, first_line: int, before: bytes = b"") -> None:
        self.data = data
        self.first_line = first_line
        self.before = before

    @cached_property
    def ends(self) -> list[int]:
        """Where lines end if newlines take no room; who has to find them for other reasons may put them here."""
        return list(accumulate(map(len, self.data.split(b"\n"))))

    @property
    def lines(self) -> int:
        """How many there are; the last one of a log may have no end."""
        return len(self.ends) - self.data.endswith(b"\n")

    def offset(self, place: int) -> int:
        """Where a line begins, by its place among those of the block, from 0."""
        return self.ends[place - 1] + place if place else 0

    def end(self, place: int) -> int:
        """Where a line ends, without its newline."""
        return self.ends[place] + place

    def place_at(self, offset: int) -> int:
        """The place of the first line that begins there or later."""
        return bisect_left(range(len(self.ends)), offset, key=self.offset)

    def number_at(self, offset: int) -> int:
        """The number of the first line that begins there or later."""
        return self.first_line + self.place_at(offset)

    def above(self, offset: int) -> bytes:
        """Up to LOOK_BACK bytes before `offset`."""
        if offset >= LOOK_BACK:
            return self.data[offset - LOOK_BACK : offset]
        return (self.before + self.data[:offset])[-LOOK_BACK:]


class Lines:
    """Cuts a stream of bytes into blocks of whole lines; keeps what is not a whole line yet."""

    def __init__(self) -> None:
        self._count = 0
        self._newest: Block | None = None
        self._tail = bytearray()
        self._before = b""

    @property
    def count(self) -> int:
        """The lines so far. Those of the newest block are counted when somebody asks, or while they are read."""
        return self._count + (self._newest.lines if self._newest else 0)

    def feed(self, data: bytes) -> Block | None:
        """Take more bytes; None while they end no line."""
        end = data.rfind(b"\n")
        if end < 0:
            self._hold(data)
            return None
        if self._tail:
            first = data.find(b"\n")
            self._hold(data[:first])
            whole = bytes(self._tail) + data[first : end + 1]
        else:
            whole = data[: end + 1]
        self._tail.clear()
        self._hold(data[end + 1 :])
        return self._block(whole)

    def finish(self) -> Block | None:
        """The log is over: what is left is its last line."""
        rest = bytes(self._tail)
        self._tail.clear()
        return self._block(rest) if rest else None

    def _hold(self, data: bytes) -> None:
        self._tail += data[: MAX_LINE - len(self._tail)]

    def _block(self, whole: bytes) -> Block:
        self._count = self.count
        self._newest = Block(whole, self._count + 1, self._before)
        self._before = (self._before + whole[-LOOK_BACK:])[-LOOK_BACK:]
        return self._newest


class Head(Struct, frozen=True):
    """What stands before a line's text: the fields of a Line, without its number and its text."""

    at: datetime | None
    stream: Stream
    builder: bool = False
    arrow: bool = False
    process: str | None = None
    operation_id: str | None = None

    def line(self, number: int, at: datetime | None, text: bytes) -> Line:
        """The line with this head; `at` is the stamp to take where the head has none."""
        return Line(
            number,
            self.at or at,
            self.stream,
            text.decode("utf-8", "replace"),
            self.builder,
            self.arrow,
            self.process,
            self.operation_id,
        )


def parse_line(raw: bytes, number: int, at: datetime | None = None) -> Line:
    """Understand one line; `at` is the stamp to take where the line has none of its own."""
    head, text = split_line(raw)
    return head.line(number, at, text)


def split_line(raw: bytes) -> tuple[Head, bytes]:
    """A line's head and its text, undecoded. Lines of one second have the same head, which is understood once."""
    end = raw.find(_SPOKEN, 0, _REACH) + len(_SPOKEN)
    if end >= len(_SPOKEN):
        head, length = _head(raw[:end])
        if length == end:  # else the builder's name is only quoted in the text
            return head, raw[end:MAX_LINE].rstrip(b"\r\n")
    raw = raw[:MAX_LINE].rstrip(b"\r\n")
    head, length = _understand(raw)
    return head, raw[length:]


def _understand(raw: bytes) -> tuple[Head, int]:
    """The head of a line, and how many bytes it has."""
    prefix = _PREFIX.match(raw)
    if prefix is None:
        stamped = _CONTAINER_STAMP.match(raw)
        return Head(None, "raw"), stamped.end() if stamped else 0
    begin, at = prefix.end(), None
    stamp = _STAMP.match(raw, begin)
    if stamp:
        begin, at = stamp.end(), _stamp(stamp)
    marker = prefix.group(2)
    stream: Stream = "log"
    if marker == b"OUT":
        stream = "ui"
    elif raw.startswith(b"ui error:", begin):
        # The first generation shows every message on OUT; what its ERR repeats is a copy.
        stream, begin = ("log" if marker else "error"), begin + 9 + raw.startswith(b" ", begin + 9)
    elif raw.startswith(b"ui:", begin):
        stream, begin = ("log" if marker else "ui"), begin + 3 + raw.startswith(b" ", begin + 3)
    elif not marker and not stamp and raw.startswith((b"==> ", b"--> ", b"ERROR: "), begin):
        stream = "ui"
    arrow, builder, process = False, None, None
    if stream == "log":
        speaker = _PROCESS.match(raw, begin)
        if speaker:
            process, begin = speaker.group(1).decode(), speaker.end()
    else:
        builder = _BUILDER.match(raw, begin)
        if builder:
            arrow = builder.group(1) == b"==> "
            if builder.group(1) != b"--> ":
                begin = builder.end()
    operation = prefix.group(1)
    return Head(at, stream, builder is not None, arrow, process, operation.decode() if operation else None), begin


_head = lru_cache(maxsize=256)(_understand)


def format_of(data: bytes) -> LogFormat | None:
    """The generation that the prefixes of lines show: g1 by OUT and ERR, g2 by its script output; g3 while neither is
    seen. None where no line is Packer's. What a script prints is behind a prefix and cannot pretend to be one.
    """
    for needle, told in _MARKS:
        at = data.find(needle)
        while at >= 0:
            prefix = _PREFIX.match(data, data.rfind(b"\n", 0, at) + 1)
            if prefix and (prefix.group(2) if told == "g1" else _BLANKS.match(data, prefix.end())):
                return told
            end = data.find(b"\n", at)
            at = data.find(needle, end) if end >= 0 else -1
    first = data.find(b"PACKER ")
    return "g3" if first >= 0 and _PREFIX.match(data, data.rfind(b"\n", 0, first) + 1) else None


def _stamp(match: re.Match[bytes]) -> datetime | None:
    return stamp_of(match[1])


@lru_cache(maxsize=256)
def stamp_of(stamp: bytes) -> datetime | None:
    """`2026/03/22 13:04:38` as a time; lines of one second share it."""
    try:
        return datetime.fromisoformat(stamp.decode("ascii").replace("/", "-")).replace(tzinfo=UTC)
    except ValueError:
        return None


def stamp_before(data: bytes, low: int, high: int) -> datetime | None:
    """The last stamp in `data[low:high]`, for lines that have none of their own."""
    while (at := _last_mark(data, low, high)) >= 0:
        match = _STAMPED.match(data, at)
        found = _stamp(match) if match else None
        if found:
            return found
        high = at
    return None


def _last_mark(data: bytes, low: int, high: int) -> int:
    """Where the last stamp of `data[low:high]` begins, or what looks like one; -1 where there is none.

    Looked for from the end in growing parts, because the one form of the two that a log does not have is nowhere.
    """
    reach = _LEAST_REACH
    while True:
        begin = max(low, high - reach)
        at = data.rfind(b"PACKER 2", begin, high)
        at = max(at, data.rfind(b"PACKER ERR 2", max(at, begin), high))
        if at >= 0 or begin == low:
            return at
        high, reach = begin + _LONGEST_MARK, reach * 4  # a mark may lie across the border


class Gap(Struct, frozen=True):
    """A stretch between two stamps that follow each other: the log's own clock made a leap.

    The line after it has number `line` and begins at `position` of the block. `silent` is true when no line at all lies
    between the two stamped ones.
    """

    position: int
    line: int
    since: datetime
    until: datetime
    silent: bool


def gaps(block: Block, since: datetime | None, at_least: timedelta) -> Iterator[Gap]:
    """Where the stamps of a block leap by `at_least` or more, in order. `since` is the last stamp before the block.

    Stamps never go backwards, so a part whose two ends lie closer than that is not looked into.
    """
    data = block.data
    first = next_stamp(data, 0)
    if first is None:
        return
    if since is not None and first[1] - since >= at_least:
        silent = first[0] == 0 and _ends_stamped(block.before)
        yield Gap(first[0], block.number_at(first[0]), since, first[1], silent)
    last = next_stamp(data, data.rfind(b"\n", 0, _last_mark(data, 0, len(data))) + 1)
    parts = [(first, last)] if last else []
    while parts:
        low, high = parts.pop()
        if low[0] >= high[0] or high[1] - low[1] < at_least:
            continue
        middle = next_stamp(data, data.find(b"\n", (low[0] + high[0]) // 2) + 1)
        if middle is None or middle[0] >= high[0]:
            middle = next_stamp(data, data.find(b"\n", low[0]) + 1)
        if middle is None or middle[0] >= high[0]:
            number = block.number_at(high[0])
            yield Gap(high[0], number, low[1], high[1], silent=number - block.number_at(low[0]) == 1)
        else:
            parts += [(middle, high), (low, middle)]


def _ends_stamped(lines: bytes) -> bool:
    """Whether the last line has a stamp of its own; the oldest format stamps nothing that a script prints."""
    return next_stamp(lines, lines.rfind(b"\n", 0, -1) + 1) is not None


def first_since(data: bytes, position: int, until: datetime) -> int | None:
    """Where the first line begins, from that which begins at `position`, that is stamped `until` or later. It is found
    by halving: stamps never go backwards."""
    stamp = f"{until:%Y/%m/%d %H:%M:%S}".encode()
    low, step = position, 4096
    while (found := _STAMPED.search(data, _line_start(data, low + step))) and found[1] < stamp:
        low, step = found.end(), step * 2
    high = found.start() if found else len(data)
    while high - low > _SMALL:
        half = (low + high) // 2
        found = _STAMPED.search(data, half, high)
        if found and found[1] < stamp:
            low = found.end()
        else:
            high = half
    while (found := _STAMPED.search(data, low)) and found[1] < stamp:
        low = found.end()
    return data.rfind(b"\n", 0, found.start()) + 1 if found else None


def _line_start(data: bytes, position: int) -> int:
    start = data.find(b"\n", min(position, len(data)) - 1) + 1
    return start or len(data)


def next_stamp(data: bytes, position: int, until: int | None = None) -> tuple[int, datetime] | None:
    """The first line from `position` (a line's start) to `until` that has a stamp: (its start, the stamp)."""
    while True:
        match = _STAMPED.search(data, position, len(data) if until is None else until)
        if match is None:
            return None
        found = _stamp(match)
        if found:
            return data.rfind(b"\n", 0, match.start()) + 1, found
        position = match.end()
