"""The words: numbers as people read them, and a sentence for whatever may be said of a build."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from msgspec.structs import replace

from aibtui import news, wording
from aibtui.core.build import Build, Outcome, Phase, PhaseName, State, Step
from aibtui.core.polls import Status
from aibtui.core.updates import (
    Alert,
    AlertClosed,
    AlertOpened,
    AlertUpdated,
    Change,
    LogReplaced,
    PhaseChanged,
    RootCause,
    RunStateChanged,
    Severity,
    StepBegan,
    StepEnded,
    StepMoved,
    Transport,
    TransportChanged,
    TransportState,
    Update,
)
from aibtui.safetext import clean

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
STEPS = tuple(Step(index, "powershell", f"Script-{index}.ps1") for index in range(1, 10))
BUILD = Build(steps=STEPS, started_at=NOON)
SCRIPT = Step(5, "powershell", "Install-Apps.ps1", state="running", started_at=NOON)
FAILED = replace(SCRIPT, state="failed", ended_at=NOON + timedelta(minutes=4, seconds=10), exit_code=1)
ALERT = Alert("sysprep-loop", "error", "Sysprep does not come to an end", "why", "what", NOON, line=812)


def minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


def update(build: Build, after: float = 60, transport: Transport | None = None, **more: object) -> Update:
    seen = transport or Transport("live", NOON)
    made = Update(at=NOON + minutes(after), build=build, alerts=(), changes=(), transport=seen)
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "clock", "said"),
    [
        (-5, "0:00", "0 s"),
        (43.9, "0:43", "44 s"),
        (300, "5:00", "5 min"),
        (2053, "34:13", "34 min"),
        (3599, "59:59", "1 h"),
        (9667, "2:41:07", "2 h 41 min"),
        (90_000, "25:00:00", "25 h"),
        (273_600, "76:00:00", "3 d 4 h"),
    ],
)
def test_a_duration_reads_as_on_a_clock_and_as_people_say_it(seconds: float, clock: str, said: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == clock
    assert wording.about(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (54_013, "54 kB"),
        (999_700, "1.0 MB"),
        (2_168_084, "2.2 MB"),
        (1_000_000_000, "1.0 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_has_two_or_three_figures_and_a_unit(value: int, said: str) -> None:
    assert wording.size(value) == said


def test_a_count_knows_its_plural() -> None:
    assert [wording.count(number, "line") for number in (0, 1, 11_914)] == ["0 lines", "1 line", "11,914 lines"]


def test_times_are_utc_in_data_and_local_on_a_clock() -> None:
    vienna = timezone(timedelta(hours=1), "CET")
    at = NOON.replace(microsecond=987_654)
    assert wording.iso(at.astimezone(vienna)) == "2026-03-04T12:00:00Z"
    assert (wording.clock(at, vienna), wording.zone_name(at, vienna)) == ("13:00:00", "CET")


def test_every_glyph_is_one_cell_wide_and_has_an_ascii_twin() -> None:
    glyphs = {*wording.STATE_GLYPHS.values(), *wording.SEVERITY_GLYPHS.values()}
    assert all(len(wording.ascii_twin(glyph)) == 1 and wording.ascii_twin(glyph).isascii() for glyph in glyphs)
    assert len({wording.ascii_twin(glyph) for glyph in wording.STATE_GLYPHS.values()}) == len(wording.STATE_GLYPHS)


def test_every_word_of_the_core_has_a_word_here() -> None:
    assert set(wording.STATE_GLYPHS) == set(get_args(State))
    assert set(wording.SEVERITIES) == set(wording.SEVERITY_GLYPHS) == set(get_args(Severity))
    assert set(wording.TRANSPORT_WORDS) == set(get_args(TransportState))
    assert set(wording.PHASE_NAMES) == set(get_args(PhaseName))
    assert set(wording.OUTCOMES) == set(get_args(Outcome))


def test_a_step_is_named_by_its_type_and_its_script() -> None:
    assert wording.step_title(SCRIPT, 9) == "5 of 9 powershell Install-Apps.ps1"
    assert wording.step_phrase(SCRIPT, 9) == "step 5 of 9, powershell Install-Apps.ps1"
    assert wording.step_name(Step(3, "windows-restart")) == "windows-restart"


def test_the_hidden_steps_are_named_by_what_they_do() -> None:
    names = [wording.step_name(Step(1, kind, "script_0", hidden=True)) for kind in ("file", "powershell", "shell")]
    assert names == ["upload of the deprovisioning script", "deprovision", "deprovision"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (RunStateChanged(NOON, "Running", "Customizing", None), "The service is customizing"),
        (RunStateChanged(NOON, "Running", "Baking", None), "The service says Baking"),
        (RunStateChanged(NOON, "Failed", None, "quota\nexceeded"), "The service says Failed: quota␊exceeded"),
        (RunStateChanged(NOON, None, None, None), "The template has no run yet"),
        (PhaseChanged(NOON, Phase("deploy", "running", NOON)), "Phase deploy began"),
        (PhaseChanged(NOON, Phase("deploy", "done", NOON, NOON + minutes(2))), "Phase deploy done after 2:00"),
        (StepBegan(NOON, SCRIPT), "Step 5 of 9, powershell Install-Apps.ps1, began"),
        (
            StepMoved(NOON, replace(SCRIPT, activity="Installing Windows updates")),
            "Step 5 of 9, powershell Install-Apps.ps1: Installing Windows updates",
        ),
        (StepEnded(NOON, FAILED), "Step 5 of 9, powershell Install-Apps.ps1, failed after 4:10, with exit code 1"),
        (
            StepEnded(NOON, replace(FAILED, state="done", exit_code=0)),
            "Step 5 of 9, powershell Install-Apps.ps1, done after 4:10",
        ),
        (
            StepEnded(NOON, replace(FAILED, state="stopped", exit_code=None)),
            "Step 5 of 9, powershell Install-Apps.ps1, stopped after 4:10",
        ),
        (AlertOpened(NOON, ALERT), "Error: Sysprep does not come to an end (sysprep-loop, line 812)"),
        (
            AlertUpdated(NOON, replace(ALERT, severity="warning", count=40)),
            "Warning: Sysprep does not come to an end (sysprep-loop, line 812), seen 40 times",
        ),
        (AlertClosed(NOON, ALERT), "Over: Sysprep does not come to an end (sysprep-loop)"),
        (TransportChanged(NOON, Transport("blind", NOON, "no answer for 30 s")), "BLIND: no answer for 30 s"),
        (TransportChanged(NOON, Transport("live", NOON)), "LIVE: the log is being read"),
        (LogReplaced(NOON, 1), "The log was replaced by another one; it is read anew (generation 1)"),
    ],
)
def test_every_change_has_a_sentence(change: Change, said: str) -> None:
    assert news.sentence(change, BUILD) == said


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (Build(), "The state of the run is not known"),
        (Build(status=Status()), "The template has no run yet"),
        (Build(status=Status("Running")), "Running"),
        (replace(BUILD, outcome="succeeded", ended_at=NOON + minutes(121)), "Succeeded after 2:01:00"),
        (
            replace(BUILD, outcome="failed", ended_at=NOON + minutes(5), steps=(*STEPS[:4], FAILED, *STEPS[5:])),
            "Failed after 5:00 in step 5 of 9, powershell Install-Apps.ps1, with exit code 1",
        ),
        (
            replace(BUILD, steps=(*STEPS[:4], SCRIPT, *STEPS[5:])),
            "Running for 1:00:00 in step 5 of 9, powershell Install-Apps.ps1",
        ),
        (
            replace(BUILD, outcome="stopped", probably_timed_out=True, phases=(Phase("connect", "stopped"),)),
            "Stopped after 1:00:00 in phase connect, probably by the build time-out",
        ),
        (replace(BUILD, log_done=True), "Packer has finished, the service goes on, 1:00:00 since the start"),
        (
            replace(BUILD, outcome="canceled", status=Status("Canceled", started_at=NOON, ended_at=NOON + minutes(3))),
            "Canceled after 3:00",
        ),
    ],
)
def test_the_outcome_says_how_when_and_where(build: Build, said: str) -> None:
    assert wording.outcome_sentence(update(build)) == said


def test_what_goes_on_is_said_by_step_with_the_age_of_the_last_output() -> None:
    quiet = Transport("quiet", NOON, quiet_since=NOON + minutes(59))
    build = replace(BUILD, steps=(*STEPS[:4], SCRIPT, *STEPS[5:]))
    assert (
        wording.now_sentence(update(build, transport=quiet))
        == "still in step 5 of 9, 1:00:00 elapsed, last output 1:00 ago"
    )


def test_what_goes_on_before_the_first_step_is_said_by_phase() -> None:
    build = replace(BUILD, phases=(Phase("connect", "running", NOON),))
    assert wording.now_sentence(update(build, 3)) == "still connecting to the build VM, 3:00 elapsed"


def test_what_goes_on_without_a_log_is_said_by_the_service_and_the_status_word() -> None:
    build = Build(status=Status("Running", "Building", started_at=NOON))
    waiting = Transport("waiting", NOON, "no storage account yet")
    assert (
        wording.now_sentence(update(build, 3, waiting))
        == "the service is building, 3:00 since the start, WAITING: no storage account yet"
    )


def test_the_root_cause_finds_the_alert_on_its_line() -> None:
    alerts = (ALERT, replace(ALERT, line=900))
    seen = update(BUILD, alerts=alerts, root_cause=RootCause("sysprep-loop", 900, 5, "IMAGE_STATE_UNDEPLOYABLE"))
    assert wording.cause_alert(seen) is alerts[1]
    assert wording.cause_alert(update(BUILD, alerts=alerts)) is None


def test_the_reason_is_the_first_cause_then_the_service_then_packer() -> None:
    build = replace(BUILD, outcome="failed", message="Packer's", status=Status("Failed", message="the service's"))
    cause = RootCause("script-failed", 1, None, "the script's")
    assert wording.reason(update(build, root_cause=cause)) == "the script's"
    assert wording.reason(update(build)) == "the service's"
    assert wording.reason(update(replace(build, status=None))) == "Packer's"
    assert wording.reason(update(replace(build, outcome="succeeded"))) is None


def test_the_command_that_comes_back_can_be_pasted_into_a_shell() -> None:
    assert wording.come_back("watch", "/subscriptions/s/x") == "aibtui watch /subscriptions/s/x"
    assert wording.come_back("watch", "--file", "my logs/a.log") == "aibtui watch --file 'my logs/a.log'"


def test_no_sentence_carries_what_a_terminal_would_obey() -> None:
    hostile = "\x1b]52;c;x\x07\n\u202e[bold]"
    step = Step(1, hostile, hostile, state="running", started_at=NOON, activity=hostile)
    alert = replace(ALERT, title=hostile, rule=hostile)
    transport = Transport("blind", NOON, hostile)
    build = replace(BUILD, steps=(step,), outcome="failed", message=hostile)
    said = [
        *(news.sentence(change, build) for change in (StepBegan(NOON, step), StepMoved(NOON, step))),
        *(news.sentence(change, build) for change in (AlertOpened(NOON, alert), AlertClosed(NOON, alert))),
        news.sentence(RunStateChanged(NOON, hostile, hostile, hostile), build),
        news.sentence(TransportChanged(NOON, transport), build),
        wording.outcome_sentence(update(build)),
        wording.now_sentence(update(build, transport=transport)),
        wording.come_back("watch", hostile),
        wording.reason(update(build)) or "",
    ]
    assert all(clean(text) == text for text in said)
