"""How fast it is, beside the peers, on this machine: `python -m tests.bench [PART...] [--quick]`.

Each part makes its own logs, measures us and the peers by turns on the same files, and prints the least, the middle and
the most of what it found: `x ripgrep` is a ratio, with both medians behind it; the rest is in the unit named. MISSED
marks a goal that is missed. Progress goes to stderr, and Ctrl+C ends it with what was measured so far. The exit code
says only whether all was measured: 0, or 130 after Ctrl+C, 1 where a part broke, 2 for wrong words.

  python -m tests.bench --quick                    about a minute: small logs, few rounds
  python -m tests.bench ingest growth              two parts in full, up to ten minutes each
  python -m tests.bench --json today.json --toolong ~/.venvs/toolong/bin/tl

Peers: apt install ripgrep lnav; toolong by pip, in an environment of its own, as it wants an older Textual.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.apart import Broken, rows_of
from tests.bench.parts import PARTS, Options, Part
from tests.bench.progress import hush, say
from tests.bench.rows import HEADING, Row
from tests.bench.terminal import python


def main(arguments: Sequence[str] | None = None, parts: Mapping[str, Part] = PARTS) -> int:
    """Measure what is asked for, and print it as it comes. Returns the exit code."""
    chosen = _parser(parts).parse_args(arguments)
    if chosen.list:
        print("\n".join(f"{name:<10} {part.about}" for name, part in parts.items()))
        return 0
    peers = {"ripgrep": _version("rg"), "lnav": _version("lnav"), "toolong": _version(chosen.toolong)}
    names = chosen.parts or list(parts)
    print(_here(peers), HEADING, sep="\n", flush=True)
    found: dict[str, list[Row]] = {}
    code = 0
    with _clean():
        for place, name in enumerate(names, start=1):
            found[name] = []
            say(f"{name}, {place} of {len(names)}")
            began = time.monotonic()
            try:
                for row in rows_of(parts[name], Options(chosen.quick, chosen.toolong)):
                    hush()
                    if not found[name]:
                        print(f"\n{name}", flush=True)
                    print(row, flush=True)
                    found[name].append(row)
            except KeyboardInterrupt:
                code = 130
                break
            except Broken as error:
                hush()
                print(f"{name} broke:\n{error}", file=sys.stderr)
                code = 1
            hush()
            print(f"{'':<52}{time.monotonic() - began:>10.0f} s in all", flush=True)
    hush()
    print(f"\n{_summary(found, peers, broken_off=code == 130)}", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(_as_json(found, peers, quick=chosen.quick), indent=1) + "\n")
    return code


def _parser(parts: Mapping[str, Part]) -> argparse.ArgumentParser:
    def part(name: str) -> str:
        if name not in parts:
            raise argparse.ArgumentTypeError(f"there is no part {name}; there are {', '.join(parts)}")
        return name

    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", type=part, metavar="PART", help=f"{', '.join(parts)}; all unless named")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: about a minute in all")
    parser.add_argument("--list", action="store_true", help="the parts, and what each measures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE as well")
    parser.add_argument("--toolong", default="tl", metavar="PATH", help="how toolong is started (tl)")
    return parser


@contextmanager
def _clean() -> Iterator[None]:
    """No settings, recordings or habits of whoever measures: as on a new machine, compiled as an installation is."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="aibtui-bench-") as folder:
        config = Path(folder) / "config.toml"
        config.touch()
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ |= {"AIBTUI_STATE_DIR": folder, "AIBTUI_CONFIG": str(config)}
        try:
            subprocess.run(python("-m", "aibtui", "--help"), stdout=subprocess.DEVNULL, check=True)
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _version(program: str) -> str | None:
    """What a peer says of itself, None where it is not installed."""
    if shutil.which(program) is None:
        return None
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return next((word for word in told.split() if word[0].isdigit()), "of an unknown version")


def _here(peers: Mapping[str, str | None]) -> str:
    told = (f"{name} {version}" if version else f"{name}: not installed" for name, version in peers.items())
    load = os.getloadavg()[0]
    busy = f"; load {load:.1f}: milliseconds will be too many, ratios hold better" if load > 0.5 else ""
    return f"Python {platform.python_version()}, {os.cpu_count()} cores{busy}\n{', '.join(told)}\n"


def _summary(found: Mapping[str, Sequence[Row]], peers: Mapping[str, str | None], *, broken_off: bool) -> str:
    judged = [(name, row) for name, rows in found.items() for row in rows if row.met is not None]
    missed = [f"  {name}: {row.what}" for name, row in judged if not row.met]
    absent = [name for name, version in peers.items() if version is None]
    return "\n".join(
        [
            *(["Broken off by Ctrl+C: what was measured so far."] if broken_off else []),
            f"Goals: {len(judged) - len(missed)} of {len(judged)} met{'; missed:' if missed else '.'}",
            *missed,
            *([f"Not installed, so not measured beside: {', '.join(absent)}."] if absent else []),
        ]
    )


def _as_json(found: Mapping[str, Sequence[Row]], peers: Mapping[str, str | None], *, quick: bool) -> dict[str, object]:
    return {
        "schema": "aibtui.bench/1",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "peers": dict(peers),
        "parts": {
            name: [asdict(row) | {"figure": row.figure, "met": row.met} for row in rows] for name, rows in found.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
