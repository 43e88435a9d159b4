"""Scenarios as data: they load, they are deterministic, and each generation's log has its shape."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from aibtui.emulator import (
    GENERATIONS,
    BadScenario,
    Generation,
    Scenario,
    UnknownScenario,
    load_scenario,
    scenario_names,
)
from aibtui.emulator.run import Run
from aibtui.emulator.scenario import duration, parse_scenario
from aibtui.emulator.story import Timeline, timeline
from tests.emulator.clients import START

GUID = r"\[[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\]"
DATE = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
UNDATED = r"(?:e: Running in background, not using a TTY|==> .+|Done exporting Packer logs to Azure Storage\.)"
EXTERNAL = rf"packer-plugin-(?:azure|windows-update)_v[\d.]+_x5\.0_linux_amd64 plugin: {DATE} "
MODERN = re.compile(rf"{GUID} PACKER (?:{UNDATED}|{DATE} (?!packer-plugin-)|{DATE} {EXTERNAL})")
SPLIT = re.compile(
    rf"{GUID} PACKER (?:OUT .*|ERR {DATE} .+|ERR ==> azure-arm: .+|ERR ==> .+|ERR e: .+)"
    rf"|Done exporting Packer logs to Azure for Packer prefix: {GUID} PACKER OUT"
)


def play(name: str, generation: Generation = "g3", start: datetime = START) -> Timeline:
    return played(load_scenario(name), generation, start)


def played(scenario: Scenario, generation: Generation = "g3", start: datetime = START) -> Timeline:
    return timeline(scenario, generation, start, scenario.id("operation-0"))


def text(told: Timeline) -> str:
    return b"".join(line for _, line in told.lines).decode()


def stamps(log: str) -> list[datetime]:
    return [
        datetime.strptime(stamp, "%Y/%m/%d %H:%M:%S") for stamp in re.findall(rf"^{GUID} PACKER ({DATE})", log, re.M)
    ]


def test_the_scenarios_have_a_title_and_one_line_of_description() -> None:
    assert "windows" in scenario_names()
    for name in scenario_names():
        scenario = load_scenario(name)
        assert scenario.title
        assert scenario.description.endswith(".")
        assert "\n" not in scenario.description


def test_an_unknown_scenario_names_those_that_exist() -> None:
    with pytest.raises(UnknownScenario, match=", ".join(scenario_names())):
        load_scenario("linux-or-so")


@pytest.mark.parametrize(
    "text",
    [
        "not = [toml",
        "title = 'no template'",
        "title='t'\ndescription='d'\n[template]\nname='n'\ngroup='g'\nlocation='l'\nproperties={}\n[run]\npacker_starts='soon'",
    ],
)
def test_a_file_that_cannot_be_played_says_so(text: str) -> None:
    with pytest.raises(BadScenario, match="'broken' cannot be played"):
        parse_scenario("broken", text)


def test_a_misspelt_key_is_a_mistake() -> None:
    with pytest.raises(BadScenario, match="a step has no exitcode"):
        parse_scenario("linux", LINUX.replace("exit_code", "exitcode"))


def test_a_run_that_fails_before_packer_has_no_log() -> None:
    end = 'ends_after = "3m"\nend = { message = "Azure Container Instances quota exceeded" }'
    scenario = parse_scenario("quota", LINUX.replace('packer_starts = "2m"', end))
    run = Run(scenario, "g3", 0, START)
    assert run.timeline.lines == ()
    assert run.status(START + timedelta(minutes=2))["runState"] == "Running"
    assert run.status(START + timedelta(minutes=3))["runState"] == "Failed"
    assert run.status(START + timedelta(minutes=3))["message"] == "Azure Container Instances quota exceeded"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h5m", 3900), ("0.5s", 0.5), ("2m40s", 160), (7, 7)])
def test_durations_are_read(text: str | int, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", scenario_names())
def test_the_same_scenario_start_and_generation_give_the_same_bytes(name: str, generation: Generation) -> None:
    assert play(name, generation).lines == play(name, generation).lines


def test_every_generation_tells_the_same_story() -> None:
    said = [
        re.findall(r"azure-arm: (New File .*|IMAGE_STATE_\w+|--- .*)", text(play("windows", each)))
        for each in GENERATIONS
    ]
    assert said[0] == said[1] == said[2] != []


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_windows_build_is_as_long_and_as_chatty_as_real_ones(generation: Generation) -> None:
    told = play("windows", generation)
    assert 3_000 <= len(told.lines) <= 12_000
    assert told.began is not None
    assert told.ended is not None
    assert 100 * 60 <= told.ended - told.began <= 130 * 60


@pytest.mark.parametrize("name", scenario_names())
def test_in_g3_every_line_has_its_prefix_and_form(name: str) -> None:
    for line in text(play(name)).splitlines():
        assert MODERN.match(line), line
        assert len(line) < 1_400, line


@pytest.mark.parametrize("name", scenario_names())
def test_in_g2_only_dumped_scripts_have_no_prefix(name: str) -> None:
    dumped = 0
    for line in text(play(name, "g2")).splitlines():
        if MODERN.match(line):
            dumped = 1 if "Found command: " in line or line.endswith("] for") else 0
        else:
            assert dumped, line


@pytest.mark.parametrize("name", scenario_names())
def test_in_g1_screen_and_log_are_told_apart(name: str) -> None:
    dumped = 0
    for line in text(play(name, "g1")).splitlines():
        if SPLIT.fullmatch(line):
            dumped = 1 if "Found command: " in line or line.endswith("] for") else 0
        else:
            assert dumped, line


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", scenario_names())
def test_lines_and_their_stamps_never_go_back_and_agree_with_the_clock(name: str, generation: Generation) -> None:
    told = play(name, generation)
    offsets = [at for at, _ in told.lines]
    assert offsets == sorted(offsets)
    log = text(told)
    found = stamps(log)
    assert found == sorted(found)
    for at, line in told.lines:
        if match := re.match(rf"{GUID} PACKER (?:ERR )?({DATE})", line.decode()):
            assert match.group(1) == f"{START + timedelta(seconds=at):%Y/%m/%d %H:%M:%S}"
    assert all(line.endswith(b"\n") and b"\r" not in line for _, line in told.lines)


@pytest.mark.parametrize(
    ("generation", "output"),
    [
        ("g1", "PACKER OUT     azure-arm: IMAGE_STATE_COMPLETE"),
        ("g2", " ui:     azure-arm: IMAGE_STATE_COMPLETE"),
        ("g3", " ui: ==> azure-arm: IMAGE_STATE_COMPLETE"),
    ],
)
def test_script_output_has_the_form_of_its_generation(generation: Generation, output: str) -> None:
    assert output in text(play("windows", generation))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_plan_stands_at_the_top_in_the_templates_order(generation: Generation) -> None:
    log = text(play("windows", generation))
    launched = [
        re.search(r"packer-(?:provisioner|plugin)-([a-z-]+)", line)
        for line in log.splitlines()
        if "Starting external plugin" in line or "Starting internal plugin" in line
    ]
    kinds = [match.group(1) for match in launched if match]
    assert kinds == [
        "azure",
        "file",
        "file",
        "powershell",
        "windows-restart",
        "windows-update",
        "powershell",
        "powershell",
    ]
    assert log.count("Starting plugin: ") == len(kinds)


def test_the_builders_block_tells_the_runs_start() -> None:
    log = text(play("windows"))
    assert f"ManagedImageName=packerImg_{START:%Y%m%d%H%M%S}\n" in log
    for fact in (
        "OSType=Windows",
        "VMSize=Standard_D4s_v5",
        "ImagePublisher=MicrosoftWindowsDesktop",
        "ImageSku=win11-25h2-avd",
    ):
        assert f"{fact}\n" in log
    assert f"BuildResourceGroupName={load_scenario('windows').staging_group}\n" in log


def test_a_good_build_ends_as_good_builds_do() -> None:
    log = text(play("windows"))
    assert "ui: Build 'azure-arm' finished after 1 hour 48 minutes.\n" in log
    assert "PACKER ==> Builds finished but no artifacts were created.\n" in log
    assert "ui: ==> azure-arm: Skipping image creation...\n" in log
    assert log.count("Deploying deployment template ...") == 2
    assert log.endswith("PACKER Done exporting Packer logs to Azure Storage.\n")
    assert "errored" not in log


def test_a_normal_sysprep_is_undeployable_for_one_to_three_minutes() -> None:
    log = text(play("windows"))
    states = re.findall(rf"({DATE}) ui: ==> azure-arm: (IMAGE_STATE_\w+)$", log, re.M)
    names = [name for _, name in states]
    assert names.count("IMAGE_STATE_COMPLETE") == 2
    assert names[-1] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert 12 <= names.count("IMAGE_STATE_UNDEPLOYABLE") <= 36


def test_a_good_restart_holds_its_benign_error_line() -> None:
    log = text(play("windows"))
    assert log.count("ui error: ==> azure-arm: A system shutdown is in progress.(1115)") == 2
    assert log.count("ui error: ==> azure-arm: A system shutdown has already been scheduled.(1190)") == 1


def test_a_dumped_script_is_not_output() -> None:
    log = text(play("windows"))
    dumped = [line for line in log.splitlines() if "installation of $($package.id) failed three times" in line]
    assert len(dumped) == 1
    assert "packer-provisioner-powershell plugin:" in dumped[0]


def test_the_failed_script_throws_a_wrapped_record_and_exits_with_1() -> None:
    told = play("script-failed")
    log = text(told)
    assert told.failed == "Script exited with non-zero exit status: 1. Allowed exit codes are: [0]"
    assert "ui: ==> azure-arm: flutter-3.38.3.zip is damaged:" in log
    record = log[log.index("flutter-3.38.3.zip is damaged:") : log.index("returned with exit code 1")]
    said = re.findall(r"azure-arm: ?(.*)$", record, re.M)
    assert max(map(len, said)) < 120
    assert "exited with code: 1" in record
    assert f"ui error: Build 'azure-arm' errored after 7 minutes 42 seconds: {told.failed}\n" in log
    assert "WindowsRestart" not in log
    assert "Restarting Machine" not in log


def test_the_sysprep_loop_is_stopped_at_the_templates_timeout() -> None:
    scenario = load_scenario("sysprep-loop")
    told = play("sysprep-loop")
    log = text(told)
    assert told.terminated
    assert told.ended == pytest.approx(scenario.build_timeout, abs=60)
    assert log.count("azure-arm: IMAGE_STATE_UNDEPLOYABLE\n") > 500
    assert "ui error: Cancelling build after receiving terminated\n" in log
    assert "Wait completed" not in log
    assert log.endswith("PACKER Done exporting Packer logs to Azure Storage.\n")


LINUX = """
title = "An Ubuntu image"
description = "Two scripts, then waagent."
[template]
os = "Linux"
name = "ubuntu"
group = "rg"
location = "westeurope"
[template.properties.source]
type = "PlatformImage"
publisher = "Canonical"
offer = "ubuntu-24_04-lts"
sku = "server"
version = "latest"
[run]
packer_starts = "2m"
[[steps]]
template = { type = "Shell", name = "packages", inline = ["apt-get update"] }
play = [{ times = 5, lines = ["Get:{n} http://archive.ubuntu.com/ubuntu noble/main pkg-{n}"], over = "10s" }]
[[steps]]
template = { type = "Shell", name = "agent", scriptUri = "https://example.com/agent.sh" }
exit_code = 100
play = [{ lines = ["E: Could not get lock /var/lib/dpkg/lock-frontend"], stream = "stderr" }]
"""


def test_a_linux_scenario_is_a_file_too() -> None:
    told = played(parse_scenario("linux", LINUX))
    log = text(told)
    assert log.count("Deploying deployment template ...") == 1
    assert "Connected to SSH!" in log
    assert "ui error: ==> azure-arm: E: Could not get lock /var/lib/dpkg/lock-frontend\n" in log
    assert told.failed == "Script exited with non-zero exit status: 100. Allowed exit codes are: [0]"


def test_a_quota_error_is_a_few_words_in_a_file() -> None:
    error = 'deploy = { error = { code = "QuotaExceeded", message = "Operation could not be completed." } }\n'
    told = played(parse_scenario("quota", LINUX.replace("[run]\n", f"[run]\n{error}")))
    assert told.failed is not None
    assert told.failed.startswith("unexpected status 400 (400 Bad Request) with error: InvalidTemplateDeployment: ")
    assert "ERROR:   -> QuotaExceeded : Operation could not be completed." in text(told)
    assert told.customizing_at is None


def test_a_machine_that_never_answers_is_a_word_in_a_file() -> None:
    told = played(parse_scenario("ssh", LINUX.replace("[run]\n", "[run]\nconnect = { gives_up = true }\n")))
    assert told.failed == "Timeout waiting for SSH."


def test_download_progress_stands_bare_in_g1() -> None:
    beat = '{ times = 2, stream = "raw", lines = ["big.zip {n} B / 2 B  {percent}.00%"], over = "9s" }'
    scenario = parse_scenario("download", LINUX.replace("play = [{ times", f"play = [{beat}, {{ times"))
    assert re.search(rf"^{GUID} PACKER OUT \nbig\.zip 1 B / 2 B  50\.00%$", text(played(scenario, "g1")), re.M)
