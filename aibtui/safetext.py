"""The one door from remote text to a screen, a runner or a file name.

What a log, a template or an error says is somebody else's text: it may carry terminal sequences, text direction
controls, runner commands or a secret. It leaves here harmless and still readable, or it does not leave.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NewType

import re2
from msgspec import Struct

from aibtui.core.regex import regex

SafeText = NewType("SafeText", str)

LINE_LIMIT = 4_000
NAME_LIMIT = 80
HIDDEN = "[hidden]"

# Every part excludes what begins the next sequence, so that a hostile line is walked through once. A string
# sequence (OSC, DCS, SOS, PM, APC) without its end loses only its introducer: the rest stays to be read.
_SEQUENCE = regex(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-~]"
)
_NOT_ASCII_PRINTABLE = regex(r"[^ -~]+")
_TAB_STOP = 8


def clean(text: str, limit: int | None = LINE_LIMIT) -> SafeText:
    """One line that any terminal may draw: no control, bidi, zero-width or surrogate character, no newline.

    Terminal sequences go, tabs become blanks, everything else that does not print is made visible (`␀`, `\\u202e`).
    A result longer than `limit` characters is cut and ends in `…`. Cleaning twice is cleaning once.
    """
    if not text.isprintable():
        text = _SEQUENCE.sub("", text.rstrip("\r\n"))
        text = _NOT_ASCII_PRINTABLE.sub(_make_visible, text).expandtabs(_TAB_STOP)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return SafeText(text)


def clean_lines(text: str, limit: int | None = LINE_LIMIT) -> list[SafeText]:
    """The lines of `text`, split at `\\n` only, each through `clean`; an end of line at the very end makes no line."""
    return [clean(line, limit) for line in text.removesuffix("\n").split("\n")] if text else []


def _make_visible(run: re.Match[str]) -> str:
    return "".join(char if char == "\t" or char.isprintable() else _visible(char) for char in run.group())


def _visible(char: str) -> str:
    code = ord(char)
    match unicodedata.category(char):
        case "Cc" if code < 0x20:
            return chr(0x2400 + code)
        case "Cc":
            return "␡" if code == 0x7F else f"\\x{code:02x}"
        case "Cs":
            return "\N{REPLACEMENT CHARACTER}"
        case "Cf" | "Zl" | "Zp":
            return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
        case _:
            return char


_NOT_IN_NAMES = regex(r"[^A-Za-z0-9._-]+")
_WINDOWS_DEVICE = regex(r"(?i)(?:con|prn|aux|nul|clock|conin|conout|com[0-9]|lpt[0-9])(?:\.|$)")


def safe_name(text: str) -> str:
    """`text` as a file name of letters, digits, `.`, `_`, `-`, at most 80 of them: no path, option or device name."""
    name = _NOT_IN_NAMES.sub("_", text)
    name = re.sub(r"\.{2,}", ".", name).lstrip("-.")[:NAME_LIMIT].rstrip(".")
    if _WINDOWS_DEVICE.match(name):
        name = f"_{name}"[:NAME_LIMIT].rstrip(".")
    return name or "unnamed"


# The runners compare by culture, which passes over characters that carry no weight (a variation selector, a soft
# hyphen), so whatever is not ASCII counts as part of a mark; so do the wide and small forms of its characters.
_AZURE_COMMAND = regex(r"(?i)([#\uff03\ufe5f])(?=[^\x00-\x7f]*?[#\uff03\ufe5f](?:[^\x00-\x7f]|v|\[))")
_GITHUB_COMMAND = regex(r"(?m)^([^\x21-\x7e\n]*[:\uff1a\ufe55\ufe13])(?=[^\x00-\x7f]*[:\uff1a\ufe55\ufe13])")


def neutralise_ci(text: SafeText) -> SafeText:
    """`text` without commands that a build runner would obey: `##vso[`, `##[` and a leading `::` get a blank inside.

    Azure's agent looks for its mark anywhere in a line, and warns of `##vso` alone; GitHub's runner trims the line
    before it looks for `::`, and still knows `##[` anywhere.
    """
    if not text.isascii() or "#" in text or ":" in text:
        return SafeText(_GITHUB_COMMAND.sub(r"\1 ", _AZURE_COMMAND.sub(r"\1 ", text)))
    return text


class _SecretRule(Struct, frozen=True):
    """A kind of secret: words of which one must stand in the text (lower case), and a pattern whose group 1 it is."""

    words: tuple[bytes, ...]
    pattern: bytes


def _secret(words: Iterable[str], pattern: str) -> _SecretRule:
    return _SecretRule(tuple(word.encode() for word in words), pattern.encode())


@cache
def _compiled(pattern: bytes) -> re2._Regexp:
    """A rule's pattern, when a word of it stood somewhere first."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)


_KEY_WORDS = r"password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key"

_WORD = r"(?:\"[^\"\r\n]+\"|'[^'\r\n]+'|[^\s\"']+)"
_WORD_BUT_OPTION = r"(?:\"[^\"\r\n]+\"|'[^'\r\n]+'|[^\s\"'/|-][^\s\"']*)"

