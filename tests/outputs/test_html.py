"""The HTML page: it says what `explain` says, loads nothing, hides secrets, and stays small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from aibtui.cli import main
from aibtui.core.forecast import Baseline, step_keys
from aibtui.core.updates import Update
from aibtui.outputs import log_excerpt
from aibtui.outputs.html import html
from aibtui.outputs.log_excerpt import excerpt
from tests.outputs.pages import ATTACKS, attacking_log, failing_log, judge, page_of
from tests.outputs.runner_commands import azure, github
from tests.outputs.updates import failed_update

SECRET = "password=hunter22"


class Read(HTMLParser):
    """The elements of a page: tags, attributes, and the text inside each kind of tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts.setdefault(tag, []).append(data)

    def text(self, tag: str) -> str:
        return "".join(self.texts.get(tag, []))


def aibtui(state: Path, *words: str) -> Result:
    return CliRunner().invoke(main, list(words), env={"AIBTUI_STATE_DIR": str(state)})


@pytest.fixture(scope="module")
def failed() -> str:
    return page_of(failing_log("something is amiss"))


def test_the_page_holds_the_report_of_explain(tmp_path: Path) -> None:
    log = tmp_path / "customization.log"
    log.write_bytes(attacking_log())
    page = aibtui(tmp_path, "explain", str(log), "--output", "html", "--no-redact").stdout
    known = aibtui(tmp_path, "explain", str(log), "--output", "json").stdout
    data = re.findall(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)
    assert len(data) == 1
    assert json.loads(data[0]) == json.loads(known)
    assert azure(page) == github(page) == []
    assert "###vso[task.complete result=Succeeded]x ##[error]\u034f \u6f22" in Read(page).text("code")


def test_it_tells_outcome_cause_steps_alerts_and_log(failed: str) -> None:
    read = Read(failed)
    assert read.text("h1") == "customization.log"
    body = " ".join(read.text("main").split())
    for said in (
        "The needle is lost",
        "script-failed, line",
        "What to do",
        "3 powershell",
        "Error: A script exited with code 3",
        "something is amiss",
    ):
        assert said in body
    assert "Failed after" in read.text("header")
    assert {"rect", "table", "details"} <= {tag for tag, _ in read.tags}


def test_every_line_that_is_linked_to_is_there(failed: str) -> None:
    read = Read(failed)
    linked = {attributes["href"] for tag, attributes in read.tags if tag == "a"}
    lines = {href[1:] for href in linked if href and href.startswith("#")}
    assert lines
    assert lines <= {str(attributes.get("id")) for _, attributes in read.tags}


