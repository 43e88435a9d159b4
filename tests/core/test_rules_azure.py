"""What Azure refuses: which of several rules holds, in what words, and which of ARM's nested errors is the cause."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from aibtui.core.alerts import Alerts
from aibtui.core.build import LogFormat
from aibtui.core.lines import Line
from aibtui.core.moment import Moment
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Poll, Status, Trouble
from aibtui.core.status import status_from_template
from aibtui.core.updates import Alert, Update
from tests.core.logs import GUID, START, Log
from tests.core.run import explain, rules

POLICY = (
    "Resource 'pkrkv1' was disallowed by policy. Policy identifiers: "
    '\'[{"policyAssignment":{"name":"baseline","id":"/a"},"policyDefinition":{"name":"No public vaults","id":"/d"}}]\'.'
)
QUOTA = (
    "Operation could not be completed as it results in exceeding approved standardDSv5Family Cores quota. Additional "
    "details - Deployment Model: Resource Manager, Location: westeurope, Current Limit: 10, Current Usage: 8, "
    "Additional Required: 4, (Minimum) New Limit Required: 12."
)
SKU = "The requested VM size for resource 'x' is currently not available in location 'westeurope'."
WRAPPED = "The template deployment is not valid according to the validation procedure. See inner errors for details."


def deploying(log_format: LogFormat = "g3") -> Log:
    log = Log(log_format).launch("file", "powershell", "powershell")
    log.headline("Running builder ...")
    log.plugin("azure", "VMSize=Standard_D4s_v5").plugin("azure", "OSType=Windows")
    return log.headline("Validating deployment template ...").wait(2)


def arrows(log: Log, *errors: tuple[str, str]) -> Log:
    """The plug-in's form: one record of several lines, each error deeper than the one before."""
    first, *deeper = [
        f"ERROR: {'  ' * depth}-> {code}" + (f" : {message}" if message else "")
        for depth, (code, message) in enumerate(errors)
    ]
    log.headline(first)
    marker = "OUT " if log.format == "g1" else ""
    for text in (*deeper, ""):
        log.raw(f"[{GUID}] PACKER {marker}==> azure-arm: {text}")
    return log


def end(log: Log, verdict: str) -> Update:
    log.out(verdict, error=True).headline("").clean_up()
    log.say(f"Build 'azure-arm' errored after 12 seconds: {verdict}", error=True)
    return explain(log.say("==> Builds finished but no artifacts were created.").export().data)


def raised(update: Update) -> dict[str, Alert]:
    return {alert.rule: alert for alert in update.alerts}


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
def test_the_innermost_code_is_the_root_cause(log_format: LogFormat) -> None:
    log = arrows(deploying(log_format), ("InvalidTemplateDeployment", WRAPPED), ("RequestDisallowedByPolicy", POLICY))
    inner = log.number - 1
    update = end(log, f"unexpected status 400 (400 Bad Request) with error: InvalidTemplateDeployment: {WRAPPED}")
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line, update.root_cause.step) == ("policy-denied", inner, None)
    assert update.root_cause.text.startswith("RequestDisallowedByPolicy: Resource 'pkrkv1' was disallowed")


def test_a_wrapper_without_a_message_is_not_the_innermost() -> None:
    log = arrows(deploying(), ("DeploymentFailed", "At least one failed."), ("Conflict", ""), ("QuotaExceeded", QUOTA))
    inner = log.number - 1
    update = end(log, "polling failed: the Azure API returned the following error:")
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("vcpu-quota", inner)


def test_a_code_that_no_rule_knows_is_told_in_azures_words() -> None:
    log = arrows(deploying(), ("DeploymentFailed", "At least one failed."), ("InvalidParameter", "osDisk.size is odd."))
    inner = log.number - 1
    update = end(log, "polling failed: the Azure API returned the following error:")
    assert list(raised(update)) == ["deployment-failed"]
    assert update.root_cause is not None
    cause = update.root_cause
    assert (cause.rule, cause.line, cause.text) == ("deployment-failed", inner, "InvalidParameter: osDisk.size is odd.")


def test_every_line_of_the_error_may_have_a_date_of_its_own() -> None:
    log = deploying().out(f"ERROR: -> InvalidTemplateDeployment : {WRAPPED}", error=True)
    log.out(f"ERROR:   -> SkuNotAvailable : {SKU}", error=True)
    inner = log.number
    update = end(log, f"ERROR: -> InvalidTemplateDeployment : {WRAPPED}")
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("sku-not-available", inner)


