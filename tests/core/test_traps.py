"""What only looks like an event of the build: every trap of the log format, each with the line that springs it."""

from __future__ import annotations

import pytest

from aibtui.core.build import Build, LogFormat
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll
from tests.core.logs import GUID, START, Log
from tests.core.run import explain, rules

PLAN = ("file", "powershell", "windows-restart", "powershell")


def begun() -> Log:
    return Log().prepare(*PLAN).hidden_upload()


def states(build: Build) -> list[str]:
    return [step.state for step in build.steps]


def test_1_script_source_in_the_log_is_not_output() -> None:
    log = begun().headline("Provisioning with Powershell...")
    log.plugin("powershell", "Found command: Write-Error 'boom'; exit 1")
    log.plugin("powershell", "throw 'SHA256 MISMATCH'")
    log.headline("Provisioning with powershell script: /tmp/powershell-provisioner99")
    for text in (
        "Restarting Machine",
        "IMAGE_STATE_UNDEPLOYABLE",
        "Provisioning step had errors: Running the cleanup provisioner",
        "exit 1",
    ):
        log.plugin("powershell", text)
    update = explain(log.wait(30).out("all good").data)
    assert states(update.build) == ["done", "running", "planned", "planned"]
    assert update.alerts == ()


def test_1_the_source_that_deprovisioning_echoes_is_no_image_state() -> None:
    log = begun().powershell().returned(0).restart().deprovision()
    build = explain(log.data).build
    assert build.step is not None
    assert build.step.activity == "Sysprep: IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE, 21 so far"
    assert explain(log.data).alerts == ()


def test_2_errors_of_a_good_restart_are_no_alarm() -> None:
    log = begun().powershell().returned(0).restart()
    log.say("==> azure-arm: A system shutdown has already been scheduled.(1190)", error=True)
    log.plugin("azure", "[INFO] command 'shutdown' exited with code: 1190").plugin(
        "azure", "[INFO] command 'x' exited with code: 1"
    )
    update = explain(log.deprovision().succeed().data)
    assert (update.build.outcome, update.alerts, update.root_cause) == ("succeeded", (), None)


def test_3_a_success_text_before_the_failure_comforts_nobody() -> None:
    log = begun().powershell().out("Folder upload to C:\\ drive completed successfully.")
    log.plugin("azure", "[INFO] command 'powershell -file elevated.ps1' exited with code: 0").returned(1)
    build = explain(log.fail().data).build
    assert (build.outcome, build.steps[1].state, build.steps[1].exit_code) == ("failed", "failed", 1)


def test_3_a_code_after_the_termination_is_no_result() -> None:
    log = begun().powershell().wait(7000).say("Cancelling build after receiving terminated", error=True)
    build = explain(log.returned(0).export().data).build
    assert (build.outcome, build.steps[1].exit_code) == ("stopped", None)


def test_3_telemetry_says_nothing_about_success() -> None:
    log = begun().debug("[INFO] (telemetry) Starting provisioner powershell").powershell().returned(1)
    log.debug("[INFO] (telemetry) ending powershell").fail().debug("[INFO] (telemetry) Finalizing.")
    assert states(explain(log.data).build) == ["done", "failed", "skipped", "skipped"]


def test_4_a_wrapped_error_record_is_one_cause() -> None:
    log = begun().powershell()
    path = "C:\\Windows\\Temp\\script-5f0c1d22-aaaa-bbbb-cccc-0123456789ab.ps1"
    head = f"{path} : The package could not be added because the certificate".ljust(118)
    log.out(head.rstrip())
    first = log.number
    log.plugin("azure", "[INFO] command 'powershell' exited with code: 1")
    log.out("chain was not trusted on this machine.")
    log.debug("[INFO] 0 bytes written for 'stderr'")
    log.out(f"At {path}:36 char:5").out("+     throw $_").out("+     ~~~~~~~~")
    log.out("    + CategoryInfo          : NotSpecified: (:) [Write-Error], WriteErrorException")
    log.out("    + FullyQualifiedErrorId : Microsoft.PowerShell.Commands.WriteErrorException,script.ps1").out(
        ""
    ).returned(1)
    cause = explain(log.fail().data).root_cause
    assert cause is not None
    assert (cause.rule, cause.line, cause.step) == ("script-failed", first, 2)
    assert cause.text.endswith("because the certificate chain was not trusted on this machine.")


