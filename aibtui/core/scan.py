"""Finds the few lines of a block that can mean something, in one pass over its bytes.

Everything that is done for each line in Python would cost more than all the rest together. So one RE2 pattern, made of
every needle, runs over the whole block, and only lines that it hits become Line objects; their meaning is then decided
on the line alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import re2

from aibtui.core.lines import Block, Line, parse_line, stamp_before


class Scanner:
    """One compiled pattern for all needles (RE2 syntax)."""

    def __init__(self, needles: Iterable[str]) -> None:
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True  # a class like [^']+ must not run into the next line
        options.max_mem = 256 << 20
        sources = dict.fromkeys(needles)
        self._pattern: Any = re2.compile("|".join(f"(?:{source})" for source in sources).encode(), options)

    def lines(self, block: Block) -> Iterator[tuple[int, Line]]:
        """The candidate lines of a block, in order, each with its offset in the block's bytes.

        A line without a stamp of its own carries the last one before it in the block, or None.
        """
        data = block.data
        done, counted, number = 0, 0, block.first_line
        # One hit is enough: each search begins where the last line ended.
        while match := self._pattern.search(data, done):
            found = match.start()
            start = data.rfind(b"\n", 0, found) + 1
            end = data.find(b"\n", found)
            end = len(data) if end < 0 else end
            number += data.count(b"\n", counted, start)
            counted = start
            done = end
            line = parse_line(data[start:end], number)
            if line.at is None:
                line = parse_line(data[start:end], number, stamp_before(data, 0, start))
            yield start, line