def test_the_error_may_stand_in_the_verdict_alone() -> None:
    log = deploying().clean_up()
    log.say(f"Build 'azure-arm' errored after 12 seconds: ERROR: -> InvalidTemplateDeployment : {WRAPPED}", error=True)
    log.raw(f"[{GUID}] PACKER ERROR:   -> QuotaExceeded : {QUOTA}")
    inner = log.number
    update = explain(log.export().data)
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("vcpu-quota", inner)


def test_the_code_may_be_inside_the_json_that_arm_sent() -> None:
    body = json.dumps({"error": {"code": "QuotaExceeded", "message": QUOTA}})
    whole = json.dumps(
        {"status": "Failed", "error": {"code": "DeploymentFailed", "details": [{"code": "Conflict", "message": body}]}}
    )
    log = deploying().out("polling failed: the Azure API returned the following error:", error=True)
    log.out('Code: "DeploymentFailed"').out('Message: "At least one resource deployment operation failed."').out(whole)
    inner = log.number
    update = end(log, "polling failed: the Azure API returned the following error:")
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("vcpu-quota", inner)
    assert update.root_cause.text == f"QuotaExceeded: {QUOTA}"


def test_the_older_form_of_the_same_error_is_read_too() -> None:
    details = f'[{{"code":"SkuNotAvailable","message":"{SKU}"}}]'
    update = end(deploying("g1"), f'Code="InvalidTemplateDeployment" Message="{WRAPPED}" Details={details}')
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.text) == ("sku-not-available", f"SkuNotAvailable: {SKU}")


def test_what_the_clean_up_does_not_find_is_no_cause() -> None:
    log = arrows(deploying(), ("InvalidTemplateDeployment", WRAPPED), ("QuotaExceeded", QUOTA)).clean_up()
    arrows(log, ("AuthorizationFailed", "The client 'c' does not have authorization to perform action 'a/b' over it."))
    log.say("Build 'azure-arm' errored after 2 minutes: unexpected status 400 (400 Bad Request) with x", error=True)
    update = explain(log.export().data)
    assert "authorization-failed" not in raised(update)
    assert update.root_cause is not None
    assert update.root_cause.rule == "vcpu-quota"


@pytest.mark.parametrize("text", [f"ERROR:   -> QuotaExceeded : {QUOTA}", f"-> RequestDisallowedByPolicy : {POLICY}"])
def test_a_script_that_prints_an_error_of_azure_raises_nothing(text: str) -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().out(text).returned(0)
    update = explain(log.deprovision().succeed().data)
    assert (update.build.outcome, update.alerts, update.root_cause) == ("succeeded", (), None)


def test_a_later_line_names_the_policy_that_the_first_one_kept_to_itself() -> None:
    violated = "The template deployment failed because of policy violation."
    log = arrows(deploying(), ("InvalidTemplateDeployment", violated), ("RequestDisallowedByPolicy", POLICY))
    alert = raised(explain(log.data))["policy-denied"]
    assert alert.title.endswith(": No public vaults")
    assert "pkrkv1" in alert.cause
    assert [evidence.line for evidence in alert.evidence] == [log.number - 2, log.number - 1]


def test_the_figures_of_a_quota_are_in_the_title() -> None:
    log = arrows(deploying(), ("InvalidTemplateDeployment", WRAPPED), ("QuotaExceeded", QUOTA))
    alert = raised(explain(log.data))["vcpu-quota"]
    assert alert.title == "No quota left for standardDSv5Family cores: 8 of 10 in use, 4 needed"
    assert "Standard_D4s_v5" in alert.cause
    assert "westeurope" in alert.cause


def provisioned(code: str, message: str, state: str = "Failed") -> dict[str, Alert]:
    error = {"provisioningErrorCode": code, "message": message}
    status = status_from_template({"properties": {"provisioningState": state, "provisioningError": error}})
    return raised(explain(b"", status))


def test_a_provisioning_error_code_has_a_sentence_of_its_own() -> None:
    alert = provisioned("UnsupportedCustomizerType", "x")["provisioning-error-code"]
    assert alert.title.endswith("UnsupportedCustomizerType")
    assert "Shell is for Linux." in alert.cause


def test_a_code_that_is_new_is_told_all_the_same() -> None:
    alert = provisioned("BadDistributeRegion", "x")["provisioning-error-code"]
    assert alert.title.endswith("BadDistributeRegion")
    assert "cannot use." in alert.cause


@pytest.mark.parametrize(("state", "severity"), [("Creating", "warning"), ("Failed", "error")])
def test_a_download_that_is_tried_again_is_an_error_once_the_template_failed(state: str, severity: str) -> None:
    said = "Downloading external file (https://x/a.ps1) to local file (a) [attempt 4 of 10] failed: Error downloading"
    assert provisioned("Other", said, state)["external-file-download"].severity == severity


