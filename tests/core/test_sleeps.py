"""Sleeps in the source of scripts: found however they are spelled, and never where no code runs."""

from __future__ import annotations

import time

import pytest

from aibtui.core.commands import Dialect
from aibtui.core.sleeps import Plan, plan_of


def seconds(source: str, dialect: Dialect = "powershell") -> list[float | None]:
    return [sleep.seconds for sleep in plan_of(source, dialect).sleeps]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Start-Sleep -Seconds 1200", 1200),
        ("Start-Sleep -s 1200", 1200),
        ("Start-Sleep -S 1200", 1200),
        ("Start-Sleep -Sec 1200", 1200),
        ("Start-Sleep -Seconds:1200", 1200),
        ("Start-Sleep 1200", 1200),
        ("start-sleep 1200;", 1200),
        ("  START-SLEEP   -seconds   1200  ", 1200),
        ("Start-Sleep -Milliseconds 1200000", 1200),
        ("Start-Sleep -m 1200000", 1200),
        ("Start-Sleep -ms 1200000", 1200),
        ("Start-Sleep -Duration 00:20:00", 1200),
        ("Start-Sleep -Duration (New-TimeSpan -Minutes 20)", 1200),
        ("Start-Sleep -Seconds (New-TimeSpan -Minutes 20).TotalSeconds", 1200),
        ("Start-Sleep -Seconds ([TimeSpan]::FromMinutes(20).TotalSeconds)", 1200),
        ("Start-Sleep -Seconds (20 * 60)", 1200),
        ("Start-Sleep (60*20)", 1200),
        ("Start-Sleep -Seconds $(20*60)", 1200),
        ("$minutes = 20\nStart-Sleep -Seconds ($minutes * 60)", 1200),
        ("[int]$hold = 1200; Start-Sleep $hold", 1200),
        ("Start-Sleep `\n  -Seconds 1200", 1200),
        ("Microsoft.PowerShell.Utility\\Start-Sleep -Seconds 1200", 1200),
        ("Start-Sleep -Seconds 1200 | Out-Null", 1200),
        ("$null = Start-Sleep -Seconds 1200", 1200),
        ("Start-Sleep -Seconds 1200 -Verbose", 1200),
        ("Start-Sleep -Seconds 1200 # so that the log can be fetched", 1200),
        ("<# why #> Start-Sleep -Seconds 1200", 1200),
        ('Write-Host "Sleep"; Start-Sleep -Seconds 1200', 1200),
        ("if ($env:HOLD) { Start-Sleep -Seconds 1200 }", 1200),
        ("try { Start-Sleep -Seconds 1200 } finally { Stop-Transcript }", 1200),
        ("sleep 1200", 1200),
        ("sleep -s 1200", 1200),
        ("[System.Threading.Thread]::Sleep(1200000)", 1200),
        ("[Threading.Thread]::Sleep(20 * 60 * 1000)", 1200),
        ("[Threading.Thread]::Sleep([TimeSpan]::FromMinutes(20))", 1200),
        ("[System.Threading.Tasks.Task]::Delay(1200000).Wait()", 1200),
        ("timeout /t 600", 600),
        ("timeout.exe /T 600 /nobreak", 600),
        ("timeout 600 /nobreak > nul", 600),
        ("cmd /c timeout /t 600 /nobreak >nul 2>&1", 600),
        ('cmd.exe /c "timeout /t 600"', 600),
        ("ping -n 601 127.0.0.1 > nul", 600),
        ("ping 127.0.0.1 -n 601 >nul", 600),
        ("ping.exe localhost -n 601 | Out-Null", 600),
        ('powershell -NoProfile -Command "Start-Sleep -Seconds 1200"', 1200),
        ("pwsh -c 'Start-Sleep 1200'", 1200),
        ("& { Start-Sleep 1200 }", 1200),
        ('Write-Host "it\'s time"; Start-Sleep 1200', 1200),
        ("Start-Sleep -Seconds 120", 120),
        ("Wait-Event -SourceIdentifier never -Timeout 1200", 1200),
    ],
)
def test_a_sleep_of_windows_is_found_however_it_is_spelled(source: str, expected: float) -> None:
    assert seconds(source) == [expected]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sleep 1200", 1200),
        ("sleep 1200s", 1200),
        ("sleep 20m", 1200),
        ("sleep 1h30m", 5400),
        ("sleep 1h 30m", 5400),
        ("sleep 0.5h", 1800),
        ("sleep 1d", 86400),
        ("sleep infinity", None),
        ("/bin/sleep 20m", 1200),
        ("sudo sleep 20m", 1200),
        ('echo "Sleep" && sleep 20m', 1200),
        ("echo Sleep; sleep 20m; echo awake", 1200),
        ("MIN=20\nsleep $((MIN * 60))", 1200),
        ("HOLD=1200\nsleep $HOLD", 1200),
        ("sleep ${HOLD:-1200}", 1200),
        ("sleep ${HOLD:-20}m", 1200),
        ("bash -c 'sleep 20m'", 1200),
        ('if [ -n "$HOLD" ]; then sleep 20m; fi', 1200),
        ("if true\nthen\n  sleep 20m\nfi", 1200),
        ("hold() {\n  sleep 20m\n}\nhold", 1200),
        ("(sleep 20m)", 1200),
        ("sleep 20m || true", 1200),
        ("cat <<EOF\nsleep 30m\nEOF\nsleep 20m", 1200),
        ("echo it\\'s time\nsleep 20m", 1200),
        ("python3 -c 'import time; time.sleep(1200)'", 1200),
        ("sleep \\\n  1200", 1200),
    ],
)
def test_a_sleep_of_a_shell_is_found_however_it_is_spelled(source: str, expected: float | None) -> None:
    assert seconds(source, "shell") == [expected]


