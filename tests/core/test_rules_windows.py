"""What samples cannot say of the rules for connecting, Windows and Sysprep: whole logs, run states, a template."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.core.updates import Alert, Update
from tests.core.logs import GUID, START, Log
from tests.core.run import explain, rules

NIC = " -> NicName             : 'pkrniab12cd34ef'"
LOST = "[INFO] RPC endpoint: Communicator ended with: 2300218"
RESTARTING = "==> azure-arm: A system shutdown is in progress.(1115)"
SCHEDULED = "==> azure-arm: A system shutdown has already been scheduled.(1190)"
UPDATED = "[INFO] command 'PowerShell -File C:/Windows/Temp/packer-windows-update-elevated.ps1' exited with code: 101"
MISSING = (
    "Deprovisioning script [c:\\DeprovisioningScript.ps1] could not be found. Image build may fail or the VM created "
    "from the Image may not boot."
)


def raised(update: Update) -> dict[str, str]:
    return {alert.rule: alert.severity for alert in update.alerts}


def alert(update: Update, rule: str) -> Alert:
    return next(alert for alert in update.alerts if alert.rule == rule)


def scripts() -> Log:
    return Log().prepare("file", "powershell", "windows-restart", "powershell").hidden_upload().powershell()


def updating(vm_size: str = "Standard_D4s_v5") -> Log:
    log = Log().prepare("file", "windows-update", "powershell").hidden_upload()
    log.rows = [row.replace("Standard_D4s_v5", vm_size) for row in log.rows]
    log.headline("Uploading the Windows update elevated script...")
    return log.headline("Running Windows update...").wait(300)


def update_restart(log: Log) -> Log:
    """As every round of updates that needs a restart ends."""
    log.plugin("azure", UPDATED).say(RESTARTING, error=True)
    log.plugin("windows-update", "Retryable error: Machine not yet available (exit status 1115)").wait(90)
    return log


def generalising(log_format: str = "g3", *, nic: bool = True) -> Log:
    log = Log("g1" if log_format == "g1" else "g3").prepare("file", "powershell", "powershell")
    if nic:
        log.headline(NIC)
    log.hidden_upload().powershell().returned(0)
    return log.powershell(dump=("if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat c:\\DeprovisioningScript.ps1}",))


def sysprep(log: Log, minutes: float, state: str = "UNDEPLOYABLE") -> Log:
    log.out(">>> Sysprepping VM ...")
    for _ in range(int(minutes * 12)):
        log.wait(5).out(f"IMAGE_STATE_{state}")
    return log


def activity(log: Log) -> str | None:
    step = explain(log.data).build.step
    return step.activity if step else None


# Connecting


def connecting(minutes: float, error: str = "i/o timeout") -> Log:
    log = Log().launch("file", "powershell").headline("Running builder ...")
    log.headline("Deploying deployment template ...").wait(60).headline("Waiting for WinRM to become available...")
    for _ in range(int(minutes * 2)):
        log.plugin("azure", f"[ERROR] WinRM connection err: {error}").wait(30)
    return log


def test_a_vm_that_boots_slowly_is_no_alarm() -> None:
    assert raised(explain(connecting(5, "http response error: 401 - invalid content type").data)) == {}


def test_a_vm_that_does_not_answer_is_told_long_before_packer_gives_up() -> None:
    (found,) = explain(connecting(9).data).alerts
    assert (found.rule, found.severity, found.open) == ("winrm-timeout", "warning", True)
    assert "has not answered for" in found.title


def test_a_vm_that_answers_late_ends_the_alarm() -> None:
    log = connecting(9).headline("Connected to WinRM!").hidden_upload()
    (found,) = explain(log.data).alerts
    assert (found.severity, found.open) == ("warning", False)


def test_the_first_line_that_says_that_winrm_timed_out_is_the_cause() -> None:
    log = connecting(30).say("==> azure-arm: Timeout waiting for WinRM.", error=True)
    first = log.number
    log.clean_up().say("Build 'azure-arm' errored after 31 minutes: Timeout waiting for WinRM.", error=True).export()
    update = explain(log.data)
    assert raised(update) == {"winrm-timeout": "error"}
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("winrm-timeout", first)


@pytest.mark.parametrize("stream", ["packer", "undated"])
def test_a_token_that_is_too_short_is_the_cause_of_a_build_that_never_began(stream: str) -> None:
    log = Log().launch("file", "powershell").say('Error: Failed to prepare build: "azure-arm"', error=True)
    text = "* client_jwt will expire within 5 minutes, please use a JWT that is valid for at least 5 minutes"
    log = log.say(text) if stream == "packer" else log.raw(f"[{GUID}] PACKER {text}")
    update = explain(log.export().data)
    assert (update.build.outcome, raised(update)) == ("failed", {"jwt-expires": "error"})


# A connection that is lost


def test_a_connection_that_was_lost_before_the_stop_is_its_cause() -> None:
    log = scripts().out("turning the firewall on").wait(70).debug(LOST)
    first = log.number
    update = explain(log.cancel().data)
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("connection-lost", first)


def test_a_script_that_ends_with_the_code_of_a_lost_connection_lost_it() -> None:
    log = scripts().wait(70).debug(LOST).returned(2300218)
    update = explain(log.fail("Script exited with non-zero exit status: 2300218. Allowed exit codes are: [0]").data)
    assert raised(update)["connection-lost"] == "error"
    assert update.root_cause is not None
    assert update.root_cause.rule == "connection-lost"


def test_a_stop_alone_is_no_lost_connection() -> None:
    assert raised(explain(scripts().wait(70).cancel().data)) == {}


def stopped(after: timedelta) -> Log:
    """A Packer that is told to stop, and the command that ends with it."""
    log = scripts()
    log.at = START.replace(hour=8, minute=0, second=0) + after
    log.say("Cancelling build after receiving terminated", error=True)
    log.debug("Cancelling builder after context cancellation context canceled")
    return log.plugin("azure", LOST).debug(LOST).wait(2).export()


def test_what_a_timed_out_packer_says_last_is_no_lost_connection() -> None:
    assert raised(explain(stopped(timedelta(minutes=15)).data)) == {}


def test_what_a_canceled_packer_says_last_is_no_lost_connection() -> None:
    log = stopped(timedelta(minutes=17, seconds=20)).data
    assert raised(explain(log)) == {"connection-lost": "error"}
    status = Status(run_state="Canceled", sub_state="Customizing", started_at=START)
    assert "connection-lost" not in raised(watched(log, status))


def watched(log: bytes, status: Status) -> Update:
    """The status is known before the log is read."""
    monitor = Monitor(rules())
    monitor.feed(Poll(START, status=status))
    return monitor.feed(Poll(START + timedelta(minutes=1), chunks=(Chunk("customization.log", 0, 0, log),), ended=True))


def test_a_connection_lost_in_a_restart_is_normal() -> None:
    log = scripts().returned(0).restart().debug(LOST).deprovision()
    assert raised(explain(log.succeed().data)) == {}
    log = scripts().returned(0).headline("Restarting Machine").debug(LOST).wait(300).cancel()
    assert raised(explain(log.data)) == {}


def test_a_linux_script_that_restarts_the_vm_is_only_that() -> None:
    log = Log().prepare("file", "shell", "shell", os="Linux").hidden_upload()
    log.headline("Provisioning with shell script: /tmp/packer-shell12345").out("rebooting").debug(LOST)
    update = explain(log.fail("Script disconnected unexpectedly. If you expected your script to disconnect, i.e.").data)
    assert raised(update) == {"script-disconnected": "error"}


# Restarts and updates


def test_good_rounds_of_updates_raise_nothing() -> None:
    log = updating()
    for _ in range(3):
        update_restart(log).headline("Restart complete").headline("Running Windows update...")
    log.out("No Windows updates found").deprovision()
    assert raised(explain(log.succeed().data)) == {}


def test_the_restart_that_broke_the_plug_in_is_told_not_a_good_one_before_it() -> None:
    log = update_restart(updating("Standard_B1ms")).headline("Restart complete").wait(600)
    first = log.number + 1
    found = alert(explain(update_restart(log).fail("unexpected EOF").data), "low-windows-resources")
    assert (found.severity, found.line, len(found.evidence)) == ("error", first, 4)
    assert "larger vmSize" in found.remedy
    assert "Standard_B1ms" in found.cause


def test_nobody_with_8_cores_is_told_to_buy_more() -> None:
    log = update_restart(updating("Standard_D8s_v5")).fail("unexpected EOF")
    assert "larger" not in alert(explain(log.data), "low-windows-resources").remedy


def test_an_unexpected_eof_without_a_restart_is_not_about_resources() -> None:
    assert "low-windows-resources" not in raised(explain(updating().fail("unexpected EOF").data))


def test_a_restart_that_is_refused_for_minutes_is_a_warning_and_its_time_out_an_error() -> None:
    log = scripts().returned(0).headline("Restarting Machine").headline("Waiting for machine to restart...")
    for _ in range(40):
        log.say(SCHEDULED, error=True).wait(11)
    assert raised(explain(log.data)) == {"restart-timeout": "warning"}
    log.say("==> azure-arm: Timeout waiting for machine to restart.", error=True)
    first = log.number
    update = explain(log.fail("Timeout waiting for machine to restart.").data)
    assert raised(update) == {"restart-timeout": "error"}
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line, update.root_cause.step) == ("restart-timeout", first, 3)


def test_a_script_that_speaks_of_a_restart_times_nothing_out() -> None:
    log = scripts().out("Timeout waiting for machine to restart.").returned(0).restart().deprovision()
    assert raised(explain(log.succeed().data)) == {}


def test_an_update_error_says_what_its_code_means() -> None:
    log = updating().out("Search for Windows updates failed with 'Exception from HRESULT: 0x8024402C'. Retrying...")
    for _ in range(30):
        log.wait(5).out("Search for Windows updates failed with 'Exception from HRESULT: 0x8024402C'. Retrying...")
    found = alert(explain(log.data), "windows-update-error")
    assert (found.severity, found.count) == ("warning", 31)
    assert "0x8024402C" in found.title
    assert "could not be resolved" in found.cause


def test_an_update_error_in_a_build_that_goes_well_stays_a_warning() -> None:
    log = updating().out("ERROR: Exception from HRESULT: 0x80240016").out("No Windows updates found").deprovision()
    assert raised(explain(log.succeed().data)) == {"windows-update-error": "warning"}


def test_an_update_error_that_ends_the_step_is_the_root_cause() -> None:
    log = updating().out("ERROR: Exception from HRESULT: 0x80240016")
    first = log.number
    update = explain(log.fail("Windows update script exited with non-zero exit status: 1").data)
    assert raised(update)["windows-update-error"] == "error"
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("windows-update-error", first)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("disk-full", "Copy-Item : There is not enough space on the disk. : 'C:\\Kits\\a.bin'"),
        ("checksum-mismatch", "Checksum verification failed: expected 9f86d081, got 60303ae2"),
    ],
)
def test_what_was_likely_is_an_error_once_the_step_fails(rule: str, text: str) -> None:
    log = scripts().out(text)
    first = log.number
    assert raised(explain(log.data)) == {rule: "warning"}
    update = explain(log.returned(1).fail().data)
    assert raised(update)[rule] == "error"
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == (rule, first)


def test_validators_that_fail_are_told_by_the_run_state() -> None:
    log = scripts().returned(0).restart().deprovision().succeed().data
    status = Status(run_state="Failed", sub_state="Validating", started_at=START)
    assert raised(explain(log, status)) == {"validation-failed": "error"}


# Generalising


@pytest.mark.parametrize(
    ("minutes", "state", "said"),
    [
        (1, "UNDEPLOYABLE", "Sysprep: IMAGE_STATE_UNDEPLOYABLE, 12 so far, normal"),
        (3, "UNDEPLOYABLE", "Sysprep: IMAGE_STATE_UNDEPLOYABLE, 36 so far, normal"),
        (6, "UNDEPLOYABLE", "Sysprep: IMAGE_STATE_UNDEPLOYABLE, 72 so far, longer than usual"),
        (0.25, "COMPLETE", "Sysprep: IMAGE_STATE_COMPLETE, 3 so far, normal"),
        (2, "COMPLETE", "Sysprep: IMAGE_STATE_COMPLETE, 24 so far, longer than usual"),
        (
            2,
            "SPECIALIZE_RESEAL_TO_OOBE",
            "Sysprep: IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE, 24 so far, longer than usual",
        ),
    ],
)
def test_the_step_says_whether_sysprep_is_normal(minutes: float, state: str, said: str) -> None:
    assert activity(sysprep(generalising(), minutes, state)) == said


def test_states_that_a_customizer_prints_are_not_sysprep() -> None:
    assert activity(scripts().out("IMAGE_STATE_COMPLETE")) is None


def test_the_vm_is_named_by_its_network_interface_and_then_by_itself() -> None:
    log = Log().prepare("file", "powershell").headline(NIC)
    assert explain(log.data).build.facts.vm_name == "pkrvmab12cd34ef"
    log.headline(" -> ComputeName       : 'pkrvm0000000000'")
    assert explain(log.data).build.facts.vm_name == "pkrvm0000000000"


def test_a_loop_says_what_waiting_costs_and_how_to_look_inside() -> None:
    template = Template("/subscriptions/s/templates/t", "t", build_timeout=timedelta(minutes=240))
    status = Status(run_state="Running", sub_state="Customizing", started_at=START, template=template)
    log = sysprep(generalising(), 12)
    found = alert(watched(log.data, status), "sysprep-loop")
    left = 240 - int((log.at - START).total_seconds() // 60) - 1
    assert f"waiting costs another {left} minutes" in found.cause
    assert "11 minutes" in found.title
    assert '--resource-group "IT_rg_template_1" --name "pkrvmab12cd34ef" ' in found.remedy
    assert "Panther\\setuperr.log" in found.remedy
    assert "may be forbidden" in found.remedy


def test_a_loop_of_which_little_is_known_says_what_to_fill_in() -> None:
    found = alert(explain(sysprep(generalising(nic=False), 12).data), "sysprep-loop")
    assert "waiting costs the rest of buildTimeoutInMinutes" in found.cause
    assert '--name "<pkrvm...>"' in found.remedy


def test_a_dead_sysprep_is_called_without_stamps_too() -> None:
    log = generalising("g1").out(">>> Sysprepping VM ...")
    for _ in range(48):
        log.out("IMAGE_STATE_COMPLETE")
    assert raised(explain(log.data)) == {"sysprep-loop": "error"}


def test_a_state_that_comes_back_later_was_no_loop_in_between() -> None:
    log = sysprep(generalising(), 0.25, "COMPLETE")
    sysprep(log, 6)
    for _ in range(3):
        log.wait(5).out("IMAGE_STATE_COMPLETE")
    assert raised(explain(log.data)) == {}


SERVICE = "Get-Service : Cannot find any service with service name 'WindowsAzureGuestAgent'."


def test_a_service_that_was_missing_is_the_cause_of_the_loop() -> None:
    log = generalising().out(SERVICE)
    first = log.number
    update = explain(sysprep(log, 11).data)
    assert raised(update) == {"sysprep-service-missing": "error", "sysprep-loop": "error"}
    assert f"the service WindowsAzureGuestAgent was not there when Sysprep was to begin (line {first})" in (
        alert(update, "sysprep-loop").cause
    )
    cause = explain(sysprep(log, 60).cancel().data).root_cause
    assert cause is not None
    assert (cause.rule, cause.line) == ("sysprep-service-missing", first)


def test_a_sysprep_that_does_without_the_service_is_no_error() -> None:
    log = sysprep(generalising().out(SERVICE.replace("GuestAgent", "TelemetryService")), 2)
    log.out("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE").returned(0)
    assert raised(explain(log.succeed().data)) == {"sysprep-service-missing": "warning"}


def test_a_customizer_that_misses_the_service_is_not_sysprep() -> None:
    assert raised(explain(scripts().out(SERVICE).data)) == {}


def test_the_deprovisioning_script_is_missing_only_where_that_is_printed() -> None:
    command = f'if( TEST-PATH c:\\DeprovisioningScript.ps1 ){{cat x}} else {{echo "{MISSING}"}}'
    log = scripts().out(MISSING).returned(0).restart()
    log.powershell(dump=(command, MISSING)).out(command)
    assert raised(explain(log.data)) == {}
    log.out(MISSING)
    found = alert(explain(log.returned(0).succeed().data), "deprovision-script-missing")
    assert (found.severity, "c:\\DeprovisioningScript.ps1" in found.title) == ("warning", True)
