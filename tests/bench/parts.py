"""What there is to measure, part by part; each is imported where it is measured, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.bench.rows import Row


class Options(NamedTuple):
    """`quick` asks for small sizes and few rounds; `toolong` is how that peer is started."""

    quick: bool
    toolong: str


class Part(NamedTuple):
    """`about` says in a few words what is measured."""

    about: str
    measure: Callable[[Options], Iterable[Row]]


def _ingest(options: Options) -> Iterable[Row]:
    from tests.bench.ingest import measure

    return measure(options.quick)


def _start(options: Options) -> Iterable[Row]:
    from tests.bench.start import measure

    return measure(options.quick)


def _view(options: Options) -> Iterable[Row]:
    from tests.bench.log_view import measure

    return measure(options.quick, toolong=options.toolong)


def _watching(options: Options) -> Iterable[Row]:
    from tests.bench.watching import measure

    return measure(options.quick)


def _growth(options: Options) -> Iterable[Row]:
    from tests.bench.growth import measure

    return measure(options.quick)


def _rules(options: Options) -> Iterable[Row]:
    from tests.bench.rules import measure

    return measure(options.quick)


def _forecast(options: Options) -> Iterable[Row]:
    from tests.bench.forecast import measure

    return measure()


def _soak(options: Options) -> Iterable[Row]:
    from tests.bench.soak import measure

    return measure(options.quick)


PARTS = {
    "ingest": Part("explain beside ripgrep; alarms, progress, a log of the usual size, the next 64 KiB", _ingest),
    "start": Part("aibtui --help, and the first useful page beside a minimal Textual application", _start),
    "view": Part("key to paint, search, indexing and memory of the log view, beside lnav and toolong", _view),
    "watching": Part("what a watch computes and asks for: idle, 2,000 lines a second, 20 builds", _watching),
    "growth": Part("time and memory at 1 to 1,000 MB, a watch of 1 to 20 builds; the exponents", _growth),
    "rules": Part("what the rules add to an explain", _rules),
    "forecast": Part("how far the forecast is off, in simulated builds", _forecast),
    "soak": Part("a long build through a bad network, in virtual time: bytes lost, requests, memory", _soak),
}