@pytest.mark.parametrize(
    "source",
    [
        "# Start-Sleep -Seconds 1200",
        "Get-Date # Start-Sleep -Seconds 1200",
        "<# Start-Sleep -Seconds 1200 #>",
        "<#\nStart-Sleep -Seconds 1200\n#>\nGet-Date",
        "REM timeout /t 600",
        ":: timeout /t 600",
        "@rem timeout /t 600",
        'Write-Host "Start-Sleep -Seconds 1200"',
        "Write-Host 'hold by Start-Sleep -Seconds 1200; then go on'",
        '@"\nStart-Sleep -Seconds 1200\n"@ | Set-Content C:\\hold.ps1',
        "@'\nStart-Sleep -Seconds 1200\n'@ | Set-Content C:\\hold.ps1",
        "Start-Sleep -Seconds 10",
        "Start-Sleep -Milliseconds 1200",
        "Start-Sleep -Seconds 119",
        "while (-not (Test-Path C:\\ready)) { Start-Sleep -Seconds 300 }",
        "foreach ($i in 1..30) { if (Test-Path C:\\ready) { break }; Start-Sleep 10 }",
        "1..30 | % { Get-Job; Start-Sleep 60 }",
        "foreach ($i in 1..60) { try { Install-It; break } catch { Start-Sleep 10 } }",
        "foreach ($service in $services) { Start-Sleep 60 }",
        "do {\n  Start-Sleep -Seconds 300\n} until ($ready)",
        "try { Install-Foo } catch { Start-Sleep -Seconds 300 }",
        "foreach ($try in 1..3) {\n  if ($ok) { break }\n  Start-Sleep -Seconds 300\n}",
        "Start-Job { Start-Sleep -Seconds 1200 }",
        "Start-Sleep -Seconds $unknown",
        "Get-Command Start-Sleep",
        "Start-SleepStudy 1200",
        "powercfg /change standby-timeout-ac 600",
        "Invoke-WebRequest $url -TimeoutSec 600",
        "Test-Connection -Count 600 server",
        "ping server",
        "$sleep = 1200",
        "Restart-Computer -Wait -Timeout 600",
        'if( TEST-PATH c:\\DeprovisioningScript.ps1 ){cat c:\\DeprovisioningScript.ps1} else {echo "not found"}',
        "while ((Get-Service RdAgent).Status -ne 'Running') { Start-Sleep -s 5 }",
        "while($true) {\n  Start-Sleep -s 5\n}",
    ],
)
def test_what_is_no_long_sleep_of_windows_is_not_found(source: str) -> None:
    assert seconds(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "# sleep 20m",
        "echo done # sleep 20m",
        'echo "sleep 20m"',
        "echo sleep 20m",
        "printf 'sleep 20m\\n'",
        "cat > /tmp/hold.sh <<'EOF'\nsleep 20m\nEOF",
        "sleep 5",
        "sleep 20m &",
        "until nc -z host 22; do sleep 300; done",
        "while ! curl -f $URL\ndo\n  sleep 300\ndone",
        "for i in 1 2 3; do apt-get update && break; sleep 300; done",
        "timeout 600 apt-get update",
        "systemctl mask sleep.target",
        "sleepy 1200",
        "nosleep=1200",
    ],
)
def test_what_is_no_long_sleep_of_a_shell_is_not_found(source: str) -> None:
    assert seconds(source, "shell") == []


