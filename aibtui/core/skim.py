"""Every line of a log gets its byte here: of what kind it is, and how it stands among its neighbours.

A log of a gigabyte has six million lines, and each microsecond spent on every one of them is six seconds. So a line of
a usual form costs two or three slices, and what its text is like is asked for many texts at once; only what is unusual
goes to `looks.judge`. The tests hold both ways against each other.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Final

from aibtui.core.looks import (
    DATED_TEXT,
    NOISE,
    OUT_TEXT,
    OUTPUT,
    WARNING,
    judge,
    judge_text,
    moving,
    remarkable,
    signature,
)

HEAD: Final = 512
"""As much of a line as its kind is judged by."""
SILENCE: Final = timedelta(minutes=3)
"""The build is said to have been silent where two lines that it showed are this far apart."""

SAME: Final = 0b0000_1000
"""The line says what one of the few before it said already, or is newer progress of the same thing."""
GAP: Final = 0b0001_0000
"""The first line after a silence."""

_NEAR: Final = 6
"""As many different lines back a line may repeat one: loops print a few lines a round."""
_DATED: Final = b"] PACKER 2"
_ERR: Final = b"] PACKER ERR 2"
_STAMP: Final = 19
_BLANK, _U = b" u"
_SHORTEST: Final = 67


class Skim:
    """Takes the lines of one log in their order. `gaps` has the silence before each line that has the bit GAP."""

    def __init__(self) -> None:
        self.lines = 0
        self.gaps: dict[int, timedelta] = {}
        self._near: deque[bytes] = deque(maxlen=_NEAR)
        self._stamp = b""
        self._shown_stamp = b""

    def take(self, data: bytes) -> bytearray:
        """A byte for each line of `data`, which ends with a newline: its kind, SAME, GAP."""
        lines = data.split(b"\n")
        del lines[-1]
        made = bytearray(len(lines))
        self._compare(made, *self._read(lines, made))
        self.lines += len(lines)
        return made

    def _read(self, lines: list[bytes], made: bytearray) -> tuple[list[int], list[bytes], list[bytes]]:
        """Number, stamp and text of the lines that may be seen; in `made` the kinds of those of an unusual form."""
        numbers: list[int] = []
        stamps: list[bytes] = []
        texts: list[bytes] = []
        dated, at = self._stamp, 0
        for number, line in enumerate(lines):
            if _SHORTEST <= len(line) <= HEAD:
                if line[37:47] == _DATED:
                    if line[66] != _U and line[65] == _BLANK:
                        dated, at = line, 46
                        continue
                    if line[65:85] in DATED_TEXT:
                        dated, at = line, 46
                        numbers.append(number)
                        stamps.append(line[46:65])
                        texts.append(line[85:])
                        continue
                elif line[37:65] in OUT_TEXT:
                    numbers.append(number)
                    stamps.append(dated[at : at + _STAMP])
                    texts.append(line[65:])
                    continue
                elif line[37:51] == _ERR:
                    dated, at = line, 50
                    continue
            kind, stamp, text = judge(line[:HEAD])
            if stamp:
                dated, at = stamp, 0
            if kind:
                made[number] = kind
                numbers.append(number)
                stamps.append(dated[at : at + _STAMP])
                texts.append(text)
        self._stamp = dated[at : at + _STAMP]
        return numbers, stamps, texts

    def _compare(self, made: bytearray, numbers: list[int], stamps: list[bytes], texts: list[bytes]) -> None:
        """Complete `made`: the kinds of texts that have none yet, and which repeat others or end a silence."""
        together = b"\n".join([*texts, b""])
        near, shown = self._near, self._shown_stamp
        looks = zip(numbers, stamps, texts, remarkable(together), moving(together), strict=True)
        for number, stamp, text, worth_a_look, of_progress in looks:
            said = text.strip()
            kind = made[number] or (judge_text(text) if worth_a_look else OUTPUT if said else NOISE)
            if not kind:
                continue
            if stamp != shown:
                if stamp[:16] != shown[:16] and (gap := _silence(shown, stamp)):
                    self.gaps[self.lines + number] = gap
                    near.clear()
                    kind |= GAP
                shown = stamp
            # What begins with a letter begins with no time of its own: nearly every text is its signature.
            if of_progress or not said[:1].isalpha():
                said = signature(said, progress=of_progress and kind & ~GAP < WARNING)
            if said in near:
                kind |= SAME
            else:
                near.append(said)
            made[number] = kind
        self._shown_stamp = shown


def _silence(before: bytes, now: bytes) -> timedelta | None:
    """How long it was from one stamp to the other, where that is long."""
    begun, ended = moment(before), moment(now)
    return ended - begun if begun and ended and ended - begun >= SILENCE else None


def moment(stamp: bytes) -> datetime | None:
    """`2026/03/22 13:04:38` as a time."""
    try:
        return datetime.fromisoformat(stamp.decode("ascii").replace("/", "-")).replace(tzinfo=UTC)
    except ValueError:
        return None
