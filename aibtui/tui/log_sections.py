"""The parts of a log that can be folded: its steps, and the phases that hold none."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from msgspec import Struct

from aibtui.core.build import Build, Phase, Step


class Section(Struct, frozen=True):
    """The lines of a step or phase, from `first` to `last` (from 0, both with); `last` is None where it goes on."""

    first: int
    last: int | None
    part: Step | Phase

    @property
    def name(self) -> str:
        """What tells it from the others of the same build."""
        return f"step {self.part.index}" if isinstance(self.part, Step) else self.part.name


def sections(build: Build) -> tuple[Section, ...]:
    """The steps of a build, and those of its phases that hold none, in the order of their lines, without overlap."""
    parts: list[Step | Phase] = [phase for phase in build.phases if phase.name not in ("customize", "deprovision")]
    found = {part.first_line: part for part in [*parts, *build.steps] if part.first_line is not None}
    firsts = sorted(found)
    made = []
    for place, first in enumerate(firsts):
        part, following = found[first], firsts[place + 1] if place + 1 < len(firsts) else None
        last = part.last_line if following is None else following - 1  # what is said between two belongs to the first
        made.append(Section(first - 1, None if last is None else max(first, last) - 1, part))
    return tuple(made)


class Sections:
    """Finds a section by a line."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.all = tuple(sections)
        self._firsts = [section.first for section in sections]

    def of(self, line: int) -> Section | None:
        """The section that a line belongs to."""
        place = bisect_right(self._firsts, line) - 1
        if place < 0:
            return None
        section = self.all[place]
        return section if section.last is None or line <= section.last else None

    def beyond(self, line: int, direction: int) -> Section | None:
        """The next section that begins after a line, or the one before it."""
        if direction > 0:
            place = bisect_right(self._firsts, line)
            return self.all[place] if place < len(self.all) else None
        place = bisect_left(self._firsts, line) - 1
        return self.all[place] if place >= 0 else None
