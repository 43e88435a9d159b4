"""Whether a step comes further: transfers in every form, loops of output, silence, planned sleeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core import progress, standing
from aibtui.core.build import Build, LogFormat
from aibtui.core.events import DownloadMoved
from aibtui.core.lines import Lines
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Chunk, Poll, Status, Template
from aibtui.core.pulse import Sampler
from aibtui.core.transfers import MOST_KEPT, Transfers
from aibtui.core.updates import Alert, AlertClosed, AlertOpened, AlertUpdated, Update
from aibtui.core.waiting import Waiting
from tests.core.logs import GUID, START, Log
from tests.core.run import explain, rules, watch

PLAN = ("file", "powershell", "windows-restart", "powershell")
MB = 1_000_000
MOJIBAKE = "███▒▒".encode().decode("cp1252", "replace")


def begun(log_format: LogFormat = "g3") -> Log:
    return Log(log_format).prepare(*PLAN).hidden_upload()


def running(log_format: LogFormat = "g3") -> Log:
    return begun(log_format).powershell()


def raised(update: Update, rule: str) -> Alert | None:
    return next((alert for alert in update.alerts if alert.rule == rule), None)


def seen(text: str, stream: str = "ui") -> DownloadMoved | None:
    return progress.read(1, START, stream, text)  # type: ignore[arg-type]  # two of four


# Forms


@pytest.mark.parametrize(
    ("text", "name", "done", "total", "percent"),
    [
        ("setup.zip 826 B / 826000 B  1.00%", "setup.zip", 826, 826000, 1.0),
        ("  12.5 MB / 50.0 MB", "download", 12.5 * MB, 50 * MB, 25.0),
        ("data.iso 1.2 GB / 4.8 GB", "data.iso", 1200 * MB, 4800 * MB, 25.0),
        ("█████▒▒▒▒▒  12.5 MB / 50.0 MB", "download", 12.5 * MB, 50 * MB, 25.0),
        (f"{MOJIBAKE}  12.5 MB / 50.0 MB", "download", 12.5 * MB, 50 * MB, 25.0),
        ("ΓûêΓûêΓûÆΓûÆ  12.5 MB / 50.0 MB", "download", 12.5 * MB, 50 * MB, 25.0),
        ("[12:03:11] tools.zip 12.5 MB of 50.0 MB (25%)", "tools.zip", 12.5 * MB, 50 * MB, 25.0),
        ("Downloaded 100 of 400 MB at 1.2 MB/s, 4m remaining", "download", 100 * MB, 400 * MB, 25.0),
        ("Progress: 12% - Saving 6 MB of 50 MB", "download", 6 * MB, 50 * MB, 12.0),
        ("Progress: Downloading git 2.53.0... 12%", "git 2.53.0", None, None, 12.0),
        ("3a1fbc: Downloading [=====>     ]  12.5MB/50MB", "3a1fbc", 12.5 * MB, 50 * MB, 25.0),
        ("     ━━━━━━━━━━ 12.5/50.0 MB 10.2 MB/s eta 0:00:04", "download", 12.5 * MB, 50 * MB, 25.0),
        ("     |████████            | 10 kB 25.2 MB/s eta 0:00:01", "pip", 10_000, None, None),
        (
            " 12 40.0M   12 5000k    0     0  1234k      0  0:00:37  0:00:04  0:00:33 1300k",
            "curl",
            5000 * 1024,
            40 * 1024**2,
            12.0,
        ),
        (
            "  0     0    0  123k    0     0   120k      0 --:--:--  0:00:01 --:--:--  120k",
            "curl",
            123 * 1024,
            None,
            None,
        ),
        ("12% [===>   ] 1,234,567  1.2MB/s  eta 30s", "wget", 1_234_567, None, 12.0),
        ("file.iso     12%[==>        ]   3.00M  1.20MB/s    eta 30s", "file.iso", 3 * 1024**2, None, 12.0),
        ("  50K .......... .......... .......... ..........  4% 1.23M 30s", "wget", 50 * 1024, None, 4.0),
        ("[====  99.8%  ====]", "DISM", None, None, 99.8),
        ("[==============            ] 55.0%", "progress", None, None, 55.0),
        ("  ██████████▒▒▒▒▒▒▒▒▒▒  50%", "progress", None, None, 50.0),
        ("[#2089b0 400.0KiB/1.0MiB(39%) CN:1 DL:115.7KiB ETA:4m51s]", "aria2 #2089b0", 400 * 1024, 1024**2, 39.0),
        (
            "12.5 %, 3 Done, 0 Failed, 5 Pending, 0 Skipped, 8 Total, 2-sec Throughput (Mb/s): 2",
            "azcopy",
            None,
            None,
            12.5,
        ),
        (" [oooo            ]", "progress", None, None, 25.0),
    ],
)
def test_a_progress_line_is_read(
    text: str, name: str, done: float | None, total: float | None, percent: float | None
) -> None:
    event = seen(text)
    assert event is not None
    assert (event.name, event.bytes, event.total, event.percent) == (name, done, total, percent)


@pytest.mark.parametrize(
    "text",
    [
        "Disk C: 20 GB / 127 GB free",
        "C: 20 GB / 127 GB (16%)",
        "Memory usage: 2.3 GB / 16 GB (14%)",
        "/dev/sda1 20 GB / 127 GB 16%",
        "CPU [=====      ] 45%",
        "Fetched 45.6 MB in 3s (12 MB/s)",
        "The file is 12 MB / 3 files",
        "Found 3 of 12 items",
        "npm error 45%",
        "Waiting for operation to complete (system performance: 12% cpu; 30% memory)...",
        "Downloading Windows updates (3 updates; 81.2 MB)...",
        "Use downloads at 50% priority",
        "40 GB / 20 GB",
    ],
)
def test_a_line_that_only_mentions_sizes_is_no_progress(text: str) -> None:
    assert seen(text) is None


def test_bare_sizes_are_a_transfer_once_they_have_grown() -> None:
    log = running().out("3.1 GB / 16.0 GB")
    first = log.number
    assert explain(log.data).build.downloads == ()
    (download,) = explain(log.wait(5).out("3.4 GB / 16.0 GB").data).build.downloads
    assert (download.first_line, download.last_line, download.bytes) == (first, log.number, 3400 * MB)


def test_transfers_at_the_same_time_are_one_entry_each() -> None:
    log = running()
    for place in range(1, 9):
        log.wait(2).out(f"a.zip {place} MB / 9 MB").out(f"b.zip {place} MB / 9 MB")
    assert [(each.name, each.bytes) for each in explain(log.data).build.downloads] == [
        ("a.zip", 8 * MB),
        ("b.zip", 8 * MB),
    ]


def test_hundreds_of_small_transfers_do_not_push_out_a_long_one() -> None:
    kept = Transfers()

    def move(line: int, name: str, percent: float, seconds: int) -> None:
        kept.take(DownloadMoved(line, START + timedelta(seconds=seconds), name, None, None, percent))

    for percent in range(0, 101, 10):
        move(1, "long.iso", percent, percent)
    for place in range(300):
        for percent in (0, 100):
            move(2, f"small-{place}", percent, 200 + 2 * place + percent // 100)
    assert len(kept.all) == MOST_KEPT
    assert kept.all[0].name == "long.iso"


# Stalled and slow transfers


def moving(log: Log, minutes: float, per_minute: float, of: float = 9000, done: float = 0) -> float:
    """A line every ten seconds; how many MB are done at the end."""
    for _ in range(round(minutes * 6)):
        done += per_minute / 6
        log.wait(10).out(f"data.vhdx {done:.1f} MB / {of:.1f} MB")
    return done


@pytest.mark.parametrize("log_format", ["g2", "g3"])
@pytest.mark.parametrize("repeats", [True, False], ids=["the line is repeated", "nothing is printed"])
def test_a_stalled_download_is_called_within_three_minutes(log_format: LogFormat, repeats: bool) -> None:
    log = running(log_format)
    done = moving(log, 8, 600)
    stood_at, line = log.at, log.number
    for _ in range(18):
        log.wait(10)
        if repeats:
            log.out(f"data.vhdx {done:.1f} MB / 9000.0 MB")
    alert = raised(explain(log.debug("[INFO] still here").data), "stalled-download")
    assert alert is not None
    assert alert.at - stood_at <= timedelta(minutes=3)
    assert (alert.line, alert.severity, alert.open) == (line, "warning", True)
    assert "data.vhdx has stood still at 53 %" in alert.title
    assert alert.evidence[0].text == f"data.vhdx {done:.1f} MB / 9000.0 MB"


def test_a_stalled_download_is_the_cause_of_the_stop_that_follows() -> None:
    log = running()
    done = moving(log, 3, 600)
    line = log.number
    for _ in range(200):
        log.wait(20).out(f"data.vhdx {done:.1f} MB / 9000.0 MB")
    update = explain(log.cancel().data)
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line, update.root_cause.step) == ("stalled-download", line, 2)
    assert [alert.rule for alert in update.alerts] == ["stalled-download"]


def test_a_download_that_moves_again_is_stalled_no_more() -> None:
    log = running()
    done = moving(log, 5, 600)
    log.wait(240)
    moving(log, 2, 600, done=done)
    alert = raised(explain(log.data), "stalled-download")
    assert alert is not None
    assert not alert.open


def test_a_step_that_went_on_to_something_else_waits_for_no_download() -> None:
    log = running()
    moving(log, 3, 600)
    log.wait(1).out("Unpacking data.vhdx").wait(15 * 60)
    assert explain(log.debug("[INFO] 0 bytes written for 'stderr'").data).alerts == ()


def test_a_transfer_that_moves_in_long_steps_is_not_stalled_between_them() -> None:
    log = running()
    for percent in range(1, 12):
        log.wait(150).out(f"Downloading base.vhd: {percent}%")
    assert raised(explain(log.wait(140).out("Downloading base.vhd: 12%").data), "stalled-download") is None


def test_an_installation_may_stand_still_for_minutes() -> None:
    log = running()
    for percent in (12.0, 20.4, 62.3):
        log.wait(20).out(f"[=====    {percent}%          ]")
    assert explain(log.wait(8 * 60).out("[==========100.0%==========]").data).alerts == ()
    log = running().out("[=====    62.3%          ]").wait(12 * 60)
    assert raised(explain(log.debug("[INFO] still here").data), "stalled-download") is not None


def test_a_collapsed_rate_is_called_while_the_download_still_moves() -> None:
    log = running()
    done = moving(log, 6, 600)
    collapsed_at = log.at
    done = moving(log, 5, 6, done=done)
    alert = raised(explain(log.data), "stalled-download")
    assert alert is not None
    assert alert.at - collapsed_at <= timedelta(minutes=3)
    assert "data.vhdx is slow" in alert.title
    assert "100.0 kB/s" in alert.title


def test_an_even_rate_is_no_alarm_where_no_time_out_is_known() -> None:
    log = running()
    moving(log, 30, 12)
    assert explain(log.data).alerts == ()


def test_a_download_that_would_end_after_the_time_out_is_called_early() -> None:
    log = running()
    moving(log, 4, 12)
    template = Template("/subscriptions/s/t", "t", build_timeout=timedelta(hours=2))
    status = Status(run_state="Running", sub_state="Customizing", started_at=START, template=template)
    update = Monitor(rules()).feed(Poll(log.at, status, (Chunk("customization.log", 0, 0, log.data),), log_read=True))
    alert = raised(update, "stalled-download")
    assert alert is not None
    assert "would end at 2026-05-04 20:" in alert.title


def live(log_format: LogFormat, pieces: list[bytes], every: int) -> list[Update]:
    monitor, offset, at, updates = Monitor(rules()), 0, START + timedelta(minutes=3), []
    for piece in pieces:
        updates.append(
            monitor.feed(
                Poll(at, chunks=(Chunk("customization.log", 0, offset, piece),) if piece else (), log_read=True)
            )
        )
        offset, at = offset + len(piece), at + timedelta(seconds=every)
    return updates


def bar(share: float) -> bytes:
    """What the oldest format shows of an upload: a bare prefix, then the bar on a line of its own."""
    return f"[{GUID}] PACKER OUT \nbig.zip {share:.0f} B / 826000 B  {share / 8260:.2f}%\n".encode()


BARS = (
    "{name}.iso  {done} MB / 500 MB  {percent:.1f} %",
    "{name}.iso  {done} MB / {done} MB",
    "{name}.iso  {done} MB / 250 MB",
    "{name}.cab {percent:3.0f}% [{bar:>9}]  {done} kB/s",
    "Downloading {name} {percent:.0f} %",
    "  {percent:.0f}  500M  {percent:.0f} {done}M    0     0  {done}k      0  0:01:00  0:00:{name:02} 0:00:22 {done}k",
    "[{bar:<9}] {percent:.1f}%",
    "███▒▒▒ {name}.zip {done} MB / 500 MB",
    "disk {name}: {done} GB of 500 GB",
    "part {name}: {done} GB of 500 GB",
    "still copying {name}",
    "E: Unable to locate package contoso-{name}",
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("g1", "g2", "g3")),
    st.lists(st.sampled_from(BARS), min_size=1, max_size=3),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(1, 2),
            st.sampled_from((0, 0, 1, 3, 60, -30, -100)),
            st.sampled_from((0, 0, 0, 1, 4, 25, 90)),
        ),
        min_size=5,
        max_size=30,
    ),
    st.integers(1, 6),
    st.integers(1000, 9000),
)
def test_progress_is_the_same_whether_its_lines_may_wait_or_each_is_read(
    log_format: LogFormat, bars: list[str], lines: list[tuple[int, int, int, int]], times: int, size: int
) -> None:
    log, done = running(log_format), 100
    for form, names, more, wait in lines:
        for turn in range(times):
            done = done + more if 0 < done + more < 520 else 100
            text = bars[form % len(bars)].format(name=turn % names, done=done, percent=done / 5, bar="=" * (done // 60))
            log.wait(wait).out(text)
    data = log.data
    pieces = [data[begin : begin + size] for begin in range(0, len(data), size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waiting, "add", lambda *_: False)
        plain = watch(pieces)
    for seen, expected in zip(watch(pieces), plain, strict=True):
        assert repr(seen.build) == repr(expected.build)
        assert seen.tempo == expected.tempo
        assert repr(seen.alerts) == repr(expected.alerts)


def test_what_curl_receives_once_all_was_sent_is_another_transfer() -> None:
    log = running()
    for received in (0, 0, 2, 2, 2):
        log.out(f"100  500M  100     {received}  100  500M      0   9.9M  0:00:50  0:00:50 --:--:--  9.9M")
    sent, answer = explain(log.data).build.downloads
    assert (sent.last_line, answer.last_line) == (log.number - 3, log.number)


def test_a_bar_that_runs_beyond_its_end_stays_where_it_was_last_believed() -> None:
    log = running()
    for done in range(100, 120):
        log.out(f"data.iso  {done} MB / 110 MB")
    [download] = explain(log.data).build.downloads
    assert (download.bytes, download.last_line) == (110 * MB, log.number - 9)


def test_the_oldest_format_has_no_stamps_so_the_time_of_arrival_counts() -> None:
    log = Log("g1").prepare("file", "file", "powershell").hidden_upload()
    log.headline("Uploading /aib/packerInput/script_0 => C:\\big.zip")
    moving_bars = [bar(share * 826) for share in range(1, 60)]
    healthy = live("g1", [log.data, *moving_bars], 10)
    assert healthy[-1].alerts == ()
    assert healthy[-1].build.downloads[0].bytes == 59 * 826
    stalled = live("g1", [log.data, *moving_bars, *[moving_bars[-1]] * 15], 10)
    alert = raised(stalled[-1], "stalled-download")
    assert alert is not None
    assert "20 MB" in alert.remedy
    assert "big.zip has stood still at 6 % for 2 minutes" in alert.title


def test_a_finished_log_of_the_oldest_format_tells_of_a_download_that_its_stop_left_unfinished() -> None:
    log = Log("g1").prepare("file", "file", "powershell").hidden_upload()
    log.headline("Uploading /aib/packerInput/script_0 => C:\\big.zip").debug("[INFO] 826000 bytes to upload")
    for share in range(1, 60):
        log.say("").raw(f"big.zip {share * 826} B / 826000 B  {share / 10:.2f}%")
    line = log.number
    update = explain(log.wait(100 * 60).cancel().data)
    assert update.root_cause is not None
    assert (update.root_cause.rule, update.root_cause.line) == ("stalled-download", line)


# Loops


def looping(minutes: int, log: Log | None = None) -> Log:
    log = log or running().out("Configured the tenant").wait(1)
    for attempt in range(1, minutes * 2 + 1):
        for text in (f"Checking the join... Attempt {attempt}", "Joined: NO", f"[{log.at:%H:%M:%S}] Retrying in 30 s"):
            log.out(text)
        log.wait(30)
    return log


def test_the_same_few_lines_are_called_after_twenty_minutes() -> None:
    log = running().out("Configured the tenant").wait(1)
    begun_at, line = log.at, log.number + 1
    alert = raised(explain(looping(40, log).data), "step-repeating")
    assert alert is not None
    assert timedelta(minutes=20) <= alert.at - begun_at <= timedelta(minutes=25)
    assert (alert.line, alert.severity, alert.step) == (line, "warning", 2)
    assert alert.evidence[0].text == "Checking the join... Attempt 1"


def test_a_loop_is_the_cause_of_the_stop_that_ends_it() -> None:
    cause = explain(looping(60).cancel().data).root_cause
    assert cause is not None
    assert cause.rule == "step-repeating"


def test_a_loop_that_ends_is_no_alarm_any_more() -> None:
    log = looping(30)
    for place in range(40):
        log.wait(30).out(f"installing component number {place}")
    alert = raised(explain(log.data), "step-repeating")
    assert alert is not None
    assert not alert.open


@pytest.mark.parametrize(
    "text",
    [
        "copied file {n} of 5000",
        "{n} % done",
        "row {n}",
        "data.iso {n} MB / 5000 MB",
        "module-{n}.dll: signature is good",
    ],
)
def test_numbers_that_tell_how_far_something_is_are_no_loop(text: str) -> None:
    log = running()
    for place in range(1, 200):
        log.wait(15).out(text.format(n=place))
    assert raised(explain(log.data), "step-repeating") is None


def test_the_beats_of_windows_update_and_sysprep_are_no_loop_of_a_script() -> None:
    log = Log().prepare("file", "windows-update", "powershell").hidden_upload()
    log.headline("Uploading the Windows update elevated script...").headline("Running Windows update...")
    for _ in range(60):
        log.wait(60).out("Waiting for operation to complete (system performance: 28% cpu; 30% memory)...")
    assert explain(log.data).alerts == ()
    log = (
        begun()
        .powershell()
        .returned(0)
        .restart()
        .powershell(dump=("if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat c:\\DeprovisioningScript.ps1}",))
    )
    log.out(">>> Sysprepping VM ...")
    for _ in range(400):
        log.wait(5).out("IMAGE_STATE_UNDEPLOYABLE")
    assert [alert.rule for alert in explain(log.data).alerts] == ["sysprep-loop"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4000), max_size=30))
def test_any_chunking_finds_the_same_loop(sizes: list[int]) -> None:
    log = looping(25)
    data, pieces = log.data, []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    one, many = raised(explain(log.data), "step-repeating"), raised(watch([*pieces, data])[-1], "step-repeating")
    assert one is not None
    assert many is not None
    assert (many.line, many.at) == (one.line, one.at)


def test_a_huge_log_is_sampled_by_its_time_not_by_its_lines() -> None:
    log = running()
    for minute in range(10):
        for place in range(400):
            log.out(f"{minute} {place} written")
        log.wait(60)
    block = Lines().feed(log.data)
    assert block is not None
    sample = [line for _, line in Sampler().lines(block, None)]
    assert len(sample) < 1200
    assert {line.at for line in sample} >= {log.at - timedelta(minutes=minute) for minute in range(1, 11)}
    assert [line.text for line in sample] == [log.rows[line.number - 1].partition("azure-arm: ")[2] for line in sample]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9000), max_size=40))
def test_the_sample_is_the_same_whatever_the_chunking(sizes: list[int]) -> None:
    log = running()
    for place in range(3000):
        log.out(f"{place} written").wait(0 if place % 40 else 7)
    data = log.data
    whole = Lines().feed(data)
    assert whole is not None
    expected = [line.number for _, line in Sampler().lines(whole, None)]
    lines, sampler, found = Lines(), Sampler(), []
    for size in [*sizes, len(data)]:
        block = lines.feed(data[:size])
        data = data[size:]
        for _, line in sampler.lines(block, None) if block else ():
            found.append(line.number)
    assert found == expected


# Silence


@pytest.mark.parametrize("log_format", ["g1", "g2", "g3"])
def test_a_stamp_of_another_log_that_a_script_prints_is_no_time_that_passed(log_format: LogFormat) -> None:
    log = running(log_format).out("last time: PACKER 1971/05/04 08:04:00 ui: hi").wait(1).debug("[INFO] here")
    update = explain(log.out("done").data)
    assert update.alerts == ()
    assert update.build.output is not None
    assert update.build.output.text == "done"


@pytest.mark.parametrize(("kind", "minutes"), [("powershell", 30), ("file", 15), ("windows-update", 20)])
def test_how_long_a_step_may_be_silent_depends_on_its_type(kind: str, minutes: int) -> None:
    def silent(for_minutes: float) -> Alert | None:
        log = Log().prepare("file", kind, "powershell").hidden_upload()
        match kind:
            case "file":
                log.headline("Uploading /aib/packerInput/script_0 => C:\\big.zip")
            case "windows-update":
                log.headline("Uploading the Windows update elevated script...")
            case _:
                log.powershell()
        log.wait(for_minutes * 60)
        return raised(explain(log.debug("[INFO] still here").data), "step-silent")

    assert silent(minutes - 1) is None
    alert = silent(minutes + 2)
    assert alert is not None
    assert alert.severity == "warning"
    assert ("20 MB" in alert.remedy) == (kind == "file")


def test_a_silence_names_the_last_line_of_the_log_and_the_last_output() -> None:
    log = running().out("Starting setup.exe /quiet")
    output = log.number
    log.debug("[INFO] 74 bytes written for 'uploadData'")
    last = log.number
    alert = raised(explain(log.wait(40 * 60).debug("[INFO] still here").data), "step-silent")
    assert alert is not None
    assert alert.line == last
    assert [(proof.line, proof.text) for proof in alert.evidence] == [(output, "Starting setup.exe /quiet")]


def test_a_silence_is_told_again_only_when_it_has_doubled() -> None:
    log = running().out("Starting setup.exe /quiet")
    monitor, told = Monitor(rules()), []
    monitor.feed(Poll(log.at, chunks=(Chunk("customization.log", 0, 0, log.data),), log_read=True))
    for minute in range(1, 150):
        update = monitor.feed(Poll(log.at + timedelta(minutes=minute), log_read=True))
        told += [
            (minute, type(change))
            for change in update.changes
            if isinstance(change, AlertOpened | AlertUpdated | AlertClosed)
        ]
        alert = raised(update, "step-silent")
        assert alert is None or alert.title == f"No output for {minute} minutes"
    assert told == [(30, AlertOpened), (60, AlertUpdated), (120, AlertUpdated)]


def test_output_ends_a_silence() -> None:
    log = running().out("language pack").wait(50 * 60).out("language pack installed")
    alert = raised(explain(log.data), "step-silent")
    assert alert is not None
    assert not alert.open


# Planned sleeps


@pytest.mark.parametrize("text", ["Sleep", "sleep", "Sleeping for 600 seconds"])
def test_a_marker_for_a_planned_sleep_is_told_when_it_begins(text: str) -> None:
    log = running().out("all done").wait(2).out(text)
    (alert,) = explain(log.data).alerts
    assert (alert.rule, alert.severity, alert.line) == ("sleep-hold", "info", log.number)


def test_the_waits_of_deprovisioning_and_the_source_of_a_script_are_no_planned_sleep() -> None:
    log = begun().powershell(dump=("# hold", "# Sleep", "Sleep", "Start-Sleep -Seconds 900")).returned(0).restart()
    log.out("Sleep")
    log.deprovision().out("Start-Sleep -s 5").out("Sleep")
    assert explain(log.data).alerts == ()


# A healthy Linux build that sounds ill


def test_a_healthy_linux_build_that_sounds_ill_raises_nothing() -> None:
    log = Log().prepare("file", "shell", "shell", os="Linux")
    log.headline("Uploading /aib/packerInput/DeprovisioningScript.txt => /tmp/DeprovisioningScript.sh").wait(1)
    log.headline("Provisioning with shell script: /aib/packerInput/script_0").wait(2)
    for text, error in (
        ("debconf: delaying package configuration, since apt-utils is not installed", True),
        ("dpkg-preconfigure: unable to re-open stdin: No such file or directory", True),
        ("WARNING: apt does not have a stable CLI interface. Use with caution in scripts.", True),
        ("Do you want to continue? [Y/n] y", False),
        ("After this operation, 12.4 MB of additional disk space will be used.", False),
        ("Get:1 http://archive.ubuntu.com/ubuntu noble/main amd64 jq amd64 1.7 [65.5 kB]", False),
        ("Fetched 45.6 MB in 3s (12.1 MB/s)", False),
        ("  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current", True),
        ("100 12.4M  100 12.4M    0     0  8123k      0  0:00:01  0:00:01 --:--:-- 8125k", True),
        ("0 errors, 0 failed; exit code 1 would mean trouble", False),
        ("/dev/root 4.1 GB / 29.0 GB 15%", False),
        ("Build 'azure-arm' errored after 3 minutes: says the manual", False),
        ("sleep 30", False),
        ("No VM guests are running outdated hypervisor (qemu) binaries on this host.", False),
    ):
        log.wait(1).out(text, error=error)
    log.wait(200).out("done")
    log.headline("Provisioning with shell script: /tmp/packer-shell1234").wait(1)
    log.out("WARNING! The waagent service will be stopped.").out("WARNING! Cached DHCP leases will be deleted.")
    update = explain(log.succeed().data)
    assert (update.build.outcome, update.alerts) == ("succeeded", ())


def test_judging_needs_a_running_step() -> None:
    assert standing.judge(Build(), None, START, timedelta(minutes=2), None) is None
