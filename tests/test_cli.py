"""The commands as a user types them: what they print, what they exit with, what they keep."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.core.logs import Log


def environment(state: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AIBTUI_", "CI"))}
    return kept | {"AIBTUI_STATE_DIR": str(state), "AZURE_CONFIG_DIR": str(state / "azure")} | more


def aibtui(state: Path, *words: str, stdin: bytes = b"", seconds: float = 90) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "aibtui", *words],
        input=stdin,
        capture_output=True,
        env=environment(state),
        timeout=seconds,
        check=False,
    )


def events(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def clear(refused: subprocess.CompletedProcess[bytes]) -> str:
    """What a refusal said: words, and no traceback."""
    said = refused.stderr.decode()
    assert "Traceback" not in said
    assert said.strip()
    return said


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], int]:
    """One demo of a Windows build, watched to its end as JSON lines: where it was kept, its events, its exit code."""
    state = tmp_path_factory.mktemp("state")
    played = aibtui(state, "demo", "windows", "--speed", "max", "--output", "jsonl")
    assert played.stderr == b""
    return state, events(played.stdout), played.returncode


def test_a_demo_of_a_good_build_ends_with_0_and_a_summary(watched: tuple[Path, list[dict[str, Any]], int]) -> None:
    _, told, code = watched
    report = told[-1]["report"]
    assert code == 0
    assert (told[0], told[-1]["type"], told[-1]["exit_code"]) == (
        {"type": "version", "schema": "aibtui.events/1"},
        "summary",
        0,
    )
    assert (report["outcome"], len(report["steps"]), report["alerts"]) == ("succeeded", 7, [])
    assert {step["state"] for step in report["steps"]} == {"done"}
    assert report["phases"][-1]["state"] == "done"


def test_the_events_of_a_demo_come_in_order_and_once(watched: tuple[Path, list[dict[str, Any]], int]) -> None:
    _, told, _ = watched
    assert [event["seq"] for event in told[1:]] == list(range(1, len(told)))
    assert [event["step"]["index"] for event in told if event["type"] == "step_start"] == [1, 2, 3, 4, 5, 6, 7]
    assert [event["step"]["index"] for event in told if event["type"] == "step_end"] == [1, 2, 3, 4, 5, 6, 7]
    words = [event["state"] for event in told if event["type"] == "transport"]
    assert words[0] == "waiting"
    assert words[-2:] == ["log-done", "ended"]
    states = [event["sub_state"] for event in told if event["type"] == "run_state"]
    assert [state for state in states if state] == ["Queued", "Building", "Customizing", "Distributing"]


def test_a_watched_build_is_kept_listed_and_played_again(watched: tuple[Path, list[dict[str, Any]], int]) -> None:
    state, told, _ = watched
    (folder,) = (state / "runs").iterdir()
    assert (folder / "customization.log").stat().st_size == told[-1]["report"]["bytes"]
    assert folder.name in aibtui(state, "runs").stdout.decode()
    again = aibtui(state, "replay", folder.name, "--speed", "max", "--output", "jsonl")
    assert again.returncode == 0
    assert events(again.stdout)[-1]["report"] == told[-1]["report"]


def test_explain_says_of_the_recording_what_the_watch_said(watched: tuple[Path, list[dict[str, Any]], int]) -> None:
    state, told, _ = watched
    (folder,) = (state / "runs").iterdir()
    explained = aibtui(state, "explain", folder.name, "--output", "json")
    assert explained.returncode == 0
    report, watched_report = json.loads(explained.stdout), told[-1]["report"]
    assert (report["outcome"], report["bytes"], report["lines"]) == ("succeeded", watched_report["bytes"], 4106)
    assert [step["exit_code"] for step in report["steps"]] == [step["exit_code"] for step in watched_report["steps"]]


def test_a_demo_of_a_failed_script_ends_with_1_and_the_reason_last(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "script-failed", "--speed", "max", "--output", "plain")
    said = played.stdout.decode()
    assert played.returncode == 1
    assert "Step 3 of 6, powershell build tools, failed after" in said
    assert "What to do:" in said.splitlines()[-1]
    assert "is damaged" in said.splitlines()[-3]


def test_a_demo_of_a_looping_sysprep_calls_it_before_the_time_out(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "sysprep-loop", "--speed", "max", "--output", "jsonl")
    told = events(played.stdout)
    opened = next(event for event in told if event["type"] == "alert_open")
    assert (played.returncode, opened["rule"], opened["severity"]) == (1, "sysprep-loop", "warning")
    report = told[-1]["report"]
    assert (report["outcome"], report["root_cause"]["rule"]) == ("timed-out", "sysprep-loop")
    assert {alert["rule"]: alert["severity"] for alert in report["alerts"]} == {
        "sysprep-loop": "error",
        "build-timeout": "error",
    }


def test_fail_on_an_alert_exits_with_8_and_says_how_to_come_back(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "sysprep-loop", "--speed", "max", "--output", "plain", "--fail-on", "warning")
    assert played.returncode == 8
    assert played.stderr.decode() == "aibtui demo sysprep-loop\n"


def test_a_timeout_of_the_users_own_exits_with_124(tmp_path: Path) -> None:
    played = aibtui(tmp_path, "demo", "--speed", "max", "--output", "plain", "--timeout", "15m")
    assert (played.returncode, played.stderr.decode()) == (124, "aibtui demo windows\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_exits_with_130_at_once_and_names_the_command_that_comes_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aibtui", "demo", "--speed", "60", "--output", "plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(number)
        began = time.monotonic()
        said = process.stderr.read().decode()
        code = process.wait(10)
    assert code == 130
    assert said.splitlines()[-1] == "aibtui demo windows"
    assert "Traceback" not in said
    assert time.monotonic() - began < 5


def test_emulate_prints_the_command_that_watches_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aibtui", "emulate", "script-failed", "--speed", "2000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        command = process.stdout.readline().decode().split()
        assert command[:2] == ["aibtui", "watch"]
        watched = aibtui(tmp_path, *command[1:], "--output", "jsonl", "--poll", "0.2")
        process.terminate()
    assert watched.returncode == 1
    report = events(watched.stdout)[-1]["report"]
    assert (report["outcome"], report["root_cause"]["step"]) == ("failed", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to send there")
def test_a_watch_that_is_interrupted_names_the_whole_command_that_comes_back(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aibtui", "emulate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        command = process.stdout.readline().decode().split()
        with subprocess.Popen(
            [sys.executable, "-m", *command, "--output", "plain"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        ) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            said = watching.stderr.read().decode()
            assert watching.wait(10) == 130
        process.terminate()
    assert said.splitlines()[-1].split() == command


def failed_log() -> bytes:
    message = "Script exited with non-zero exit status: 3. Allowed exit codes are: [0]"
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()
    return log.out("C:\\x.ps1 : no").out("    + CategoryInfo          : x").returned(3).fail(message).data


@pytest.mark.parametrize("form", ["file", "gzip", "stdin"])
def test_explain_takes_a_file_a_gzip_and_standard_input(tmp_path: Path, form: str) -> None:
    data = failed_log()
    path = tmp_path / "customization.log"
    path.write_bytes(gzip.compress(data) if form == "gzip" else data)
    words = ["explain", "-" if form == "stdin" else str(path), "--output", "json"]
    explained = aibtui(tmp_path, *words, stdin=data if form == "stdin" else b"")
    report = json.loads(explained.stdout)
    assert (explained.returncode, report["outcome"], report["schema"]) == (0, "failed", "aibtui.report/1")
    assert report["steps"][1]["state"] == "failed"


def test_explain_lays_a_saved_run_state_over_the_log(tmp_path: Path) -> None:
    log, status = tmp_path / "c.log", tmp_path / "status.json"
    log.write_bytes(Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().cancel().data)
    status.write_text(json.dumps({"runState": "Canceled", "message": "The build was canceled."}))
    explained = aibtui(tmp_path, "explain", str(log), "--status", str(status), "--output", "json")
    assert json.loads(explained.stdout)["outcome"] == "canceled"


def test_explain_tells_a_person_what_failed_first(tmp_path: Path) -> None:
    log = tmp_path / "customization.log"
    log.write_bytes(failed_log())
    explained = aibtui(tmp_path, "explain", str(log))
    assert explained.stdout.decode().startswith("Failed after")
    assert "in step 2 of 3, powershell, with exit code 3" in explained.stdout.decode().splitlines()[0]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["explain", "no-such.log"], 2, "no-such.log"),
        (["watch", "--file", "no-such.log"], 2, "no-such.log"),
        (["watch"], 2, "aibtui watch win11-avd -g rg-images"),
        (["watch", "win11"], 2, ""),
        (["watch", "win11", "-g", "rg", "--arm-endpoint", "http://example.com"], 2, ""),
        (["demo", "no-such"], 2, "windows"),
        (["replay", "no-such"], 3, "aibtui runs"),
        (["demo", "--speed", "fast"], 2, "no speed"),
        (["demo", "--timeout", "soon"], 2, "90s, 15m or 2h"),
        (["demo", "--fail-on", "nonsense"], 2, "aibtui rules list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_clear_refusal(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    refused = aibtui(tmp_path, *words)
    assert refused.returncode == code
    assert said in clear(refused)


@pytest.mark.parametrize("content", [b"\x00\x01\x02\xff" * 400, b"hello\nworld\n", b""])
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    refused = aibtui(tmp_path, "explain", str(path))
    assert refused.returncode == 2
    assert "other.bin" in clear(refused)


def test_a_local_log_is_followed_to_its_end_marker(tmp_path: Path) -> None:
    path = tmp_path / "customization.log"
    path.write_bytes(failed_log())
    watched = aibtui(tmp_path, "watch", "--file", str(path), "--output", "jsonl")
    assert (watched.returncode, events(watched.stdout)[-1]["report"]["outcome"]) == (1, "failed")
    assert not (tmp_path / "runs").exists()


def test_several_local_logs_are_followed_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / name / "customization.log" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(failed_log())
    words = [word for path in (*paths, paths[0]) for word in ("--file", str(path))]
    watched = aibtui(tmp_path, "watch", *words, "--output", "jsonl")
    ended = [event["build"] for event in events(watched.stdout) if "report" in event]
    assert (watched.returncode, sorted(ended)) == (1, [str(path) for path in paths])


@pytest.mark.parametrize("part", ["template", "group", "subscription"])
def test_what_is_missing_on_azure_is_named_with_3(tmp_path: Path, part: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aibtui", "emulate"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path),
    ) as process:
        assert process.stdout is not None
        _, _, target, *endpoint = process.stdout.readline().decode().split()
        places = {"subscription": 2, "group": 4, "template": 8}
        words = target.split("/")
        words[places[part]] = "00000000-0000-4000-8000-000000000000" if part == "subscription" else "no-such"
        refused = aibtui(tmp_path, "watch", "/".join(words), *endpoint, "--output", "plain")
        process.terminate()
    assert refused.returncode == 3
    assert part in clear(refused).lower()


def test_no_sign_in_is_told_with_4(tmp_path: Path) -> None:
    words = ["watch", "win11", "-g", "rg", "--subscription", "00000000-0000-4000-8000-000000000000", "--auth", "env"]
    refused = aibtui(tmp_path, *words, "--output", "plain")
    assert refused.returncode == 4
    assert len(clear(refused).strip().splitlines()) <= 3
