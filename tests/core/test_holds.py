"""Planned sleeps while a build runs: when a hold begins and ends, what it mutes, and what is none."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.build import LogFormat
from aibtui.core.forecast import Baseline, step_keys
from aibtui.core.hold_calls import HoldCalls
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Customizer, Poll, Status, Template
from aibtui.core.updates import Change, Hold, HoldBegan, HoldEnded, Update
from tests.core.logs import GUID, Log
from tests.core.run import rules, watch

PLAN = ("file", "powershell", "powershell", "powershell")
HOLDING = ("C:\\Build\\Test.ps1", 'Write-Host "Sleep"', "Start-Sleep -Seconds 1200", 'Write-Host "Awake"')
RULES = rules()


def begun(log_format: LogFormat = "g3") -> Log:
    return Log(log_format).prepare(*PLAN).hidden_upload()


def dumped(log: Log, source: tuple[str, ...]) -> Log:
    """A powershell step with its source, as the format at hand dumps it, up to the start of the script."""
    log.headline("Provisioning with Powershell...")
    log.plugin("powershell", f"Found command: {source[0]}")
    for place, line in enumerate(source[1:]):
        if log.format != "g3":
            log.raw(line)
        else:
            if place == 1:
                log.headline("Provisioning with powershell script: /tmp/powershell-provisioner1234")
            log.plugin("powershell", line)
    log.plugin("powershell", "Writing PowerShell script to file: /tmp/powershell-provisioner1234")
    log.headline("Provisioning with powershell script: /tmp/powershell-provisioner1234")
    log.plugin("powershell", "Opening /tmp/powershell-provisioner1234 for reading")
    return log.wait(3)


def holds(update_or_all: Update | list[Update]) -> list[Change]:
    updates = update_or_all if isinstance(update_or_all, list) else [update_or_all]
    return [each for update in updates for each in update.changes if isinstance(each, HoldBegan | HoldEnded)]


class Live:
    """A watch of a log that grows: each `look` brings what was added since, at the log's own time."""

    def __init__(self, log: Log, baseline: Baseline | None = None, **more: str) -> None:
        self.log = log
        self.monitor = Monitor(RULES, baseline, **more)
        self.offset = 0
        self.told: list[Change] = []

    def look(self, after: float = 0, status: Status | None = None) -> Update:
        data = self.log.data[self.offset :]
        chunks = (Chunk("customization.log", 0, self.offset, data),) if data else ()
        self.offset += len(data)
        at = self.log.at + timedelta(seconds=after)
        update = self.monitor.feed(Poll(at, status, chunks=chunks, log_read=True))
        self.told += holds(update)
        return update


def minutes(hold: Hold | None) -> float | None:
    return hold.seconds / 60 if hold is not None and hold.seconds is not None else None


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
def test_a_hold_begins_with_its_marker_and_ends_with_the_next_line(log_format: LogFormat) -> None:
    log = dumped(begun(log_format), HOLDING)
    live = Live(log)
    assert [(each.step, each.seconds) for each in live.look().planned_holds] == [(2, 1200.0)]
    log.wait(5).out("Test.ps1 finished").debug("[INFO] 8 bytes written for 'stdout'").out("Sleep")
    update = live.look()
    assert update.hold is not None
    assert (update.hold.step, minutes(update.hold), update.hold.line) == (2, 20.0, log.number)
    assert update.hold.planned
    assert update.hold.until == update.hold.began_at + timedelta(minutes=20)
    assert update.planned_holds == ()
    log.wait(1199).debug("[INFO] 8 bytes written for 'stdout'").out("Awake")
    assert live.look().hold is None
    assert [type(each) for each in live.told] == [HoldBegan, HoldEnded]


