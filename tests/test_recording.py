"""The run on disk: every byte once, whatever stopped the process that wrote it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.polls import Chunk, Customizer, Poll, Status, Template, Trouble
from aibtui.recording import Cursor, Recordings, Run, default_state_dir, run_id
from aibtui.recording.files import safe_name

START = datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
TEMPLATE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/Win11"
STATUS = Status(
    run_state="Running",
    sub_state="Customizing",
    started_at=START,
    provisioning_state="Succeeded",
    template=Template(
        id=TEMPLATE,
        name="Win11",
        build_timeout=timedelta(minutes=90),
        customizers=(Customizer("PowerShell", "Install", ("a", "b"), None), Customizer("WindowsRestart")),
        distributes=("gallery",),
    ),
)
LOG = "customization.log"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def chunk(offset: int, data: bytes, generation: int = 0) -> Chunk:
    return Chunk("customization.log", generation, offset, data)


@pytest.fixture
def recordings(tmp_path: Path) -> Iterator[Recordings]:
    opened = Recordings(tmp_path)
    yield opened
    opened.close()


POLLS = [
    Poll(at(0), STATUS),
    Poll(at(5), chunks=(chunk(0, b"first\n"),), log_read=True, pause=timedelta(seconds=2.25)),
    Poll(at(9), STATUS, (chunk(6, b"second\n"), Chunk("validation.log", 0, 0, b"v")), log_read=True),
    Poll(at(12), troubles=(Trouble("log", "offline", "No way.", None, False, at(20)),)),
    Poll(at(20), chunks=(chunk(0, b"other\n", 1),), log_read=True),
    Poll(at(30), Status(run_state="Failed", started_at=START, ended_at=at(29)), ended=True),
]


def test_recorded_polls_come_back_as_they_were(recordings: Recordings) -> None:
    run = recordings.open(TEMPLATE, START)
    for poll in POLLS:
        run.append(poll)
    assert list(run.polls()) == POLLS
    assert [poll.pause for poll in run.polls()] == [poll.pause for poll in POLLS]


def test_the_log_is_the_bytes_of_the_newest_generation(recordings: Recordings, tmp_path: Path) -> None:
    run = recordings.open(TEMPLATE, START)
    for poll in POLLS:
        run.append(poll)
    assert run.path.read_bytes() == b"other\n"
    assert (run.path.parent / "customization.log.1").read_bytes() == b"first\nsecond\n"
    assert (run.size, run.generation, run.read(2, 3)) == (6, 1, b"her")


def test_a_status_is_written_only_when_it_changed(recordings: Recordings) -> None:
    run = recordings.open(TEMPLATE, START)
    for second in range(5):
        run.append(Poll(at(second), STATUS))
    assert (run.path.parent / "polls.jsonl").read_text().count("Win11") == 2  # id and name, once each


def test_the_same_run_is_found_again(recordings: Recordings, tmp_path: Path) -> None:
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    assert recordings.open(TEMPLATE.upper(), START + timedelta(microseconds=5)) is run
    recordings.release(run)
    again = recordings.open(TEMPLATE, START)
    assert (again.id, again.size) == (run.id, 6)
    assert again.cursor() == Cursor(6, b"first\n", 0)


def test_two_templates_of_one_name_get_two_folders(recordings: Recordings) -> None:
    one = recordings.open(TEMPLATE, START)
    other = recordings.open(TEMPLATE.replace("/rg/", "/rg2/"), START)
    assert one.id != other.id
    recordings.release(other)
    assert recordings.open(TEMPLATE.replace("/rg/", "/rg2/"), START).id == other.id


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = tmp_path / "made" / "state"
        recordings = Recordings(state)
        run = recordings.open(TEMPLATE, START)
        run.append(POLLS[1])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run.path.parent.iterdir()}
        folders = [stat.S_IMODE(path.stat().st_mode) for path in (run.path.parent, state / "runs", state, state.parent)]
    finally:
        os.umask(before)
        recordings.close()
    assert modes == {"run.json": 0o600, "polls.jsonl": 0o600, LOG: 0o600}
    assert set(folders) == {0o700}


def test_a_planted_link_is_not_followed(recordings: Recordings, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = recordings.path / run_id(TEMPLATE, START)
    folder.mkdir(parents=True)
    (folder / LOG).symlink_to(victim)
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    assert victim.read_bytes() == b"mine"
    assert run.note
    assert run.read(0, 99) == b"first\n"


def test_a_second_process_keeps_its_bytes_elsewhere_and_says_so(recordings: Recordings, tmp_path: Path) -> None:
    first = recordings.open(TEMPLATE, START)
    first.append(POLLS[1])
    other = Recordings(tmp_path)
    second = other.open(TEMPLATE, START)
    assert other.cursor(TEMPLATE, START) == Cursor()
    second.append(POLLS[1])
    folder = second.path.parent
    assert second.note == "Another aibtui records this run; this one keeps its bytes only until it ends."
    assert (second.read(0, 9), first.size) == (b"first\n", 6)
    other.close()
    assert not folder.exists()


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    recordings = Recordings(tmp_path / "file")
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    assert run.note
    assert "cannot be recorded" in run.note
    assert run.read(0, 99) == b"first\n"
    recordings.close()


def test_what_a_full_disk_refuses_is_held_and_written_later(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[0])
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 4:
            return write(descriptor, data[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for poll in POLLS[1:5]:
        with pytest.raises(OSError, match="No space left"):
            run.append(poll)
    assert (run.read(0, 99), run.size, run.generation, run.kept) == (b"other\n", 6, 1, False)
    monkeypatch.undo()
    run.append(POLLS[5])
    assert run.kept
    assert list(run.polls()) == POLLS


def test_a_gap_is_a_bug(recordings: Recordings) -> None:
    run = recordings.open(TEMPLATE, START)
    with pytest.raises(ValueError, match="gap"):
        run.append(Poll(at(0), chunks=(chunk(5, b"x"),)))


def test_bytes_that_are_held_already_are_not_written_twice(recordings: Recordings) -> None:
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    run.append(Poll(at(6), chunks=(chunk(0, b"first\nsecond\n"),), log_read=True))
    assert run.path.read_bytes() == b"first\nsecond\n"


def test_temporary_recordings_leave_nothing(tmp_path: Path) -> None:
    recordings = Recordings.temporary()
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    assert run.path.exists()
    assert not run.kept
    recordings.close()
    assert not recordings.path.parent.exists()


def test_runs_are_listed_newest_first_and_found_by_prefix_or_template(recordings: Recordings) -> None:
    for hours in (0, 2, 1):
        run = recordings.open(TEMPLATE, START + timedelta(hours=hours))
        run.append(Poll(at(1), Status(run_state="Failed", started_at=START, ended_at=at(9))))
    listed = recordings.list()
    assert [info.started_at for info in listed] == [START + timedelta(hours=hours) for hours in (2, 1, 0)]
    assert {info.run_state for info in listed} == {"Failed"}
    assert recordings.find("win11") == listed[0]
    assert recordings.find("win11-20260301t10") == listed[2]
    assert recordings.find("nothing") is None


def test_a_run_is_read_while_it_is_written(recordings: Recordings) -> None:
    run = recordings.open(TEMPLATE, START)
    run.append(POLLS[1])
    (info,) = recordings.list()
    reader = recordings.load(info)
    assert list(reader.polls()) == [POLLS[1]]
    reader.close()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("win11", "win11"),
        ("-rf", "rf"),
        ("../../etc", "etc"),
        ("a..b", "a.b"),
        ("con.x", "_con.x"),
        ("LPT1", "_LPT1"),
        ("a b/c\\d\x00", "a-b-c-d"),
        ("…", "unnamed"),
        ("x" * 200, "x" * 80),
    ],
)
def test_names_are_safe_on_any_system(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=120))
def test_no_text_makes_an_unsafe_name(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 80
    assert ".." not in name
    assert name[0] not in "-."
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def test_the_state_folder_comes_from_the_environment(tmp_path: Path) -> None:
    assert default_state_dir({"AIBTUI_STATE_DIR": str(tmp_path)}) == tmp_path
    assert default_state_dir({}).name == "aibtui"


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Killed(BaseException):
    """Stands for kill -9."""


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=30)), min_size=1, max_size=8),
    allowed=st.integers(0, 400),
)
def test_a_kill_at_any_point_loses_and_repeats_no_byte(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, bytes]], allowed: int
) -> None:
    """A process that dies after `allowed` written bytes is gone on with from the cursor of its recording."""
    state = tmp_path_factory.mktemp("state")
    blobs: list[bytes] = [b""]
    for replaced, data in steps:
        if replaced:
            blobs.append(data)
        else:
            blobs[-1] += data
    left = allowed
    write = os.write

    def dying(descriptor: int, data: bytes) -> int:
        nonlocal left
        if left < len(data):
            write(descriptor, data[:left])
            left = 0
            raise Killed
        left -= len(data)
        return write(descriptor, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", dying)
        recordings = Recordings(state)
        try:
            run = recordings.open(TEMPLATE, START)
            _play(run, blobs)
        except Killed:
            for opened in recordings._open:
                opened._queue.clear()
    recordings.close()
    again = Recordings(state)
    run = again.open(TEMPLATE, START)
    _play(run, blobs)
    assert run.path.read_bytes() == blobs[-1]
    replayed: dict[int, bytes] = {}
    for poll in run.polls():
        for part in poll.chunks:
            assert part.offset == len(replayed.get(part.generation, b""))
            replayed[part.generation] = replayed.get(part.generation, b"") + part.data
    assert [replayed.get(number, b"") for number in range(len(blobs))] == blobs
    again.close()


def _play(run: Run, blobs: list[bytes]) -> None:
    """Go on from the recording's cursor to the end of the last blob, in pieces."""
    cursor = run.cursor()
    for generation in range(cursor.generation, len(blobs)):
        offset = cursor.offset if generation == cursor.generation else 0
        if offset == 0 and generation > cursor.generation:
            run.append(Poll(at(1), chunks=(chunk(0, b"", generation),), log_read=True))
        for start in range(offset, len(blobs[generation]), 7):
            data = blobs[generation][start : start + 7]
            run.append(Poll(at(2), STATUS, (chunk(start, data, generation),), log_read=True))
