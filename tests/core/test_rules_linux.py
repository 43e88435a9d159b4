"""Linux and its package managers, and steps that wait for an answer, as a build shows them."""

from __future__ import annotations

import pytest

from aibtui.core.build import LogFormat
from aibtui.core.updates import Update
from tests.core.logs import Log
from tests.core.run import explain

SHELL = "Provisioning with shell script: /tmp/packer-shell1234"


def shell(log_format: LogFormat = "g3") -> Log:
    log = Log(log_format).prepare("file", "shell", "shell", os="Linux").hidden_upload()
    return log.headline(SHELL).wait(3)


def rules_of(update: Update) -> dict[str, str]:
    return {alert.rule: alert.severity for alert in update.alerts}


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("E: Unable to locate package contoso-agent", "package-not-found"),
        ("E: Failed to fetch http://archive.example/a.deb  404  Not Found", "fetch-failed"),
        ("E: Failed to fetch http://archive.example/a.deb  Could not resolve 'archive.example'", "name-resolution"),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", "dpkg-error"),
        ("E: The repository 'https://packages.example stable InRelease' is not signed.", "signing-key-missing"),
        ("Errors during downloading metadata for repository 'rhui-rhel-9-baseos':", "rhui-unavailable"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12 (apt)", "apt-locked"),
    ],
)
def test_an_error_of_a_package_manager_names_the_cause(text: str, rule: str, log_format: LogFormat) -> None:
    log = shell(log_format).out(text, error=True)
    line = log.number
    assert rules_of(explain(log.data)) == {rule: "warning"}
    update = explain(log.out("going on").wait(20).fail().data)
    assert rules_of(update) == {rule: "error", "script-failed": "error"}
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line, update.root_cause.text) == (rule, line, text)


def test_what_apt_and_its_helpers_say_in_a_good_build_raises_nothing() -> None:
    log = shell()
    for text in (
        "debconf: unable to initialize frontend: Dialog",
        "dpkg-preconfigure: unable to re-open stdin: No such file or directory",
        "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12 (apt-get)",
        "Setting up liberror-perl (0.17029-1) ...",
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
        "npm warn deprecated glob@7.2.3: no longer supported",
        " systemctl restart walinuxagent.service",
        "Get:7 http://archive.example jammy/main amd64 libfailsafe-perl",
    ):
        log.wait(2).out(text, error=True)
    log.headline(SHELL).out("/usr/sbin/waagent -force -deprovision+user && export HISTSIZE=0 && sync")
    log.out("WARNING! The waagent service will be stopped.")
    assert rules_of(explain(log.succeed().data)) == {}


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
def test_a_missing_agent_fails_the_last_step(log_format: LogFormat) -> None:
    log = Log(log_format).prepare("file", "shell", os="Linux").hidden_upload().headline(SHELL)
    log.out("/usr/sbin/waagent -force -deprovision+user && export HISTSIZE=0 && sync")
    log.out("/tmp/script_4711.sh: line 1: /usr/sbin/waagent: No such file or directory", error=True)
    line = log.number
    cause = explain(
        log.fail("Script exited with non-zero exit status: 127. Allowed exit codes are: [0]").data
    ).root_cause
    assert cause is not None
    assert (cause.rule, cause.line, cause.step) == ("waagent-missing", line, 2)


def test_a_reason_that_packer_names_beats_an_error_of_the_script() -> None:
    log = shell().out("cp: cannot stat '/opt/x': No such file or directory").wait(60).out("rebooting")
    message = "Script disconnected unexpectedly. If you expected your script to disconnect, i.e. from a restart"
    cause = explain(log.fail(message).data).root_cause
    assert cause is not None
    assert (cause.rule, cause.step) == ("script-disconnected", 2)


@pytest.mark.parametrize(
    "prompt",
    [
        "Do you want to continue? [Y/n]",
        "Is this ok [y/N]: ",
        "Press any key to continue . . .",
        "Are you sure you want to remove it?",
        "[sudo] password for packer:",
    ],
)
def test_a_step_that_waits_for_an_answer_is_called(prompt: str) -> None:
    log = shell().out("Installing").out(prompt)
    line = log.number
    update = explain(log.wait(3600).cancel().data)
    assert rules_of(update) == {"interactive-prompt": "warning", "step-silent": "warning"}
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("interactive-prompt", line)
    assert prompt.strip() in update.root_cause.text


def test_a_prompt_that_was_answered_is_no_prompt() -> None:
    log = (
        shell().out("Do you want to continue? [Y/n]").wait(20).out("Get:1 http://archive.example").wait(600).out("done")
    )
    assert rules_of(explain(log.succeed().data)) == {}
