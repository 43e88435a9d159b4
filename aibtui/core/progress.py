"""What a progress line looks like, as rows: the forms in which tools tell how far a transfer or an installation is.

A line that only mentions two sizes is no progress: where neither a bar, a rate, a verb nor a file's name says that
something is under way, it counts only once the first size has grown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import re2

from aibtui.core.events import DownloadMoved
from aibtui.core.lines import Stream

_LONGEST_LINE = 400

_UNIT = "(?:[KMGT]i?)?B(?:ytes?)?"
_NUMBER = r"\d[\d.,]*"
_PERCENT = r"\d{1,3}(?:[.,]\d+)?"
_SIZES = (
    rf"(?P<done>{_NUMBER}) ?(?P<done_unit>{_UNIT})? ?(?:/|out of|of) *(?P<total>{_NUMBER}) ?(?P<total_unit>{_UNIT})\b"
)
# What may stand behind the sizes; anything else makes a sentence of the line.
_TAIL = (
    rf"(?:[\s|,;()/\[\]=#>.…·-]|[^\x00-\x7f]|{_PERCENT} ?%"
    rf"|{_NUMBER} ?(?:[KMGT]i?)?(?:B(?:ytes?)?|bits?|b)(?:/s(?:ec)?|ps)?"
    r"|\d[\d:.]*(?: ?(?:h|m|s|sec|min|hr)\b)?|[\d-]+:[\d:-]+"
    r"|\b(?:eta|in|at|left|remaining|completed?|done|downloaded|received|transferred|copied):?)*"
)
_VERB = r"\b(?:download|upload|fetch|receiv|retriev|transferr|copy|copied|saving|progress|pulling)(?:ing|ed|e)?\b"

_RATE = re.compile(r"\d ?(?:[KMGT]i?)?(?:B|bits?|b)(?:ytes)?(?:/s|ps)", re.IGNORECASE)
_HAS_VERB = re.compile(_VERB, re.IGNORECASE)
_FILE_NAME = re.compile(r"://|[\w)-]\.[A-Za-z]\w{1,11}[\"']?:?\s*$")
_BAR = re.compile(r"\[[=#>.\-\s]{3,}\]?|[|\[]?[^\x00-\x7f|\]]{3,}[|\]]?|\|[\s#=>-]{3,}\|")
_OF_A_MACHINE = re.compile(
    r"\b(?:disks?|drives?|memory|ram|free|used|usage|space|quota|volumes?|partitions?|cpu|swap|cache|heap|limit"
    r"|available|capacity|allocated|consumed|budget|size|pagefile|storage)\b|^\W*[A-Za-z]:\W*$|/dev/",
    re.IGNORECASE,
)
_STAMP_IN_NAME = re.compile(
    r"^\W*(?:\d{4}[-/]\d\d[-/]\d\d[T ]?)?(?:\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?Z?)?\W*"
    r"(?:\[?(?:INFO|VERBOSE|DEBUG)\]?\W+)?",
    re.IGNORECASE,
)
_PERCENT_IN_NAME = re.compile(rf"{_PERCENT} ?%")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SIZE_LETTER = re.compile(rf"({_NUMBER})([kKMGTP]?)$")

_POWER: Mapping[str, int] = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
# Nothing here tells one digit from another, so lines that differ in their digits alone are understood once.
_ALL_ZERO = str.maketrans("123456789", "0" * 9)


class Told(NamedTuple):
    """What a line says of a transfer; `sure` is false where it only mentions sizes."""

    name: str
    bytes: int | None
    total: int | None
    percent: float | None
    sure: bool = True


Said = Mapping[str, str | None]
Read = Callable[[Stream, Said], Told | None]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to print progress. `needle` finds it in bytes, `quick` in a text; `pattern` must match the whole text.

    `operation` marks the bar of an installation, which moves in leaps and is no transfer.
    """

    needle: str
    quick: re.Pattern[str]
    pattern: Any
    read: Read
    operation: bool = False


def size_in_bytes(number: str, unit: str, base: int | None = None) -> int | None:
    """`12.5`, `MB` -> bytes; None where it is no number. Decimal and binary units are told apart by the `i`."""
    letter = unit[:1].upper() if unit[:1].upper() in "KMGTP" else ""
    if "," in number and _THOUSANDS.fullmatch(number):
        number = number.replace(",", "")
    try:
        value = float(number.rstrip(".,").replace(",", "."))
    except ValueError:
        return None
    scale: int = (base or (1024 if "i" in unit.lower() else 1000)) ** _POWER[letter]
    return round(value * scale)


def _share(text: str | None) -> float | None:
    share = float(text.replace(",", ".")) if text else None
    return share if share is not None and share <= 100 else None


@lru_cache(maxsize=1024)
def _name(head: str) -> str:
    """What a line calls its transfer, without time, bar, percent and verb."""
    name = _BAR.sub(" ", _PERCENT_IN_NAME.sub(" ", _STAMP_IN_NAME.sub("", head, count=1)))
    name = _HAS_VERB.sub(" ", name)
    kept = (word for word in name.split() if any(letter.isascii() and letter.isalnum() for letter in word))
    return " ".join(kept).strip(" :-([|.,\"'")[:80]


