"""Packer's provisioners at work on Windows and Linux: file, powershell, shell, and the two of restarts and updates."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from aibtui.emulator.chatter import Said, Stage, perform
from aibtui.emulator.records import Record
from aibtui.emulator.scenario import Beat, Step
from aibtui.emulator.teller import Teller

_CHECK = "powershell.exe -EncodedCommand JABQAHIAbwBnAHIAZQBzAHMAUAByAGUAZgBlAHIAZQBuAGMAZQA9ACcAUwAnAA=="
_SHUTDOWN_MESSAGES = {
    1115: "A system shutdown is in progress.(1115)",
    1190: "A system shutdown has already been scheduled.(1190)",
}


def provision(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    """Run the customizer at `index` of the template. A failure is in `teller.failed`."""
    play: dict[str, Callable[[Teller, Step, int], Iterator[Record]]] = {
        "file": _file,
        "powershell": _powershell,
        "shell": _shell,
        "windows-restart": _restart,
        "windows-update": _update,
    }
    yield from teller.telemetry(f"Starting provisioner {step.provisioner}")
    yield from play[step.provisioner](teller, step, index)
    yield from teller.telemetry(f"ending {step.provisioner}")
    teller.running = ""


def upload_file(teller: Teller, source: str, target: str, size: int, seconds: float) -> Iterator[Record]:
    """The file provisioner; AIB's hidden first step is one too."""
    yield teller.say(f"Uploading {source} => {target}")
    teller.running = "file"
    yield from teller.upload("file", target, size, seconds)
    yield teller.log("file", "closing")
    yield teller.core("closing")
    yield teller.azure("closing")


