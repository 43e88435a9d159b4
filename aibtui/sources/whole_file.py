"""A file on this machine, read as a whole: what it is called when it cannot be read, how its text is written."""

from __future__ import annotations

import codecs
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

from aibtui.sources import CannotWatch

SAMPLE = 64 << 10
"""As many bytes tell how a text is written, and whether it is one."""
_WHOLE_MAX = 2 << 30
_GZIP = b"\x1f\x8b"
_BOMS: Mapping[bytes, str] = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_TEXT_CONTROLS = frozenset(b"\t\n\r\x1b\b\f")


def read_whole(path: str | Path) -> bytes:
    """A log as a whole, in UTF-8: a file, a gzip of one, or stdin (`-`). Raises CannotWatch (2) for anything else."""
    name = "stdin" if str(path) == "-" else str(path)
    try:
        if name == "stdin":
            data = sys.stdin.buffer.read(_WHOLE_MAX + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(_WHOLE_MAX + 1)
    except OSError as error:
        raise unreadable(Path(path), error) from None
    if data.startswith(_GZIP):
        data = _unpacked(data, name)
    if len(data) > _WHOLE_MAX:
        raise CannotWatch(f"{name} is larger than {_WHOLE_MAX >> 30} GiB.", "Give a part of it.", 2)
    encoding = encoding_of(data[:SAMPLE])
    if encoding:
        return data.decode(encoding, "replace").encode()
    if is_binary(data[:SAMPLE]):
        raise CannotWatch(f"{name} is not a log: it holds binary data.", "Name a customization.log.", 2)
    return data


def _unpacked(data: bytes, name: str) -> bytes:
    import gzip
    from io import BytesIO

    from aibtui.sources.bundled import unpacked_most

    most = unpacked_most(len(data), _WHOLE_MAX)
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            unpacked = file.read(most + 1)
    except EOFError:
        raise CannotWatch(f"{name} is a gzip file that ends too early.", "Copy it again.", 2) from None
    except (OSError, zlib.error):
        raise CannotWatch(f"{name} is a damaged gzip file.", "Copy it again, or unpack it first.", 2) from None
    if len(unpacked) > most:
        raise CannotWatch(f"{name} unpacks to more than any log.", "Unpack it yourself, if you trust it.", 2)
    return unpacked


def unreadable(path: Path, error: OSError) -> CannotWatch:
    """What to say of a file that cannot be read."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return CannotWatch(f"There is no file {path}.", "Check the path.", 2)
        case IsADirectoryError():
            return CannotWatch(f"{path} is a directory, not a log.", "Name the customization.log in it.", 2)
        case PermissionError():
            return CannotWatch(f"You may not read {path}.", "Ask its owner for the right to read it.", 2)
        case _:
            return CannotWatch(f"{path} cannot be read: {error.strerror or error}.", "Name a customization.log.", 2)


def encoding_of(sample: bytes) -> str | None:
    """`utf-16-le` or `-be` where the bytes are that, by mark or by their zeros; else None."""
    if sample[:2] in _BOMS:
        return _BOMS[sample[:2]]
    pairs = len(sample) // 2
    if pairs < 8:
        return None
    even, odd = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd > 0.8 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.8 * pairs and odd < 0.1 * pairs else None


def is_binary(sample: bytes) -> bool:
    """No log: zeros or many control characters, and no word of Packer. A script may print a little of either."""
    if b"PACKER" in sample or b"azure-arm" in sample:
        return False
    controls = sum(1 for byte in sample if byte < 32 and byte not in _TEXT_CONTROLS)
    return 0 in sample or controls > len(sample) // 20