def _sizes(stream: Stream, said: Said) -> Told | None:
    head, tail = said["head"] or "", said["tail"] or ""
    unit, total_unit = said["done_unit"], said["total_unit"] or ""
    done, total = size_in_bytes(said["done"] or "", unit or total_unit), size_in_bytes(said["total"] or "", total_unit)
    if done is None or not total or done > total:
        return None
    at_work = _is_at_work(head.translate(_ALL_ZERO), tail.translate(_ALL_ZERO))
    if at_work is None:
        return None
    printed = _PERCENT_IN_NAME.search(tail) or _PERCENT_IN_NAME.search(head)
    percent = _share(printed[0].rstrip("% ")) if printed else None
    # Packer's own bar, of a File customizer, is the only one without a prefix.
    at_work = at_work or (stream == "raw" and percent is not None)
    percent = percent if percent is not None else round(100 * done / total, 2)
    return Told(_name(head) or "download", done, total, percent, sure=at_work)


@lru_cache(maxsize=1024)
def _is_at_work(head: str, tail: str) -> bool | None:
    """Whether something says that a transfer is under way; None where the sizes are those of a machine."""
    named_file = _FILE_NAME.search(head) is not None
    if _OF_A_MACHINE.search(head) and not named_file:
        return None
    signs = ((_HAS_VERB, head), (_BAR, head), (_BAR, tail), (_RATE, tail))
    return named_file or any(pattern.search(text) for pattern, text in signs)


def _aria2(stream: Stream, said: Said) -> Told | None:
    done = size_in_bytes(said["done"] or "", said["done_unit"] or "")
    total = size_in_bytes(said["total"] or "", said["total_unit"] or "")
    return Told(f"aria2 {said['name']}", done, total, _share(said["percent"]))


def _letters(text: str | None) -> int | None:
    """`45.6M` as curl and wget print it, in binary units."""
    match = _SIZE_LETTER.match(text or "")
    return size_in_bytes(match[1], match[2], 1024) if match else None


def _curl(stream: Stream, said: Said) -> Told | None:
    received, sent = _letters(said["received"]), _letters(said["sent"])
    upload = not received and bool(sent)
    total = _letters(said["total"]) or None
    percent = _share(said["sent_percent"] if upload else said["percent"]) if total else None
    return Told("curl", sent if upload else received, total, percent)


def _wget(stream: Stream, said: Said) -> Told | None:
    name = (said.get("name") or "wget").strip()
    return Told(name, _letters(said["done"]), None, _share(said["percent"]))


def _pip(stream: Stream, said: Said) -> Told | None:
    done = size_in_bytes(said["done"] or "", said["done_unit"] or "")
    return Told("pip", done, None, None)


def _only_percent(name: str) -> Read:
    def read(stream: Stream, said: Said) -> Told | None:
        head, share = said.get("head") or "", _share(said["percent"])
        if share is None or _OF_A_MACHINE.search(head):
            return None
        return Told(_name(head) or name, None, None, share)

    return read


def _blocks(stream: Stream, said: Said) -> Told | None:
    done, left = len(said["done"] or ""), len(said["left"] or "")
    return Told("progress", None, None, round(100 * done / (done + left), 1))


def _form(
    needle: str,
    pattern: str,
    read: Read,
    *,
    operation: bool = False,
) -> Form:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    return Form(needle, re.compile(needle), re2.compile(pattern, options), read, operation)


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
        rf"^\s*(?:(?P<name>\S.*?)\s+)?(?P<percent>{_PERCENT})% ?\[[=>+ ]*\]\s+(?P<done>{_NUMBER}[KMGT]?)B?\b.*$",
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
        rf"^\s*\|[^\x00-\x7f ]*\s*\|\s*(?P<done>{_NUMBER}) (?P<done_unit>{_UNIT}) {_NUMBER} {_UNIT}/s.*$",
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
_MAYBE = re.compile(r"%|\d ?[KMGTkmgt]?i?[Bb]|\[o|:\d\d +[\d-]|K \.")


def read(number: int, at: datetime | None, stream: Stream, text: str) -> DownloadMoved | None:
    """The progress that a line shows, if it is a progress line."""
    if len(text) > _LONGEST_LINE or not _MAYBE.search(text):
        return None
    shown = text.rstrip("\r").rpartition("\r")[2]
    if "\x1b" in shown:
        shown = _ESCAPES.sub("", shown)
    for form, spans in _forms_of(shown.translate(_ALL_ZERO)):
        said = {name: shown[begin:end] if begin >= 0 else None for name, (begin, end) in spans}
        told = form.read(stream, said)
        if told:
            return DownloadMoved(number, at, *told, form.operation, shown.strip())
    return None


@lru_cache(maxsize=1024)
def _forms_of(shape: str) -> tuple[tuple[Form, tuple[tuple[str, tuple[int, int]], ...]], ...]:
    """The forms that a line has, with the places of their parts; of its digits only their number matters."""
    found = []
    for form in FORMS:
        match = form.pattern.match(shape) if form.quick.search(shape) else None
        if match:
            found.append((form, tuple((name, match.span(group)) for name, group in form.pattern.groupindex.items())))
    return tuple(found)
