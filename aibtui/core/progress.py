"""What a progress line looks like, as rows: the forms in which tools tell how far a transfer or an installation is.

A line that only mentions two sizes is no progress: where neither a bar, a rate, a verb nor a file's name says that
something is under way, it counts only once the first size has grown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import Struct

from aibtui.core.events import DownloadMoved
from aibtui.core.lines import Stream
from aibtui.core.regex import linear, regex
from aibtui.core.shape import NUMBER, Course, Shape

_LONGEST_LINE = 400

_UNIT = "(?:[KMGT]i?)?B(?:ytes?)?"
_PERCENT = r"\d{1,3}(?:[.,]\d+)?"
_SIZES = (
    rf"(?P<done>{NUMBER}) ?(?P<done_unit>{_UNIT})? ?(?:/|out of|of) *(?P<total>{NUMBER}) ?(?P<total_unit>{_UNIT})\b"
)
# What may stand behind the sizes; anything else makes a sentence of the line.
_TAIL = (
    rf"(?:[\s|,;()/\[\]=#>.…·-]|[^\x00-\x7f]|{_PERCENT} ?%"
    rf"|{NUMBER} ?(?:[KMGT]i?)?(?:B(?:ytes?)?|bits?|b)(?:/s(?:ec)?|ps)?"
    r"|\d[\d:.]*(?: ?(?:h|m|s|sec|min|hr)\b)?|[\d-]+:[\d:-]+"
    r"|\b(?:eta|in|at|left|remaining|completed?|done|downloaded|received|transferred|copied):?)*"
)
_VERB = r"\b(?:download|upload|fetch|receiv|retriev|transferr|copy|copied|saving|progress|pulling)(?:ing|ed|e)?\b"

_RATE = regex(r"\d ?(?:[KMGT]i?)?(?:B|bits?|b)(?:ytes)?(?:/s|ps)", re.IGNORECASE)
_HAS_VERB = regex(_VERB, re.IGNORECASE)
_FILE_NAME = regex(r"://|[\w)-]\.[A-Za-z]\w{1,11}[\"']?:?\s*$")
_BAR = regex(r"\[[=#>.\-\s]{3,}\]?|[|\[]?[^\x00-\x7f|\]]{3,}[|\]]?|\|[\s#=>-]{3,}\|")
_OF_A_MACHINE = regex(
    r"\b(?:disks?|drives?|memory|ram|free|used|usage|space|quota|volumes?|partitions?|cpu|swap|cache|heap|limit"
    r"|available|capacity|allocated|consumed|budget|size|pagefile|storage)\b|^\W*[A-Za-z]:\W*$|/dev/",
    re.IGNORECASE,
)
_STAMP_IN_NAME = regex(
    r"^\W*(?:\d{4}[-/]\d\d[-/]\d\d[T ]?)?(?:\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?Z?)?\W*"
    r"(?:\[?(?:INFO|VERBOSE|DEBUG)\]?\W+)?",
    re.IGNORECASE,
)
_PERCENT_IN_NAME = regex(rf"{_PERCENT} ?%")
_ESCAPES = regex(r"\x1b\[[0-9;?]*[A-Za-z]")

# The groups of the forms: those by which one transfer is told from another, and those that tell how far it is.
# What is received may begin to grow after all was sent, and then another transfer has begun.
_STAYS = ("name", "head", "total", "received", "sent", "sent_percent")
_MOVES = ("done", "percent")

_ALL_ZERO = bytes.maketrans(b"123456789", b"000000000")


class Told(Struct, frozen=True):
    """What a line says of a transfer; `sure` is false where it only mentions sizes."""

    name: str
    bytes: int | None
    total: int | None
    percent: float | None
    sure: bool = True


Read = Callable[[Stream, str], Told | None]
"""Reads a line of one shape: the stream it stands on, its text."""


def _share(text: str) -> float | None:
    share = float(text.rstrip("% ").replace(",", ".")) if text else None
    return share if share is not None and share <= 100 else None


@lru_cache(maxsize=1024)
def _name(head: str) -> str:
    """What a line calls its transfer, without time, bar, percent and verb."""
    name = _BAR.sub(" ", _PERCENT_IN_NAME.sub(" ", _STAMP_IN_NAME.sub("", head, count=1)))
    name = _HAS_VERB.sub(" ", name)
    kept = (word for word in name.split() if any(letter.isascii() and letter.isalnum() for letter in word))
    return " ".join(kept).strip(" :-([|.,\"'")[:80]


def _sizes(shape: Shape) -> Read | None:
    unit, total_unit = shape.letters("done_unit"), shape.letters("total_unit")
    done_of, total_of = shape.size("done", unit or total_unit), shape.size("total", total_unit)
    at_work = _is_at_work(shape.letters("head"), shape.letters("tail"))
    if at_work is None:
        return None
    _, head = shape.span("head")
    begin, end = shape.find(_PERCENT_IN_NAME, "tail", "head")

    def read(stream: Stream, line: str) -> Told | None:
        done, total = done_of(line), total_of(line)
        if done is None or not total or done > total:
            return None
        percent = _share(line[begin:end])
        # Packer's own bar, of a File customizer, is the only one without a prefix.
        sure = at_work or (stream == "raw" and percent is not None)
        percent = percent if percent is not None else round(100 * done / total, 2)
        return Told(_name(line[:head]) or "download", done, total, percent, sure)

    return read


def _is_at_work(head: str, tail: str) -> bool | None:
    """Whether something says that a transfer is under way; None where the sizes are those of a machine."""
    named_file = _FILE_NAME.search(head) is not None
    if _OF_A_MACHINE.search(head) and not named_file:
        return None
    signs = ((_HAS_VERB, head), (_BAR, head), (_BAR, tail), (_RATE, tail))
    return named_file or any(pattern.search(text) for pattern, text in signs)


def _aria2(shape: Shape) -> Read:
    done, total = shape.size("done", shape.letters("done_unit")), shape.size("total", shape.letters("total_unit"))
    name, percent = slice(*shape.span("name")), slice(*shape.span("percent"))
    return lambda _, line: Told(f"aria2 {line[name]}", done(line), total(line), _share(line[percent]))


def _curl(shape: Shape) -> Read:
    received_of, sent_of, total_of = map(shape.size_with_letter, ("received", "sent", "total"))
    percents = {False: slice(*shape.span("percent")), True: slice(*shape.span("sent_percent"))}

    def read(stream: Stream, line: str) -> Told:
        received, sent, total = received_of(line), sent_of(line), total_of(line) or None
        upload = not received and bool(sent)
        return Told("curl", sent if upload else received, total, _share(line[percents[upload]]) if total else None)

    return read


def _wget(shape: Shape) -> Read:
    done, name, percent = shape.size_with_letter("done"), slice(*shape.span("name")), slice(*shape.span("percent"))
    return lambda _, line: Told(line[name].strip() or "wget", done(line), None, _share(line[percent]))


def _pip(shape: Shape) -> Read:
    done = shape.size("done", shape.letters("done_unit"))
    return lambda _, line: Told("pip", done(line), None, None)


def _only_percent(name: str) -> Callable[[Shape], Read | None]:
    def of_shape(shape: Shape) -> Read | None:
        if _OF_A_MACHINE.search(shape.letters("head")):
            return None
        head, percent = slice(*shape.span("head")), slice(*shape.span("percent"))

        def read(stream: Stream, line: str) -> Told | None:
            share = _share(line[percent])
            return Told(_name(line[head]) or name, None, None, share) if share is not None else None

        return read

    return of_shape


def _blocks(shape: Shape) -> Read:
    done, left = len(shape.letters("done")), len(shape.letters("left"))
    told = Told("progress", None, None, round(100 * done / (done + left), 1))
    return lambda _, line: told


class Form(Struct, frozen=True):
    """One way to print progress. `needle` finds it in bytes, `quick` in a text; `pattern` must match the whole text.

    `reader` makes of a line's shape what reads all such lines; None where none of them tells of progress. `operation`
    marks the bar of an installation, which moves in leaps and is no transfer.
    """

    needle: str
    quick: re.Pattern[str]
    pattern: Any
    reader: Callable[[Shape], Read | None]
    operation: bool = False


def _form(
    needle: str,
    pattern: str,
    reader: Callable[[Shape], Read | None],
    *,
    operation: bool = False,
) -> Form:
    return Form(needle, regex(needle), linear(pattern, ignore_case=True), reader, operation)


_BAR_SIGNS = r"[=#>\-. ]"

FORMS: tuple[Form, ...] = (
    _form(
        r"\[#[0-9a-f]{6} [0-9.]+[KMGT]?i?B/",
        rf"^\[(?P<name>#[0-9a-f]{{6}}) {_SIZES}\((?P<percent>{_PERCENT})%\).*$",
        _aria2,
    ),
    # A File customizer's bar, winget, docker, pip, choco, and what scripts print themselves.
    _form(
        r"[0-9] ?(?:[KMGTkmgt]i?)?[Bb]?(?:ytes)? ?(?:/|of) *[0-9][0-9.,]* ?(?:[KMGTkmgt]i?)?[Bb]",
        rf"^(?P<head>|.*?[^\w.,/]){_SIZES}(?P<tail>{_TAIL})$",
        _sizes,
    ),
    _form(
        r"[0-9-]:[0-9-][0-9-]:[0-9-][0-9-] +[0-9-]+:[0-9-][0-9-]:[0-9-][0-9-] +(?:[0-9-]+:|[0-9])",
        r"^\s*\d{1,3}\s+(?P<total>[\d.]+[kMGTP]?)\s+(?P<percent>\d{1,3})\s+(?P<received>[\d.]+[kMGTP]?)\s+"
        r"(?P<sent_percent>\d{1,3})\s+(?P<sent>[\d.]+[kMGTP]?)\s+[\d.]+[kMGTP]?\s+[\d.]+[kMGTP]?"
        r"(?:\s+[\d:-]+){2,3}(?:\s+[\d.]+[kMGTP]?)?\s*$",
        _curl,
    ),
    _form(
        r"[0-9]% ?\[[=>+ ]*\] +[0-9]",
        rf"^\s*(?:(?P<name>\S.*?)\s+)?(?P<percent>{_PERCENT})% ?\[[=>+ ]*\]\s+(?P<done>{NUMBER}[KMGT]?)B?\b.*$",
        _wget,
    ),
    _form(
        r"[0-9]K(?: [.,]{1,10})+ +[0-9]",
        rf"^\s*(?P<done>\d+K)(?: [.,]{{1,10}}){{1,8}}\s+(?:(?P<percent>{_PERCENT})%)?\s*[\d.]+[KMGT]?\b.*$",
        _wget,
    ),
    _form(
        r"%, [0-9]+ Done, ",
        rf"^\s*(?:INFO: )?(?P<percent>{_PERCENT}) ?%, \d+ Done, \d+ Failed, .*$",
        _only_percent("azcopy"),
    ),
    _form(
        r"\| +[0-9][0-9.]* [KMGTk]?B [0-9.]+ ",
        rf"^\s*\|[^\x00-\x7f ]*\s*\|\s*(?P<done>{NUMBER}) (?P<done_unit>{_UNIT}) {NUMBER} {_UNIT}/s.*$",
        _pip,
    ),
    _form(
        r"(?i:downloading|receiving|fetching|transferring|uploading|saving) [^\n]*[0-9] ?%",
        rf"^(?P<head>.*\b(?:downloading|receiving|fetching|transferring|uploading|saving)\b.*?)"
        rf"\b(?P<percent>{_PERCENT}) ?%(?P<tail>{_TAIL})$",
        _only_percent("download"),
    ),
    # DISM, and other installers that draw a bar.
    _form(
        r"[0-9] ?%[= ]*\]",
        rf"^\s*\[[= ]*(?P<percent>{_PERCENT}) ?%[= ]*\]\s*$",
        _only_percent("DISM"),
        operation=True,
    ),
    _form(
        r"[=#> .-]\] *[0-9][0-9.,]* ?%",
        rf"^(?P<head>|.*\s)\[{_BAR_SIGNS}{{5,}}\]\s*(?P<percent>{_PERCENT}) ?%\s*$",
        _only_percent("progress"),
        operation=True,
    ),
    _form(
        r"(?:#{3,}|[^\x00-\x7f]) +[0-9][0-9.,]* ?%",
        rf"^\s*(?:#{{3,}}|[^\x00-\x7f ]{{5,}})[^\x00-\x7f #]*\s+(?P<percent>{_PERCENT}) ?%\s*$",
        _only_percent("progress"),
        operation=True,
    ),
    _form(r"\[o+ *\]", r"^\s*\[(?P<done>o+)(?P<left> *)\]\s*$", _blocks, operation=True),
)

NEEDLE = "|".join(f"(?:{form.needle})" for form in FORMS)
# A quick look that lets every form through.
_MAYBE = regex(r"%|\d ?[KMGTkmgt]?i?[Bb]|\[o|:\d\d +[\d-]|K \.")


def read(number: int, at: datetime | None, stream: Stream, text: str) -> DownloadMoved | None:
    """The progress that a line shows, if it is a progress line."""
    if len(text) > _LONGEST_LINE:
        return None
    shown = text if text.isprintable() else _ESCAPES.sub("", text.rstrip("\r").rpartition("\r")[2])
    for reader, operation, _ in _readers(_shape_of(shown)):
        told = reader(stream, shown)
        if told:
            name, done, total, percent = told.name, told.bytes, told.total, told.percent
            return DownloadMoved(number, at, name, done, total, percent, told.sure, operation, shown.strip())
    return None


def course(text: str) -> Course | None:
    """How lines like this one go on; None where it shows no progress, or where that can be told of no other line."""
    readers = _readers(_shape_of(text)) if len(text) <= _LONGEST_LINE and text.isprintable() else ()
    return readers[0][2] if len(readers) == 1 and "\N{REPLACEMENT CHARACTER}" not in text else None


def _shape_of(text: str) -> str:
    return text.encode("utf-8", "replace").translate(_ALL_ZERO).decode()


@lru_cache(maxsize=1024)
def _readers(shape: str) -> tuple[tuple[Read, bool, Course], ...]:
    """What reads the lines of a shape, form by form, whether that is an operation's, and how the lines go on."""
    found: list[tuple[Read, bool, Course]] = []
    for form in FORMS if _MAYBE.search(shape) else ():
        match = form.pattern.match(shape) if form.quick.search(shape) else None
        if match:
            parts = Shape(shape, {name: match.span(group) for name, group in form.pattern.groupindex.items()})
            reader = form.reader(parts)
            found += [(reader, form.operation, _course(parts))] if reader else []
    return tuple(found)


def _course(shape: Shape) -> Course:
    moves = [shape.span(name) for name in _MOVES]
    if not any(shape.span("percent")):
        moves.append(shape.find(_PERCENT_IN_NAME, "tail", "head"))
    stays = [
        number
        for name in _STAYS
        for number in shape.numbers(name)
        if not any(begin <= number[0] < end for begin, end in moves)
    ]
    return Course(shape.length, shape.parts(stays), shape.parts(moves))
