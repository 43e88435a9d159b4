"""How fast it goes: lines by the minute of the log's own time, and the pace of a transfer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aibtui.core.build import Build, Download, Step
from aibtui.core.lines import Lines
from aibtui.core.tempo import MINUTES, Pace, Tempo
from tests.core.run import watch

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MEGA = 1_000_000


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def line(minutes: float, text: str = "ui: working") -> bytes:
    return f"[4f0e1c2a-9b7d-4e51-8a36-0c5d2b7e9f10] PACKER {at(minutes):%Y/%m/%d %H:%M:%S} {text}\n".encode()


def paced(data: bytes, *cuts: int) -> Pace:
    """A Pace that was fed `data`, cut into chunks at these offsets."""
    pace, lines, begin = Pace(), Lines(), 0
    for end in (*sorted(cuts), len(data)):
        block = lines.feed(data[begin:end])
        begin = end
        if block:
            pace.read(block)
    return pace


def test_lines_count_in_the_minute_of_their_stamp() -> None:
    data = b"".join([*[line(0.1)] * 3, *[line(1.5)] * 7, line(2.2)])
    assert paced(data).tempo(Build(), at(2.5)).lines == (3, 7)


def test_a_line_without_a_stamp_belongs_to_the_one_before_it() -> None:
    data = line(0.1) + b"printed by a script\n" * 4 + line(1.5)
    assert paced(data).tempo(Build(), at(2)).lines == (5, 1)


def test_silence_is_minutes_without_lines() -> None:
    assert paced(line(0) + line(3)).tempo(Build(), at(5.5)).lines == (1, 0, 0, 1, 0)


def test_only_the_last_minutes_are_told() -> None:
    data = b"".join(line(minute / 2) for minute in range(600))
    assert paced(data).tempo(Build(), at(300)).lines == (2,) * MINUTES


def test_a_minute_that_is_not_over_does_not_count() -> None:
    assert paced(line(0) * 9).tempo(Build(), at(0.9)).lines == ()


def test_before_the_first_line_there_is_no_tempo() -> None:
    assert Pace().tempo(Build(), None) == Tempo()


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 200), st.booleans()), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 4000), max_size=6),
)
def test_any_chunking_gives_the_same_tempo(steps: list[tuple[int, bool]], cuts: list[int]) -> None:
    seconds, rows = 0, []
    for wait, stamped in steps:
        seconds += wait
        rows.append(line(seconds / 60) if stamped else b"no stamp here\n")
    data, now = b"".join(rows), at(seconds / 60 + 2)
    whole = paced(data).tempo(Build(), now)
    assert paced(data, *(min(cut, len(data)) for cut in cuts)).tempo(Build(), now) == whole
    assert paced(data, *range(0, len(data), 70)).tempo(Build(), now) == whole


def downloading(**more: object) -> Build:
    going = Download("data.iso", 40 * MEGA, 100 * MEGA, 40.0, 12, 20, at(0), at(3))
    going = replace(going, **more)  # type: ignore[arg-type]
    return Build(steps=(Step(1, "powershell", state="running", first_line=10),), downloads=(going,))


def test_the_rate_is_that_between_the_last_known_moments() -> None:
    marks = ((at(0), 0.0), (at(1), 30.0 * MEGA), (at(2), 36.0 * MEGA))
    tempo = Pace().tempo(downloading(marks=marks), at(3))
    assert tempo.rates == (0.5 * MEGA, 0.1 * MEGA, pytest.approx(4 / 60 * MEGA))
    assert tempo.rate == tempo.rates[-1]


def test_a_transfer_that_shows_percent_alone_has_no_rate() -> None:
    tempo = Pace().tempo(downloading(bytes=None, total=None, marks=((at(0), 0.0), (at(1), 30.0))), at(3))
    assert tempo.transfer is not None
    assert tempo.rate is None


@pytest.mark.parametrize("through", [{"percent": 100.0}, {"bytes": 100 * MEGA, "percent": None}])
def test_a_transfer_that_is_through_is_not_under_way(through: dict[str, object]) -> None:
    assert Pace().tempo(downloading(**through), at(3)).transfer is None


def test_a_transfer_of_an_earlier_step_is_not_under_way() -> None:
    assert Pace().tempo(downloading(last_line=9), at(3)).transfer is None


def test_the_monitor_tells_the_tempo_at_every_look() -> None:
    updates = watch([line(0), line(1) * 2, line(2)])
    assert [update.tempo.lines[:2] for update in updates] == [(1, 0), (1,), (1, 2), (1, 2)]
