"""Old runs make room for new ones; one that is being recorded never does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.recording import LogCache, Recordings
from aibtui.recording.pruning import Stored, beyond

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG = timedelta(days=90)
TEMPLATE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.VirtualMachineImages/imageTemplates/win11"


def recorded(recordings: Recordings, days_ago: float, size: int = 1000) -> str:
    """A finished run of that age; its id."""
    started = NOW - timedelta(days=days_ago)
    run = recordings.open(TEMPLATE, started)
    status = Status("Failed", started_at=started, ended_at=started, template=Template(TEMPLATE, "win11"))
    run.append(Poll(started, status, (Chunk("customization.log", 0, 0, b"x" * size),), log_read=True, ended=True))
    recordings.release(run)
    os.utime(run.info.path / "polls.jsonl", (started.timestamp(), started.timestamp()))
    return run.id


@pytest.fixture
def recordings(tmp_path: Path) -> Iterator[Recordings]:
    opened = Recordings(tmp_path)
    yield opened
    opened.close()


def ids(recordings: Recordings) -> list[str]:
    return [info.id for info in recordings.list()]


def test_runs_beyond_the_age_go(recordings: Recordings) -> None:
    old, young = recorded(recordings, 91), recorded(recordings, 89)
    (gone,) = recordings.prune(LONG, 1 << 30, now=NOW)
    assert (gone.name, gone.because) == (old, "age")
    assert ids(recordings) == [young]
    assert [path.name for path in recordings.path.iterdir()] == [young]


def test_the_oldest_go_until_the_rest_has_room(recordings: Recordings) -> None:
    oldest, middle, newest = (recorded(recordings, days, 10_000) for days in (3, 2, 1))
    gone = recordings.prune(LONG, 25_000, now=NOW)
    assert [(each.name, each.because) for each in gone] == [(oldest, "size")]
    assert ids(recordings) == [newest, middle]


def test_a_run_that_is_kept_stays_though_it_is_too_large(recordings: Recordings) -> None:
    kept = recorded(recordings, 100, 50_000)
    other = recorded(recordings, 1, 10)
    assert [each.name for each in recordings.prune(LONG, 1000, {kept}, now=NOW)] == [other]
    assert ids(recordings) == [kept]


def test_a_run_that_is_recorded_stays(recordings: Recordings, tmp_path: Path) -> None:
    watched = recordings.open(TEMPLATE, NOW - timedelta(days=300))
    watched.append(Poll(NOW, chunks=(Chunk("customization.log", 0, 0, b"x"),)))
    os.utime(watched.info.path / "polls.jsonl", (0, 0))
    assert recordings.prune(LONG, 0, now=NOW) == ()
    assert Recordings(tmp_path).prune(LONG, 0, now=NOW) == ()
    watched.append(Poll(NOW, chunks=(Chunk("customization.log", 0, 1, b"y"),)))
    assert (watched.info.path / "customization.log").read_bytes() == b"xy"


_HOLD = """
import sys, time
from datetime import datetime, UTC
from pathlib import Path
from aibtui.recording import Recordings
run = Recordings(Path(sys.argv[1])).open(sys.argv[2], datetime.fromisoformat(sys.argv[3]))
print(run.kept, flush=True)
sys.stdin.read()
"""


def test_a_run_that_another_process_records_stays(recordings: Recordings, tmp_path: Path) -> None:
    started = NOW - timedelta(days=200)
    old = recorded(recordings, 200)
    words = [sys.executable, "-c", _HOLD, str(tmp_path), TEMPLATE, started.isoformat()]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        (info,) = recordings.list()
        assert recordings.in_use(info)
        assert recordings.prune(LONG, 0, now=NOW) == ()
        process.communicate("")
    assert not recordings.in_use(info)
    assert [each.name for each in recordings.prune(LONG, 0, now=NOW)] == [old]


def test_what_a_removal_left_that_was_broken_off_is_not_listed_and_goes(recordings: Recordings) -> None:
    left = recorded(recordings, 1)
    os.rename(recordings.path / left, recordings.path / f".removed-{left}-1")
    assert recordings.list() == []
    recordings.prune(LONG, 1 << 30, now=NOW)
    assert list(recordings.path.iterdir()) == []


def test_a_link_is_not_followed(recordings: Recordings, tmp_path: Path) -> None:
    run = recorded(recordings, 200)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_bytes(b"mine")
    (recordings.path / run / "linked").symlink_to(elsewhere)
    (recordings.path / "linked").symlink_to(elsewhere)
    recordings.prune(LONG, 0, now=NOW)
    assert (elsewhere / "mine").read_bytes() == b"mine"
    assert (recordings.path / "linked").is_symlink()


def test_a_run_that_was_pruned_between_opening_and_locking_is_not_recorded_in_vain(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pruned(descriptor: int) -> bool:
        for path in recordings.path.rglob("polls.jsonl"):
            path.unlink()
        return True

    recorded(recordings, 1)
    monkeypatch.setattr("aibtui.recording.run.try_lock", pruned)
    assert not recordings.open(TEMPLATE, NOW - timedelta(days=1)).kept


_STORED = st.builds(
    Stored,
    st.text("abcdef", min_size=1, max_size=3),
    st.just(Path("x")),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)),
    st.integers(0, 1000),
)


@given(st.lists(_STORED, max_size=12, unique_by=lambda each: each.name), st.integers(0, 5000), st.sets(st.text("abc")))
def test_what_stays_is_within_the_limits_or_kept(stored: list[Stored], most: int, keep: set[str]) -> None:
    going = [each for each, _ in beyond(stored, LONG, most, keep, NOW)]
    staying = [each for each in stored if each not in going]
    assert not {each.name for each in going} & keep
    assert all(NOW - each.used_at <= LONG or each.name in keep for each in staying)
    loose = [each for each in staying if each.name not in keep]
    assert sum(each.bytes for each in staying) <= most or not loose


def test_a_downloaded_log_is_kept_by_account_folder_and_etag(tmp_path: Path) -> None:
    cache = LogCache(tmp_path)
    entry = cache.entry("account", "../folder")
    entry.store(b"data", "e1")
    assert entry.path.parent == tmp_path / "cache"
    assert cache.entry("account", "../folder").read("e1", 4) == b"data"
    assert cache.entry("account", "../folder").read("e2", 4) is None
    assert cache.entry("other", "../folder").read("e1", 4) is None
    (entry.path / "customization.log").write_bytes(b"dat!")
    assert entry.read("e1", 4) is None


def test_a_report_is_kept_beside_the_log_and_found_again(recordings: Recordings, tmp_path: Path) -> None:
    started = NOW - timedelta(days=1)
    recorded(recordings, 1)
    run = recordings.open(TEMPLATE, started)
    run.save_report({"schema": "aibtui.report/1", "outcome": "failed"})
    entry = LogCache(tmp_path).entry("account", "folder")
    entry.save_report({"schema": "aibtui.report/1", "outcome": "succeeded"})
    assert [report["outcome"] for report in recordings.reports()] == ["failed"]
    assert [report["outcome"] for report in LogCache(tmp_path).reports()] == ["succeeded"]
    (run.info.path / "report.json").write_bytes(b"[1]")
    assert list(recordings.reports()) == []
    (run.info.path / "report.json").write_bytes(json.dumps({"schema": "other"}).encode())
    assert recordings.report(run.info) is None


def test_downloaded_logs_are_pruned_too(tmp_path: Path) -> None:
    cache = LogCache(tmp_path)
    for name in ("a", "b"):
        cache.entry("account", name).store(b"x" * 1000, name)
    assert cache.prune(LONG, 1 << 30) == ()
    assert len(cache.prune(LONG, 1600)) == 1
    assert len(cache.prune(LONG, 0)) == 1