def test_5_silence_is_not_death_and_a_code_is_not_the_end() -> None:
    log = begun().powershell().out("language pack").wait(50 * 60)
    log.plugin("azure", "[INFO] command 'powershell -file x.ps1' exited with code: 0")
    for _ in range(50):
        log.out("and on it goes")
    build = explain(log.data).build
    assert (build.outcome, states(build)[1]) == ("running", "running")


def test_6_a_burst_within_one_second_keeps_every_line() -> None:
    log = begun().powershell()
    for place in range(1200):
        log.out(f"processed file {place}")
    build = explain(log.returned(0).data).build
    assert (build.lines, build.output and build.output.text) == (log.number, "processed file 1199")


@pytest.mark.parametrize("code", [0, 1, 16001, 267014, 4294770688, 2300218, -1])
def test_7_exit_codes_of_any_size_are_kept(code: int) -> None:
    assert explain(begun().powershell().returned(code).data).build.steps[1].exit_code == code


def test_7_a_code_that_is_not_zero_can_be_good() -> None:
    log = begun().powershell().returned(3010).restart()
    assert (states(explain(log.data).build)[1], explain(log.data).build.steps[1].exit_code) == ("done", 3010)


def test_8_guest_text_in_any_encoding_is_only_text() -> None:
    log = begun().powershell().out("Größe ▒█ #< CLIXML <Objs Version='1.1'>")
    data = log.data + f"[{GUID}] PACKER {log.at:%Y/%m/%d %H:%M:%S} ui: ==> azure-arm: ".encode() + b"\xff\xfeM\x00\n"
    build = explain(data).build
    assert (build.lines, states(build)[1]) == (log.number + 1, "running")


def test_9_the_last_line_is_read_when_its_end_comes() -> None:
    log = begun().powershell()
    data = log.data + b"Cancelling"
    monitor = Monitor(rules())
    cut = len(log.data) + 4
    first = monitor.feed(Poll(START, chunks=(Chunk("customization.log", 0, 0, data[:cut]),)))
    assert (first.build.lines, first.build.bytes) == (log.number, cut)
    rest = monitor.feed(Poll(START, chunks=(Chunk("customization.log", 0, cut, data[cut:] + b"\n"),)))
    assert rest.build.lines == log.number + 1


def test_10_a_quoted_log_with_damaged_prefixes_is_understood() -> None:
    data = begun().powershell().returned(5).fail().data.replace(f"[{GUID}] PACKER".encode(), b"*PACKER")
    assert states(explain(data).build) == ["done", "failed", "skipped", "skipped"]


def test_11_each_planned_provisioner_counts_once() -> None:
    assert [step.type for step in explain(begun().data).build.steps] == list(PLAN)


@pytest.mark.parametrize("form", ["[INFO] Starting external plugin", "Starting plugin:"])
def test_11_one_form_of_the_plug_in_starts_is_enough(form: str) -> None:
    rows = [row for row in begun().rows if "tarting" not in row or "plugin" not in row or form in row]
    assert [step.type for step in explain("\n".join([*rows, ""]).encode()).build.steps] == list(PLAN)


def test_11_deleted_resources_with_swapped_names_do_not_matter() -> None:
    log = (
        begun()
        .powershell()
        .returned(1)
        .headline("Provisioning step had errors: Running the cleanup provisioner, if present...")
    )
    log.clean_up().headline("Deleted -> pkrvm1 : 'Microsoft.Compute/virtualMachines'")
    assert explain(log.data).build.phases[6].state == "running"


def test_12_a_pause_that_nobody_waited_at_is_no_prompt() -> None:
    log = begun().powershell().out("Press any key to continue . . .").returned(1)
    update = explain(log.fail().data)
    assert [alert.rule for alert in update.alerts] == ["script-failed"]


