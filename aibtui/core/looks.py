"""What a line is by its looks: Packer's debug log, Packer's own words, a script's output, a warning, an error.

Looks are a hint for the eye; alerts are the rules' business. What is said of one line is also found in many lines at
once, in one pass over their bytes: `remarkable` and `moving`.
"""

from __future__ import annotations

import re
from typing import Any, Final

import re2

from aibtui.core.lines import parse_line
from aibtui.core.regex import regex

NOISE, WORDS, OUTPUT, WARNING, ERROR = range(5)

DATED_TEXT: Final = (b" ui: ==> azure-arm: ", b" ui:     azure-arm: ")
"""What stands in a usual line, from column 65 on, before a text that came through the builder."""
OUT_TEXT: Final = (b"] PACKER OUT     azure-arm: ", b"] PACKER OUT ==> azure-arm: ")
"""What stands in a line of the first generation, from column 37 on, before a text that came through the builder."""

# What Packer's builder and provisioners say about themselves, as they say it (seen in logs of 2022 to 2026).
_WORDS: Final = (
    rb" ?-> \w|Running builder \.\.\.|Creating Azure Resource Manager|ARM Client successfully"
    rb"|Getting (?:source image id|the certificate's URL|the VM's)|Using existing resource group"
    rb"|(?:Validating|Deploying) deployment template"
    rb"|Setting the certificate's URL|Waiting for (?:WinRM|SSH) to become|WinRM connected\.|Connected to (?:WinRM|SSH)!"
    rb"|output will be in this color"
    rb"|Provisioning with (?:Powershell\.\.\.|powershell script: |shell script: |windows-shell)"
    rb"|(?:Uploading|Downloading) \S.* => |Uploading the Windows update|Pausing \S+ before|Restarting Machine$"
    rb"|Waiting for machine to restart|Machine successfully restarted|Querying the machine's|Powering off machine"
    rb"|Snapshotting |Capturing image|Generalizing "
    rb"|Deleting (?:Virtual Machine deployment|individual resources|KeyVault)"
    rb"|Deleted -> |Cleanup |Removing the created Deployment|Adding to deletion queue"
    rb"|The resource group was not created by Packer|Provisioning step had errors"
)
_ERROR: Final = rb"\s*(?:npm )?(?:error|fatal|exception)\b"
_NO_ERROR: Final = rb"(?! ?(?:code|level)?s? ?[:=]? ?0\b)"
_POWERSHELL: Final = (
    rb"[\w.-]+ : (?:cannot|could not|the (?:term|remote|operation|request|property|argument)|access) "
    rb"|\s*\+ (?:CategoryInfo|FullyQualifiedErrorId) "
)
_ERROR_NAMED: Final = rb"(?:[Ee]rror|[Ee]xception): "
_WARNING: Final = rb"\s*(?:npm )?warn(?:ing)?\b"
_PROGRESS: Final = (
    rb"\d ?%|\d ?[kKMGT]?i?[Bb]?(?:ytes)? ?(?:/|of|out of) ?\d[\d.,]* ?[kKMGT]?i?B|\d ?[kKMGT]i?B/s"
    rb"|\b[Ss]till |(?:elapsed|remaining)\b"
)

_LIKE_ERROR = regex(_ERROR + _NO_ERROR + rb"|" + _POWERSHELL, re.IGNORECASE)
_NAMES_ERROR = regex(_ERROR_NAMED)
_LIKE_WARNING = regex(_WARNING, re.IGNORECASE)
_LIKE_WORDS = regex(_WORDS)
_LIKE_PROGRESS = regex(_PROGRESS)
_RESTARTING = regex(rb"A system shutdown is in progress|A system shutdown has already been scheduled|\((?:1115|1190)\)")