def plan(source: str) -> Plan:
    return plan_of(source, "powershell")


def test_what_is_printed_right_before_a_sleep_is_known() -> None:
    (sleep,) = plan('Install-Foo\nWrite-Host "Holding for $min minutes"\n$x = 1\nStart-Sleep 1200').sleeps
    assert sleep.said is not None
    assert sleep.said.fullmatch("Holding for 20 minutes")
    assert not sleep.said.fullmatch("Holding the door")
    assert (sleep.opaque, sleep.last, sleep.certain) == (False, True, True)


def test_commands_between_and_after_are_known() -> None:
    first, second = plan(
        'Write-Host "go"\nC:\\a.exe\nStart-Sleep 600\nC:\\b.exe\nStart-Sleep 900\nWrite-Host ok'
    ).sleeps
    assert (first.opaque, first.last, first.line) == (True, False, 3)
    assert (second.opaque, second.last, second.line) == (True, True, 5)


def test_a_sleep_in_a_branch_is_not_certain() -> None:
    assert [sleep.certain for sleep in plan("if ($hold) {\n Start-Sleep 600\n}\nStart-Sleep 900").sleeps] == [
        False,
        True,
    ]


def test_a_source_whose_sleeps_are_all_short_says_so() -> None:
    assert plan('Write-Host "Sleep"\nStart-Sleep 10').short_only
    assert not plan("Start-Sleep $seconds").short_only
    assert not plan("Write-Host Sleep").short_only


@pytest.mark.parametrize("dialect", ["powershell", "shell"])
@pytest.mark.parametrize("part", ["{", "}", "(", '"', "'", "@'\n", "<#", "`", "<<E\n", "sleep 9 ", "$(", "if ", "#\n"])
def test_a_hostile_source_costs_little(part: str, dialect: Dialect) -> None:
    began = time.process_time()
    plan_of("sleep 600\n" + part * 20_000, dialect)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("source", "dialect", "seconds"),
    [
        ("for ($i = 0; $i -lt 5; $i++) { Start-Sleep -Seconds 300 }", "powershell", 1500),
        ("1..5 | ForEach-Object { Start-Sleep -Seconds 300 }", "powershell", 1500),
        ("foreach ($i in 1..30) {\n  Start-Sleep 60\n}", "powershell", 1800),
        ("$d = New-TimeSpan -Minutes 10; Start-Sleep -Duration $d", "powershell", 600),
        ("$d = New-TimeSpan -Minutes 10; Start-Sleep -Seconds $d.TotalSeconds", "powershell", 600),
        ("choice /t 600 /d y", "powershell", 600),
        ("for i in $(seq 20); do sleep 60; done", "shell", 1200),
        ("for i in {1..20}; do sleep 1m; done", "shell", 1200),
        ("for ((i=0; i<10; i++)); do\n  sleep 60\ndone", "shell", 600),
        ("for i in a b c; do sleep 2m; done", "shell", 360),
        ("read -t 600 -p 'press enter'", "shell", 600),
        ("timeout 600 tail -f /dev/null", "shell", 600),
        ("tail -f /dev/null", "shell", None),
    ],
)
def test_a_loop_that_only_sleeps_and_other_ways_to_wait(source: str, dialect: Dialect, seconds: float | None) -> None:
    assert [sleep.seconds for sleep in plan_of(source, dialect).sleeps] == [seconds]


@pytest.mark.parametrize(
    "source",
    [
        "for i in $(seq 1 30); do curl -f http://x && break; sleep 10; done",
        "for i in 1 2 3; do apt-get update || sleep 60; done",
        "while read -t 600 line; do echo $line; done",
        "timeout 600 apt-get update",
        "tail -f /var/log/syslog",
        "ls > /dev/null",
    ],
)
def test_waiting_for_something_is_no_hold(source: str) -> None:
    assert plan_of(source, "shell").sleeps == ()