_SECRET_RULES = (
    # Private key, with its body where that stands in the same text.
    _secret(["private key"], r"(-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z -]*|\z))"),
    # Shared access signature.
    _secret(["sig="], r"(?i)\bsig=([a-z0-9%+/=_-]{16,})"),
    # Account key or shared access key of a connection string.
    _secret(["accountkey", "sharedaccesskey"], r"(?i)(?:accountkey|sharedaccesskey)[ \t]*=[ \t]*([a-z0-9+/=]{20,})"),
    # Client secret of Entra ID (after gitleaks, azure-ad-client-secret).
    _secret(["q~"], r"(?:^|[^A-Za-z0-9_~.])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,64})"),
    # JSON web token.
    _secret(["eyj"], r"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)"),
    # Authorization header.
    _secret(
        ["authorization", "bearer "],
        r"(?i)(?:authorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:[a-z]+[ \t]+)?|\bbearer[ \t]+)([a-z0-9._~+/=:-]{12,})",
    ),
    # Password of a URL's user.
    _secret(["://"], r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@"),
    # Personal access token of Azure DevOps.
    _secret(["azdo"], r"\b([A-Za-z0-9]{72,80}AZDO[A-Za-z0-9]{4})\b"),
    # Keys of Azure services that carry a signature.
    _secret(
        ["apim", "acdb", "+aba", "+amc", "+ast"],
        r"([A-Za-z0-9+/]{30,80}(?:APIM|ACDb|\+ABa|\+AMC|\+ASt)[A-Za-z0-9+/]{4,8}={0,2})",
    ),
    # Tokens of GitHub and GitLab.
    _secret(
        ["gh", "github_pat_", "glpat-"],
        r"\b(gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{16,})\b",
    ),
    # Passwords of commands that take them without a sign between: net use (before or behind its user), cmdkey, curl.
    _secret(["/user:"], rf"(?i)\bnet(?:\.exe)?[ \t]+use\b[^\r\n]*?[ \t]/user:{_WORD}[ \t]+({_WORD_BUT_OPTION})"),
    _secret(["/user:"], rf"(?i)\bnet(?:\.exe)?[ \t]+use\b[^\r\n]*?\\\\\S+[ \t]+({_WORD_BUT_OPTION})[ \t]+/user:"),
    _secret(["cmdkey"], rf"(?i)\bcmdkey\b[^\r\n]*?/pass:({_WORD})"),
    _secret(["curl"], r"(?i)\bcurl(?:\.exe)?[ \t][^\r\n]*?(?:-u|--user)[ \t=]*[\"']?[^\s:\"']+:([^\s\"']+)"),
    # The same of options, and what is made a SecureString.
    _secret(
        ["password", "passwd", "pwd", "passphrase", "secret"],
        rf"(?i)[ \t]--?[a-z_-]{{0,40}}(?:password|passwd|pwd|passphrase|secret)[ \t]+({_WORD_BUT_OPTION})",
    ),
    _secret(
        ["securestring"],
        r"(?i)\bconvertto-securestring(?:[ \t]+-(?:string|asplaintext|force))*[ \t]+(\"[^\"\r\n]+\"|'[^'\r\n]+')",
    ),
    _secret(["securestring"], r"(?i)(\"[^\"\r\n]+\"|'[^'\r\n]+')[ \t]*\|[ \t]*convertto-securestring"),
    # key=value and key: value, the widest and therefore the last.
    _secret(
        ["pass", "pwd", "secret", "token", "key"],
        rf"(?i)(?:{_KEY_WORDS})\\?[\"']?[ \t]*[:=][ \t]*"
        r"(\\?\"[^\"\r\n]+\"?|\\?'[^'\r\n]+'?|[^\s\"',;&]+)",
    ),
)
_PLACEHOLDER = regex(
    rb"""\\?["']?(?:\*+|\[.*|<.*|\$.*|%[^%]*%|\{\{.*|-+|null|none|true|false)\\?["']?""", re.IGNORECASE | re.DOTALL
)
_PUBLIC_KEY_TOKEN = regex(rb"publickeytoken[ \t]*=[ \t]*\Z", re.IGNORECASE)  # part of a .NET assembly's name


def mask_secrets(text: str) -> tuple[str, int]:
    """`text` with every likely secret replaced by `[hidden]`, and how many there were. Time is linear in the text.

    Placeholders (`***`, `$name`, `<value>`, `[REDACTED]`) are no secrets. A rule runs only where a word of it stands.
    """
    data = text.encode("utf-8", "surrogatepass")
    lowered = data.lower()
    count = 0
    for rule in _SECRET_RULES:
        if any(word in lowered for word in rule.words):
            data, hidden = _mask(_compiled(rule.pattern), data)
            count += hidden
    return (data.decode("utf-8", "surrogatepass"), count) if count else (text, 0)


def _mask(pattern: re2._Regexp, data: bytes) -> tuple[bytes, int]:
    parts, kept, count = [], 0, 0
    for found in pattern.finditer(data):
        start, end = found.span(1)
        if _PLACEHOLDER.fullmatch(found.group(1)) or _PUBLIC_KEY_TOKEN.search(data[max(0, start - 32) : start]):
            continue
        parts += [data[kept:start], HIDDEN.encode()]
        kept, count = end, count + 1
    return b"".join([*parts, data[kept:]]), count
