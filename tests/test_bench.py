"""The bench: its logs are what they say, its peers get the same work, and its table tells what was measured."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.build import LogFormat
from aibtui.core.monitor import Monitor
from aibtui.core.updates import Update
from aibtui.sources.whole import whole_of
from tests.bench.__main__ import main
from tests.bench.generator import KINDS, Kind, portions, size_of
from tests.bench.growth import exponent, verdict
from tests.bench.ingest import by_turns, increments, signatures
from tests.bench.parts import PARTS, Options, Part
from tests.bench.process import RIPGREP, run
from tests.bench.rows import Row

FORMATS: tuple[LogFormat, ...] = ("g1", "g2", "g3")


def log(size: int = 60_000, log_format: LogFormat = "g3", kind: Kind = "chatty", seed: int = 7) -> bytes:
    return b"".join(portions(size, log_format, kind, seed))


def explained(data: bytes) -> Update:
    monitor = Monitor(built_in_rules())
    return [monitor.feed(poll) for poll in whole_of(data, "a log").polls()][-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_writes_the_same_bytes(kind: Kind) -> None:
    assert log(kind=kind) == log(kind=kind)
    assert log(kind=kind) != log(kind=kind, seed=8)


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_log_of_any_format_is_that_of_a_build_that_succeeded(log_format: LogFormat) -> None:
    build = explained(log(300_000, log_format)).build
    assert (build.format, build.outcome) == (log_format, "succeeded")
    assert build.bytes == pytest.approx(300_000, abs=60_000)


def test_every_line_of_a_log_of_alarms_raises_something() -> None:
    alerts = explained(log(kind="alarms")).alerts
    lines = log(kind="alarms").count(b"\n")
    assert sum(alert.count for alert in alerts) > 0.9 * lines


def test_a_size_may_have_a_unit() -> None:
    assert [size_of(text) for text in ("7", "600k", "1.5M", "1G")] == [7, 600_000, 1_500_000, 10**9]


@pytest.mark.skipif(shutil.which("rg") is None, reason="ripgrep is not installed")
def test_ripgrep_gets_signatures_that_it_understands_and_that_find_every_alarm(tmp_path: Path) -> None:
    data, rules, alarms = log(kind="alarms"), tmp_path / "rules.rg", tmp_path / "alarms.log"
    rules.write_text("\n".join(signatures()))
    alarms.write_bytes(data)
    counted = subprocess.run([*RIPGREP, "-f", rules, alarms], capture_output=True, text=True, check=True)
    assert int(counted.stdout) > 0.9 * data.count(b"\n")


def test_each_turn_has_both_of_us() -> None:
    ours, theirs = by_turns(2, [sys.executable, "-c", ""], [sys.executable, "-c", "bytearray(1 << 28)"])
    assert (len(ours), len(theirs)) == (2, 2)
    assert by_turns(1, [sys.executable, "-c", ""])[1] == []


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_every_increment_is_measured_twice() -> None:
    computed, waited = increments(2, "chatty")
    assert (len(computed), len(waited)) == (2, 2)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_is_that_of_what_comes_on_top_of_the_smallest(power: int) -> None:
    sizes = (1, 10, 100, 1000)
    costs = [40 + 3 * (size - 1) ** power * bool(size > 1) for size in sizes]
    assert exponent(sizes, costs, 0.01) == pytest.approx(power)


def test_growth_is_told_by_size_by_further_unit_and_by_exponent() -> None:
    rows = list(verdict("CPU", "s", {"1 MB": 1.0, "3 MB": 3.0, "5 MB": 5.0}, [(2.0, 4.0, 6.0)], 0.01, 1.05))
    assert [row.what for row in rows] == [
        "CPU of 1 MB",
        "CPU of 3 MB",
        "CPU of 5 MB",
        "CPU of each further MB",
        "CPU: exponent",
    ]
    assert rows[-2].ours == (1.0,)
    assert (rows[-1].unit, rows[-1].met) == ("linear", True)


def test_a_ratio_is_taken_turn_by_turn() -> None:
    row = Row("read", "s", (2.0, 9.0, 8.0), "ripgrep", (1.0, 3.0, 2.0), 2.5)
    assert row.ratios == (2.0, 3.0, 4.0)
    assert row.met is False
    assert " ".join(str(row).split()) == "read 2.00 3.00 4.00 x ripgrep goal 2.5 MISSED 8.00 / 2.00 s"


def test_one_sample_stands_alone() -> None:
    assert str(Row("p99", "ms", (4.0,), goal=5)).split() == ["p99", "4.00", "ms", "goal", "5"]


def test_a_goal_may_be_a_least() -> None:
    assert [Row("rate", "MB/s", (rate,), goal=20, at_least=True).met for rate in (19, 20)] == [False, True]


def test_an_absent_peer_is_told_and_misses_no_goal() -> None:
    row = Row("read", "s", (2.0,), "lnav", (), 0.2)
    assert row.met is None
    assert str(row).endswith("lnav: not installed")


def _good(options: Options) -> Iterable[Row]:
    yield Row("one", "s", (1.0, 3.0), goal=1 if options.quick else 5)
    yield Row("two", "s", (4.0,), "lnav")


def _broken(options: Options) -> Iterable[Row]:
    yield Row("before", "s", (1.0,))
    raise RuntimeError("no disk left")


def _endless(options: Options) -> Iterable[Row]:
    yield Row("so far", "s", (1.0,))
    signal.pause()


TOLD = {"good": Part("two rows", _good), "broken": Part("raises", _broken), "endless": Part("waits", _endless)}


def test_the_parts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(PARTS)


def test_an_unknown_part_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["ingets"])
    assert "there is no part ingets; there are ingest, start" in capsys.readouterr().err


def test_what_was_measured_is_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.json"
    assert main(["good", "--quick", "--json", str(kept), "--toolong", "no-such-program"], TOLD) == 0
    printed = capsys.readouterr().out
    assert "toolong: not installed" in printed
    assert "Goals: 0 of 1 met; missed:\n  good: one" in printed
    told = json.loads(kept.read_text())
    assert (told["quick"], told["peers"]["toolong"]) == (True, None)
    assert [(row["what"], row["ours"], row["met"]) for row in told["parts"]["good"]] == [
        ("one", [1.0, 3.0], False),
        ("two", [4.0], None),
    ]


def test_a_part_that_breaks_is_told_and_the_others_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broken", "good"], TOLD) == 1
    printed = capsys.readouterr()
    assert "no disk left" in printed.err
    assert "Goals: 1 of 1 met." in printed.out


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is another thing there")
def test_ctrl_c_ends_it_with_what_was_measured_so_far() -> None:
    # Who runs the tests in the background may have it ignored.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"import sys; {heed}; from tests.test_bench import TOLD, main; sys.exit(main(['endless', 'good'], TOLD))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout
        for line in bench.stdout:
            if "so far" in line:
                bench.send_signal(signal.SIGINT)
                break
        rest = bench.stdout.read()
        assert bench.wait(30) == 130
    assert "Broken off by Ctrl+C" in rest
    assert "Goals: 0 of 0 met." in rest
