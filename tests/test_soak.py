"""A small soak: through a bad network nothing is lost, nothing comes twice, and Azure is asked no more than needed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.bench.soak import Size, compared, soak


async def test_a_build_through_a_bad_network_loses_and_repeats_nothing(tmp_path: Path) -> None:
    found = await soak(Size(timedelta(minutes=5), 300_000), tmp_path, seed=3)
    assert found.outcome == "succeeded"
    assert (found.lost, found.repeated) == (0, 0)
    assert found.failed > 5
    assert timedelta(minutes=1) < found.blind < timedelta(minutes=15)
    assert found.fetched <= 1.05 * found.log
    assert found.requests <= 1.3 * found.looks


def test_what_is_lost_and_what_comes_twice_is_counted() -> None:
    assert compared(b"a\nbb\nc\n", b"a\nc\nc\n") == (3, 2)