def _for_many(source: bytes) -> Any:
    """A pattern that is searched in many lines at once, in one pass; lines in a row that have it are one match."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    within_a_line = source.replace(rb"\s", rb"[ \t\r\f\v]")
    return re2.compile(b"(?m)(?:^.*(?:" + within_a_line + b").*\n)+", options)


# RE2 knows no look-ahead: an error that is none is found as well, and judged by its line.
_REMARKABLE = _for_many(
    b"|".join(
        (b"^(?:" + _WORDS.replace(b"$", b""), b"(?i:" + _ERROR, _POWERSHELL, _WARNING + b"))", _ERROR_NAMED),
    )
)
_MOVING = _for_many(_PROGRESS)
_OWN_STAMP = regex(rb"\W{0,2}\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\dZ]*|\W{0,2}\d\d:\d\d:\d\d[.,\d]*")
_FIGURES = b"0123456789.,#=>-|/\\ \xe2\x96\x88\x91\x92\x93\x81\x82\x83"


def text_column(line: bytes) -> int | None:
    """Where the text begins that is shown of a line of a usual form; None in any other line."""
    if line[37:47] == b"] PACKER 2":
        return 85 if line[65:85] in DATED_TEXT else 66 if line[65:67] == b" [" else None
    return 65 if line[37:65] in OUT_TEXT else None


def judge(head: bytes) -> tuple[int, bytes, bytes]:
    """A line by its first bytes: its kind, its stamp as it is written, and its text without Packer's prefix.

    NOISE is Packer's own debug log and lines with nothing to read; it comes without text. WORDS is what Packer says to
    its user, everything else is OUTPUT, or by its looks WARNING or ERROR. What Windows prints to stderr while it
    restarts as asked is no error.
    """
    if head[37:65] in OUT_TEXT:
        return judge_text(head[65:]), b"", head[65:]
    if head[37:47] != b"] PACKER 2" or head[65:66] != b" ":
        return _judge_unusual(head)
    # The usual form: [guid] PACKER yyyy/mm/dd HH:MM:SS and what was said.
    stamp = head[46:65]
    if head[66:80] == b"ui: ==> azure-" or head[66:80] == b"ui:     azure-":
        text = head[85:] if head[80:85] == b"arm: " else None
        failing = False
    elif head[66:86] == b"ui error: ==> azure-":
        text = head[91:] if head[86:91] == b"arm: " else None
        failing = True
    elif head[66:68] != b"ui":
        return NOISE, stamp, b""
    else:
        return _judge_unusual(head)
    if text is None:
        return _judge_unusual(head)
    return judge_text(text, failing=failing), stamp, text


def _judge_unusual(head: bytes) -> tuple[int, bytes, bytes]:
    line = parse_line(head, 0)
    stamp = line.at.strftime("%Y/%m/%d %H:%M:%S").encode() if line.at else b""
    if line.stream == "log":
        return NOISE, stamp, b""
    text = line.text.encode("utf-8", "surrogatepass")
    kind = judge_text(text, failing=line.stream == "error")
    if kind == OUTPUT and not line.builder and line.stream == "ui":
        kind = WORDS
    return kind, stamp, text


def judge_text(text: bytes, *, failing: bool = False) -> int:
    """The kind of what is shown; `failing` where Packer itself calls it an error."""
    text = text.rstrip()
    if not text:
        return NOISE
    if failing or _may_be_bad(text.lower()):
        if _RESTARTING.search(text):
            return OUTPUT
        if _LIKE_WARNING.match(text):
            return WARNING
        if failing or _LIKE_ERROR.match(text) or _NAMES_ERROR.search(text):
            return ERROR
    return WORDS if _LIKE_WORDS.match(text) else OUTPUT


def _may_be_bad(lowered: bytes) -> bool:
    """Without one of these in it a line is neither a warning nor an error."""
    return (
        b"err" in lowered
        or b"warn" in lowered
        or b"exception" in lowered
        or b"fatal" in lowered
        or b" : " in lowered
        or b"+ " in lowered
    )


def signature(text: bytes, *, progress: bool) -> bytes:
    """What stays of a line when it is printed again, or, if it tells of progress, printed again with newer figures."""
    text = text.strip()
    own = _OWN_STAMP.match(text)
    if own:
        text = text[own.end() :]
    return text.translate(None, _FIGURES) if progress else text


def is_progress(text: bytes) -> bool:
    """The line tells how far something has come."""
    return _LIKE_PROGRESS.search(text) is not None


def remarkable(texts: bytes) -> list[bool]:
    """Of many texts, each with a newline behind it, which may be of another kind than OUTPUT."""
    return _which(_REMARKABLE, texts)


def moving(texts: bytes) -> list[bool]:
    """Of many texts, each with a newline behind it, which tell of progress."""
    return _which(_MOVING, texts)


def _which(pattern: Any, texts: bytes) -> list[bool]:
    found: list[bool] = []
    counted = 0
    for match in pattern.finditer(texts):
        begin, end = match.span()
        found += [False] * texts.count(b"\n", counted, begin)
        found += [True] * texts.count(b"\n", begin, end)
        counted = end
    return found + [False] * texts.count(b"\n", counted)
