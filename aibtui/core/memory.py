"""What rules remember between lines: sequences that are not whole yet, repetitions under way, states that last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from aibtui.core.lines import Line
from aibtui.core.pattern import Pattern
from aibtui.core.rulebook import Slow, Succession


class Said(Struct, frozen=True):
    """A line's text, without blanks around it, and by their sources the patterns that are found in it, where known."""

    text: str
    sources: frozenset[str] | None = None

    def find(self, pattern: Pattern) -> Mapping[str, str | None] | None:
        """The named groups where the pattern is found, else None."""
        if self.sources is None:
            return pattern.find(self.text)
        if pattern.source not in self.sources:
            return None
        return pattern.find(self.text) if pattern.has_groups else {}


class Running(Struct):
    """A stage of a repetition under way: its first and last line, how often, since when."""

    first: Line
    last: Line
    since: datetime
    count: int = 1


class Chain(Struct, frozen=True):
    """Parts of a sequence that were found, and what their groups say."""

    lines: tuple[Line, ...] = ()
    values: Mapping[str, str | None] = field(default_factory=dict)

    def with_part(self, line: Line, values: Mapping[str, str | None]) -> Chain:
        """The chain with one more part."""
        return Chain((*self.lines, line), {**self.values, **values})


class Memory(Struct):
    """What one rule remembers between lines. A sequence has the newest chain of each length, or, where order does not
    matter, the first finding of each part.
    """

    chains: dict[int, Chain] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)
    loops: dict[int, Running] = field(default_factory=dict)
    armed: bool = False
    since: datetime | None = None
    lasted: timedelta = timedelta()
    stage: Slow | None = None

    def take_part(self, condition: Succession, line: Line, said: Said, at: datetime) -> Chain | None:
        """A line that may be a part of the sequence; the whole of it once all parts are found."""
        chains, within = self.chains, condition.within
        for place, chain in list(chains.items()):
            if within and chain.lines[0].at and at - chain.lines[0].at > within:
                del chains[place]
        # From the last part to the first, so that a line counts for one part only.
        for place, part in reversed(list(enumerate(condition.parts))):
            before = chains.get(place) if place and not condition.any_order else Chain()
            values = said.find(part) if before else None
            if before and values is not None and not (condition.any_order and place + 1 in chains):
                chains[place + 1] = before.with_part(line, values)
        whole = self._whole(condition)
        if whole:
            chains.clear()
        return whole

    def _whole(self, condition: Succession) -> Chain | None:
        chains = self.chains
        if not condition.any_order:
            return chains.get(len(condition.parts))
        if any(part not in chains for part in range(1, len(condition.parts) + 1)):
            return None
        lines = sorted((line for chain in chains.values() for line in chain.lines), key=lambda line: line.number)
        return Chain(tuple(lines), {name: value for chain in chains.values() for name, value in chain.values.items()})
