"""Where the lines of a log lie and of what kind each is, without the text: a byte per line, and a few per 64 lines."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from typing import Final, NamedTuple

from aibtui.core.lines import parse_line

BLOCK: Final = 64
"""Every 64th line's offset is kept."""
REACH: Final = 64 * 1024
"""An offset is also kept where the last kept one is this many bytes back, so that long lines make no look-up slow."""
HEAD: Final = 512
"""As much of a line as its kind is judged by."""
LONGEST: Final = 16 * 1024
"""As much of a line as anybody draws."""

NOISE, OUTPUT, WARNING, ERROR = range(4)

_ERROR_LIKE = re.compile(
    r"\s*(?:npm )?(?:error|fatal|exception)\b(?! ?(?:code|level)?s? ?[:=]? ?0\b)"
    r"|[\w.-]+ : (?:cannot|could not|the (?:term|remote|operation|request|property|argument)|access) "
    r"|\s*\+ (?:CategoryInfo|FullyQualifiedErrorId) ",
    re.IGNORECASE,
)
_ERROR_NAMED = re.compile(r"(?:[Ee]rror|[Ee]xception): ")
_WARNING_LIKE = re.compile(r"\s*(?:npm )?warn(?:ing)?\b", re.IGNORECASE)
_RESTARTING = re.compile(
    r"A system shutdown is in progress|A system shutdown has already been scheduled|\((?:1115|1190)\)"
)


def classify(head: bytes) -> int:
    """The kind of a line by its first HEAD bytes.

    NOISE is Packer's own debug log and lines with nothing to read; everything else is OUTPUT, or by its looks WARNING
    or ERROR. Looks are a hint for the eye; alerts are the rules' business. What Windows prints to stderr while it
    restarts as asked is no error.
    """
    if head[37:47] == b"] PACKER 2" and head[65:66] == b" " and head[66:68] != b"ui":
        return NOISE  # the form of nearly all of them: [guid] PACKER yyyy/mm/dd HH:MM:SS and no `ui`
    line = parse_line(head, 0)
    if line.stream == "log" or not line.text.strip():
        return NOISE
    if _RESTARTING.search(line.text):
        return OUTPUT
    if _WARNING_LIKE.match(line.text):
        return WARNING
    if line.stream == "error" or _ERROR_LIKE.match(line.text) or _ERROR_NAMED.search(line.text):
        return ERROR
    return OUTPUT


class Span(NamedTuple):
    """What to read to see a line: it follows `skip` newlines in `length` bytes at `offset`, LONGEST of it."""

    offset: int
    length: int
    skip: int


class LineIndex:
    """Grows with the bytes of one log generation. Lines count from 0 here; `rows` are the lines that are not NOISE.

    `start` is the offset of the first byte fed, which must begin a line. `size` is the offset behind the last one fed.
    """

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.size = start
        self.lines = 0
        self.rows = 0
        self._head = bytearray()
        self._offsets = array("Q", [start])
        self._firsts = array("Q", [0])
        self._kinds = bytearray()
        self._rows_before = array("Q", [0])

    def feed(self, data: bytes) -> None:
        """Take the bytes that follow. What has no newline yet counts once its newline comes, or at `finish`."""
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            if self._head:
                self._hold(data, position, end)
                head = bytes(self._head)
                self._head.clear()
            else:
                head = data[position : min(end, position + HEAD)]
            position = end + 1
            self._end_line(head, self.size + position)
        self._hold(data, position, len(data))
        self.size += len(data)

    def finish(self) -> None:
        """The log is over: what is left without a newline is its last line."""
        if self._head:
            head = bytes(self._head)
            self._head.clear()
            self._end_line(head, self.size)

    def kind(self, line: int) -> int:
        """NOISE, OUTPUT, WARNING or ERROR."""
        return self._kinds[line]

    def locate(self, line: int) -> Span:
        """Where to read a line; raises IndexError when there is none such."""
        if not 0 <= line < self.lines:
            raise IndexError(line)
        at = bisect_right(self._firsts, line) - 1
        offset = self._offsets[at]
        end = self._offsets[at + 1] if at + 1 < len(self._offsets) else self.size
        return Span(offset, min(end - offset, REACH + LONGEST), line - self._firsts[at])

    def row(self, line: int) -> int:
        """How many rows come before a line."""
        line = min(max(line, 0), self.lines)
        block = min(line // BLOCK, len(self._rows_before) - 1)
        kinds = self._kinds[block * BLOCK : line]
        return self._rows_before[block] + len(kinds) - kinds.count(NOISE)

    def line(self, row: int) -> int:
        """The line that stands in a row; raises IndexError when there is none such."""
        if not 0 <= row < self.rows:
            raise IndexError(row)
        block = bisect_right(self._rows_before, row) - 1
        left = row - self._rows_before[block]
        for line in range(block * BLOCK, self.lines):
            if self._kinds[line] != NOISE:
                if left == 0:
                    return line
                left -= 1
        raise IndexError(row)

    def _hold(self, data: bytes, begin: int, end: int) -> None:
        self._head += data[begin : min(end, begin + HEAD - len(self._head))]

    def _end_line(self, head: bytes, next_begin: int) -> None:
        kind = classify(head)
        self._kinds.append(kind)
        self.rows += kind != NOISE
        self.lines += 1
        if self.lines % BLOCK == 0:
            self._rows_before.append(self.rows)
        if self.lines % BLOCK == 0 or next_begin - self._offsets[-1] >= REACH:
            self._offsets.append(next_begin)
            self._firsts.append(self.lines)
