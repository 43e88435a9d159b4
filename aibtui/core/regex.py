"""Regular expressions that are compiled when they are first used: most starts of the program need few of hundreds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, AnyStr, cast

import re2


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` makes, later; a pattern that is wrong raises `re.error` at its first use."""
    return cast("re.Pattern[AnyStr]", _Later(pattern, lambda: re.compile(pattern, flags)))


def linear(pattern: str, *, ignore_case: bool = False) -> Any:
    """What RE2 makes of a pattern in its syntax, later: it takes a time that grows with the text alone. A pattern that
    is wrong raises `re2.error` at its first use.
    """

    def compiled() -> Any:
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        return re2.compile(pattern, options)

    return _Later(pattern, compiled)


class _Later:
    def __init__(self, pattern: str | bytes, compiled: Callable[[], Any]) -> None:
        self.pattern = pattern
        self._compiled = compiled

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._compiled(), name)
        self.__dict__[name] = attribute  # from now on it is found without this method
        return attribute