def test_its_alert_says_how_long_and_until_when_and_closes_with_it() -> None:
    log = dumped(begun(), HOLDING).out("Sleep")
    live = Live(log)
    (alert,) = live.look().alerts
    assert (alert.rule, alert.severity, alert.line, alert.step, alert.open) == (
        "sleep-hold",
        "info",
        log.number,
        2,
        True,
    )
    assert alert.title == f"Step 2 sleeps for 20 minutes, until {log.at + timedelta(minutes=20):%H:%M} UTC"
    assert "?" not in alert.title
    log.wait(1200).out("Awake")
    (alert,) = live.look().alerts
    assert alert.ended_at == log.at


def test_a_hold_is_over_when_its_time_is() -> None:
    log = dumped(begun(), HOLDING).out("Sleep")
    live = Live(log)
    began_at = log.at
    live.look()
    assert live.look(1190).hold is not None
    assert live.look(1205).hold is None
    assert [each.at for each in live.told] == [began_at, began_at + timedelta(minutes=20)]


def test_a_whole_log_in_one_look_tells_the_same_hold_in_its_place() -> None:
    log = dumped(begun(), HOLDING).out("Sleep")
    began_at = log.at
    log.wait(1200).out("Awake").returned(0)
    *_, update = updates = watch([log.data])
    assert [(type(each), each.at) for each in holds(updates)] == [
        (HoldBegan, began_at),
        (HoldEnded, log.at - timedelta(seconds=1)),
    ]
    (alert,) = update.alerts
    assert (alert.rule, alert.open) == ("sleep-hold", False)


@given(st.lists(st.integers(1, 4000), max_size=8))
@settings(max_examples=12, deadline=None)
def test_any_chunking_tells_the_same_holds(cuts: list[int]) -> None:
    log = dumped(begun(), HOLDING).out("Sleep").wait(1).out("for 20 minutes").wait(1200).out("Awake").returned(0)
    dumped(log, ("C:\\Build\\Next.ps1",)).out("Sleep").wait(600).out("go on").out("Sleep").wait(4).out(
        "go on"
    ).returned(0)
    data, pieces = log.data, []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    assert [(type(each), each.at) for each in holds(watch([*pieces, data]))] == [
        (type(each), each.at) for each in holds(watch([log.data]))
    ]


# What begins a hold


def test_the_marker_can_be_another_line() -> None:
    source = ('Write-Host "HOLDING NOW"', "Start-Sleep 1200")
    live = Live(dumped(begun(), source).out("HOLDING NOW"), hold_marker="holding now")
    assert minutes(live.look().hold) == 20


def test_a_silence_right_after_what_is_printed_before_the_sleep_begins_a_hold() -> None:
    log = dumped(begun(), ("C:\\Build\\Test.ps1", 'Write-Host "Fetch the logs, $env:USERNAME"', "Start-Sleep 1200"))
    live = Live(log.wait(30).out("Fetch the logs, packer"))
    assert live.look(40).hold is None
    hold = live.look(61).hold
    assert hold is not None
    assert (hold.began_at, minutes(hold), hold.line) == (log.at, 20.0, log.number)


def test_a_silence_at_a_sleep_that_is_the_last_statement_begins_a_hold() -> None:
    live = Live(dumped(begun(), ("C:\\Build\\Test.ps1", "Start-Sleep 1200")).wait(20).out("Test.ps1 finished"))
    live.look()
    assert minutes(live.look(61).hold) == 20


def test_a_script_that_only_sleeps_holds_a_minute_after_its_start() -> None:
    live = Live(dumped(begun(), ("# fetch the logs", "Start-Sleep -Seconds 900")))
    live.look()
    assert minutes(live.look(65).hold) == 15


def test_a_marker_without_a_source_holds_for_as_long_as_nothing_comes() -> None:
    log = begun()
    log.headline("Provisioning with Powershell...")
    log.headline("Provisioning with powershell script: /aib/packerInput/script_0").wait(5).out("Sleep")
    live = Live(log)
    assert live.look().hold is None
    hold = live.look(12).hold
    assert hold is not None
    assert (hold.until, hold.seconds, hold.planned, hold.began_at) == (None, None, False, log.at)
    (alert,) = live.look(20).alerts
    assert "?" not in alert.title
    log.wait(700).out("go on")
    assert live.look().hold is None


