"""Spans of time: the middle one, and how scripts spell them (sums, `1h30m`, `New-TimeSpan`; no code is run for it)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from aibtui.core.regex import regex

FOR_EVER: Final = 30 * 86_400.0
"""What is longer than any build may take."""

_NAN: Final = float("nan")
_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NAMED: Final = {"milliseconds": 0.001, "seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86_400.0}
_SHELL = regex(r"(?:(\d+(?:\.\d+)?|\.\d+)([smhd]?))")
_SPAN = regex(r"(?i)\bnew-timespan((?:\s+-\w+[\s:]+[\d.]+)+)")
_FROM = regex(r"(?i)\[(?:system\.)?timespan\]::from(milliseconds|seconds|minutes|hours|days)\(\s*([\d.]+)\s*\)")
_CLOCK = regex(r"^['\"]?(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2}))?['\"]?$")
_VARIABLE = regex(r"\$\{(\w+)(?::?-([\d.]+))?\}|\$(?:\w+:)?([A-Za-z_]\w*)|%(\w+)%")
_TOKEN = regex(r"\s*(\d+(?:\.\d+)?|\.\d+|[-+*/()])")
_MOST_TOKENS: Final = 40
_LONGEST: Final = 200


def median_of(spans: Iterable[timedelta]) -> timedelta:
    """The middle one of some spans, or what is halfway between the two in the middle. There must be one."""
    from statistics import median  # brings fractions and random numbers, which most starts do without

    return timedelta(seconds=median(span.total_seconds() for span in spans))


def number(text: str, values: Mapping[str, float]) -> float:
    """The value of a sum of numbers and known variables; not-a-number where it has anything else in it.

    >>> number("(20 * 60)", {})
    1200.0
    """
    text = re.sub(r"\[\w+\]", "", text.strip().strip("\"'")).strip()

    def known(match: re.Match[str]) -> str:
        value = values.get((match[1] or match[3] or match[4]).lower())
        return f"{value:f}" if value is not None else match[2] or "?"

    if len(text) > _LONGEST:
        return _NAN
    if text.startswith("$((") and text.endswith("))"):
        text = re.sub(r"(?<![\w$])([A-Za-z_]\w*)", r"$\1", text[2:-1])
    text = _VARIABLE.sub(known, text)
    text = text.removeprefix("$")
    tokens, at = list[str](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(tokens) >= _MOST_TOKENS:
            return _NAN
        tokens.append(match[1])
        at = match.end()
    try:
        value = _sum(tokens)
    except (IndexError, ValueError, ZeroDivisionError):
        return _NAN
    return _NAN if tokens else value


def _sum(tokens: list[str]) -> float:
    value = _product(tokens)
    while tokens and tokens[0] in "+-":
        value = value + _product(tokens) if tokens.pop(0) == "+" else value - _product(tokens)
    return value


def _product(tokens: list[str]) -> float:
    value = _factor(tokens)
    while tokens and tokens[0] in "*/":
        value = value * _factor(tokens) if tokens.pop(0) == "*" else value / _factor(tokens)
    return value


def _factor(tokens: list[str]) -> float:
    token = tokens.pop(0)
    if token == "(":
        value = _sum(tokens)
        if tokens.pop(0) != ")":
            raise ValueError
        return value
    return -_factor(tokens) if token == "-" else float(token)


def shell_span(text: str, values: Mapping[str, float]) -> float | None:
    """`1200`, `20m`, `1h30m`, `1h 30m`, `infinity` as seconds; None where it is written in another way."""
    text = text.strip()
    if text.lower() in ("infinity", "inf"):
        return FOR_EVER
    total = 0.0
    for word in text.split():
        unit = word[-1:] if word[-1:] in "smhd" and not word[-2:-1].isalpha() else ""
        if re.fullmatch(rf"(?:{_SHELL.pattern})+", word):
            total += sum(float(amount) * _UNITS[each] for amount, each in _SHELL.findall(word))
        elif word.startswith("$") and len(text.split()) == 1 and (worth := number(_stem(word, unit), values)) == worth:
            total += worth * _UNITS[unit]
        else:
            return None
    return total


def _stem(word: str, unit: str) -> str:
    return word[: -len(unit)] if unit and word[-2:-1] in ")}" else word


def timespan(text: str) -> float | None:
    """`New-TimeSpan -Minutes 20` or `[TimeSpan]::FromMinutes(20)` as seconds, wherever it stands in `text`."""
    if made := _FROM.search(text):
        return float(made[2]) * _NAMED[made[1].lower()]
    if made := _SPAN.search(text):
        total = 0.0
        for name, amount in re.findall(r"-(\w+)[\s:]+([\d.]+)", made[1]):
            unit = next((unit for unit in _NAMED if unit.startswith(name.lower()) and unit[0] != "m"), None)
            unit = unit or ("milliseconds" if name.lower().startswith("mil") else "minutes")
            total += float(amount) * _NAMED[unit]
        return total
    return None


def clock_span(text: str) -> float | None:
    """`00:20:00` and `1.02:00:00` as seconds."""
    match = _CLOCK.match(text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
