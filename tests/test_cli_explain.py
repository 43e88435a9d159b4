"""`explain` as a user types it: what it takes, what it prints, what it refuses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from tests.core.logs import Log
from tests.core.test_task import RUN, stamped

MESSAGE = "Script exited with non-zero exit status: 3. Allowed exit codes are: [0]"
SECRET = "password=hunter22"
OWN_RULE = """
[[rule]]
id = "own-tool-missing"
severity = "error"
where = "output"
match = 'contoso-tool: not there'
title = "The tool of Contoso is missing"
cause = "Its share was not mounted."
remedy = "Mount the share before this step."
samples = ["contoso-tool: not there"]
"""


def aibtui(state: Path, *words: str, stdin: bytes | None = None, **env: str) -> Result:
    return CliRunner().invoke(main, list(words), input=stdin, env={"AIBTUI_STATE_DIR": str(state), **env})


def failed_log(*printed: str) -> bytes:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()
    for line in printed:
        log.out(line)
    return log.out("C:\\x.ps1 : no").out("    + CategoryInfo          : x").returned(3).fail(MESSAGE).data


def written(folder: Path, name: str, content: bytes | str | dict[str, Any]) -> str:
    path = folder / name
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def report(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    known: dict[str, Any] = json.loads(result.stdout)
    return known


@pytest.mark.parametrize("form", ["file", "gzip", "stdin"])
def test_a_pipelines_log_is_told_by_its_content_whatever_its_form(tmp_path: Path, form: str) -> None:
    data = stamped(*RUN, "run template:  Succeeded")
    path = written(tmp_path, "customization.log", gzip.compress(data) if form == "gzip" else data)
    words = ["explain", "-" if form == "stdin" else path, "--output", "json"]
    known = report(aibtui(tmp_path, *words, stdin=data if form == "stdin" else None))
    assert (known["outcome"], known["lines"], known["run"]["template"]) == ("succeeded", 7, "t_1714550403123")


def test_a_cancelled_job_is_told_with_what_to_do_next(tmp_path: Path) -> None:
    path = written(tmp_path, "task.txt", stamped(*RUN, "##[error]The operation was canceled."))
    said = aibtui(tmp_path, "explain", path).stdout
    assert said.startswith("Running when this log ends")
    assert "devops-job-cancelled, line 6" in said.replace("\n          ", " ")
    assert "aibtui watch t_1714550403123 -g GROUP" in said


@pytest.mark.parametrize("wrapped", [False, True], ids=["lastRunStatus", "template"])
def test_a_run_state_alone_is_explained(tmp_path: Path, wrapped: bool) -> None:
    run = {"runState": "Failed", "message": "Build step failed: Packer build command has failed: exit status 1."}
    template = {"id": "/subscriptions/s/x/imageTemplates/win11", "name": "win11", "lastRunStatus": run}
    path = written(tmp_path, "state.json", template if wrapped else run)
    known = report(aibtui(tmp_path, "explain", path, "--output", "json"))
    assert (known["outcome"], known["root_cause"]["rule"]) == ("failed", "packer-build-failed")
    assert known["run"]["message"] == run["message"]


def test_a_log_inside_a_pipelines_log_is_read_as_both(tmp_path: Path) -> None:
    data = stamped(*RUN) + failed_log()
    known = report(aibtui(tmp_path, "explain", written(tmp_path, "x.txt", data), "--output", "json"))
    assert (known["outcome"], known["format"], known["run"]["template"]) == ("failed", "g3", "t_1714550403123")
    assert known["root_cause"]["line"] == data[: data.index(b"C:\\x.ps1 : no")].count(b"\n") + 1
    assert known["started_at"] == "2026-05-04T08:02:11Z"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\n", "no customization.log"),
        (b'[{"id": "/s/imageTemplates/t/runOutputs/r"}]', "show-runs"),
        (b'{"name": "x"}', "neither a run's state"),
        (b"2024-05-01T08:00:00.1234567Z ##[section]Starting: make\n", "speaks of Image Builder"),
    ],
)
def test_what_tells_of_no_build_is_refused_with_2(tmp_path: Path, content: bytes, said: str) -> None:
    refused = aibtui(tmp_path, "explain", written(tmp_path, "other.txt", content))
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 2


@pytest.mark.parametrize("output", ["markdown", "chat"])
def test_secrets_are_hidden_unless_they_are_wanted(tmp_path: Path, output: str) -> None:
    data = failed_log().replace(b"C:\\x.ps1 : no", f"C:\\x.ps1 : no {SECRET}".encode())
    path = written(tmp_path, "c.log", data)
    hidden = aibtui(tmp_path, "explain", path, "--output", output).stdout
    assert SECRET not in hidden
    assert "likely secret" in hidden.splitlines()[-1]
    shown = aibtui(tmp_path, "explain", path, "--output", output, "--no-redact").stdout
    assert SECRET in shown
    assert "likely secret" not in shown


@pytest.mark.parametrize("by", ["option", "environment"])
def test_the_users_own_rules_are_laid_over_the_built_in_ones(tmp_path: Path, by: str) -> None:
    log = written(tmp_path, "c.log", failed_log("contoso-tool: not there"))
    own = written(tmp_path, "own.toml", OWN_RULE)
    words = ["explain", log, "--output", "json", *(["--rules", own] if by == "option" else [])]
    known = report(aibtui(tmp_path, *words, **({"AIBTUI_RULES": own} if by == "environment" else {})))
    rules = {alert["rule"] for alert in known["alerts"]}
    assert {"own-tool-missing", "script-failed"} <= rules


def test_a_broken_file_of_rules_is_refused_with_file_and_line(tmp_path: Path) -> None:
    own = written(tmp_path, "own.toml", OWN_RULE.replace('severity = "error"', 'severity = "bad"'))
    refused = aibtui(tmp_path, "explain", written(tmp_path, "c.log", failed_log()), "--rules", own)
    assert refused.exit_code == 2
    assert "own.toml, line 3: rule 'own-tool-missing'" in refused.stderr
