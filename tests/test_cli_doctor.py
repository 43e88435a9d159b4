"""`aibtui doctor`, as a user types it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aibtui.cli import main
from aibtui.cli.access import say_signing_in
from aibtui.emulator import Emulator, ScenarioClock, load_scenario

Typed = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """An emulator in a thread of its own, twenty minutes into a build."""
    ready, over, held = threading.Event(), asyncio.Event(), []

    async def serve() -> None:
        clock = ScenarioClock(None, datetime(2026, 3, 1, 10, tzinfo=UTC))
        async with Emulator(load_scenario("windows"), clock) as emulator:
            await clock.sleep(timedelta(minutes=20))
            held.append((emulator, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    emulator, loop = held[0]
    yield emulator
    loop.call_soon_threadsafe(over.set)
    thread.join()


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    for name in os.environ:
        if name.startswith(("AZURE_", "AIBTUI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIBTUI_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    (tmp_path / "config.toml").write_text("")
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def test_a_table_says_what_was_found_and_the_code_that_a_watch_would_work(typed: Typed, server: Emulator) -> None:
    told = typed("doctor", server.template_id, "--arm-endpoint", server.endpoint)
    assert told.exit_code == 0, told.output
    rows = {line[6:22].strip(): line[:5].strip() for line in told.stdout.splitlines()}
    assert {"aibtui", "Python", "terminal", "state folder", "config file", "cloud", "template", "data role"} <= set(
        rows
    )
    assert set(rows.values()) <= {"ok", "-", "warn"}


def test_as_json_it_is_one_object_with_the_exit_code(typed: Typed, server: Emulator) -> None:
    told = typed("doctor", server.template_id + "x", "--arm-endpoint", server.endpoint, "--output", "json")
    result = json.loads(told.stdout)
    assert (told.exit_code, result["schema"], result["exit_code"]) == (3, "aibtui.doctor/1", 3)
    (failed,) = [check for check in result["checks"] if check["verdict"] == "fail"]
    assert failed["name"] == "template"
    assert result["request"] == []


def test_a_name_is_found_where_the_config_file_and_az_say(typed: Typed, server: Emulator, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'resource_group = "{server.group}"\n')
    (tmp_path / "azure").mkdir()
    default = {"id": server.subscription, "name": "Images", "isDefault": True}
    (tmp_path / "azure" / "azureProfile.json").write_text(json.dumps({"subscriptions": [default]}), "utf-8-sig")
    told = typed("doctor", server.template, "--arm-endpoint", server.endpoint)
    assert told.exit_code == 0, told.output
    assert f"{server.group} ({tmp_path / 'config.toml'})" in told.stdout
    assert f"Images, {server.subscription} ({tmp_path / 'azure' / 'azureProfile.json'})" in told.stdout


def test_a_probe_is_saved_and_told_on_stderr(
    typed: Typed, server: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package's attribute of that name is the command.
    monkeypatch.setattr(sys.modules["aibtui.cli.doctor"], "_GROWTH", timedelta(0))
    folder = tmp_path / "answers"
    told = typed("doctor", server.template_id, "--arm-endpoint", server.endpoint, "--probe", folder)
    assert told.exit_code == 0, told.output
    assert len(list(folder.iterdir())) == 8
    assert f"8 files in {folder}; read them before you pass them on." in told.stderr
    assert "asking for the log's blob" in told.stderr


def test_a_probe_that_cannot_be_written_is_wrong_usage(typed: Typed, server: Emulator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = typed("doctor", server.template_id, "--arm-endpoint", server.endpoint, "--probe", tmp_path / "file" / "x")
    assert told.exit_code == 2
    assert "Choose another folder with --probe DIR." in told.stderr


def test_a_probe_asks_for_a_template(typed: Typed) -> None:
    told = typed("doctor", "--probe", "x")
    assert (told.exit_code, "aibtui doctor TEMPLATE --probe DIR" in told.stderr) == (2, True)


def test_a_clouds_name_of_az_that_nobody_knows_is_refused_with_its_remedy(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "config").write_text("[cloud]\nname = MyStack\n")
    told = typed("doctor", "--subscription", "x")
    assert told.exit_code == 2
    assert "There is no cloud 'MyStack'.\nChoose one with --cloud: public, usgov, china." in told.stderr


def test_a_sign_in_that_takes_long_is_told_on_stderr_at_first_and_now_and_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for seconds in range(1, 12):
        say_signing_in("az", seconds)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [f"aibtui: signing in (az), {seconds} s" for seconds in (1, 5, 10)]


def test_with_an_account_key_a_probe_still_asks_nothing_but_get(
    typed: Typed, server: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aibtui.cli.access import AzureOptions
    from aibtui.sources.probe import Probe

    seen: list[str] = []

    async def steps(self: Probe) -> AsyncIterator[str]:
        seen.append("by key" if self._arm.by_key else "by token")
        yield "asked"

    monkeypatch.setattr(Probe, "steps", steps)
    typed("doctor", server.template_id, "--arm-endpoint", server.endpoint, "--auth", "key", "--probe", tmp_path / "x")
    assert seen == ["by token"]
    assert AzureOptions(auth="key", arm_endpoint=server.endpoint).access().auth == "key"
