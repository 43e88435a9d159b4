"""The report for a person: what, why and what to do come first, on 80 columns."""

from __future__ import annotations

from dataclasses import replace

from aibtui.core.build import Build
from aibtui.core.updates import Evidence
from aibtui.outputs.explain import explain
from tests.outputs.updates import ALERT, an_update, failed_update, running_build


def test_a_failed_run_reads_from_the_outcome_to_the_timeline() -> None:
    text = explain(failed_update(), "customization.log")
    landmarks = [
        "Failed after 11:00 in step 2 of 5, powershell Install-Apps.ps1, with exit code 1",
        "Cause     line 310: Cannot find path 'C:\\setup.msi' because it does not exist.",
        "Evidence  line 310: Cannot find path 'C:\\setup.msi'",
        "Remedy    Read the evidence",
        "Log       customization.log, 54 kB, 350 lines, format g3, windows",
        "Timeline (UTC)",
        "  ✗  2 powershell Install-Apps.ps1                12:05:00     4:10      121-320",
        "3 more steps, not reached",
        "not reached: deprovisioning, capturing the image",
    ]
    places = [text.find(landmark) for landmark in landmarks]
    assert -1 not in places
    assert places == sorted(places)


def test_every_line_fits_on_eighty_columns() -> None:
    long = "word " * 60
    alert = replace(ALERT, title=long, cause=long, remedy=long, doc=None, evidence=(Evidence(1, long),) * 9)
    other = replace(alert, rule="other")
    steps = tuple(replace(step, name=long) for step in failed_update().build.steps)
    update = replace(failed_update(), build=replace(failed_update().build, steps=steps), alerts=(alert, *[other] * 12))
    assert max(map(len, explain(update, long).splitlines())) <= 80


def test_evidence_that_only_repeats_the_cause_is_left_out() -> None:
    update = failed_update()
    assert update.root_cause is not None
    repeated = replace(ALERT, evidence=(Evidence(310, update.root_cause.text),))
    assert "Evidence" not in explain(replace(update, alerts=(repeated,)), "x.log")


def test_alerts_besides_the_cause_come_last() -> None:
    other = replace(ALERT, rule="step-silent", severity="warning", title="a step is silent", line=200, count=3)
    text = explain(replace(failed_update(), alerts=(other, ALERT)), "x.log")
    assert text.endswith("Also seen\n  Warning: a step is silent (step-silent, line 200), 3 times")


def test_a_run_that_goes_on_names_no_cause() -> None:
    text = explain(an_update(8, running_build()), "x.log")
    assert text.startswith("Running for 8:00 in step 2 of 5, powershell Install-Apps.ps1")
    assert "Cause" not in text
    assert "3 more steps, to come" in text


def test_an_empty_log_is_told_in_two_lines() -> None:
    assert explain(an_update(0, Build()), "x.log") == "Running\n\nLog       x.log, 0 B, 0 lines"


def test_folding_brings_no_command_to_the_front_of_a_line() -> None:
    assert "\n          ::" not in explain(
        replace(failed_update(), alerts=(replace(ALERT, cause=f"{'x' * 60} ::error::boo"),)), "x.log"
    )
