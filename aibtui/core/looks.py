"""What a line is by its looks: Packer's debug log, Packer's own words, a script's output, a warning, an error.

Looks are a hint for the eye; alerts are the rules' business. Every line of a log passes here, so bytes are judged and
no Line is made where the form is the usual one.
"""

from __future__ import annotations

import re
from typing import Final

from aibtui.core.lines import parse_line

NOISE, WORDS, OUTPUT, WARNING, ERROR = range(5)

_ERROR_LIKE = re.compile(
    rb"\s*(?:npm )?(?:error|fatal|exception)\b(?! ?(?:code|level)?s? ?[:=]? ?0\b)"
    rb"|[\w.-]+ : (?:cannot|could not|the (?:term|remote|operation|request|property|argument)|access) "
    rb"|\s*\+ (?:CategoryInfo|FullyQualifiedErrorId) ",
    re.IGNORECASE,
)
_ERROR_NAMED = re.compile(rb"(?:[Ee]rror|[Ee]xception): ")
_WARNING_LIKE = re.compile(rb"\s*(?:npm )?warn(?:ing)?\b", re.IGNORECASE)
_RESTARTING = re.compile(
    rb"A system shutdown is in progress|A system shutdown has already been scheduled|\((?:1115|1190)\)"
)
# What Packer's builder and provisioners say about themselves, as they say it (seen in logs of 2022 to 2026).
_WORDS = re.compile(
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
_PROGRESS = re.compile(
    rb"\d ?%|\d ?[kKMGT]?i?[Bb]?(?:ytes)? ?(?:/|of|out of) ?\d[\d.,]* ?[kKMGT]?i?B|\d ?[kKMGT]i?B/s"
    rb"|\b[Ss]till |(?:elapsed|remaining)\b"
)
_OWN_STAMP = re.compile(rb"\W{0,2}\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\dZ]*|\W{0,2}\d\d:\d\d:\d\d[.,\d]*")
_MOVING = b"0123456789.,#=>-|/\\ \xe2\x96\x88\x91\x92\x93\x81\x82\x83"
_AFTER_STAMP: Final = 66


def judge(head: bytes) -> tuple[int, bytes, bytes]:
    """A line by its first bytes: its kind, its stamp as it is written, and its text without Packer's prefix.

    NOISE is Packer's own debug log and lines with nothing to read; it comes without text. WORDS is what Packer says to
    its user, everything else is OUTPUT, or by its looks WARNING or ERROR. What Windows prints to stderr while it
    restarts as asked is no error.
    """
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
    return _judge_text(text.rstrip(), failing=failing), stamp, text


def _judge_unusual(head: bytes) -> tuple[int, bytes, bytes]:
    line = parse_line(head, 0)
    stamp = line.at.strftime("%Y/%m/%d %H:%M:%S").encode() if line.at else b""
    if line.stream == "log":
        return NOISE, stamp, b""
    text = line.text.encode("utf-8", "surrogatepass")
    kind = _judge_text(text.rstrip(), failing=line.stream == "error")
    if kind == OUTPUT and not line.builder and line.stream == "ui":
        kind = WORDS
    return kind, stamp, text


def _judge_text(text: bytes, *, failing: bool) -> int:
    if not text:
        return NOISE
    if failing or _may_be_bad(text.lower()):
        if _RESTARTING.search(text):
            return OUTPUT
        if _WARNING_LIKE.match(text):
            return WARNING
        if failing or _ERROR_LIKE.match(text) or _ERROR_NAMED.search(text):
            return ERROR
    return WORDS if _WORDS.match(text) else OUTPUT


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


def signature(text: bytes, kind: int) -> bytes:
    """What stays of a line when it is printed again, or printed again with newer figures."""
    text = text.strip()
    own = _OWN_STAMP.match(text)
    if own:
        text = text[own.end() :]
    if kind in (WARNING, ERROR) or not is_progress(text):
        return text
    return text.translate(None, _MOVING)


def is_progress(text: bytes) -> bool:
    """The line tells how far something has come."""
    may_be = (
        b"%" in text
        or b"/" in text
        or b" of " in text
        or b"till " in text
        or b"elapsed" in text
        or b"remaining" in text
    )
    return may_be and _PROGRESS.search(text) is not None
