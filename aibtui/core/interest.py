"""Who wants a line: which rows of the grammar, which rules, and who else, by the needles that were found in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from aibtui.core import arm_error, cause, holds, packer
from aibtui.core.packer import Row
from aibtui.core.pattern import needle_of
from aibtui.core.rulebook import LOG_PLACES, Rule
from aibtui.core.scan import Needle, Scanner

# clue: nobody but who collects clues. rules: they alone. act: it tells what the step does now, and no more.
# transfer: it tells how far one is, and no more.
Sort = Literal["clue", "rules", "act", "transfer", "other"]


class Interest(Struct, frozen=True):
    """Rows and rules that have a needle in the line, in their order, and whether ARM's errors or the holds have one.

    `sources` are the rules' patterns that are found in its text; what a rule excuses it does not want.
    """

    rows: tuple[Row, ...]
    rules: tuple[Rule, ...]
    sources: frozenset[str]
    arm_error: bool
    hold: bool
    sort: Sort


class Interests:
    """Everybody who wants lines; the rule that tells how a hold is announced is the holds' own."""

    def __init__(self, rules: Iterable[Rule], marker: str) -> None:
        self._wants = list(_wants(rules, marker))
        self.scanner = Scanner(needle for needle, _ in self._wants)
        self._known: dict[tuple[int, ...], Interest] = {}

    def of(self, found: tuple[int, ...]) -> Interest:
        """Who wants a line with these of the scanner's needles."""
        known = self._known.get(found)
        if known is None:
            known = self._known[found] = _interest([self._wants[place] for place in found])
        return known


def _wants(rules: Iterable[Rule], marker: str) -> Iterator[tuple[Needle, object]]:
    """Needles, and who wants a line with each; a rule with the source that it looks for."""
    for row in packer.PATTERNS:
        yield row.needle, row
    for needle in cause.NEEDLES:
        yield needle, "clue"
    for needle in arm_error.NEEDLES:
        yield needle, "arm error"
    yield holds.Holds.needle(marker), "hold"
    for rule in rules:
        for pattern in rule.patterns if rule.where & LOG_PLACES else ():
            yield needle_of(pattern), "hold" if rule.id == holds.RULE else (rule, pattern.source)
        if rule.unless:
            yield needle_of(rule.unless)._replace(block=None), ("unless", rule.unless.source)


def _interest(wants: Iterable[tuple[Needle, object]]) -> Interest:
    who = [each for _, each in wants]
    rows = tuple(each for each in who if isinstance(each, Row))
    sources = frozenset(each[1] for each in who if isinstance(each, tuple))
    rules = {each[0].id: each[0] for each in who if isinstance(each, tuple) and isinstance(each[0], Rule)}
    wanting = tuple(rule for rule in rules.values() if not (rule.unless and rule.unless.source in sources))
    others = "arm error" in who or "hold" in who
    sort: Sort = "other"
    if not (rows or wanting or others):
        sort = "clue"
    elif not (rows or others):
        sort = "rules"
    elif not (wanting or others or "clue" in who):
        makes = {row.make for row in rows}
        sort = "act" if makes == {packer.acted} else "transfer" if makes == {packer.transferred} else "other"
    return Interest(rows, wanting, sources, "arm error" in who, "hold" in who, sort)
