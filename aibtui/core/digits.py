"""Makes a pattern blind to digits: where a text has it, the same text with zeros for its digits has the blind one.

So that lines which differ in their digits alone, as most lines of a long log do, need to be looked at only once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import re2

ZEROS = bytes.maketrans(b"123456789", b"000000000")
"""For `bytes.translate`: zeros for all digits."""

NOTHING = r"[^\x00-\x{10FFFF}]"
"""In RE2's syntax: is found nowhere."""
_ALL = "0123456789"
# In what a class lists besides all digits: an escape, a class, a digit, a range.
_UNCLEAR = re.compile(r"[\\\[\d]|.-.", re.DOTALL)
_MAY_TELL = re.compile(r"[0-9\[]|\\[xpPQ]")
# What takes one sign, quantifiers, how groups begin; all else takes no digit.
_TOKEN = re.compile(
    r"(?P<sign>\d|\\x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})|\\[0-7]{1,3}|\\[pP](?:\{\^?\w+\}|\w)"
    r"|\[\^?\]?(?:\[:\^?\w+:\]|\\[pPx]\{[^}]*\}|\\.|[^\]\\])*\])"
    r"|\\Q(?P<literal>.*?)(?:\\E|$)|\\.|\{\d+(?:,\d*)?\}|\(\?P?<\w+>|[^\d\\[{(]+|.",
    re.DOTALL,
)


class Blind(NamedTuple):
    """A pattern of RE2 that looks at zeros: `may` is found where the pattern may be in a line, `sure` where it must be.

    They differ where the pattern tells one digit from another.
    """

    may: str
    sure: str


def blind(source: str) -> Blind:
    """A pattern in RE2's syntax made blind. It has no look-around, so what takes less of a part finds less."""
    if not _MAY_TELL.search(source):
        return Blind(source, source)
    may, sure = [], []
    for token in _TOKEN.finditer(source):
        part = token[0]
        taken = _digits(part) if token["sign"] is not None else ""
        if token["literal"] is not None:
            zeros = re2.escape(re.sub(r"\d", "0", token["literal"]))
            may.append(zeros)
            sure.append(NOTHING if re.search(r"\d", token["literal"]) else zeros)
        elif taken in ("", _ALL):
            may.append(part)
            sure.append(part)
        else:
            may.append("0" if part.isdecimal() else part if taken[0] == "0" else f"(?:{part}|0)")
            sure.append(NOTHING)
    return Blind("".join(may), "".join(sure))


@lru_cache(maxsize=1024)
def _digits(sign: str) -> str:
    """Those that a class, an escape or a digit of a pattern takes. What can be seen at a glance is not compiled."""
    if sign in _ALL:
        return sign
    listed = sign[1:-1].removeprefix("^")
    if sign[0] == "[" and not _UNCLEAR.search(listed.replace("0-9", "")):
        return _ALL if ("0-9" in listed) is not (sign[1] == "^") else ""
    return "".join(re2.findall(sign, _ALL))
