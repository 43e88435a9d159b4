"""From a log to the build: plan, steps, phases, exit codes, downloads, endings, in all three generations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.build import Build, LogFormat
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Customizer, Poll, Status, Template
from tests.core.logs import START, Log
from tests.core.run import explain, rules, watch

PLAN = ("file", "file", "powershell", "windows-restart", "windows-update", "powershell", "powershell")
FORMATS: tuple[LogFormat, ...] = ("g1", "g2", "g3")


def windows(log_format: LogFormat) -> Log:
    log = Log(log_format).prepare(*PLAN).hidden_upload()
    log.headline("Uploading /aib/packerInput/script_0 => C:\\Build\\settings.json").wait(4)
    log.powershell("/aib/packerInput/script_1").out("installing").wait(120).returned(0)
    log.restart()
    log.updates()
    log.powershell(dump=("C:\\Build\\Install-Apps.ps1 -All",)).out("apps").wait(600).returned(0)
    return log


def success(log_format: LogFormat) -> Log:
    return windows(log_format).deprovision().succeed()


def states(build: Build) -> list[str]:
    return [step.state for step in build.steps]


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_success_is_read_whole(log_format: LogFormat) -> None:
    build = explain(success(log_format).data).build
    assert (build.format, build.os, build.outcome, build.log_done) == (log_format, "windows", "succeeded", True)
    assert [step.type for step in build.steps] == list(PLAN)
    assert states(build) == ["done"] * 7
    assert [step.exit_code for step in build.steps] == [None, None, 0, None, None, 0, 0]
    assert [step.hidden for step in build.steps] == [True, *[False] * 5, True]
    assert [step.name for step in build.steps[:6]] == [
        "DeprovisioningScript.ps1",
        "settings.json",
        "script_1",
        None,
        None,
        "Install-Apps.ps1",
    ]
    assert {phase.name: phase.state for phase in build.phases} == {
        **dict.fromkeys(("prepare", "deploy", "connect", "customize", "deprovision", "capture", "cleanup"), "done"),
        **dict.fromkeys(("optimize", "validate", "distribute"), "planned"),
    }


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_step_spans_from_its_headline_to_the_line_before_the_next(log_format: LogFormat) -> None:
    log = Log(log_format).prepare("file", "powershell", "windows-restart", "powershell").hidden_upload()
    first = log.number + 1
    began = log.at
    log.powershell().out("hello").wait(60).returned(0)
    after = log.number + 1
    ended = log.at
    log.restart()
    build = explain(log.data).build
    step, following = build.steps[1], build.steps[2]
    assert (step.first_line, step.last_line, following.first_line) == (first, after - 1, after)
    if log_format != "g1":  # whose screen lines have no stamp: they take the last one before them
        assert (step.started_at, step.ended_at) == (began, ended)


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_failed_step_ends_before_packer_says_so(log_format: LogFormat) -> None:
    log = windows(log_format).powershell().out("boom").returned(7)
    line = log.number
    build = explain(log.fail("Script exited with non-zero exit status: 7. Allowed exit codes are: [0]").data).build
    failed = build.steps[6]
    assert (build.outcome, failed.state, failed.exit_code, failed.last_line) == ("failed", "failed", 7, line)
    assert build.message == "Script exited with non-zero exit status: 7. Allowed exit codes are: [0]"
    assert [phase.state for phase in build.phases][3:7] == ["done", "failed", "skipped", "done"]


def test_what_a_failure_kept_from_running_is_skipped() -> None:
    log = Log().prepare(*PLAN).hidden_upload()
    log.headline("Uploading /aib/packerInput/script_0 => C:\\x").powershell().returned(1)
    build = explain(log.fail().data).build
    assert states(build) == ["done", "done", "failed", "skipped", "skipped", "skipped", "skipped"]


@pytest.mark.parametrize("log_format", ["g2", "g3"])
def test_a_stopped_step_has_no_exit_code_though_its_script_returned(log_format: LogFormat) -> None:
    log = Log(log_format).prepare("file", "powershell", "powershell").hidden_upload().powershell().wait(6000)
    last = log.number
    log.say("Cancelling build after receiving terminated", error=True).returned(0).export()
    build = explain(log.data).build
    step = build.steps[1]
    assert (build.outcome, step.state, step.exit_code, step.last_line) == ("stopped", "stopped", None, last)


@pytest.mark.parametrize(
    ("minutes", "seconds", "told"), [(120, -3, True), (300, 1, True), (47, 22, False), (63, 40, False), (60, 0, True)]
)
def test_a_span_of_a_round_number_of_minutes_is_probably_a_time_out(minutes: int, seconds: int, told: bool) -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()
    log.at = START.replace(minute=0, second=0) + timedelta(minutes=minutes, seconds=seconds)
    assert explain(log.cancel().data).build.probably_timed_out is told


def test_the_known_time_out_of_the_template_counts_too() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell()
    begun = START.replace(minute=0, second=0)
    log.at = begun + timedelta(minutes=47, seconds=22)
    template = Template("id", "win11", build_timeout=timedelta(minutes=47))
    monitor = Monitor(rules())
    monitor.feed(Poll(START, status=Status("Running", "Customizing", begun, template=template)))
    update = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.cancel().data),)))
    assert (update.build.outcome, update.build.probably_timed_out) == ("running", True)


def test_the_builders_block_is_read() -> None:
    facts = explain(success("g3").data).build.facts
    assert facts.vm_size == "Standard_D4s_v5"
    assert facts.source == "contoso:desktop:pro:1.2.3"
    assert facts.image_name == "packerImg_20260504080000"
    assert facts.run_started_at == START.replace(minute=0, second=0)
    assert facts.staging_group == "IT_rg_template_1"
    assert facts.packer == "1.15.0"
    assert dict(facts.plugins) == {"azure": "2.5.2", "windows-update": "0.17.1"}


def test_linux_has_a_hidden_file_first_and_a_hidden_shell_last() -> None:
    log = Log().prepare("file", "shell", "shell", os="Linux")
    log.headline("Uploading /aib/packerInput/DeprovisioningScript.txt => /tmp/DeprovisioningScript.sh")
    log.headline("Provisioning with shell script: /aib/packerInput/script_0").out("Reading package lists...").wait(90)
    log.headline("Provisioning with shell script: /tmp/packer-shell1234").out(
        "WARNING! The waagent service will be stopped."
    )
    build = explain(log.succeed().data).build
    assert (build.os, build.outcome) == ("linux", "succeeded")
    assert [(step.hidden, step.exit_code) for step in build.steps] == [(True, None), (False, None), (True, None)]
    assert build.phases[4].state == "done"


def test_a_log_without_its_start_still_counts_its_steps() -> None:
    log = Log().hidden_upload().powershell("/aib/packerInput/script_0").out("hi").returned(0).restart()
    build = explain(log.data).build
    assert [(step.index, step.type, step.state) for step in build.steps] == [
        (1, "file", "done"),
        (2, "powershell", "done"),
        (3, "windows-restart", "running"),
    ]


def test_the_end_marker_without_a_verdict_is_a_failure() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().export()
    assert explain(log.data).build.outcome == "failed"


def test_a_log_that_just_stops_is_still_running() -> None:
    build = explain(windows("g3").data).build
    assert (build.outcome, build.log_done) == ("running", False)
    assert [phase.name for phase in build.phases if phase.state == "running"] == ["customize"]


def test_progress_of_a_file_customizer_becomes_a_download() -> None:
    log = Log("g1").prepare("file", "file", "powershell").hidden_upload()
    log.headline("Uploading /aib/packerInput/script_0 => C:\\data.iso")
    log.say("").raw("data.iso 826 B / 826000 B  1.00%").say("").raw("data.iso 413000 B / 826000 B  50.00%")
    first = log.number - 2
    download = explain(log.data).build.downloads
    assert [(d.name, d.bytes, d.total, d.percent, d.first_line, d.last_line) for d in download] == [
        ("data.iso", 413000, 826000, 50.0, first, log.number)
    ]


def test_an_anchor_puts_the_count_right() -> None:
    log = Log().prepare("file", "powershell", "powershell", "powershell", "powershell").hidden_upload()
    log.powershell("/aib/packerInput/script_1").out("the headline of script_0 was lost")
    build = explain(log.data).build
    assert states(build) == ["done", "done", "running", "planned", "planned"]


def test_the_names_of_the_template_are_used_when_it_fits_the_plan() -> None:
    customizers = (
        Customizer("File"),
        Customizer("PowerShell", "prep"),
        *(Customizer("PowerShell", f"c{n}") for n in range(3)),
    )
    status = Status("Running", "Customizing", START, template=Template("id", "win11", customizers=customizers))
    build = explain(windows("g3").data, status).build
    assert [step.name for step in build.steps][1:6] == ["settings.json", "prep", "c0", "c1", "c2"]


def test_a_log_with_a_step_that_the_template_has_not_keeps_its_own_names() -> None:
    log = Log("g3").hidden_upload().powershell("/aib/packerInput/script_0").out("installing")
    status = Status("Running", "Customizing", START, template=Template("id", "win11"))
    build = explain(log.data, status).build
    assert [(step.hidden, step.name) for step in build.steps][1:] == [(False, "script_0")]


@pytest.mark.parametrize(
    ("run_state", "message", "outcome"),
    [
        ("Succeeded", None, "succeeded"),
        ("PartiallySucceeded", None, "partially-succeeded"),
        ("Canceled", None, "canceled"),
        ("Failed", "Failed in distributing 1 images out of total 1", "failed"),
        ("Failed", "Failed in distributing: Error publishing MDI: context deadline exceeded", "failed"),
        ("Running", None, "running"),
    ],
)
def test_the_run_state_beats_a_log_that_succeeded(run_state: str, message: str | None, outcome: str) -> None:
    status = Status(run_state, None, START, message=message)
    assert explain(success("g3").data, status).build.outcome == outcome


def test_a_deadline_in_the_message_is_a_time_out() -> None:
    status = Status(
        "Failed", None, START, message="Timeout waiting for microservice to complete: 'context deadline exceeded'"
    )
    assert explain(windows("g3").cancel().data, status).build.outcome == "timed-out"


def test_distribution_comes_from_the_run_state() -> None:
    status = Status("Running", "Distributing", START)
    build = explain(success("g3").data, status).build
    assert {phase.name: phase.state for phase in build.phases[-3:]} == {
        "optimize": "skipped",
        "validate": "skipped",
        "distribute": "running",
    }


def summary(build: Build) -> tuple[object, ...]:
    return (
        build.outcome,
        build.phases,
        build.steps,
        build.downloads,
        build.started_at,
        build.ended_at,
        build.lines,
        build.facts,
    )


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(FORMATS), st.lists(st.integers(1, 5000), max_size=30), st.booleans())
def test_any_chunking_gives_the_same_build_and_alerts(log_format: LogFormat, sizes: list[int], fails: bool) -> None:
    log = windows(log_format)
    log = (
        log.powershell().out("C:\\x.ps1 : bad").out("At C:\\x.ps1:3 char:1").returned(3).fail()
        if fails
        else log.deprovision().succeed()
    )
    data, pieces = log.data, []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    one, many = explain(log.data), watch([*pieces, data])[-1]
    assert summary(many.build) == summary(one.build)
    assert (many.alerts, many.root_cause) == (one.alerts, one.root_cause)


def test_a_build_that_fails_before_its_first_step_blames_the_phase_before_the_clean_up() -> None:
    log = Log().prepare("file", "powershell").clean_up()
    log.say("Build 'azure-arm' errored after 34 minutes: Timeout waiting for WinRM.", error=True)
    build = explain(log.data).build
    states = {phase.name: phase.state for phase in build.phases}
    assert (states["connect"], states["customize"], states["deploy"]) == ("failed", "skipped", "done")
