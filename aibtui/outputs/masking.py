"""Copies of files without likely secrets: text line by line, JSON value by value so that it stays JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from aibtui.recording.files import open_for_reading
from aibtui.safetext import HIDDEN, mask_secrets

_BLOCK = 1 << 20
_LONGEST_LINE = 64 << 20
_KEY_LINES = 200  # of a private key; whoever only speaks of its first line hides no more than that


class Masker:
    """Hides secrets in lines that come one after the other; a private key goes on over lines until its end."""

    def __init__(self) -> None:
        self.hidden = 0
        self._in_key = 0

    def block(self, lines: str) -> str:
        """Whole lines, with their ends."""
        if not self._in_key and mask_secrets(lines)[1] == 0:
            return lines
        return self._lines(lines)

    def _lines(self, text: str) -> str:
        return "\n".join(map(self._line, text.split("\n")))  # at no other end: it may stand in a secret

    def _line(self, line: str) -> str:
        text = line.rstrip("\r")
        end = line[len(text) :]
        if self._in_key:
            self._in_key = 0 if "-----END" in text else self._in_key - 1
            return (HIDDEN if text else "") + end
        masked, count = mask_secrets(text)
        self.hidden += count
        if count and "-----BEGIN" in text and "PRIVATE KEY" in text and "-----END" not in text:
            self._in_key = _KEY_LINES
        return masked + end

    def value(self, value: object, key: str = "") -> object:
        """A JSON value. A text under a key is judged with the key before it, as `key=value` is."""
        match value:
            case str():
                return self._text(value, key)
            case Mapping():
                return {self._text(str(name), ""): self.value(each, str(name)) for name, each in value.items()}
            case Sequence():
                return [self.value(each, key) for each in value]
            case _:
                return value

    def _text(self, text: str, key: str) -> str:
        masked = self._lines(text)
        if masked == text and key and mask_secrets(f'{key}="{text}"')[1]:
            self.hidden += 1
            return HIDDEN
        return masked


def masked_json(data: bytes) -> tuple[bytes, int]:
    """JSON without secrets, and how many were hidden. Raises ValueError where it is none."""
    masker = Masker()
    value = masker.value(json.loads(data))
    return json.dumps(value, indent=1).encode() + b"\n", masker.hidden


def masked_text(data: bytes) -> tuple[bytes, int]:
    """A text without secrets, and how many were hidden."""
    masker = Masker()
    text = masker.block(data.decode("utf-8", "surrogateescape"))
    return text.encode("utf-8", "surrogateescape"), masker.hidden


def mask_file(source: Path, target: BinaryIO) -> int | None:
    """Write the file's text to `target` without its secrets; how many were hidden, None where it is no text."""
    masker = Masker()
    with open(open_for_reading(source), "rb") as file:
        encoding = _encoding(file.read(4096))
        if encoding is None:
            return None
        file.seek(0)
        for lines in _blocks(file, encoding):
            target.write(masker.block(lines).encode(encoding, _ERRORS[encoding]))
    return masker.hidden


_ERRORS = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass", "utf-16-be": "surrogatepass"}


def _encoding(sample: bytes) -> str | None:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if sample.startswith(b"\xff\xfe") else "utf-16-be"
    if b"\x00" not in sample or b"PACKER" in sample:
        return "utf-8"
    pairs = max(len(sample) // 2, 1)
    if sample[1::2].count(0) > 0.8 * pairs:
        return "utf-16-le"
    return "utf-16-be" if sample[0::2].count(0) > 0.8 * pairs else None


def _blocks(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The text in pieces that end where a line does."""
    end = "\n".encode(encoding)
    rest = b""
    while data := file.read(_BLOCK):
        rest += data
        cut = _last_end(rest, end)
        if not cut and len(rest) < _LONGEST_LINE:
            continue
        cut = cut or len(rest) - len(rest) % len(end)
        yield rest[:cut].decode(encoding, _ERRORS[encoding])
        rest = rest[cut:]
    if rest:
        whole = len(rest) - len(rest) % len(end)
        yield rest[:whole].decode(encoding, _ERRORS[encoding])


def _last_end(data: bytes, end: bytes) -> int:
    """Behind the last line end, which in UTF-16 stands at an even place; 0 where there is none."""
    place = data.rfind(end)
    while place >= 0 and place % len(end):
        place = data.rfind(end, 0, place + len(end) - 1)
    return place + len(end) if place >= 0 else 0