def test_its_policy_allows_its_own_style_and_script_and_nothing_else(failed: str) -> None:
    read = Read(failed)
    (policy,) = (found["content"] for tag, found in read.tags if found.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", failed, re.DOTALL)
    script = re.search(r"<script>(.*?)</script>", failed, re.DOTALL)
    assert style
    assert script
    hashes = [base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode() for found in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not any({"src", "style", "srcset", "background"} & found.keys() for _, found in read.tags)


def test_nothing_in_a_log_becomes_part_of_the_page() -> None:
    hostile = Read(page_of(attacking_log(), _everywhere))
    harmless = Read(page_of(failing_log("x")))
    own = {(tag, name) for tag, attributes in harmless.tags for name in attributes}
    own |= {("details", "open"), ("a", "rel"), ("pre", "class")}
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in harmless.tags} | {"pre", "h3"}
    assert {(tag, name) for tag, attributes in hostile.tags for name in attributes} <= own
    for tag, attributes in hostile.tags:
        assert tag != "a" or str(attributes["href"]).startswith(("#L", "https://learn.microsoft.com/"))
    assert len([tag for tag, _ in hostile.tags if tag == "script"]) == 2
    assert "49" not in hostile.text("h1")
    drawn = hostile.text("body")
    assert not [char for char in drawn if not char.isprintable() and char != "\n"]
    assert "<script>window.pwned = 1; alert(1)</script>" in drawn


def _everywhere(update: Update) -> Update:
    """The attacks in every text that a log or the service gives."""
    build = update.build
    steps = tuple(replace(step, name=attack) for step, attack in zip(build.steps, ATTACKS, strict=False))
    alerts = tuple(
        replace(alert, title=attack, cause=attack, remedy=f"az {attack}\n{attack}", doc=doc)
        for alert, attack, doc in zip(update.alerts, ATTACKS, ("javascript:alert(1)", "data:text/html,x"), strict=False)
    )
    facts = replace(build.facts, source=ATTACKS[0], vm_size=ATTACKS[1], packer=ATTACKS[2], operation_id=ATTACKS[3])
    return replace(update, build=replace(build, steps=steps, message=ATTACKS[4], facts=facts), alerts=alerts)


def test_secrets_are_hidden_and_counted_and_shown_on_demand() -> None:
    log = failing_log(
        f"{SECRET} once", "-----BEGIN RSA PRIVATE KEY-----", "MIIEkeybody", "-----END RSA PRIVATE KEY-----"
    )
    page = page_of(log)
    assert "hunter22" not in page
    assert "MIIEkeybody" not in page
    assert re.search(r'class="note">\d+ likely secrets are hidden; --no-redact shows them\.<', page)
    shown = page_of(log, redact=False)
    assert SECRET in shown
    assert "likely secret" not in shown


def test_a_large_log_makes_a_small_page_that_says_what_it_leaves_out() -> None:
    data = failing_log(*(f"wrong {number}" for number in range(300)), before=20_000)
    page = page_of(data)
    assert len(page) < 200_000
    said = Read(page).text("section")
    assert "harmless output 0" in said
    assert "harmless output 19999" in said
    assert "harmless output 10000" not in said
    assert all(f"wrong {number}" in said for number in range(300))
    assert re.search(r"20,0\d\d lines, 19,8\d\d lines left out", said)


def test_a_page_has_each_line_of_the_log_once_or_says_that_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_excerpt, "_BLOCK", 1_000)
    data = failing_log(*(f"wrong {number}" for number in range(30)), before=900)
    update, log = judge(data)
    lines = data.decode().splitlines()
    shown = 0
    for part in excerpt(update, log, redact=False):
        assert part.first_line == shown + 1
        for row in part.rows:
            shown += row.left_out
            if row.number:
                shown += 1
                assert row.number == shown
                assert lines[row.number - 1].endswith(row.text)
        assert shown == part.last_line
    assert shown == len(lines)


def test_steps_are_set_against_what_they_usually_take() -> None:
    update, log = judge(failing_log(before=3_000))
    step = update.build.steps[1]
    assert step.ended_at
    assert step.started_at
    usual = step.ended_at - step.started_at - timedelta(seconds=20)
    known = {step_keys(update.build.steps)[1]: (usual, usual, usual + timedelta(hours=1))}
    rows = re.findall(r"<tr class=.*?</tr>", html(update, "x", log, Baseline(runs=3, steps=known)), re.DOTALL)
    assert "by 3 runs" in rows[1]
    assert "+0:20" in rows[1]
    assert "runs" not in rows[2]


def test_a_run_without_a_log_has_a_page_too() -> None:
    read = Read(html(failed_update(), "x", None, Baseline()))
    assert "Failed after 11:00" in read.text("header")
    assert "input" not in {tag for tag, _ in read.tags}


def test_report_writes_the_page_whole_or_not_at_all(tmp_path: Path) -> None:
    log = tmp_path / "customization.log"
    log.write_bytes(failing_log(SECRET))
    file = tmp_path / "report.html"
    made = aibtui(tmp_path, "report", str(log), "--html", str(file))
    assert (made.exit_code, made.stdout) == (0, "")
    assert str(file) in made.stderr
    assert file.read_text().startswith("<!doctype html>")
    assert "hunter22" not in file.read_text()
    refused = aibtui(tmp_path, "report", str(log), "--html", str(tmp_path))
    assert refused.exit_code == 2
    assert "is a folder" in refused.stderr
    refused = aibtui(tmp_path, "report", str(log), "--html", str(tmp_path / "no" / "report.html"))
    assert refused.exit_code == 2
    assert "cannot be written: No such file or directory" in refused.stderr
    assert sorted(path.name for path in tmp_path.glob("*.html*")) == ["report.html"]