def test_the_special_case_of_a_missing_right_is_told_without_the_general_one() -> None:
    message = (
        "The client 'c' with object id 'o' does not have authorization to perform action "
        "'Microsoft.Compute/disks/write' over scope '/subscriptions/s/disks/proxyVmDiskWin_1'"
    )
    assert set(provisioned("Other", message)) == {"disk-write-forbidden"}


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("Failed in distributing 1 images out of total 1: {Some error happened, please check}", "distribute-failed"),
        (
            "Failed in distributing 1 images out of total 1: {[Error 0] Error publishing MDI to Azure Compute\n "
            "Gallery:/x. Error: Future#WaitForCompletion:\n context has been cancelled: context deadline exceeded}",
            "gallery-timeout",
        ),
        (
            "Failed in distributing 1 images out of total 2: Gallery replication jobs failed in one or more regions. "
            "{region:westus, detail:No capacity}",
            "replication-failed",
        ),
    ],
)
def test_one_rule_tells_why_the_distribution_failed(message: str, rule: str) -> None:
    update = explain(b"", Status(run_state="Failed", sub_state="Distributing", message=message))
    assert list(raised(update)) == [rule]
    assert update.root_cause is not None
    assert update.root_cause.rule == rule


def test_a_build_that_may_not_use_shared_keys_says_so() -> None:
    said = "Key based authentication is not permitted on this storage account."
    message = f"StatusCode=403, ErrorCode=KeyBasedAuthenticationNotPermitted, ErrorMessage={said}"
    update = explain(b"", Status(run_state="Failed", message=message))
    assert list(raised(update)) == ["shared-key-disabled"]


def test_a_deadline_that_packer_missed_is_told_by_its_verdict() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().returned(0)
    log.headline("Powering off machine ...").wait(3600).clean_up()
    waited = "Future#WaitForCompletion: context has been cancelled: StatusCode=200 -- context deadline exceeded"
    log.say(f"Build 'azure-arm' errored after 1 hour 9 minutes: {waited}", error=True)
    log.say("==> Builds finished but no artifacts were created.")
    update = explain(log.export().data)
    assert list(raised(update)) == ["no-artifacts"]


def test_a_deletion_that_is_tried_again_is_silent_and_a_held_interface_is_not() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().returned(0).deprovision()
    log.headline("Powering off machine ...").clean_up()
    for text in ("Error deleting resource. Will retry.", "Error: PublicIPAddressCannotBeDeleted: it is in use"):
        log.out(text, error=True)
    assert explain(log.data).alerts == ()
    log.out("Error: NicInUseWithPrivateEndpoint: pe-nic is in use", error=True)
    assert list(raised(explain(log.data))) == ["nic-in-use"]


@pytest.mark.parametrize(
    ("status", "rule", "minutes"),
    [
        (Status(provisioning_state="Creating"), "stuck-creating", 30),
        (Status(run_state="Canceling", provisioning_state="Succeeded"), "stuck-canceling", 60),
    ],
)
def test_a_state_that_lasts_is_told_and_ends_with_it(status: Status, rule: str, minutes: int) -> None:
    monitor = Monitor(rules())
    monitor.feed(Poll(START, status=status))
    assert monitor.feed(Poll(START + timedelta(minutes=minutes - 1), status=status)).alerts == ()
    (alert,) = monitor.feed(Poll(START + timedelta(minutes=minutes + 5), status=status)).alerts
    assert (alert.rule, alert.severity, f"{minutes + 5} minutes" in alert.title) == (rule, "warning", True)
    over = Status(run_state="Canceled", provisioning_state="Succeeded")
    (alert,) = monitor.feed(Poll(START + timedelta(hours=2), status=over)).alerts
    assert not alert.open


def test_a_run_that_failed_before_packer_began_has_no_log() -> None:
    monitor = Monitor(rules())
    status = Status(run_state="Failed", message="Azure Container Instances quota exceeded")
    missing = Trouble("log", "not-found", "There is no log of this run yet.", waiting=True)
    update = monitor.feed(Poll(START, status=status, troubles=(missing,)))
    assert {alert.rule: alert.severity for alert in update.alerts} == {"aci-quota": "error", "log-absent": "info"}


def devops(*lines: str) -> list[str]:
    alerts = Alerts(rules())
    for number, text in enumerate(lines, start=1):
        alerts.see_line(Line(number, START, "raw", text), Moment(START), "devops")
    return [alert.rule for alert in alerts.all]


def test_a_job_that_was_stopped_is_told_apart_from_its_build() -> None:
    begun = ("template name:  t_1700000000", "starting put template...", "starting run template...")
    assert devops(*begun, "##[error]The operation was canceled.") == ["devops-log-location", "devops-job-cancelled"]
    assert devops("##[error]The operation was canceled.") == []
