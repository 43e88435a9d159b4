"""What an error looks like on the screen, as rows: PowerShell's records, and those of the tools that scripts run.

Reads lines that stand together on the screen into Clues. A PowerShell 5.1 record is known by its last lines and read
backwards; every other one is known by its first line and read on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from itertools import islice, takewhile
from typing import Any, Literal

import re2
from msgspec import Struct

from aibtui.core.lines import Line
from aibtui.core.regex import regex

# powershell: an error record, which may have ended the script. harmless: such a record of what a tool said on stderr
# without failing. tool: the error of a program with a form of its own. error: a line headed as one. plain: a sentence
# that tells of a failure. warning: what is no error yet.
ClueKind = Literal["powershell", "harmless", "tool", "error", "plain", "warning"]
Unwrapped = Literal["first", "all", "last"]

_LONGEST_MESSAGE = 14
_MOST_TEXT = 1000
_LONGEST = 2000
_CONSOLE_WIDTH = 120
_ANSI = regex(r"(?:\x1b|\^\[)\[[0-9;?]*[A-Za-z]")
_REDRAWN = regex(r"(?:\x1b|\^\[)\[\d*[AGJK]")
_NOT_FOLLOWED = regex(r"\(\?![^()]*\)")
_STAMP = r"(?:\[?\d[\d:T./,+ -]*(?:Z|AM|PM)?\]?[ :-]+)?"


class Family(Struct, frozen=True):
    """A kind of error: `head` matches its first line, `more` the lines below that belong to it.

    `unwrapped` says which of its lines are the text: the first, all of them, or the last alone; `prefix` is cut off the
    lines after the first.
    """

    kind: ClueKind
    head: re.Pattern[str]
    more: re.Pattern[str] | None = None
    unwrapped: Unwrapped = "all"
    prefix: str = ""


class Clue(Struct, frozen=True):
    """Lines of a step that may be the cause: the first and the last of them, and the record unwrapped into one text."""

    line: int
    last: int
    kind: ClueKind
    text: str


def _family(
    kind: ClueKind, head: str, more: str | None = None, unwrapped: Unwrapped = "all", prefix: str = ""
) -> Family:
    return Family(kind, regex(head), regex(more) if more else None, unwrapped, prefix)


# What good runs print too, in the words of an error: restarts, apt's helpers, and commands that are echoed.
_CHATTER = regex(
    r".*\((?:1115|1190)\)\s*$|A system shutdown|'[A-Za-z]:\\?' is not recognized|\++ |[A-Za-z]:\\[^>|]*>"
    r"|(?:debconf|dpkg-preconfigure|invoke-rc\.d|update-alternatives|mesg|tput|perl|locale|setlocale|apt-key): "
    r"|npm (?:warn|WARN|notice)|sudo: unable to resolve host|WARNING! "
    r"|(?i:warning: )?(?:apt|apt-key|pip) (?:does|is|as)\b"
)
# Sentences with the word that tell of no failure.
_MENTION = regex(
    r".*(?i:\b(?:0|no|without(?: any)?) (?:errors?|failures?|failed)\b"
    r"|\b(?:errors|failed|failures)(?: \w+)?\s*[:=]?\s*0\b|not an error"
    r"|ignor(?:ed|ing)\b|-ErrorAction|error[-_ ]?(?:log|handl|report|page|level)|if .* fail)"
)
# An attempt that is repeated has not failed yet.
_RETRIED = regex(
    r".*(?i:\bretry(?:ing)?\b(?! (?:limit|count))|\b(?:will try|trying) again"
    r"|\battempt (?!(\d+) ?(?:of|/) ?\1\b)\d+ ?(?:of|/) ?\d)"
)
_HARMLESS = regex(r"(?:npm (?:warn|WARN|notice)|(?i:warning)\b|Cloning into|From http|Switched to|\s*\d+ +\d+ )")

FAMILIES: tuple[Family, ...] = (
    # PowerShell 7: ConciseView with the code that failed, and its one-line form.
    _family(
        "powershell",
        r"Line \||(?:[A-Z]\w*-\w+|\w+Error|\w*Exception|OperationStopped|InvalidOperation|ObjectNotFound): .+:\d+$",
        r"Line \||\s*(?:\d+ )?\|",
    ),
    _family(
        "powershell",
        r"(?:(?:Add|Connect|ConvertFrom|ConvertTo|Copy|Enable|Expand|Export|Find|Get|Import|Install|Invoke|Join|Mount"
        r"|Move|New|Out|Register|Remove|Rename|Resolve|Restart|Save|Select|Set|Start|Stop|Test|Unblock|Uninstall"
        r"|Update|Wait|Write)-\w+|ParserError|OperationStopped|InvalidOperation): \S",
        r"\s+\| ",
    ),
    _family("powershell", r'.*<S S="Error">'),
    # Programs with a form of their own.
    _family("tool", r"npm (?:error|ERR!)", r"npm (?:error|ERR!|notice)", prefix="npm (?:error|ERR!|notice)"),
    _family("tool", r"Traceback \(most recent call last\):", r" |Traceback ", unwrapped="last"),
    _family("tool", r"E: \S"),
    _family("tool", r"dpkg: (?:error|dependency problems)", r" "),
    _family("tool", r"Errors during downloading metadata", r"\s+- |Error: "),
    _family(
        "tool",
        r"(?:\S*/)?(?:\S+\.sh|bash|sh|dash|zsh|script\w*|-bash)?:? ?line \d+: +\S"
        r"|(?:/\S+|\S+\.sh): (?:line )?\d+: \S+: |(?:bash|sh|-bash|sudo): \S+: command not found",
    ),
    _family("tool", r"make(?:\[\d+\])?: \*\*\*|Segmentation fault|Killed$|Bus error|(?:.*: )?error [A-Z]{2,}\d+: "),
    _family("tool", r"Error:$", r" "),
    _family("tool", r"curl: \(\d+\) "),
    _family(
        "tool",
        rf"{_STAMP}ERROR \d+ \(0x[0-9A-Fa-f]{{8}}\)",
        r"(?!ERROR|NOTE|Waiting|Retrying)(?:The|A|An|Access|There|Not|Cannot|Logon)\b.*\.$",
    ),
    _family(
        "tool",
        r".*\bMainEngineThread is returning (?!0\b|3010\b|1641\b)\d+"
        r"|.*\b(?i:exit(?:ed)?|code|returned|error|status)\D{0,14}\b16(?:0[1-9]|[1-3]\d|4[02-9]|5[0-4])\b",
    ),
    _family("tool", r"(?i:failed when (?:searching|opening) source)|.*\b0x8[aA]15[0-9a-fA-F]{4}\b"),
    _family("tool", r"Failures$", r"\s+- "),
    _family("tool", r".* is not recognized as an internal or external command", r"operable program or batch file"),
    # A line headed as an error, stamp and brackets in front or not.
    _family(
        "error",
        rf"{_STAMP}(?:\[(?i:error|fatal|critical|err)\]|(?:ERROR|FATAL|CRITICAL|FAILED|FAILURE)(?:\]|\b)(?![=_/.-]|\s*[:=]?\s*0\b|\s*=)"
        r"|(?i:fatal error|fatal|error|failure|unhandled exception)\s?: *\S|(?:[\w.]+\.)?\w+(?:Error|Exception): \S"
        r"|Exception calling )",
    ),
    _family("error", r"\S+: +(?:[Ee]rror|fatal|fatal error|cannot|can't|unable to|failed to)\b"),
    _family(
        "error",
        r".*: (?:No such file or directory|Permission denied|Operation not permitted|No space left on device"
        r"|Read-only file system|command not found|not found|Connection refused|Temporary failure in name resolution)$",
    ),
    _family(
        "error",
        r"(?:The system cannot find|The network path was not found|Access is denied|Invalid drive specification"
        r"|The syntax of the command is incorrect|The specified (?:path|module|file)|There is not enough space)",
    ),
    # A sentence.
    _family(
        "plain",
        rf"{_STAMP}(?i:failed|failure|unable|could not|couldn't|cannot|can't|err:\d+|no match for"
        r" argument|no package) ?\S"
        r"|.*\b(?i:exit(?:ed)?(?: with)?(?: (?:exit )?(?:code|status))?|return(?:ed)? (?:code|value|status)"
        r"|failed with)\b[^\d-]{0,14}(?!3010\b|1641\b)-?[1-9]"
        r"|.*\b(?i:failed|not found|not installed|does not exist|is missing|aborted|aborting)\b[^:=]{0,60}[.!]?$",
    ),
    _family("warning", rf"{_STAMP}(?:\[?(?i:warning|warn)\]?:? |W: )"),
)

_CATEGORY = regex(r"\s+\+ CategoryInfo ")
_IDENTITY = regex(r"\s+\+ FullyQualifiedErrorId ")
_LABEL = regex(r"\s+\+ (?:CategoryInfo|FullyQualifiedErrorId|PSComputerName) ")
_POSITION = regex(r"At (?:line|[A-Za-z]:\\.*|/.*):\d+ char:\d+$")
_HEADER = regex(r"(?:[A-Za-z]:\\[^:*?<>|]*|[\w.+/-]+(?:\.\w+)?|'[^']+'|&) : \S")
# A header that can be nothing else, however the message below it is broken into lines.
_SURE_HEADER = regex(r"(?:[A-Za-z]:\\[^:*?<>|]*\.\w+|[A-Z]\w+-\w+|'[^']+'|&) : \S|\S+ : The term '")
_PATH_HEAD = regex(r"[A-Za-z]:\\[^:*?<>|]{60,}$")
_PATH_REST = regex(r"[\w.-]*\.\w+ : ")
_DECORATION = regex(r"\s*\+( |$)|\s*~+\s*$|\s*$")
_CONCISE = regex(r"\s*(?:\d+ )?\|\s?(.*)$")
_CLIXML = regex(r'<S S="Error">(.*?)</S>')
_CLIXML_BREAK = regex(r"_x000[DA]_")
_FAILURE = regex(r"(?i:fail|can't|cannot|could not|unable|error|not found|exited with code|denied|missing)")
# Bars, meters, spinners and stack frames: no help to a reader who looks for the reason.
_PROGRESS = regex(
    r"\s*(?:\+? *~+|[|/\\-]|\S*\s*\[[=#>.o\s-]{6,}.*|.*(?:[█▒▓░]{3}|\u00e2\u2013).*"
    r"|(?:npm (?:error|ERR!) )?(?:.*\s)?\d{1,3}(?:\.\d+)?\s?%"
    r"|(?:[\d.]+[kMG]?\s+){6,}.*|npm (?:error|ERR!) \(Stage .*|npm (?:error|ERR!|notice)"
    r"|(?:npm (?:error|ERR!))?\s+at .*)\s*$"
)


def plain(text: str) -> str:
    """A line's text without colours and cursor moves; of a very long one its beginning, errors in CLIXML apart."""
    if len(text) > _LONGEST:
        text = "".join(match[0] for match in _CLIXML.finditer(text))[:_LONGEST] or text[:_LONGEST]
    return _ANSI.sub("", text) if "[" in text else text


