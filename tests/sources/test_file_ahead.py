"""A followed file is shown to its end before it was digested."""

from __future__ import annotations

from pathlib import Path

from aibtui.core.polls import Chunk, Poll
from aibtui.recording import Recordings
from aibtui.sources.file_ahead import FileAhead
from tests.sources.fake_azure import START


def recorded(data: bytes, generation: int = 0) -> Poll:
    return Poll(START, chunks=(Chunk("customization.log", generation, 0, data),))


def test_what_is_not_recorded_yet_is_read_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "customization.log"
    path.write_bytes(b"one\ntwo\nthree\n")
    recordings = Recordings.temporary()
    run = recordings.scratch()
    run.append(recorded(b"one\ntw"))
    ahead = FileAhead(path, lambda: run)
    assert ahead.size == 14
    assert ahead.read(2, 6) == b"e\ntwo\n"
    assert ahead.read(8, 100) == b"three\n"
    assert ahead.read(14, 100) == b""
    recordings.close()


def test_what_is_recorded_counts_where_the_file_is_gone_or_another(tmp_path: Path) -> None:
    path = tmp_path / "customization.log"
    path.write_bytes(b"one\ntwo\n")
    recordings = Recordings.temporary()
    run = recordings.scratch()
    run.append(recorded(b"one\ntwo\n"))
    ahead = FileAhead(path, lambda: run)
    path.unlink()
    assert (ahead.size, ahead.read(4, 100)) == (8, b"two\n")
    path.write_bytes(b"another one altogether\n")
    run.append(recorded(b"another", 1))
    assert (ahead.generation, ahead.size, ahead.read(0, 100)) == (1, 7, b"another")
    recordings.close()


def test_a_file_in_utf_16_is_shown_as_it_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "customization.log"
    path.write_bytes("one\ntwo and more of it\n".encode("utf-16"))
    recordings = Recordings.temporary()
    run = recordings.scratch()
    ahead = FileAhead(path, lambda: run)
    assert (ahead.size, ahead.read(0, 100)) == (0, b"")
    recordings.close()


def test_what_is_no_file_has_no_bytes(tmp_path: Path) -> None:
    recordings = Recordings.temporary()
    run = recordings.scratch()
    for path in (tmp_path, tmp_path / "none"):
        assert (FileAhead(path, lambda: run).size, FileAhead(path, lambda: run).read(0, 10)) == (0, b"")
    recordings.close()
