"""AIB's hidden steps: the script that it uploads first and runs last, for Sysprep on Windows and waagent on Linux."""

from __future__ import annotations

from collections.abc import Iterator

from aibtui.emulator.provisioners import run_powershell, run_shell, upload_file
from aibtui.emulator.records import Record
from aibtui.emulator.scenario import Beat, Deprovision, Throw
from aibtui.emulator.teller import Teller

_WINDOWS_SCRIPT = (
    "Write-Output '>>> Waiting for GA Service (RdAgent) to start ...'",
    "while ((Get-Service RdAgent).Status -ne 'Running') { Start-Sleep -s 5 }",
    "Write-Output '>>> Waiting for GA Service (WindowsAzureTelemetryService) to start ...'",
    "while ((Get-Service WindowsAzureTelemetryService -ErrorAction SilentlyContinue) -and "
    "((Get-Service WindowsAzureTelemetryService).Status -ne 'Running')) { Start-Sleep -s 5 }",
    "Write-Output '>>> Waiting for GA Service (WindowsAzureGuestAgent) to start ...'",
    "while ((Get-Service WindowsAzureGuestAgent).Status -ne 'Running') { Start-Sleep -s 5 }",
    "Write-Output '>>> Sysprepping VM ...'",
    "if( Test-Path $Env:SystemRoot\\system32\\Sysprep\\unattend.xml ) {",
    "  Remove-Item $Env:SystemRoot\\system32\\Sysprep\\unattend.xml -Force",
    "}",
    "& $Env:SystemRoot\\System32\\Sysprep\\Sysprep.exe /oobe /generalize /quiet /quit",
    "while($true) {",
    "  $imageState = (Get-ItemProperty HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Setup\\State).ImageState",
    "  Write-Output $imageState",
    "  if ($imageState -eq 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { break }",
    "  Start-Sleep -s 5",
    "}",
    "Write-Output '>>> Sysprep complete ...'",
)
_WINDOWS_INLINE = (
    r"if( TEST-PATH c:\DeprovisioningScript.ps1 ){cat c:\DeprovisioningScript.ps1} else {echo "
    r'"Deprovisioning script [c:\DeprovisioningScript.ps1] could not be found. Image build may fail or the VM '
    "created from the Image may not boot. Please make sure the deprovisioning script is not accidentally deleted by "
    'a Customizer in the Template."}',
    r"c:\DeprovisioningScript.ps1",
)
_WINDOWS_MISSING = (
    r"Deprovisioning script [c:\DeprovisioningScript.ps1] could not be found. Image build may fail or the VM created "
    "from the Image may not boot. Please make sure the deprovisioning script is not accidentally deleted by a "
    "Customizer in the Template.",
    r"c:\DeprovisioningScript.ps1 : The term 'c:\DeprovisioningScript.ps1' is not recognized as the name of a cmdlet,",
    "function, script file, or operable program. Check the spelling of the name, or if a path was included, verify",
    "that the path is correct and try again.",
    r"At {script}:2 char:1",
    r"+ c:\DeprovisioningScript.ps1",
    "+ ~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    r"    + CategoryInfo          : ObjectNotFound: (c:\DeprovisioningScript.ps1:String) [], CommandNotFoundException",
    "    + FullyQualifiedErrorId : CommandNotFoundException",
)
_SERVICES = ("RdAgent", "WindowsAzureTelemetryService", "WindowsAzureGuestAgent")
_WAAGENT = (
    "/usr/sbin/waagent -force -deprovision+user && export HISTSIZE=0 && sync",
    "WARNING! The waagent service will be stopped.",
    "WARNING! Cached DHCP leases will be deleted.",
    "WARNING! root password will be disabled. You will not be able to login as root.",
    "WARNING! /etc/resolv.conf will be deleted.",
    "WARNING! packer account and entire home directory will be deleted.",
)
_SYSPREP_LOOKS = "5s"
_SIZE = 1288


def upload(teller: Teller) -> Iterator[Record]:
    """The hidden first step."""
    windows = teller.scenario.os == "Windows"
    target = "c:\\DeprovisioningScript.ps1" if windows else "/tmp/DeprovisioningScript.sh"
    yield from teller.telemetry("Starting provisioner file")
    yield from upload_file(teller, "/aib/packerInput/DeprovisioningScript.txt", target, _SIZE, 1.0)
    yield from teller.telemetry("ending file")


def run(teller: Teller) -> Iterator[Record]:
    """The hidden last step; endless where the scenario says so."""
    if teller.scenario.os == "Windows":
        yield from teller.telemetry("Starting provisioner powershell")
        yield from run_powershell(
            teller,
            inline=_WINDOWS_INLINE,
            script="",
            play=tuple(_sysprep(teller.scenario.deprovision)),
            size=_SIZE,
            elevated=True,
            late=1,
        )
        yield from teller.telemetry("ending powershell")
    else:
        yield from teller.telemetry("Starting provisioner shell")
        script = f"/tmp/packer-shell{teller.random.randint(10**8, 4 * 10**9)}"
        yield from run_shell(teller, script, (Beat(lines=_WAAGENT, over="4s"),), 640)
        yield from teller.telemetry("ending shell")


def _sysprep(course: Deprovision) -> Iterator[Beat]:
    if course.script_missing:
        yield Beat(lines=_WINDOWS_MISSING)
        return
    yield Beat(lines=tuple(line.replace("{", "{{") for line in _WINDOWS_SCRIPT))
    for service in _SERVICES:
        yield Beat(lines=(f">>> Waiting for GA Service ({service}) to start ...",), over="1s")
        if course.missing_service == service:
            yield Beat(
                throws=Throw(
                    message=f"Cannot find any service with service name '{service}'.",
                    line=2 + 2 * _SERVICES.index(service),
                    char=9,
                    code=f"(Get-Service {service})",
                    command="Get-Service",
                    exception="ServiceCommandException",
                    identity=f"ObjectNotFound: ({service}:String)|NoServiceFoundForGivenName",
                )
            )
    yield Beat(lines=(">>> Sysprepping VM ...",), over="2s")
    looks = float(_SYSPREP_LOOKS.removesuffix("s"))
    if course.complete:
        yield Beat(lines=("IMAGE_STATE_COMPLETE",), times=course.complete, every=_SYSPREP_LOOKS)
    times = max(1, round(course.undeployable / looks))
    if course.endless:
        yield Beat(lines=(f"IMAGE_STATE_{course.stays}",), forever=True, every=_SYSPREP_LOOKS)
    else:
        yield Beat(lines=("IMAGE_STATE_UNDEPLOYABLE",), times=times, every=_SYSPREP_LOOKS)
        yield Beat(lines=("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", ">>> Sysprep complete ..."), over="1s")
