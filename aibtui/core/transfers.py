"""Progress lines become transfers: their forms as rows, and one Download a transfer.

A line that only mentions two sizes is no progress: where neither a bar, a
rate, a verb nor a file's name says that something is under way, it counts only once the first size has grown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import re2

from aibtui.core.build import Download
from aibtui.core.events import DownloadMoved
from aibtui.core.lines import Line

MOST_KEPT = 40
_LONGEST_LINE = 400
_RECENT = 20
_MOST_MARKS = 30
MARK_EVERY = timedelta(seconds=20)

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
_SIZE_LETTER = re.compile(rf"({_NUMBER})([kKMGTP]?)$")

_POWER: Mapping[str, int] = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@dataclass(frozen=True, slots=True)
class Form:
    """One way to print progress. `needle` (RE2 syntax) finds it in bytes, `pattern` must match its whole text.

    `operation` marks the bar of an installation, which moves in leaps and is no transfer.
    """

    needle: str
    pattern: Any
    read: Callable[[Line, Mapping[str, str | None]], DownloadMoved | None]
    operation: bool = False


def size_in_bytes(number: str, unit: str, base: int | None = None) -> int | None:
    """`12.5`, `MB` -> bytes; None where it is no number. Decimal and binary units are told apart by the `i`."""
    letter = unit[:1].upper() if unit[:1].upper() in "KMGTP" else ""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
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


def _name(head: str) -> str:
    """What a line calls its transfer, without time, bar, percent and verb."""
    name = _BAR.sub(" ", _PERCENT_IN_NAME.sub(" ", _STAMP_IN_NAME.sub("", head, count=1)))
    name = _HAS_VERB.sub(" ", name)
    kept = (word for word in name.split() if any(letter.isascii() and letter.isalnum() for letter in word))
    return " ".join(kept).strip(" :-([|.,\"'")[:80]


def _sizes(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    head, tail = said["head"] or "", said["tail"] or ""
    unit, total_unit = said["done_unit"], said["total_unit"] or ""
    done, total = size_in_bytes(said["done"] or "", unit or total_unit), size_in_bytes(said["total"] or "", total_unit)
    if done is None or not total or done > total:
        return None
    named_file = _FILE_NAME.search(head) is not None
    if _OF_A_MACHINE.search(head) and not named_file:
        return None
    printed = _PERCENT_IN_NAME.search(tail) or _PERCENT_IN_NAME.search(head)
    percent = _share(printed[0].rstrip("% ")) if printed else None
    at_work = named_file or any(
        pattern.search(text) for pattern, text in ((_HAS_VERB, head), (_BAR, head), (_BAR, tail), (_RATE, tail))
    )
    # Packer's own bar, of a File customizer, is the only one without a prefix.
    at_work = at_work or (line.stream == "raw" and percent is not None)
    percent = percent if percent is not None else round(100 * done / total, 2)
    return DownloadMoved(line.number, line.at, _name(head) or "download", done, total, percent, sure=at_work)


def _aria2(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    done = size_in_bytes(said["done"] or "", said["done_unit"] or "")
    total = size_in_bytes(said["total"] or "", said["total_unit"] or "")
    return DownloadMoved(line.number, line.at, f"aria2 {said['name']}", done, total, _share(said["percent"]))


def _letters(text: str | None) -> int | None:
    """`45.6M` as curl and wget print it, in binary units."""
    match = _SIZE_LETTER.match(text or "")
    return size_in_bytes(match[1], match[2], 1024) if match else None


def _curl(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    received, sent = _letters(said["received"]), _letters(said["sent"])
    upload = not received and bool(sent)
    total = _letters(said["total"]) or None
    percent = _share(said["sent_percent"] if upload else said["percent"]) if total else None
    return DownloadMoved(line.number, line.at, "curl", sent if upload else received, total, percent)


def _wget(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    name = (said.get("name") or "wget").strip()
    return DownloadMoved(line.number, line.at, name, _letters(said["done"]), None, _share(said["percent"]))


def _pip(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    done = size_in_bytes(said["done"] or "", said["done_unit"] or "")
    return DownloadMoved(line.number, line.at, "pip", done, None, None)


def _only_percent(name: str) -> Callable[[Line, Mapping[str, str | None]], DownloadMoved | None]:
    def read(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
        head, share = said.get("head") or "", _share(said["percent"])
        if share is None or _OF_A_MACHINE.search(head):
            return None
        return DownloadMoved(line.number, line.at, _name(head) or name, None, None, share)

    return read


def _blocks(line: Line, said: Mapping[str, str | None]) -> DownloadMoved | None:
    done, left = len(said["done"] or ""), len(said["left"] or "")
    return DownloadMoved(line.number, line.at, "progress", None, None, round(100 * done / (done + left), 1))


def _form(
    needle: str,
    pattern: str,
    read: Callable[[Line, Mapping[str, str | None]], DownloadMoved | None],
    *,
    operation: bool = False,
) -> Form:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    return Form(needle, re2.compile(pattern, options), read, operation)


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


def read(line: Line) -> DownloadMoved | None:
    """The progress that a line shows, if it is a progress line."""
    text = line.text
    if len(text) > _LONGEST_LINE or not _MAYBE.search(text):
        return None
    shown = _ESCAPES.sub("", text.rstrip("\r").rpartition("\r")[2])
    for form in FORMS:
        match = form.pattern.match(shown)
        event = form.read(line, match.groupdict()) if match else None
        if event:
            return replace(event, text=shown.strip(), operation=form.operation)
    return None


class Transfers:
    """The transfers of one run, one Download each, in the order of their first lines.

    At most MOST_KEPT are kept: beyond that the one that was through in the shortest time goes, the oldest of equals, so
    that the hundred small ones of an installer cannot push out what took long.
    """

    def __init__(self) -> None:
        self.all: tuple[Download, ...] = ()
        self._hint: Download | None = None

    def take(self, event: DownloadMoved) -> Download | None:
        """Fold a progress line in; None while nothing proves that it is one."""
        for place in range(len(self.all) - 1, max(-1, len(self.all) - 1 - _RECENT), -1):
            if _goes_on(self.all[place], event):
                moved = _moved(self.all[place], event)
                self.all = (*self.all[:place], moved, *self.all[place + 1 :])
                return moved
        new = Download(
            event.name,
            event.bytes,
            event.total,
            event.percent,
            event.line,
            event.line,
            event.at,
            event.at,
            moved_line=event.line,
            text=event.text,
            operation=event.operation,
            marks=((event.at, amount(event)),) if event.at else (),
        )
        if not event.sure:
            hint, self._hint = self._hint, new
            if hint is None or not _goes_on(hint, event) or (event.bytes or 0) <= (hint.bytes or 0):
                return None
            new, self._hint = _moved(hint, event), None
        self.all = (*self.all, new)
        if len(self.all) > MOST_KEPT:
            through = [each for each in self.all[:-1] if each.percent is not None and each.percent >= 100]
            gone = min(through, key=_lasted) if through else self.all[0]
            self.all = tuple(each for each in self.all if each is not gone)
        return new


def _goes_on(known: Download, event: DownloadMoved) -> bool:
    if known.name != event.name or known.total != event.total or known.operation != event.operation:
        return False
    if event.bytes is not None and known.bytes is not None:
        return event.bytes >= known.bytes
    return (event.percent or 0) >= (known.percent or 0)


def _moved(known: Download, event: DownloadMoved) -> Download:
    further = event.bytes != known.bytes or event.percent != known.percent
    marks = known.marks
    if further and event.at and (not marks or event.at - marks[-1][0] >= MARK_EVERY):
        marks = (*marks, (event.at, amount(event)))
        if len(marks) > _MOST_MARKS:
            marks = (marks[0], *marks[2:])
    return replace(
        known,
        bytes=event.bytes,
        percent=event.percent,
        last_line=event.line,
        at=event.at if further else known.at,
        moved_line=event.line if further else known.moved_line,
        text=event.text,
        marks=marks,
    )


def amount(known: Download | DownloadMoved) -> float:
    """How far it is: bytes, or percent where it shows no bytes."""
    return float(known.bytes if known.bytes is not None else known.percent or 0)


def _lasted(download: Download) -> timedelta:
    return download.at - download.started_at if download.at and download.started_at else timedelta()