@pytest.mark.parametrize(
    "text",
    [
        "Restarting Machine",
        "Provisioning with Powershell...",
        "Provisioning with powershell script: C:\\mine.ps1",
        "Uploading C:\\a.txt => \\\\share\\a.txt",
        "Provisioning step had errors: Running the cleanup provisioner, if present...",
        "Powering off machine ...",
        "Deleting individual resources ...",
        "Build 'azure-arm' errored after 1 second: no",
        "Build 'azure-arm' finished after 1 second.",
        "Cancelling build after receiving terminated",
        "Done exporting Packer logs to Azure Storage.",
        "IMAGE_STATE_UNDEPLOYABLE (says the manual)",
        "x.ps1 returned with exit code 9",
    ],
)
def test_a_script_that_prints_packers_words_changes_nothing(text: str) -> None:
    log = begun().powershell().out(text).wait(60).out("still here")
    build = explain(log.data).build
    assert (build.outcome, states(build)) == ("running", ["done", "running", "planned", "planned"])
    healthy = explain(log.returned(0).restart().deprovision().succeed().data)
    assert (healthy.build.outcome, states(healthy.build), healthy.alerts) == ("succeeded", ["done"] * 4, ())


FORMATS: tuple[LogFormat, ...] = ("g1", "g2", "g3")


def linux(log_format: LogFormat) -> Log:
    log = Log(log_format).prepare("file", "shell", "shell", "shell", os="Linux").hidden_upload()
    for place in range(2):
        log.headline(f"Provisioning with shell script: /aib/packerInput/script_{place}").out("at work").wait(60)
    return log


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_linux_build_is_captured_and_cleaned_up_though_no_script_reports_its_end(log_format: LogFormat) -> None:
    log = (
        linux(log_format)
        .headline("Provisioning with shell script: /tmp/packer-shell77")
        .out("WARNING! waagent")
        .wait(9)
    )
    last = log.number
    build = explain(log.succeed().data).build
    assert [phase.state for phase in build.phases[:7]] == ["done"] * 7
    assert (build.steps[3].state, build.steps[3].last_line) == ("done", last)


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_linux_step_that_fails_is_told_when_the_clean_up_proves_it(log_format: LogFormat) -> None:
    log = linux(log_format)
    last = log.number
    log.headline("Provisioning step had errors: Running the cleanup provisioner, if present...")
    build = explain(log.clean_up().data).build
    assert (states(build), build.steps[2].last_line) == (["done", "done", "failed", "skipped"], last)


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "Provisioning step had errors: Running the cleanup provisioner, if present...",
        "Restarting Machine",
        "Uploading C:\\a => C:\\b",
        "Uploading /aib/packerInput/script_2 => C:\\b",
        "Provisioning with powershell script: /aib/packerInput/script_2",
        "Powering off machine ...",
        "Waiting for SSH to become available...",
        "PACKER OUT ==> azure-arm: Provisioning step had errors",
        " ui:     azure-arm: hello",
    ],
)
def test_no_format_takes_a_scripts_output_for_packers_words(log_format: LogFormat, text: str) -> None:
    log = Log(log_format).prepare(*PLAN).hidden_upload().powershell().out("first").out(text).wait(60).out("still here")
    build = explain(log.data).build
    assert (build.format, build.os, states(build)) == (log_format, "windows", ["done", "running", "planned", "planned"])
    healthy = explain(log.returned(0).restart().deprovision().succeed().data).build
    assert (healthy.outcome, states(healthy), [step.exit_code for step in healthy.steps]) == (
        "succeeded",
        ["done"] * 4,
        [None, 0, None, 0],
    )


def test_a_stopped_step_did_not_fail_though_its_script_said_so() -> None:
    log = begun().powershell().out("Provisioning step had errors: Running the cleanup provisioner, if present...")
    assert states(explain(log.wait(600).cancel().data).build)[1] == "stopped"


def test_the_real_failure_counts_though_a_script_printed_the_same_before() -> None:
    log = Log().prepare("file", "shell", "shell", os="Linux").hidden_upload()
    log.headline("Provisioning with shell script: /aib/packerInput/script_0")
    log.out("Provisioning step had errors: Running the cleanup provisioner, if present...").out("and on").wait(60)
    last = log.number
    assert explain(log.fail().data).build.steps[1].last_line == last
