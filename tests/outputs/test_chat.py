"""The message to a colleague: twelve lines at most, no secret, every name."""

from __future__ import annotations

from msgspec.structs import replace

from aibtui.core.polls import Status, Template
from aibtui.core.updates import Evidence, Update
from aibtui.outputs.chat import chat
from tests.outputs.updates import ALERT, at, failed_update

SAS = "https://st.blob.core.windows.net/c/x.zip?sv=2024&sig=abcdefghijklmnopqrstuvwxyz0123456789%3D"


def known_update(*evidence: str) -> Update:
    """The failed build, as a template of the name win11-avd knows it."""
    update = failed_update()
    status = Status("Failed", "Building", at(0), at(11), "It failed.", template=Template("/x/win11-avd", "win11-avd"))
    facts = replace(update.build.facts, operation_id="4f0e1c2a-9b7d-4e51-8a36-0c5d2b7e9f10")
    lines = tuple(Evidence(310 + place, text) for place, text in enumerate(evidence))
    build = replace(update.build, status=status, facts=facts)
    return replace(update, build=build, alerts=(replace(ALERT, evidence=lines or ALERT.evidence),))


def test_a_colleague_gets_template_start_step_cause_evidence_remedy_link_and_operation() -> None:
    assert chat(known_update("one", "two", "three", "four"), "customization.log").splitlines() == [
        "win11-avd: Failed after 11:00 in step 2 of 5, powershell Install-Apps.ps1, with exit code 1",
        "Start: 2026-03-04T12:00:00Z",
        "Step: 2 of 5, powershell Install-Apps.ps1, exit code 1",
        "Cause: Cannot find path 'C:\\setup.msi' because it does not exist. (script-failed, line 310)",
        "  310: one",
        "  311: two",
        "  312: three",
        "What to do: Read the evidence, mend the script, and run the template again.",
        "More: https://learn.microsoft.com/azure/virtual-machines/linux/image-builder-troubleshoot",
        "Operation id: 4f0e1c2a-9b7d-4e51-8a36-0c5d2b7e9f10",
    ]


def test_the_file_stands_in_for_a_template_that_is_not_known() -> None:
    assert chat(failed_update(), "customization.log").startswith("customization.log: Failed")


def test_secrets_are_masked_and_counted_and_names_are_not() -> None:
    said = chat(known_update(f"GET {SAS}", "password=hunter22 for vm-build-01", "three"), "x.log")
    assert "sig=abc" not in said
    assert "hunter22" not in said
    assert "vm-build-01" in said
    assert said.splitlines()[-1] == "2 likely secrets are hidden; --no-redact shows them"
    assert len(said.splitlines()) <= 12


def test_secrets_stay_where_that_is_wanted() -> None:
    assert "sig=abc" in chat(known_update(f"GET {SAS}"), "x.log", redact=False)


def test_a_secret_that_a_cut_would_shorten_is_masked_all_the_same() -> None:
    said = chat(known_update(f"{'x ' * 140}{SAS}", "b", "c"), "x.log")
    assert "sig=" not in said or "sig=[" in said


def test_a_private_key_over_several_lines_is_hidden_whole() -> None:
    said = chat(
        known_update("-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "-----END RSA PRIVATE KEY-----"), "x"
    )
    assert "MIIE" not in said


def test_a_runner_finds_no_command_in_it() -> None:
    said = chat(known_update("##vso[task.complete]", "::error::x", "c"), "x.log")
    assert "##vso" not in said
