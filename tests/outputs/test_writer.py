"""Whole lines to a stream whose reader may be gone and whose encoding may be poor."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from aibtui.outputs.writer import LineWriter


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "✓ done · 漢"), ("cp1252", "+ done . ?"), ("ascii", "+ done . ?")],
)
def test_an_encoding_without_our_glyphs_gets_their_twins(encoding: str, written: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, newline="\n")
    LineWriter(stream).write("✓ done · 漢")
    assert raw.getvalue().decode(encoding) == written + "\n"


def test_a_line_is_at_its_reader_at_once() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as there, os.fdopen(writer, "w", encoding="utf-8") as here:
        LineWriter(here).write("one", "two")
        assert os.read(there.fileno(), 100) == b"one\ntwo\n"


def test_a_reader_that_went_away_is_no_error_even_at_the_exit() -> None:
    program = (
        "import sys; from aibtui.outputs.writer import LineWriter\n"
        "writer = LineWriter(sys.stdout); sys.stdin.read()\n"
        "for _ in range(3): writer.write('x' * 100_000)\n"
        "sys.exit(7 if writer.broken else 0)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 7
