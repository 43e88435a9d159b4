"""Writes large logs for measuring: any size, any generation of format, the same bytes for the same seed.

The frame is that of the small logs of the tests; between it a script talks, as scripts in real builds do. Kinds:
`chatty` (an installation's output, bars, Packer's debug log, warnings), `bars` (hardly anything but progress),
`alarms` (on every line something that a rule raises), `updates` (Windows updates, with a status line at every third).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

from aibtui.core.build import LogFormat
from tests.core.logs import Log

Kind = Literal["chatty", "bars", "alarms", "updates"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LINES_A_SECOND = 40
_PORTION = 200
_NAMES = ("runtime", "toolchain", "fonts", "drivers", "agent", "office", "editor", "browser", "sdk", "language-pack")
_FOLDERS = ("C:\\apps", "C:\\Program Files\\Contoso", "/opt/contoso/lib", "/usr/share/doc", "C:\\Windows\\Temp")
_ALARMS = (
    "tar: cache-{n}: [Errno 28] No space left on device",
    "E: Unable to locate package contoso-tool-{n}",
    "curl: (6) Could not resolve host: mirror-{n}.contoso.example",
    "dpkg: error processing package contoso-{n} (--configure):",
    "The remote name could not be resolved: 'mirror-{n}.contoso.example'",
    "E: Failed to fetch https://mirror-{n}.contoso.example/pool/main/c/contoso.deb  404  Not Found",
    "W: GPG error: the following signatures could not be verified: NO_PUBKEY 7EA0A9C3F273FC{n:02X}",
    "{n}.zip: sha256 checksum mismatch, expected another one",
)


def size_of(text: str) -> int:
    """`600k`, `100M`, `1G` in bytes. Raises ValueError."""
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    return round(float(text.rstrip("kMG")) * units.get(text[-1:], 1))


def write(path: Path, size: int, log_format: LogFormat = "g3", kind: Kind = "chatty", seed: int = 7) -> None:
    """Write a finished, succeeded build's log of about `size` bytes."""
    with path.open("wb") as file:
        for portion in portions(size, log_format, kind, seed):
            file.write(portion)


def portions(size: int, log_format: LogFormat = "g3", kind: Kind = "chatty", seed: int = 7) -> Iterator[bytes]:
    """The same bytes, some two hundred lines at a time."""
    chance = random.Random(f"{log_format} {kind} {seed}")
    log = Log(log_format)
    log.prepare("file", "powershell", "powershell").hidden_upload().powershell("/aib/packerInput/script_0")
    talk, number = _TALK[kind], 0
    while size > 0:
        for _ in range(_PORTION):
            number += 1
            talk(log, chance, number)
            if number % LINES_A_SECOND == 0:
                log.wait(1)
        portion = log.data
        log.rows.clear()
        size -= len(portion)
        yield portion
    yield log.returned(0).succeed().data


def _chatty(log: Log, chance: random.Random, number: int) -> None:
    name, folder = chance.choice(_NAMES), chance.choice(_FOLDERS)
    match chance.randrange(100):
        case roll if roll < 45:
            log.out(f"Copying {folder}\\{name}-{number:06}\\setup.msi to the image, part {roll} of 45")
        case roll if roll < 70:
            log.out(
                f"Unpacking {name} ({chance.randrange(9)}.{roll}.{number % 1000}-1) over the one that was there ..."
            )
        case roll if roll < 82:
            log.plugin("powershell", f"[INFO] {number % 4096} bytes written for 'stdout'")
        case roll if roll < 90:
            log.plugin(
                "azure", f"[DEBUG] GET https://management.azure.com/subscriptions/s/operations/{number:08x}?[REDACTED]"
            )
        case roll if roll < 95:
            _bar(log, number, 500)
        case roll if roll < 98:
            log.out("")
        case _:
            log.out(f"WARNING: {name} {number % 50} asks for a restart that the installer has put off", error=True)


def _bars(log: Log, chance: random.Random, number: int) -> None:
    if chance.random() < 0.02:
        _chatty(log, chance, number)
    else:
        _bar(log, number, 1000)


def _bar(log: Log, number: int, size: int) -> None:
    """One download comes after another, as scripts have it."""
    file, done = number // size, number % size + 1
    log.out(f"{_NAMES[file % len(_NAMES)]}-{file}.iso  {done} MB / {size} MB  {100 * done / size:.1f} %")


def _alarms(log: Log, chance: random.Random, number: int) -> None:
    log.out(chance.choice(_ALARMS).format(n=number % 97 + 16), error=True)


def _updates(log: Log, chance: random.Random, number: int) -> None:
    if number % 3:
        _chatty(log, chance, number)
    else:
        used = f"system performance: {chance.randrange(100)}% cpu; {chance.randrange(100)}% memory"
        log.out(f"Waiting for operation to complete ({used})...")


_TALK: dict[Kind, Callable[[Log, random.Random, int], None]] = {
    "chatty": _chatty,
    "bars": _bars,
    "alarms": _alarms,
    "updates": _updates,
}