def _file(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    seconds = step.seconds or 1.0
    target = str(step.template["destination"])
    yield from upload_file(teller, f"/aib/packerInput/script_{index}", target, step.size, seconds)


def _powershell(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    inline: Sequence[str] | None = step.template.get("inline")
    yield from run_powershell(
        teller,
        inline=inline,
        script=f"/aib/packerInput/script_{index}",
        play=step.play,
        size=step.size,
        elevated=bool(step.template.get("runElevated", False)),
        exit_code=step.exit_code,
        allowed=tuple(step.template.get("validExitCodes", ())) or (0,),
        late=step.late,
    )


def run_powershell(
    teller: Teller,
    *,
    inline: Sequence[str] | None,
    script: str,
    play: Sequence[Beat],
    size: int,
    elevated: bool,
    exit_code: int = 0,
    allowed: tuple[int, ...] = (0,),
    late: int = 3,
) -> Iterator[Record]:
    """The powershell provisioner: dump what is inline, upload, run, and report the exit code."""
    plugin = "powershell"
    yield teller.say("Provisioning with Powershell...")
    teller.running = plugin
    if inline:
        yield from _dump(teller, inline)
        script = f"/tmp/powershell-provisioner{teller.random.randint(10**8, 4 * 10**9)}"
        yield teller.log(plugin, f"Writing PowerShell script to file: {script}")
    yield teller.say(f"Provisioning with powershell script: {script}")
    yield teller.log(plugin, f"Opening {script} for reading")
    remote = f"c:/Windows/Temp/script-{teller.guid()}.ps1"
    variables = f"c:/Windows/Temp/packer-ps-env-vars-{teller.guid()}.ps1"
    yield teller.log(plugin, f"Uploading env vars to {variables}")
    yield from teller.upload(plugin, variables, 74)
    command = f"powershell -executionpolicy bypass -file {remote}"
    if not inline:
        command = (
            'powershell -executionpolicy bypass "& { if (Test-Path variable:global:ProgressPreference)'
            "{set-variable -name variable:global:ProgressPreference -value 'SilentlyContinue'};"
            f". {variables}; &'{remote}'; exit $LastExitCode }}\""
        )
    if elevated:
        wrapper = f"C:/Windows/Temp/packer-elevated-shell-{teller.guid()}.ps1"
        yield teller.log(plugin, f"Building elevated command wrapper for: {command}")
        yield from _converted(teller, command)
        yield from teller.upload(plugin, wrapper, 3100 + len(command))
        command = f'powershell -executionpolicy bypass -file "{wrapper}"'
    yield from teller.upload(plugin, remote, size, 1.4)
    yield teller.command_started(command)
    teller.wait(1.6)
    yield from _output(teller, play, remote, command, exit_code, late if elevated else 0, merged=elevated)
    yield teller.log(plugin, f"{remote} returned with exit code {exit_code}")
    if exit_code not in allowed:
        codes = " ".join(str(code) for code in allowed)
        teller.failed = f"Script exited with non-zero exit status: {exit_code}. Allowed exit codes are: [{codes}]"
        return
    cleanup = f"c:/Windows/Temp/packer-cleanup-{teller.guid()}.ps1"
    yield from teller.upload(plugin, cleanup, 511)
    yield from teller.run(plugin, f"powershell -executionpolicy bypass -file {cleanup}")


def _dump(teller: Teller, inline: Sequence[str]) -> Iterator[Record]:
    for command in inline:
        first, *more = command.rstrip("\n").split("\n")
        yield teller.log("powershell", f"Found command: {first}")
        for line in more:
            yield teller.tell("source", line, "powershell")


def _converted(teller: Teller, command: str) -> Iterator[Record]:
    out = f"{command} > %SYSTEMROOT%/Temp/packer-{teller.guid()}.out 2>&1"
    xml = out.replace("&", "&amp;").replace('"', "&#34;").replace("'", "&#39;").replace(">", "&gt;")
    if teller.dialect.prefixed_source:
        yield teller.log("powershell", f"Command [{out}] converted to [{xml}] for use in XML string")
    else:
        yield teller.log("powershell", f"Command [{out}] converted to [{xml}] for")
        yield teller.tell("source", " use in XML string", "powershell")
    yield teller.log("powershell", f"Uploading elevated shell wrapper for command [{command}]")


def _output(
    teller: Teller, play: Sequence[Beat], script: str, command: str, code: int, late: int, *, merged: bool
) -> Iterator[Record]:
    """What the script prints. Packer shows the last `late` lines only after it has logged the command's end.

    `merged`: the elevated wrapper sends stderr where stdout goes.
    """
    scenario = teller.scenario
    stage = Stage(teller.started_at, teller.chatter, scenario.lists, teller.computer, script, pace=teller.pace)
    held: deque[Said] = deque()
    stdout = stderr = 0
    for said in perform(play, stage, teller.at):
        if not isinstance(said, Said):
            teller.at = max(teller.at, said)
            continue
        held.append(said)
        if said.stream == "stderr" and not merged:
            stderr += len(said.text) + 2
        else:
            stdout += len(said.text) + 2
        if len(held) > late:
            yield _shown(teller, held.popleft(), merged=merged)
    teller.wait(1.0)
    ended = teller.at
    if teller.scenario.os == "Windows":
        yield from teller.command_ended("powershell", command, code, stdout, stderr)
    while held:
        yield _shown(teller, held.popleft(), merged=merged, at=ended)
        if len(held) == late - 1:
            yield from teller.command_received("powershell", code, stdout, stderr)
    if not late and teller.scenario.os == "Windows":
        yield from teller.command_received("powershell", code, stdout, stderr)


def _shown(teller: Teller, said: Said, *, merged: bool, at: float | None = None) -> Record:
    teller.at = max(teller.at, said.at if at is None else at)
    if said.stream == "raw":
        return teller.tell("raw", said.text)
    return teller.tell("output" if said.stream == "stdout" or merged else "error", said.text)


def _shell(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    inline: Sequence[str] | None = step.template.get("inline")
    script = f"/aib/packerInput/script_{index}"
    if inline:
        script = f"/tmp/packer-shell{teller.random.randint(10**8, 4 * 10**9)}"
    yield from run_shell(teller, script, step.play, step.size, step.exit_code)


def run_shell(teller: Teller, script: str, play: Sequence[Beat], size: int, exit_code: int = 0) -> Iterator[Record]:
    """The shell provisioner over SSH. It logs no exit code when the script ends well."""
    yield teller.say(f"Provisioning with shell script: {script}")
    teller.running = "shell"
    yield teller.log("shell", f"Opening {script} for reading")
    remote = f"/tmp/script_{teller.random.randint(1000, 9999)}.sh"
    yield teller.azure("[DEBUG] Opening new ssh session")
    yield from teller.upload("shell", remote, size, 0.6)
    yield teller.azure(f"[DEBUG] starting remote command: chmod 0755 {remote}")
    teller.wait(0.4)
    yield from _ssh_ended(teller, 0)
    command = f"sudo chmod +x {remote}; sudo {remote}"
    yield teller.azure(f"[DEBUG] starting remote command: {command}")
    teller.wait(0.5)
    yield from _output(teller, play, remote, command, exit_code, 0, merged=False)
    if exit_code:
        yield teller.azure(f"[ERROR] Remote command exited with '{exit_code}': {command}")
    yield from _ssh_ended(teller, exit_code)
    if exit_code:
        teller.failed = f"Script exited with non-zero exit status: {exit_code}. Allowed exit codes are: [0]"
        return
    yield teller.azure(f"[DEBUG] starting remote command: rm -f {remote}")
    teller.wait(0.3)
    yield from _ssh_ended(teller, 0)


def _ssh_ended(teller: Teller, code: int) -> Iterator[Record]:
    yield teller.azure(f"[INFO] RPC endpoint: Communicator ended with: {code}")
    yield teller.core(f"[INFO] RPC client: Communicator ended with: {code}")
    yield teller.log("shell", f"[INFO] RPC client: Communicator ended with: {code}")


def _refused(teller: Teller, plugin: str, command: str, code: int) -> Iterator[Record]:
    """A test shutdown that Windows refuses because it is restarting already: an error line in a good restart."""
    yield teller.command_started(command)
    said = _SHUTDOWN_MESSAGES[code]
    yield from teller.command_ended(plugin, command, code, 0, len(said) + 1)
    yield teller.tell("error", said)
    yield from teller.command_received(plugin, code, 0, len(said) + 1)


def _restart(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    plugin = "windows-restart"
    restart = str(step.template.get("restartCommand") or 'shutdown /r /f /t 0 /c "packer restart"')
    test = 'shutdown /r /f /t 60 /c "packer restart test"'
    minutes = str(step.template.get("restartTimeout") or "5m").removesuffix("m")
    yield teller.say("Restarting Machine")
    teller.running = plugin
    yield from teller.run(plugin, restart, takes=0.4)
    yield teller.say("Waiting for machine to restart...")
    yield teller.log(plugin, "Check if machine is rebooting...")
    teller.wait(0.8)
    yield from _refused(teller, plugin, test, 1115 if index % 2 else 1190)
    yield teller.log(plugin, "Reboot already in progress, waiting...")
    teller.wait(10.0)
    yield teller.log(plugin, "Check if machine is rebooting...")
    if step.fails:
        yield from _restart_refused(teller, test, minutes, step)
        return
    teller.wait(step.seconds or 30.0)
    yield from teller.run(plugin, test, takes=0.6)
    yield from teller.run(plugin, "shutdown /a", takes=0.2)
    yield teller.log(plugin, f"Waiting for machine to reboot with timeout: {minutes}m0s")
    yield teller.log(plugin, "Waiting for machine to become available...")
    check = str(step.template.get("restartCheckCommand") or _CHECK)
    yield teller.log(plugin, f"Checking that communicator is connected with: '{check}'")
    teller.wait(5.0)
    said = f"{teller.computer} restarted."
    yield teller.command_started(check)
    teller.wait(1.2)
    yield from teller.command_ended(plugin, check, 0, len(said) + 2)
    yield teller.tell("output", said)
    yield from teller.command_received(plugin, 0, len(said) + 2)
    yield teller.say("Machine successfully restarted, moving on")


def _restart_refused(teller: Teller, test: str, minutes: str, step: Step) -> Iterator[Record]:
    """Every test shutdown is refused for `step.seconds`: only then Packer looks at its own time-out."""
    plugin = "windows-restart"
    end = teller.at + step.seconds
    while teller.at < end:
        yield from _refused(teller, plugin, test, 1190)
        yield teller.log(plugin, "Reboot already in progress, waiting...")
        teller.wait(10.6)
        yield teller.log(plugin, "Check if machine is rebooting...")
    yield teller.log(plugin, "Waiting for machine to become available...")
    yield teller.log(plugin, f"Waiting for machine to reboot with timeout: {minutes}m0s")
    teller.failed = step.fails
    yield teller.tell("error", step.fails)


def _update(teller: Teller, step: Step, index: int) -> Iterator[Record]:
    plugin = "windows-update"
    temp = "C:/Windows/Temp/packer-windows-update"
    uploads = (
        ("elevated script", f"{temp}-elevated.ps1", 4178),
        ("check for reboot required elevated script", f"{temp}-pending-reboot-elevated.ps1", 4247),
        ("script", f"{temp}.ps1", 12519),
    )
    for what, target, uploaded in uploads:
        yield teller.say(f"Uploading the Windows update {what}...")
        teller.running = plugin
        yield from teller.upload(plugin, target, uploaded)
    command = f"PowerShell -ExecutionPolicy Bypass -OutputFormat Text -File {temp}-elevated.ps1"
    for number, each in enumerate(step.rounds):
        yield teller.say("Running Windows update...")
        yield teller.command_started(command)
        teller.wait(6.5)
        if number:
            yield teller.tell("output", "Waiting for the Windows Modules Installer to exit...")
            teller.wait(15.0)
        yield teller.tell("output", "Searching for Windows updates...")
        teller.wait(24.0)
        for update in each.updates:
            yield teller.tell("output", f"Found Windows update ({update.date}; {update.mb:.2f} MB): {update.title}")
        if each.updates:
            size = sum(update.mb for update in each.updates)
            count = len(each.updates)
            yield teller.tell("output", f"Downloading Windows updates ({count} updates; {size:.2f} MB)...")
            teller.wait(each.download)
            yield teller.tell("output", "Installing Windows updates...")
            yield from _installing(teller, each.install)
        else:
            yield teller.tell("output", "No Windows updates found")
        code = 101 if each.restart else 0
        yield from teller.command_ended(plugin, command, code, 680)
        yield from teller.command_received(plugin, code, 680)
        if each.restart:
            fails = step.fails if number + 1 == len(step.rounds) else ""
            yield from _update_restart(teller, temp, fails)


def _installing(teller: Teller, seconds: float) -> Iterator[Record]:
    end = teller.at + seconds
    while teller.at + 60 < end:
        teller.wait(60.6)
        cpu, memory = teller.chatter.randint(1, 92), teller.chatter.randint(19, 41)
        load = f"{cpu}% cpu; {memory}% memory"
        yield teller.tell("output", f"Waiting for operation to complete (system performance: {load})...")
    teller.at = max(teller.at, end)


def _update_restart(teller: Teller, temp: str, fails: str) -> Iterator[Record]:
    plugin = "windows-update"
    test = 'shutdown.exe -f -r -t 60 -c "packer restart test"'
    yield teller.say("Restarting the machine...")
    yield from teller.run(plugin, 'shutdown.exe -f -r -t 0 -c "packer restart"', takes=0.3)
    yield teller.say("Waiting for machine to become available...")
    yield from _refused(teller, plugin, test, 1115)
    yield teller.log(plugin, "Retryable error: Machine not yet available (exit status 1115)")
    for pause in (35.0, 21.0, *((38.0,) * 6 if fails else ())):
        teller.wait(pause)
        yield teller.log(
            plugin,
            'Retryable error: unknown error Post "https://10.0.1.4:5986/wsman": dial tcp 10.0.1.4:5986: i/o timeout',
        )
    if fails:
        teller.failed = fails
        return
    teller.wait(18.0)
    yield from teller.run(plugin, test, takes=0.4)
    yield from teller.run(plugin, "shutdown.exe -a", takes=0.2)
    yield teller.say("Checking for pending restart...")
    check = f"PowerShell -ExecutionPolicy Bypass -OutputFormat Text -File {temp}-pending-reboot-elevated.ps1"
    said = f"{teller.computer} restarted."
    yield teller.command_started(check)
    teller.wait(6.0)
    yield from teller.command_ended(plugin, check, 0, len(said) + 2)
    yield from teller.command_received(plugin, 0, len(said) + 2)
    yield teller.tell("output", said)
    yield teller.say("Restart complete")
