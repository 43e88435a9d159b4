"""A rule's regular expression: compiled by RE2 for one line, refused where it would break the scan of many at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import re2

from aibtui.core.scan import Needle

_MEMORY, _MEMORY_OF_MANY = 8 << 20, 256 << 20
_ESCAPED = r"(?<!\\)(?:\\\\)*"
_ENDS = re.compile(rf"{_ESCAPED}\$$")
_NAMED_GROUP = re.compile(r"\(\?P?<\w+>")
# Each with what to say of it. A hit of the scanner must lie within one line, and be found wherever the pattern is.
_REFUSED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(rf"{_ESCAPED}\(\?[a-zA-Z]*[sm]"),
        "asks for more than one line; rules see one line at a time",
    ),
    (re.compile(rf"{_ESCAPED}\\C"), "has \\C, which takes the end of a line for a part of it"),
    (re.compile(rf"{_ESCAPED}\\[Az]"), "has \\A or \\z; write ^ and $ for the ends of the line"),
)
_INNER_END = re.compile(rf"{_ESCAPED}\$|(?<![\\\[])\^")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One regular expression in RE2's syntax, case ignored, its source and its named groups."""

    source: str
    regex: Any = field(compare=False)
    groups: tuple[tuple[str, int], ...] = ()

    def find(self, text: str) -> dict[str, str | None] | None:
        """The named groups where it is found in `text`, else None."""
        match = self.regex.search(text.encode("utf-8", "replace"))
        if match is None:
            return None
        return {name: match[place] and match[place].decode("utf-8", "replace") for name, place in self.groups}


def pattern_of(source: str) -> Pattern:
    """The pattern of a rule. Raises ValueError for what cannot work on a line of its own, re2.error for no pattern."""
    for refused, why in _REFUSED:
        if refused.search(source):
            raise ValueError(f"{source!r} {why}")
    if _INNER_END.search(_unanchored(source)):
        raise ValueError(f"{source!r}: ^ and $ stand at the two ends only")
    pattern = _compiled(source)
    if pattern.find("") is not None:
        raise ValueError(f"{source!r} matches an empty line")
    return pattern


def needle_of(pattern: Pattern) -> Needle:
    """The pattern as the scanner wants it, capturing nothing."""
    source = _NAMED_GROUP.sub("(?:", pattern.source)
    return Needle(f"(?i:{source})", f"(?i:{_unanchored(source)})")


def any_of(patterns: Iterable[Pattern]) -> Pattern | None:
    """One pattern that is found wherever one of these is; None for none of them."""
    source = "|".join(dict.fromkeys(needle_of(pattern).text for pattern in patterns))
    return _compiled(source, _MEMORY_OF_MANY) if source else None


def _unanchored(source: str) -> str:
    """Without what ties it to the ends of its line; a dollar that is escaped is a dollar."""
    source = source.removeprefix("^")
    return source[:-1] if _ENDS.search(source) else source


def _compiled(source: str, memory: int = _MEMORY) -> Pattern:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.never_nl = True
    options.max_mem = memory
    regex = re2.compile(source.encode(), options)  # over bytes, as RE2's binding is slow at a str
    return Pattern(source, regex, tuple((name.decode(), place) for name, place in regex.groupindex.items()))