def test_a_marker_that_names_its_time_is_believed() -> None:
    log = begun().powershell().out("Sleeping for 15 minutes")
    live = Live(log)
    live.look()
    assert minutes(live.look(15).hold) == 15


def test_a_shells_sleep_is_known_from_the_template_before_the_run() -> None:
    shells = (
        Customizer("Shell", "tools", ("apt-get update",)),
        Customizer("Shell", "hold", ('echo "Sleep"', "sleep 1h30m")),
    )
    template = Template("/t", "t", customizers=shells)
    monitor = Monitor(RULES)
    log = Log().prepare("file", "shell", "shell", "shell", os="Linux")
    waiting = monitor.feed(Poll(log.at, Status("Running", "Building", template=template)))
    assert [(each.step, each.seconds) for each in waiting.planned_holds] == [(3, 5400.0)]
    log.headline("Uploading /aib/packerInput/DeprovisioningScript.txt => /tmp/DeprovisioningScript.sh").wait(1)
    log.headline("Provisioning with shell script: /tmp/packer-shell1").wait(9).out("done")
    log.headline("Provisioning with shell script: /tmp/packer-shell2").wait(2).out("Sleep")
    update = monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),), log_read=True))
    assert update.hold is not None
    assert (update.hold.step, update.hold.seconds) == (3, 5400.0)


# What is muted


def test_silence_is_muted_while_it_lasts_and_counts_from_its_end() -> None:
    log = dumped(begun(), ('Write-Host "Sleep"', "Start-Sleep -Seconds 5400")).out("Sleep")
    live = Live(log)
    for minute in (0, 20, 35, 60, 89, 91, 119):
        assert {alert.rule for alert in live.look(minute * 60).alerts} == {"sleep-hold"}
    assert {alert.rule for alert in live.look(121 * 60).alerts} == {"sleep-hold", "step-silent"}


def test_a_question_before_a_hold_is_no_prompt() -> None:
    log = dumped(begun(), ('Write-Host "Sleep"', 'Write-Host "Continue?"', "Start-Sleep -Seconds 1200")).out("Sleep")
    live = Live(log.wait(1).out("Continue?"))
    live.look()
    assert {alert.rule for alert in live.look(600).alerts} == {"sleep-hold"}


def test_a_step_is_not_over_its_time_by_what_it_slept() -> None:
    log = dumped(begun(), HOLDING)
    first = Monitor(()).feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),), log_read=True))
    keys = step_keys(first.build.steps)
    usual = Baseline(1, {key: (timedelta(minutes=2),) for key in keys})
    live = Live(log.wait(30).out("Sleep"), usual)
    live.look()
    live.look(1100)
    log.wait(1200).out("Awake")
    live.look()
    assert not any(alert.rule == "step-over" for alert in live.look(30).alerts)
    assert any(alert.rule == "step-over" for alert in live.look(600).alerts)


# What is none


@pytest.mark.parametrize(
    "source",
    [
        ("# Start-Sleep -Seconds 1200", "C:\\Build\\Install.ps1"),
        ("<#", "Start-Sleep -Seconds 1200", "#>", "C:\\Build\\Install.ps1"),
        ('Write-Host "Start-Sleep -Seconds 1200"', "C:\\Build\\Install.ps1"),
        ("while (-not (Test-Path C:\\ok)) {", "  Start-Sleep -Seconds 300", "}"),
        ("C:\\Build\\Install.ps1", "Start-Sleep -Seconds 10"),
        ("Start-Sleep -Seconds 1200", "C:\\Build\\Install.ps1 # not last"),
        ("if ($env:HOLD) {", "  Start-Sleep -Seconds 1200", "}"),
        ('Write-Host "Installing"', "C:\\setup.exe /quiet", "Start-Sleep -Seconds 1200"),
    ],
    ids=lambda source: source[0],
)
def test_a_silent_step_whose_source_only_looks_like_it_is_no_hold(source: tuple[str, ...]) -> None:
    live = Live(dumped(begun(), source).wait(20).out("Installing"))
    live.look()
    assert [live.look(each).hold for each in (30, 90, 900)] == [None, None, None]
    assert live.told == []


