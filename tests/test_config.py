"""The settings: where they come from, who wins, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from aibtui.config import (
    Config,
    ConfigError,
    Setting,
    load,
    remember_theme,
    remembered_theme,
    variable,
    written_out,
)
from aibtui.config.rows import ROWS


def written(folder: Path, text: str) -> dict[str, str]:
    """An environment that names a file with this text."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return {"AIBTUI_CONFIG": str(path)}


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as refusal:
        load(environ)
    return str(refusal.value)


def test_without_a_file_everything_is_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = load({})
    assert found == Config(found.path)
    assert found.notify == Setting(True, "default")


def test_every_setting_is_read(tmp_path: Path) -> None:
    environ = written(
        tmp_path,
        'theme = "nord"\nascii = true\nnotify = false\nbell = false\nnoise = 1\nrules = ["mine.toml"]\n'
        '[keys]\n"log.follow" = "F,f"\n',
    )
    found, file = load(environ), environ["AIBTUI_CONFIG"]
    assert found.theme == Setting("nord", file)
    assert found.ascii == Setting(True, file)
    assert (found.notify.value, found.bell.value, found.noise.value) == (False, False, 1)
    assert found.keys.value == {"log.follow": "F,f"}
    assert found.rules.value == (tmp_path / "mine.toml",)


def test_an_option_beats_a_variable_beats_the_file(tmp_path: Path) -> None:
    environ = written(tmp_path, 'theme = "nord"\nnoise = 1\nbell = true\n')
    environ |= {"AIBTUI_NOISE": "3", "AIBTUI_BELL": "off"}
    found = load(environ, {"bell": False, "theme": None})
    assert found.theme == Setting("nord", environ["AIBTUI_CONFIG"])
    assert found.noise == Setting(3, "AIBTUI_NOISE")
    assert found.bell == Setting(False, "--bell")


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("themes = 1", "'themes'", ", ".join(ROWS)),
        ("theme = 1", "theme", "the name of a theme"),
        ('ascii = "yes"', "ascii", "true or false"),
        ("notify = 1", "notify", "true or false"),
        ("noise = 4", "noise", "0, 1, 2 or 3"),
        ("noise = true", "noise", "0, 1, 2 or 3"),
        ('keys = "x"', "keys", "a table of binding ids and keys"),
        ('[keys]\nx = ""', "keys", "a table of binding ids and keys"),
        ('rules = "x.toml"', "rules", "a list of paths"),
        ('on_hold = "call"', "on_hold", "notify, grab or ignore"),
        ('webhook = "https://example.com"', "webhook", "url (https)"),
        ('webhook = { url = "http://example.com/x" }', "webhook", "url (https)"),
        ('webhook = { url = "https://a@example.com/x" }', "webhook", "url (https)"),
        ('webhook = { url = "https://example.com/x", on = ["noise"] }', "webhook", "on (a list of error"),
        ('hold_marker = " "', "hold_marker", "a line of at most 200 characters"),
        ("theme = x\n", "not TOML", "line 1"),
    ],
)
def test_what_is_wrong_is_named_with_file_key_and_what_is_allowed(
    text: str, key: str, allowed: str, tmp_path: Path
) -> None:
    environ = written(tmp_path, text)
    said = refused(environ)
    assert said.startswith(environ["AIBTUI_CONFIG"])
    assert key in said
    assert allowed in said
    assert "\n" not in said


def test_the_address_of_a_webhook_is_not_repeated(tmp_path: Path) -> None:
    assert "s3cret" not in refused(written(tmp_path, 'webhook = { url = "http://example.com/s3cret" }'))


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    said = refused(written(tmp_path, "") | {"AIBTUI_NOISE": "loud"})
    assert said == "AIBTUI_NOISE cannot be 'loud'; allowed is 0, 1, 2 or 3"


def test_an_assignment_beats_a_variable_and_lays_a_table_over_a_table(tmp_path: Path) -> None:
    environ = written(tmp_path, 'noise = 1\n[keys]\n"log.follow" = "F"\n"log.find" = "7"\n') | {"AIBTUI_NOISE": "2"}
    found = load(environ, assignments=["noise=3", 'keys."log.follow"="f"', "theme=nord", 'hold_marker = "a = b"'])
    assert found.noise == Setting(3, "--set noise")
    assert found.keys.value == {"log.follow": "f", "log.find": "7"}
    assert found.theme == Setting("nord", "--set theme")
    assert found.hold_marker.value == "a = b"


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    keys = '{ "log.follow" = "f" }'
    environ = written(tmp_path, "") | {"AIBTUI_KEYS": keys, "AIBTUI_RULES": "a.toml", "AIBTUI_ASCII": "yes"}
    found = load(environ)
    assert found.keys == Setting({"log.follow": "f"}, "AIBTUI_KEYS")
    assert found.rules == Setting((Path("a.toml"),), "AIBTUI_RULES")
    assert found.ascii == Setting(True, "AIBTUI_ASCII")


@pytest.mark.parametrize("assignment", ["noise", "=1", "nosie=1", "noise=9", "bell=perhaps"])
def test_a_wrong_assignment_is_named(assignment: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load(written(tmp_path, ""), assignments=[assignment])


def test_the_first_file_changes_nothing_and_each_line_of_it_can_be_used(tmp_path: Path) -> None:
    text = written_out(tmp_path / "config.toml")
    assert all(setting.origin == "default" for setting in settings_of(load(written(tmp_path, text))).values())
    shown = [line.removeprefix("# ") for line in text.splitlines()]
    used = "\n".join(line for line in shown if (" = " in line and ": " not in line) or line.startswith("["))
    origins = {setting.origin for setting in settings_of(load(written(tmp_path, used))).values()}
    assert origins == {str(tmp_path / "config.toml")}
    assert all(variable(key) in text for key in ROWS)


def settings_of(found: Config) -> dict[str, Setting[object]]:
    return {key: getattr(found, key) for key in ROWS}


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert "there is no such file" in refused({"AIBTUI_CONFIG": str(tmp_path / "none.toml")})


def test_hostile_text_in_a_file_is_shown_harmless(tmp_path: Path) -> None:
    said = refused(written(tmp_path, '"\\u001b]52;c;x\\u0007\\u202e" = 1'))
    assert said.isprintable()


def test_the_chosen_theme_is_remembered(tmp_path: Path) -> None:
    state = tmp_path / "not" / "yet"
    assert remembered_theme(state) is None
    remember_theme(state, "gruvbox")
    assert remembered_theme(state) == "gruvbox"
    remember_theme(state / "theme", "nord")  # a file stands where the folder should be
