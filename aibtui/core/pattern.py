"""A rule's regular expression: for one line, refused where it would break the scan of many lines at once.

RE2 compiles it when it is first looked for: of all rules a log needs few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import re2
from msgspec import Struct

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


class Pattern(Struct, frozen=True):
    """One regular expression in RE2's syntax, case ignored. `memory` is what RE2 may take for it, in bytes."""

    source: str
    memory: int = _MEMORY

    @property
    def has_groups(self) -> bool:
        """Whether it has named groups."""
        return bool(_compiled(self.source, self.memory).groups)

    def find(self, text: str) -> dict[str, str | None] | None:
        """The named groups where it is found in `text`, else None. Raises re2.error where it is no pattern."""
        regex, groups = _compiled(self.source, self.memory)
        match = regex.search(text.encode("utf-8", "replace"))
        if match is None:
            return None
        return {name: match[place] and match[place].decode("utf-8", "replace") for name, place in groups}


def check(pattern: Pattern) -> None:
    """Raises ValueError for a rule's pattern that cannot work on a line of its own, re2.error for what is none."""
    source = pattern.source
    for refused, why in _REFUSED:
        if refused.search(source):
            raise ValueError(f"{source!r} {why}")
    if _INNER_END.search(_unanchored(source)):
        raise ValueError(f"{source!r}: ^ and $ stand at the two ends only")
    if pattern.find("") is not None:
        raise ValueError(f"{source!r} matches an empty line")


def needle_of(pattern: Pattern) -> Needle:
    """The pattern as the scanner wants it, capturing nothing."""
    source = _NAMED_GROUP.sub("(?:", pattern.source)
    return Needle(f"(?i:{source})", f"(?i:{_unanchored(source)})")


def any_of(patterns: Iterable[Pattern]) -> Pattern | None:
    """One pattern that is found wherever one of these is; None for none of them."""
    source = "|".join(dict.fromkeys(needle_of(pattern).text for pattern in patterns))
    return Pattern(source, _MEMORY_OF_MANY) if source else None


def _unanchored(source: str) -> str:
    """Without what ties it to the ends of its line; a dollar that is escaped is a dollar."""
    source = source.removeprefix("^")
    return source[:-1] if _ENDS.search(source) else source


class _Compiled(NamedTuple):
    regex: Any
    groups: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1024)
def _compiled(source: str, memory: int) -> _Compiled:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.never_nl = True
    options.max_mem = memory
    regex = re2.compile(source.encode(), options)  # over bytes, as RE2's binding is slow at a str
    return _Compiled(regex, tuple((name.decode(), place) for name, place in regex.groupindex.items()))
