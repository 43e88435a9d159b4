"""What is planted on the disk or packed into a file: links, wide umasks, bombs, rules that would run for ever."""

from __future__ import annotations

import gzip
import logging
import os
import re
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from aibtui.cli import main
from aibtui.cli.library_log import library_log
from aibtui.cli.pages import save
from aibtui.cli.rulefiles import built_in_rules
from aibtui.config import remember_theme
from aibtui.core.holds import MARKER
from aibtui.core.interest import Interests
from aibtui.core.lines import Block
from aibtui.core.rulebook import compile_rules
from aibtui.recording import LogCache
from tests.core.logs import Log


def _config(folder: Path) -> Path:
    path = folder / "settings" / "config.toml"
    CliRunner().invoke(main, ["config", "init", "--force"], env={"AIBTUI_CONFIG": str(path)})
    return path


def _cache(folder: Path) -> Path:
    entry = LogCache(folder).entry("account", "../../folder")
    entry.store(b"a log", "tag")
    return entry.path / "customization.log"


def _library(folder: Path) -> Path:
    with library_log(folder / "state"):
        logging.getLogger("azure").error("something")
    return folder / "state" / "aibtui.log"


def _page(folder: Path) -> Path:
    save("<html>", folder / "report.html")
    return folder / "report.html"


def _theme(folder: Path) -> Path:
    remember_theme(folder / "state", "nord")
    return folder / "state" / "theme"


WRITTEN: dict[str, Callable[[Path], Path]] = {
    "config init": _config,
    "cache": _cache,
    "library log": _library,
    "HTML page": _page,
    "theme": _theme,
}
"""What writes a file below a folder, and where; recordings, bundles and probes have their own tests."""


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_is_for_the_owner_alone_under_any_umask(name: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = WRITTEN[name](tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.is_relative_to(tmp_path)
    assert all(stat.S_IMODE(each.stat().st_mode) & 0o022 == 0 for each in path.parents if each > tmp_path)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_planted_link_is_not_written_through(name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = WRITTEN[name](tmp_path)
    path.unlink()
    path.symlink_to(victim)
    WRITTEN[name](tmp_path)
    assert victim.read_text() == "mine"


def test_nothing_in_the_current_directory_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = '[[rule]]\nid = "planted"\nseverity = "error"\nmatch = "."\ntitle = "t"\ncause = "c"\nremedy = "r"\n'
    (tmp_path / "rules").mkdir()
    (tmp_path / "aibtui").mkdir()
    for planted in ("config.toml", "aibtui.toml", ".aibtui.toml", "aibtui/config.toml", "rules.toml", "rules/x.toml"):
        text = rule if "rules" in planted else 'theme = "planted"\n[webhook]\nurl = "https://evil.example/"\n'
        (tmp_path / planted).write_text(text)
    (tmp_path / "customization.log").write_bytes(Log().prepare("file").out("one").succeed().data)
    monkeypatch.chdir(tmp_path)
    environ = {"AIBTUI_STATE_DIR": str(tmp_path / "state"), "AIBTUI_CONFIG": None, "HOME": str(tmp_path / "home")}
    for words in (["config", "show"], ["rules", "list"], ["explain", "customization.log", "--output", "json"]):
        ran = CliRunner().invoke(main, words, env={**environ, "XDG_CONFIG_HOME": None})
        assert ran.exit_code == 0, ran.output
        assert "planted" not in ran.output
        assert "evil.example" not in ran.output


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "customization.log.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        for _ in range(7):
            file.write(bytes(10_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = CliRunner().invoke(main, ["explain", str(bomb)], env={"AIBTUI_STATE_DIR": str(tmp_path / "state")})
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (refused.exit_code, "more than any log" in refused.stderr) == (2, True)
    assert grown < 150_000 if sys.platform == "linux" else True  # KiB


HOSTILE = {
    "letters": b"a" * 200_000,
    "words": b"aa bb " * 33_000,
    "numbers": b"12.5 % 13/14 MB " * 12_500,
    "quotes": b"\"'\\[](){}" * 20_000,
    "errors": b"Error: E: failed: error exit code 1 " * 5_500,
}
EVIL = ("(a+)+$", "(a|aa)+$", r"(\w+\s?)*ERROR!", "(.*a){12}x", r"^(([a-z])+.)+[A-Z]([a-z])+$")
_USER = '[[rule]]\nid = "mine"\nseverity = "error"\nmatch = {pattern}\ntitle = "t"\ncause = "c"\nremedy = "r"\n'


def _cost(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three: other work on the machine only adds."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def _plain(data: bytes) -> float:
    """What it costs to look once at every character, by Python's own engine."""
    pattern = re.compile(rb"[^\x00]\x00")
    return _cost(lambda: pattern.search(data))


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_built_in_rule_takes_long_over_a_hostile_line(kind: str) -> None:
    data = HOSTILE[kind]
    text = data.decode()
    plain = _plain(data)
    for rule in built_in_rules():
        for pattern in rule.patterns:
            assert _cost(lambda found=pattern: found.find(text)) < 20 * plain + 0.02, rule.id
    block = Block(data + b"\n", 1)
    scanner = Interests(built_in_rules(), MARKER).scanner
    assert _cost(lambda: sum(1 for _ in scanner.candidates(block))) < 40 * plain + 0.05


@pytest.mark.parametrize("pattern", EVIL)
def test_no_rule_of_a_user_hangs(pattern: str) -> None:
    (rule,) = compile_rules(_USER.format(pattern=f"'{pattern}'"), "mine.toml")
    data = HOSTILE["letters"]
    assert _cost(lambda: rule.patterns[0].find(data.decode() + "!")) < 40 * _plain(data) + 0.05


def test_help_loads_no_other_package_than_click() -> None:
    program = (
        "import sys, runpy\nbefore = {name.partition('.')[0] for name in sys.modules}\n"
        "sys.argv = ['aibtui', '--help']\n"
        "try:\n    runpy.run_module('aibtui', run_name='__main__')\nexcept SystemExit:\n    pass\n"
        "loaded = {name.partition('.')[0] for name, module in sys.modules.items()"
        " if 'site-packages' in (getattr(module, '__file__', None) or '')} - before\n"
        "print(sorted(loaded), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr.strip() == "['click']"
