"""The first cause of a failed step, for every kind of error that scripts and their tools print."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aibtui.core.build import LogFormat
from aibtui.core.updates import Update
from tests.core.logs import Log
from tests.core.run import explain, watch


@dataclass(frozen=True)
class Case:
    """What a failed step printed, and the cause of it: see `causes.toml`."""

    name: str
    output: str
    text: str
    linux: bool = False
    code: int = 1

    @property
    def lines(self) -> Iterator[str]:
        for line in self.output.removesuffix("\n").split("\n"):
            many = _MANY.match(line)
            yield from (f"{many[2]} {place}" for place in range(int(many[1]))) if many else [line]


_MANY = re.compile(r"\*(\d+) (.*)")
_TABLE = Path(__file__).with_name("causes.toml").read_text(encoding="utf-8")
CASES = tuple(Case(**case) for case in tomllib.loads(_TABLE)["case"])


def failed_log(case: Case, log_format: LogFormat, *, interleaved: bool = False) -> tuple[Log, int]:
    """The log of a step that failed so, and the number of the line that is the cause."""
    kind = "shell" if case.linux else "powershell"
    log = Log(log_format).prepare("file", kind, kind, os="Linux" if case.linux else "Windows").hidden_upload()
    if case.linux:
        log.headline("Provisioning with shell script: /tmp/packer-shell1234").wait(3)
    else:
        log.powershell()
    cause = 0
    for place, text in enumerate(case.lines):
        log.out(text.removeprefix(">>"))
        cause = log.number if text.startswith(">>") else cause
        if interleaved and place % 2 == 0:
            log.plugin("azure", "[INFO] RPC endpoint: Communicator ended with: 1")
            log.debug("[INFO] 0 bytes written for 'stderr'")
    if not case.linux:
        log.returned(case.code)
    message = f"Script exited with non-zero exit status: {case.code}. Allowed exit codes are: [0]"
    return log.fail(message), cause


def told(update: Update) -> tuple[int | None, str]:
    assert update.root_cause is not None
    return update.root_cause.line, update.root_cause.text


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_first_cause_of_a_failed_step(case: Case, log_format: LogFormat) -> None:
    log, line = failed_log(case, log_format)
    assert told(explain(log.data)) == (line, case.text)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_debug_lines_inside_a_record_and_any_chunking_change_nothing(case: Case) -> None:
    log, line = failed_log(case, "g3", interleaved=True)
    pieces = [log.data[start : start + 700] for start in range(0, len(log.data), 700)]
    whole, cut = explain(log.data), watch(pieces)[-1]
    assert told(whole) == told(cut) == (line, case.text)
    assert [alert.evidence for alert in whole.alerts] == [alert.evidence for alert in cut.alerts]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_evidence_begins_with_the_cause(case: Case) -> None:
    log, line = failed_log(case, "g3")
    update = explain(log.data)
    assert update.root_cause is not None
    (alert,) = (alert for alert in update.alerts if alert.rule == update.root_cause.rule)
    assert alert.evidence[0].line == line
    assert len(alert.evidence) <= 20
    assert "errored" in alert.evidence[-1].text or alert.rule != "script-failed"


def test_bars_and_stack_frames_are_no_evidence() -> None:
    output = ["npm error code 1", "npm error [x] Cloning  38%", "npm error     at Object.load (node:internal:1)"]
    case = Case("npm", "\n".join([f">>{output[0]}", *output[1:], "\x1b[2K\x1b[1A  12%", "[#######   ]", "the end"]), "")
    update = explain(failed_log(case, "g3")[0].data)
    (alert,) = update.alerts
    assert [evidence.text for evidence in alert.evidence[:-1]] == ["npm error code 1", "the end"]


def test_errors_of_an_earlier_step_are_no_cause() -> None:
    log = Log().prepare("file", "powershell", "powershell", "powershell").hidden_upload()
    log.powershell().out("ERROR: nothing to remove").returned(0).powershell("/tmp/powershell-provisioner77")
    log.out("ERROR: no licence")
    line = log.number
    assert told(explain(log.returned(1).fail().data)) == (line, "ERROR: no licence")


def test_a_step_that_printed_no_error_fails_with_packers_words() -> None:
    log = Log().prepare("file", "powershell", "powershell").hidden_upload().powershell().out("All done.").returned(1)
    cause = explain(log.fail().data).root_cause
    assert cause is not None
    assert (cause.rule, cause.step) == ("script-failed", 2)
    assert "non-zero exit status: 1" in cause.text


def test_very_many_errors_keep_the_first() -> None:
    case = Case("flood", "\n".join([">>E: first", *(f"E: and {place}" for place in range(5000))]), "", linux=True)
    log, line = failed_log(case, "g3")
    assert told(explain(log.data)) == (line, "E: first")
