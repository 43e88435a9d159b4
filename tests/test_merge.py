"""Two sources of one log: every byte is told once and read once, and customization.log is the blob."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.polls import Chunk, LogName, Poll
from aibtui.recording import Recordings, Run
from aibtui.recording.merge import behind

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
TEMPLATE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/Win11"
BLOB: LogName = "customization.log"
CONTAINER: LogName = "container.log"


def lines(seed: int, count: int) -> bytes:
    """A log that repeats itself as real ones do: the same words again and again, a stamp that moves at times."""
    return b"".join(b"[op] PACKER 10:%02d:00 line %d\n" % (number // 7, (number * seed) % 5) for number in range(count))


class Recorded:
    """A run that is recorded, what its monitor was told, and where its sources have come to."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.told: tuple[int, bytes] = (0, b"")
        self._open()

    def _open(self) -> None:
        self.recordings = Recordings(self.state)
        self.run: Run = self.recordings.open(TEMPLATE, START)
        self.ends = {name: self.run.cursor(name) for name in (BLOB, CONTAINER)}

    def restart(self) -> None:
        """The process is started anew: the monitor is told all that is recorded."""
        self.recordings.close()
        self._open()
        self.told = (0, b"")
        for poll in self.run.polls():
            self.hear(poll)

    def append(self, log: LogName, data: bytes, *, anew: bool = False) -> None:
        before = self.run.cursor(log)
        chunk = Chunk(log, before.generation + anew, 0 if anew else before.offset, data)
        self.run.append(Poll(START, chunks=(chunk,), log_read=True))
        assert self.run.told is not None
        self.hear(self.run.told)

    def hear(self, poll: Poll) -> None:
        generation, data = self.told
        for chunk in poll.chunks:
            assert chunk.log == BLOB
            if chunk.generation > generation:
                generation, data = chunk.generation, b""
            assert (chunk.generation, chunk.offset) == (generation, len(data))
            data += chunk.data
        self.told = generation, data

    @property
    def read(self) -> bytes:
        return self.run.read(0, self.run.size + 1)

    @property
    def blob(self) -> bytes:
        return self.run.path.read_bytes() if self.run.path.exists() else b""


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("blob"), st.integers(1, 900)),
        st.tuples(st.just("container"), st.integers(1, 900)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("both"), st.integers(1, 900)),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS, seed=st.integers(1, 4), late=st.integers(0, 1500))
def test_whoever_is_ahead_all_is_told_and_read_once(actions: list[tuple[str, int]], seed: int, late: int) -> None:
    """`late` is where the container's text begins: it tells no more than its last 4 MB."""
    truth = lines(seed, 400)
    blob, said = 0, truth.find(b"\n", late) + 1 if late > 600 else 0
    first = said
    with TemporaryDirectory() as folder:
        recorded = Recorded(Path(folder))
        for action, size in actions:
            if action in ("blob", "both"):
                recorded.append(BLOB, truth[blob : blob + size])
                blob = min(blob + size, len(truth))
            if action in ("container", "both"):
                end = truth.rfind(b"\n", 0, said + size) + 1 or said
                recorded.append(CONTAINER, truth[said : max(said, end)])
                said = max(said, end)
            if action == "restart":
                recorded.restart()
            assert recorded.blob == truth[:blob]
            assert recorded.read == recorded.told[1]
            assert recorded.run.generation == recorded.told[0]
            if first == 0:
                assert recorded.read == truth[: max(blob, said)]
                assert recorded.told[0] == 0
            elif blob >= 64:  # less may stand at many places
                assert recorded.read == truth[: len(recorded.read)]
                assert len(recorded.read) >= blob
        recorded.recordings.close()


def test_a_blob_that_says_something_else_is_right_and_the_log_is_told_anew(recorded: Recorded) -> None:
    before, after, last = b"one\n", lines(1, 50), b"last\n"
    recorded.append(CONTAINER, before + b"\xef\xbf\xbd\n" + after + last)
    recorded.append(BLOB, before)
    assert recorded.told == (0, before + b"\xef\xbf\xbd\n" + after + last)
    recorded.append(BLOB, b"\xe9\n" + after)
    assert recorded.told == (1, before + b"\xe9\n" + after + last)
    assert recorded.read == recorded.told[1]
    assert recorded.blob == before + b"\xe9\n" + after


def test_a_blob_that_was_replaced_drops_what_the_container_said_of_the_one_before(recorded: Recorded) -> None:
    recorded.append(BLOB, lines(1, 30))
    recorded.append(CONTAINER, lines(1, 40))
    recorded.append(BLOB, b"something else\n", anew=True)
    assert recorded.told == (1, b"something else\n")
    assert recorded.read == b"something else\n"


def test_what_a_full_disk_refuses_is_read_from_memory(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded.append(BLOB, lines(1, 30))

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aibtui.recording.log_file.os.write", refuse)
    truth = lines(1, 60)
    chunk = Chunk(CONTAINER, 0, 0, truth)
    with pytest.raises(OSError, match="No space"):
        recorded.run.append(Poll(START + timedelta(seconds=9), chunks=(chunk,), log_read=True))
    assert recorded.run.told is not None
    recorded.hear(recorded.run.told)
    assert (recorded.read, recorded.told) == (truth, (0, truth))


@pytest.mark.parametrize(
    ("end", "text", "likely", "place"),
    [
        (b"abc", b"xxabcd", None, 5),
        (b"abc", b"abcabc", None, None),
        (b"abc", b"abcabc", 6, 6),
        (b"abc", b"abcabc", 5, None),
        (b"abc", b"xyz", None, None),
        (b"", b"xyz", None, None),
        (b"z" * 200 + b"y" * 125 + b"abc", b"y" * 125 + b"abcd", None, 128),
        (b"z" * 200 + b"y" * 125 + b"abc", b"x" + b"y" * 125 + b"abcd", None, None),
    ],
    ids=["once", "twice", "twice, one likely", "twice, none likely", "nowhere", "nothing", "cut", "differs before"],
)
def test_a_place_is_taken_where_it_is_the_only_one(end: bytes, text: bytes, likely: int | None, place: int) -> None:
    assert behind(end, text, likely) == place