def test_the_source_and_the_echo_of_a_marker_are_none() -> None:
    log = dumped(begun(), (*HOLDING, "Sleep"))
    log.out('Write-Host "Sleep"').wait(20).out("Start-Sleep -Seconds 1200").wait(20).out("+ sleep 1200").wait(20)
    log.plugin("powershell", "Sleep").out("SleepStudy disabled").wait(20).out("Sleep mode is off").returned(0)
    log.debug("Sleep").wait(200).restart()
    assert holds(watch([log.data])) == []


def test_a_marker_in_a_retry_loop_is_none() -> None:
    log = dumped(begun(), ("while ($wait) {", '  Write-Host "Sleep"', "  Start-Sleep -Seconds 60", "}"))
    for _ in range(5):
        log.out("Sleep").wait(60)
    assert holds(watch([log.out("done").data])) == []


def test_a_word_in_a_list_is_none() -> None:
    log = begun().powershell().out("Power schemes").out("Sleep").out("Hibernate").wait(400).out("done")
    assert holds(watch([log.data])) == []


def test_the_deprovisioning_scripts_own_waits_are_none() -> None:
    log = begun().powershell().returned(0).powershell().returned(0)
    log.deprovision().out("Start-Sleep -s 5").out("Sleep").wait(600).out("Sleep").wait(600)
    assert holds(watch([log.data])) == []


def test_a_script_that_has_returned_holds_no_more() -> None:
    log = dumped(begun(), HOLDING).out("Sleep").wait(2).returned(1)
    updates = watch([log.data])
    assert updates[-1].hold is None
    assert [type(each) for each in holds(updates)] == [HoldBegan, HoldEnded]


def test_a_silence_that_was_no_hold_deceives_once() -> None:
    log = dumped(begun(), ("C:\\Build\\Test.ps1", "Start-Sleep 1200")).wait(20).out("one of three")
    live = Live(log)
    live.look(61)
    log.wait(100).out("two of three")
    assert live.look(61).hold is None
    log.wait(200).out("three of three")
    assert live.look(61).hold is None
    assert len(live.told) == 2


def test_a_source_that_comes_in_pieces_is_read_whole() -> None:
    data = dumped(begun(), HOLDING).out("Sleep").data
    at = data.index(b"Found command")
    updates = watch([data[: at + 20], *(data[place : place + 50] for place in range(at + 20, len(data), 50))])
    assert any(minutes(update.hold) == 20 for update in updates)


def test_a_replaced_log_ends_the_hold_of_the_one_before() -> None:
    log = dumped(begun(), HOLDING).out("Sleep")
    live = Live(log)
    live.look()
    new = Chunk("customization.log", 1, 0, f"[{GUID}] PACKER nothing yet\n".encode())
    update = live.monitor.feed(Poll(log.at, chunks=(new,), log_read=True))
    assert update.hold is None
    assert [type(each) for each in holds(update)] == [HoldEnded]


# Calls


def called(hold: Hold, at: list[datetime]) -> list[timedelta | None]:
    base = Monitor(()).feed(Poll(at[0]))
    calls, made = HoldCalls(), []
    for moment in at:
        call = calls.due(Update(moment, base.build, (), (), base.transport, hold=hold))
        if call:
            made.append(call.left)
    return made


def test_somebody_is_called_at_the_start_and_five_and_one_minutes_before_the_end() -> None:
    began = begun().at
    hold = Hold(2, began, began + timedelta(minutes=20), 1200, 9, True)
    looks = [began + timedelta(seconds=10 * place) for place in range(119)]
    assert called(hold, looks) == [None, timedelta(minutes=5), timedelta(minutes=1)]
    assert called(hold, [began + timedelta(hours=1)]) == []
    assert called(hold, [began, began + timedelta(minutes=19, seconds=30)]) == [None, timedelta(minutes=1)]
