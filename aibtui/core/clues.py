"""Keeps what the screen showed around every line of a step that may tell of an error, until the step has ended.

What may belong to an error is known only when more lines have come, so the lines below are read on into the next
blocks. Whatever the chunking, the same lines are kept.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import chain, islice, pairwise
from operator import attrgetter

from msgspec.structs import replace

from aibtui.core import families
from aibtui.core.build import Step
from aibtui.core.lines import LOOK_BACK, Block, Line, parse_line, split_line

_BELOW = 24
_ABOVE = 16
_MOST_LINES = 800
_LONGEST_TEXT = 8000
_ENOUGH = 8 << 20  # bytes: a step of the usual size is looked into once, when it ends
_NUMBER = attrgetter("number")


class Clues:
    """The screen around the suspicious lines of the step that runs; a new step starts with none.

    Of a step with very many, the first and the last are kept.
    """

    def __init__(self) -> None:
        # Blocks that were read but not looked into: of many lines that come, the newest alone will be kept.
        self._held: list[Block] = []
        self._before, self._size = 0, 0
        self._begin(None)

    def _begin(self, step: int | None) -> None:
        self._step = step
        self._closed = False
        self._first: list[Line] = []
        self._newest: deque[Line] = deque(maxlen=_MOST_LINES)
        self._gaps: set[int] = set()
        # The number of the first line not read yet, where it begins in the block, and how many more are wanted.
        self._next, self._offset, self._wanted = 1, 0, 0
        self._hints: list[tuple[int, int]] = []

    def go_on(self, block: Block) -> None:
        """A new block is read."""
        self._held.append(block)
        self._before, self._size = self._size, self._size + len(block.data)

    def hint(self, number: int, offset: int) -> None:
        """A line that the running step printed, at `offset` of the block that is read, may be a clue."""
        self._hints.append((number, self._before + offset))

    def pause(self, step: Step | None) -> None:
        """A block has ended. What was hinted at by `step` is looked into when there is enough of it."""
        if step is None or self._size >= _ENOUGH:
            self._settle(step)
            self._held.clear()
            self._before = self._size = self._offset = 0

    def settle(self, step: Step | None) -> None:
        """Keep what belongs to the lines hinted at since the last time; `step` printed them."""
        self._settle(step)
        del self._held[:-1]
        self._offset = max(0, self._offset - self._before)
        self._before, self._size = 0, self._size - self._before

    def _settle(self, step: Step | None) -> None:
        block = Block(b"".join(each.data for each in self._held), self._held[0].first_line, self._held[0].before)
        if self._wanted:
            self._read_below(block)
        hints, self._hints = self._hints, []
        if step is None:
            return
        for place, (number, offset) in enumerate(hints):
            if len(self._first) >= _MOST_LINES and step.index == self._step:
                self._take_newest(hints[place:], block, step)
                return
            if self._is_clue(block, offset):
                self._take(number, offset, block, step)

    def _take_newest(self, hints: list[tuple[int, int]], block: Block, step: Step) -> None:
        """Only the newest lines will be kept: the last hints may be enough, else all of them are looked into."""
        likely = _likely_enough([number for number, _ in hints])
        for last in (hints[-likely:], hints):
            clues = (hint for hint in reversed(last) if self._is_clue(block, hint[1]))
            found = list(islice(clues, _MOST_LINES))
            before = self._newest.copy(), set(self._gaps), self._next, self._offset, self._wanted
            for number, offset in reversed(found):
                self._take(number, offset, block, step)
            only_new = found and self._newest and self._newest[0].number >= found[-1][0]
            if only_new or len(last) == len(hints):
                return
            self._newest, self._gaps, self._next, self._offset, self._wanted = before

    def _is_clue(self, block: Block, offset: int) -> bool:
        end = block.data.find(b"\n", offset)
        head, text = split_line(block.data[offset : end if end >= 0 else None])
        return head.builder and families.is_candidate(text.decode("utf-8", "replace"))

    def _take(self, number: int, offset: int, block: Block, step: Step) -> None:
        if step.index != self._step:
            self._begin(step.index)
        if number < self._next:
            self._wanted = max(self._wanted, _BELOW - self._count_below(number))
        else:
            self._read_above(number, offset, block, step)
            self._next, self._offset, self._wanted = number, offset, _BELOW + 1
        self._read_below(block)

    def close(self, line: Line, block: Block, offset: int, step: Step) -> None:
        """The step has ended, as the candidate line at `offset` says: keep what the screen showed right before."""
        if step.index == self._step and not self._closed:
            self._closed, self._wanted = True, 0
            self._read_above(line.number, offset, block, step)

    def screen(self, step: Step) -> list[list[Line]]:
        """What was kept of the step, as runs of lines that stand together on the screen."""
        runs: list[list[Line]] = []
        for line in chain(self._first, self._newest):
            if line.number < (step.first_line or 0) or (step.last_line and line.number > step.last_line):
                continue
            if not runs or line.number in self._gaps:
                runs.append([])
            runs[-1].append(line)
        return runs

    def _count_below(self, number: int) -> int:
        """How many lines below that one are kept, as far as it matters."""
        kept = self._newest or self._first
        return len(kept) - bisect_right(kept, number, max(0, len(kept) - _BELOW), key=_NUMBER)

    def _read_above(self, number: int, offset: int, block: Block, step: Step) -> None:
        """Keep what the screen showed above a line, back to what is kept already or to the step's headline."""
        data = block.above(offset)
        end = len(data)
        floor = max(self._next, step.first_line or 1)
        first = number
        above: list[Line] = []
        while end > 0 and number > floor and len(above) < _ABOVE:
            start = data.rfind(b"\n", 0, end - 1) + 1
            if start == 0 and len(data) == LOOK_BACK:
                break  # it may begin further up
            number -= 1
            shown = parse_line(data[start : end - 1], number)
            if shown.builder:
                above.append(shown)
            end = start
        if number > floor or self._next == 1:
            self._gaps.add(above[-1].number if above else first)
        for shown in reversed(above):
            self._keep(shown)

    def _read_below(self, block: Block) -> None:
        data = block.data
        while self._wanted and self._offset < len(data):
            end = data.find(b"\n", self._offset)
            end = len(data) if end < 0 else end
            shown = parse_line(data[self._offset : end], self._next)
            self._next, self._offset = self._next + 1, end + 1
            if shown.builder:
                self._wanted -= 1
                self._keep(shown)

    def _keep(self, line: Line) -> None:
        if len(line.text) > _LONGEST_TEXT:
            line = replace(line, text=line.text[:_LONGEST_TEXT])
        if len(self._first) < _MOST_LINES:
            self._first.append(line)
            return
        if len(self._newest) == _MOST_LINES:
            dropped = self._newest.popleft()
            self._gaps.discard(dropped.number)
            self._gaps.add(self._newest[0].number)
        self._newest.append(line)


def _likely_enough(numbers: Sequence[int]) -> int:
    """How many of the last of these lines have MOST_LINES lines around them, and some more, if all are clues."""
    lines = -_MOST_LINES // 4
    for count, (below, number) in enumerate(pairwise(reversed(numbers)), start=2):
        lines += min(below - number, _ABOVE + _BELOW)
        if lines >= _MOST_LINES:
            return count
    return _MOST_LINES
