"""`rules list`, `rules test`, `rules try`, and the user's own rules while a watch goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from aibtui.cli.rulefiles import LiveRules, built_in_rules
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll
from tests.core.logs import Log
from tests.test_cli_explain import OWN_RULE, aibtui, failed_log, written

OTHER_RULE = OWN_RULE.replace("own-tool-missing", "own-other").replace("contoso-tool: not there", "fabrikam")


def test_every_rule_is_listed_with_where_and_how_it_holds(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", OWN_RULE)
    rows = json.loads(aibtui(tmp_path, "rules", "list", "--output", "json", "--rules", own).stdout)
    by_id = {row["id"]: row for row in rows}
    assert len(rows) == len(built_in_rules()) + 1
    assert by_id["own-tool-missing"] == {
        "id": "own-tool-missing",
        "severity": "error",
        "where": "output",
        "condition": "match",
        "title": "The tool of Contoso is missing",
        "file": own,
    }
    assert by_id["step-silent"]["condition"].startswith("silence for ")
    assert by_id["script-failed"]["file"] == "endings.toml"


def test_the_table_has_a_row_for_each(tmp_path: Path) -> None:
    rows = aibtui(tmp_path, "rules", "list").stdout.splitlines()
    assert rows[0].split()[:4] == ["ID", "SEVERITY", "WHERE", "CONDITION"]
    assert len(rows) == len(built_in_rules()) + 1


def test_rules_whose_samples_hold_pass(tmp_path: Path) -> None:
    tested = aibtui(tmp_path, "rules", "test", written(tmp_path, "own.toml", OWN_RULE))
    assert (tested.exit_code, tested.stdout) == (0, "1 rule, 1 sample, 0 others: all hold\n")


def test_the_built_in_rules_are_tested_where_no_file_is_named(tmp_path: Path) -> None:
    tested = aibtui(tmp_path, "rules", "test")
    assert tested.exit_code == 0
    assert tested.stdout.startswith(f"{len(built_in_rules())} rules, ")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('samples = ["no such thing"]', 'sample 1 does not raise it: "no such thing"'),
        ('samples = ["contoso-tool: not there"]\nothers = ["x contoso-tool: not there"]', "other 1 raises it"),
        ("samples = [{ last = 5 }]", "sample 1 cannot be tried"),
    ],
)
def test_a_sample_that_fails_is_told_with_file_and_rule(tmp_path: Path, changed: str, said: str) -> None:
    text = OWN_RULE.replace('samples = ["contoso-tool: not there"]', changed)
    tested = aibtui(tmp_path, "rules", "test", written(tmp_path, "own.toml", text))
    assert tested.exit_code == 1
    assert f"own.toml: rule own-tool-missing: {said}" in tested.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n[[rule]\n", "line 2"),
        (OWN_RULE + '[[rule]]\n\nid = "no-more"\n', "line 13: rule 'no-more'"),
        (OWN_RULE + OWN_RULE, "line 13: rule 'own-tool-missing' stands there twice"),
        (OWN_RULE.replace('"error"', "1"), "line 3"),
        (OWN_RULE.replace('title = "The tool of Contoso is missing"', "title = 1"), "'title' is not a str"),
        (OWN_RULE.replace('where = "output"', "where = 5"), "line 3"),
        (OWN_RULE + 'phases = ["lunch"]\n', "'lunch' is no phase"),
        ("rule = [1]", "tables headed [[rule]]"),
        ("rules = []", "tables headed [[rule]]"),
        ("\xff", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_fails_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, "own.toml", text.encode("latin-1"))
    tested = aibtui(tmp_path, "rules", "test", path)
    assert tested.exit_code == 1
    assert "own.toml" in tested.stderr
    assert said in tested.stderr


def test_a_file_that_is_not_there_is_refused_with_2(tmp_path: Path) -> None:
    assert aibtui(tmp_path, "rules", "test", str(tmp_path / "none.toml")).exit_code == 2


def test_rules_are_tried_on_logs(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", OWN_RULE)
    bad = written(tmp_path, "bad.log", failed_log("contoso-tool: not there"))
    good = written(tmp_path, "good.log", failed_log())
    tried = aibtui(tmp_path, "rules", "try", own, bad, good)
    line = failed_log("contoso-tool: not there").split(b"contoso-tool")[0].count(b"\n") + 1
    name, alert, nothing = tried.stdout.splitlines()
    assert (name, nothing) == ("bad.log", "good.log: nothing")
    assert alert.split()[1:5] == ["line", str(line), "error", "own-tool-missing:"]
    assert alert.endswith(" before the end")
    assert tried.exit_code == 0


def begun_log() -> Log:
    return Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()


def test_new_rules_hold_from_the_next_look_on_and_what_is_raised_stays(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN_RULE)
    rules = LiveRules([own])
    monitor = rules.monitor()
    log = begun_log().out("contoso-tool: not there").out("fabrikam")
    first = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),)))
    assert [alert.rule for alert in first.alerts] == ["own-tool-missing"]
    own.write_text(OTHER_RULE)
    rules.read_again("own.toml")
    seen = len(log.data)
    log.out("fabrikam")
    chunk = Chunk("customization.log", 0, seen, log.data[seen:])
    second = monitor.feed(Poll(log.at + timedelta(seconds=5), chunks=(chunk,)))
    assert [(alert.rule, alert.line) for alert in second.alerts] == [
        ("own-tool-missing", log.number - 2),
        ("own-other", log.number),
    ]


def test_a_rule_that_did_not_change_goes_on_counting() -> None:
    log = begun_log().returned(0).powershell(dump=("if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat it}",))
    log.out(">>> Sysprepping VM ...")
    for _ in range(2 * 12):
        log.wait(5).out("IMAGE_STATE_COMPLETE")
    monitor = Monitor(built_in_rules())
    monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),)))
    monitor.use(built_in_rules())
    seen = len(log.data)
    for _ in range(2 * 12):
        log.wait(5).out("IMAGE_STATE_COMPLETE")
    update = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, seen, log.data[seen:]),)))
    assert [alert.rule for alert in update.alerts if alert.severity == "error"] == ["sysprep-loop"]


def test_a_watch_raises_the_users_own_rules(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", OWN_RULE.replace("contoso-tool: not there", "is damaged: its SHA-256"))
    words = ["demo", "script-failed", "--speed", "max", "--output", "jsonl", "--rules", own]
    events = [json.loads(line) for line in aibtui(tmp_path, *words).stdout.splitlines()]
    assert "own-tool-missing" in {event["rule"] for event in events if event["type"] == "alert_open"}


async def test_a_file_is_read_again_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(OWN_RULE)
    rules = LiveRules([own])
    said: asyncio.Queue[str] = asyncio.Queue()
    async with rules.reloading(said.put_nowait):
        await asyncio.sleep(0.5)  # the watcher has to begin
        own.write_text(OTHER_RULE)
        assert "own.toml were read again" in await asyncio.wait_for(said.get(), 20)
        good = rules.current
        assert "own-other" in {rule.id for rule in good}
        own.write_text("[[rule]\n")
        told = await asyncio.wait_for(said.get(), 20)
        assert f"{own}: " in told
        assert "line 1" in told
        assert "stay as they were" in told
        assert rules.current is good