def is_candidate(text: str) -> bool:
    """Whether a line may belong to an error: worth keeping, and the lines around it."""
    text = plain(text)
    return (_CATEGORY.match(text) or _POSITION.match(text) or _family_of(text)) is not None


def tells_of_failure(text: str) -> bool:
    """Whether a warning is about something that went wrong."""
    return _FAILURE.search(text) is not None


def without_decoration(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines without blanks, bars, underlines, stack frames, a record's own labels, and what was said before."""
    said: set[str] = set()
    label = False
    for line in lines:
        text = plain(line.text)
        label = _LABEL.match(text) is not None or (label and text.startswith("   "))
        if not (label or is_decoration(line.text) or text in said):
            said.add(text)
            yield line


def is_decoration(text: str) -> bool:
    """Whether a line is blank, a progress bar, an underline or a stack frame."""
    if _REDRAWN.search(text):
        return True
    text = plain(text)
    return not text.strip() or _PROGRESS.match(text) is not None


def read_clues(screen: Sequence[Line]) -> list[Clue]:
    """The clues on lines that stand together on the screen, in their order."""
    texts = [plain(line.text) for line in screen]
    spans: dict[int, tuple[int, Clue]] = {}
    free = 0
    for place, text in enumerate(texts):
        if _CATEGORY.match(text):
            first, last, kind, said = _powershell(texts, place, free)
            spans[first] = (last, Clue(screen[first].number, screen[last].number, kind, said[:_MOST_TEXT]))
            free = last + 1
    clues: list[Clue] = []
    place = 0
    while place < len(texts):
        if place in spans:
            last, clue = spans[place]
            clues.append(clue)
            place = last + 1
            continue
        family = _family_of(texts[place])
        if family is None:
            place += 1
            continue
        last = _extent(family, texts, place, spans)
        said = _text(family, texts[place : last + 1])
        kind = "warning" if _RETRIED.match(said) and family.kind in ("error", "plain") else family.kind
        clues.append(Clue(screen[place].number, screen[last].number, kind, said[:_MOST_TEXT]))
        place = last + 1
    return clues


def _family_of(text: str) -> Family | None:
    # In other scripts a letter or a blank of RE2 is not what it is for Python.
    places = sorted(_HEADS.Match(text) or ()) if text.isascii() else range(len(FAMILIES))
    family = next((FAMILIES[place] for place in places if FAMILIES[place].head.match(text)), None)
    if family is None or _CHATTER.match(text):
        return None
    return None if family.kind == "plain" and _MENTION.match(text) else family


def _all_heads() -> Any:
    """One look for all families: which may have a line, by their heads without what must not follow."""
    options = re2.Options()
    options.log_errors = False
    heads = re2.Set.MatchSet(options)
    for family in FAMILIES:
        heads.Add(_NOT_FOLLOWED.sub("", family.head.pattern))
    heads.Compile()
    return heads


_HEADS = _all_heads()


def _extent(family: Family, texts: Sequence[str], place: int, spans: dict[int, tuple[int, Clue]]) -> int:
    last = place
    while last + 1 < len(texts) and last + 1 not in spans:
        below = texts[last + 1]
        belongs = (family.more is not None and family.more.match(below)) or (
            family.kind == "warning" and _is_wrapped(texts[last], below)
        )
        if not belongs:
            break
        last += 1
    if family.unwrapped == "last" and last + 1 < len(texts) and texts[last + 1].strip():
        last += 1
    return last


def _text(family: Family, texts: Sequence[str]) -> str:
    if family.unwrapped == "last":
        return texts[-1].strip()
    if family.kind == "powershell":
        errors = _CLIXML.findall(texts[0])
        if errors:
            said = " ".join(unescape(_CLIXML_BREAK.sub(" ", error)).strip() for error in errors)
            return re.split(r" At (?:line|[A-Za-z]:\\\S*|/\S*):\d+ char:\d+", f"{said} ")[0].strip()
        return _concise(texts)
    shown = [text for text in texts if not is_decoration(text)] or list(texts[:1])
    if family.prefix:
        below = (re.sub(rf"^(?:{family.prefix})", "", text).strip() for text in shown[1:])
        shown = [shown[0], *islice(takewhile(lambda text: text[:1].islower() or text[:1].isdigit(), below), 5)]
    return _unwrap(shown)


def _concise(texts: Sequence[str]) -> str:
    """`Get-Item: script.ps1:3`, the code between bars, then the message: the message alone, with who said it."""
    head = texts[0]
    rows = [match[1] for text in texts if (match := _CONCISE.match(text)) and not text.startswith("Line |")]
    underline = next((place for place, row in enumerate(rows) if set(row.strip()) <= {"~"} and row.strip()), None)
    if not rows:
        return head.strip()
    if underline is not None:
        rows = rows[underline + 1 :]
    said = " ".join(row.strip() for row in rows if row.strip())
    who = head.split(":")[0] if not head.startswith("Line |") else ""
    return f"{who}: {said}" if who and said else said or head.strip()


def _powershell(texts: Sequence[str], category: int, free: int) -> tuple[int, int, ClueKind, str]:
    """The 5.1 record that the line with its category belongs to: its first and last place, kind and text."""
    top = category
    while top > free and texts[top - 1].strip() and not _IDENTITY.match(texts[top - 1]):
        top -= 1
    last = _last_of_record(texts, category)
    positions = [place for place in range(top, category) if _POSITION.match(texts[place])]
    if "ParserError:" in texts[category] and positions:
        # A parse error has no header: it begins with `At file:line char:n`, and the message comes below the code.
        said = (text for text in texts[positions[0] : category] if not _POSITION.match(text) and not _is_code(text))
        return positions[0], last, "powershell", next(said, texts[category]).strip()
    end = positions[-1] if positions else category
    first = _first_of_message(texts, top, end, "".join(texts[category + 1 : last + 1]))
    parts = [text for text in texts[first:end] if not _is_code(text)]
    text = _unwrap(parts) if parts else texts[category].strip()
    native = any("NativeCommandError" in text for text in texts[category : last + 1])
    harmless = native and _HARMLESS.match(text.partition(" : ")[2]) is not None
    return first, last, "harmless" if harmless else "powershell", text


def _first_of_message(texts: Sequence[str], top: int, end: int, labels: str) -> int:
    lowest = max(top, end - _LONGEST_MESSAGE)
    above = range(end - 1, lowest - 1, -1)
    head = next((place for place in above if _SURE_HEADER.match(texts[place])), None)
    # `throw "text"` prints the text alone; its identity repeats it.
    identity = labels.partition("FullyQualifiedErrorId : ")[2]
    thrown = next((place for place in above if len(texts[place]) > 3 and identity.startswith(texts[place][:50])), None)
    if thrown is not None:
        return thrown
    if head is None:
        # Only its wrapping tells where such a text began.
        head = max(end - 1, top)
        while head > top and not _HEADER.match(texts[head]) and _is_wrapped(texts[head - 1], texts[head]):
            head -= 1
    if head > top and _PATH_REST.match(texts[head]) and _PATH_HEAD.match(texts[head - 1]):
        head -= 1
    while head < end - 1 and _is_code(texts[head]):
        head += 1
    return head


def _last_of_record(texts: Sequence[str], category: int) -> int:
    last = category
    while last + 1 < len(texts) and texts[last + 1].startswith("  ") and texts[last + 1].strip():
        last += 1
    return last


def _is_code(text: str) -> bool:
    return _DECORATION.match(text) is not None


def _is_wrapped(above: str, below: str) -> bool:
    """Whether the console broke a line there: the next word had no room left."""
    if not above.strip() or not below.strip():
        return False
    needed = len(above) + 1 + len(below.split(None, 1)[0])
    return needed >= _CONSOLE_WIDTH or (below[0] == " " and len(above) >= _CONSOLE_WIDTH - 2)


def _unwrap(parts: Sequence[str]) -> str:
    """One text of wrapped parts. A part that begins with a blank continues the line before it, and so does what stands
    before a header's colon when the path alone was too long for the line."""
    return "".join(_joined(parts)).strip()


def _joined(parts: Sequence[str]) -> Iterator[str]:
    for place, part in enumerate(parts):
        split_path = place == 1 and _PATH_HEAD.match(parts[0]) and _PATH_REST.match(part)
        goes_on = part[:1] == " " and part[1:2] != " "
        yield part if place == 0 or goes_on or split_path else f" {part.strip()}"
