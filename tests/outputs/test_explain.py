"""The report for a person: what, why and what to do come first, on 80 columns."""

from __future__ import annotations

from msgspec.structs import replace

from aibtui.core.build import Build, Step
from aibtui.core.polls import Status, Template
from aibtui.core.updates import Evidence, RootCause
from aibtui.outputs.explain import explain
from tests.outputs.updates import ALERT, an_update, at, failed_update, running_build


def test_a_failed_run_reads_from_the_outcome_to_the_timeline() -> None:
    text = explain(failed_update(), "customization.log")
    landmarks = [
        "Failed after 11:00 in step 2 of 5, powershell Install-Apps.ps1, with exit code 1",
        "Cause     Cannot find path 'C:\\setup.msi' because it does not exist.\n          (script-failed, line 310)",
        "Evidence  310  Cannot find path 'C:\\setup.msi'\n          311  FullyQualified",
        "Remedy    Read the evidence",
        "Log       customization.log, 54 kB, 350 lines, g3 windows",
        "Timeline (UTC)",
        "  ✗     2 powershell Install-Apps.ps1           12:05:00      4:10       121-320",
        "  -   3-5 3 more steps, not reached",
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


def test_what_packer_and_the_service_say_last_is_not_told_beside_the_cause() -> None:
    echo = replace(ALERT, rule="packer-build-failed", title="Packer's build failed", line=None, evidence=())
    assert "Packer's build failed" not in explain(replace(failed_update(), alerts=(ALERT, echo)), "x.log")


def test_the_alert_of_a_stop_is_told_once() -> None:
    title = "No output for 114 minutes"
    alert = replace(ALERT, rule="step-silent", severity="warning", title=title, cause="It may wait.", line=264)
    cause = RootCause("step-silent", 264, 2, title)
    text = explain(replace(failed_update(), alerts=(alert,), root_cause=cause), "x.log")
    assert text.count(title) == 1
    assert "Cause     No output for 114 minutes (step-silent, line 264)\n          It may wait." in text


def test_eight_lines_of_evidence_are_shown_and_none_is_folded() -> None:
    evidence = tuple(Evidence(96 + number, f"line {'x' * number} of a record" * 9) for number in range(12))
    rows = explain(replace(failed_update(), alerts=(replace(ALERT, evidence=evidence),)), "x.log").splitlines()
    first = next(place for place, row in enumerate(rows) if row.startswith("Evidence"))
    assert rows[first].startswith("Evidence   96  line  of a record")
    assert [row[10:13].strip() for row in rows[first : first + 8]] == [str(96 + number) for number in range(8)]
    assert rows[first + 8].strip() == "and 4 more lines"


def test_evidence_that_the_cause_holds_already_makes_room_for_more() -> None:
    update = failed_update()
    assert update.root_cause is not None
    evidence = (Evidence(310, update.root_cause.text), *(Evidence(311 + n, f"more {n}") for n in range(3)))
    text = explain(replace(update, alerts=(replace(ALERT, evidence=evidence),)), "x.log")
    assert "Evidence  311  more 0" in text


def test_the_temporary_script_of_packer_is_not_a_part_of_the_cause() -> None:
    script = "C:\\Windows\\Temp\\script-690b6c06-ba97-8f7c-b677-102f81f0a345.ps1"
    cause = RootCause("script-failed", 310, 2, f"{script} : Not Found")
    assert "Cause     Not Found (script-failed, line 310)" in explain(
        replace(failed_update(), root_cause=cause), "x.log"
    )


def test_a_long_resource_id_keeps_its_ends() -> None:
    guid = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
    image = f"/subscriptions/{guid}/resourceGroups/rg/providers/Microsoft.Compute/galleries/g/images/avd/versions/1.0.2"
    build = failed_update().build
    text = explain(
        replace(failed_update(), build=replace(build, facts=replace(build.facts, source=image))), "customization.log"
    )
    (row,) = (row for row in text.splitlines() if row.startswith("Build VM"))
    assert row.startswith("Build VM  /subscriptions/")
    assert "…" in row
    assert row.endswith("/images/avd/versions/1.0.2,")


def test_of_many_steps_the_long_ones_and_the_last_are_told_and_the_others_summed_up() -> None:
    steps = tuple(
        Step(n, "powershell", f"s{n}", state="done", started_at=at(n), ended_at=at(n + 1), first_line=n, last_line=n)
        for n in range(1, 41)
    )
    long = replace(steps[19], ended_at=at(60))
    build = replace(failed_update().build, steps=(*steps[:19], long, *steps[20:]))
    rows = explain(replace(failed_update(), build=build), "x.log").splitlines()
    assert any(row.startswith("  ✓    20 powershell s20") for row in rows)
    assert any("shorter steps" in row for row in rows)
    assert any(row.startswith("  ✓    40 powershell s40") for row in rows)
    assert sum("powershell s" in row for row in rows) < 10


def test_an_open_alert_of_a_run_that_goes_on_comes_with_its_remedy() -> None:
    alert = replace(ALERT, rule="sysprep-loop", title="Sysprep loops", remedy="Cancel it now.")
    text = explain(an_update(8, running_build(), alerts=(alert,)), "x.log")
    assert "Error     Sysprep loops (sysprep-loop, line 310)" in text
    assert "Remedy    Cancel it now." in text


def test_a_command_of_a_remedy_stays_whole() -> None:
    command = f"az vm run-command invoke --name {'x' * 120}"
    text = explain(replace(failed_update(), alerts=(replace(ALERT, remedy=f"Look:\n{command}\nThen.", doc=None),)), "x")
    assert f"Remedy    Look:\n  {command}\n          Then." in text


def test_where_only_the_run_state_is_known_the_command_that_fetches_the_log_is_given() -> None:
    account = "/subscriptions/s/x/storageAccounts/st4ging"
    message = f"Logs are at {account}/blobServices/default/containers/packerlogs/r-1/customization.log"
    status = Status("Failed", "Building", at(0), at(40), message)
    text = explain(an_update(41, Build(outcome="failed", status=status)), "status.json")
    assert text.startswith("Failed after 40:00")
    assert "  az storage blob download --auth-mode login --account-name st4ging" in text
    assert "--name r-1/customization.log" in text


def test_a_template_that_never_ran_is_said_to_be_that() -> None:
    status = Status(provisioning_state="Succeeded", template=Template("/x/imageTemplates/t", "t"))
    assert explain(an_update(0, Build(status=status)), "t.json").startswith("The template has not run yet")


def test_a_run_that_goes_on_names_no_cause() -> None:
    text = explain(an_update(8, running_build()), "x.log")
    assert text.startswith("Running for 8:00 in step 2 of 5, powershell Install-Apps.ps1")
    assert "Cause" not in text
    assert "3 more steps, to come" in text


def test_an_empty_log_is_told_in_two_lines() -> None:
    assert explain(an_update(0, Build()), "x.log") == "The state of the run is not known\n\nFile      x.log"


def test_folding_brings_no_command_to_the_front_of_a_line() -> None:
    assert "\n          ::" not in explain(
        replace(failed_update(), alerts=(replace(ALERT, cause=f"{'x' * 60} ::error::boo"),)), "x.log"
    )


def test_a_rule_that_knows_the_cause_says_it_and_the_log_its_own_words() -> None:
    alert = replace(ALERT, rule="vcpu-quota", title="No quota left: 24 of 32 in use", cause="It is too small.")
    cause = RootCause("vcpu-quota", 310, None, f"QuotaExceeded: {'more than that, ' * 8}")
    text = explain(replace(failed_update(), alerts=(alert,), root_cause=cause), "x.log")
    assert "Cause     No quota left: 24 of 32 in use (vcpu-quota, line 310)\n          It is too small." in text
    assert "Message   QuotaExceeded: more than that," in text


def test_a_long_command_within_a_remedy_is_set_apart() -> None:
    command = f"az vm run-command invoke --name {'x' * 60}"
    alert = replace(ALERT, remedy=f"Cancel it. To see why, run `{command}`. Then go on.", doc=None)
    text = explain(replace(failed_update(), alerts=(alert,)), "x")
    assert f"Remedy    Cancel it. To see why, run\n  {command}\n          Then go on." in text
