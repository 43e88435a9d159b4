"""The top of the log: Packer starts, launches a plug-in for each planned provisioner, and prints its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aibtui.emulator.records import Record
from aibtui.emulator.scenario import ArmError, Scenario
from aibtui.emulator.teller import Teller

_UNANSWERED = 35.0
"""Seconds from one try to the next where nothing answers: the operating system's own limit, and Packer's pause."""
_CONFIG = (
    "PACKER_CONFIG env var not set; checking the default config file path",
    "PACKER_CONFIG env var set; attempting to open config file: /root/.packerconfig",
)


def start(teller: Teller) -> Iterator[Record]:
    """From the first line to `Running builder ...`."""
    dialect = teller.dialect
    yield from _banner(teller, "")
    yield teller.tell("undated", "e: Running in background, not using a TTY")
    yield teller.core(
        '[TRACE] listing potential installations for <nil> that match "". plugingetter.ListInstallationsOptions{'
        'PluginDirectory:"/root/.config/packer/plugins", BinaryInstallationOptions:'
        'plugingetter.BinaryInstallationOptions{APIVersionMajor:"5", APIVersionMinor:"0", OS:"linux", ARCH:"amd64"}}'
    )
    yield teller.core("[INFO] found external [arm chroot dtl] builders from azure plugin")
    yield teller.core("found external [dtlartifact] provisioner from azure plugin")
    if "windows-update" in teller.scenario.plan:
        yield teller.core("found external [-packer-default-plugin-name-] provisioner from windows-update plugin")
    if not dialect.split:
        yield teller.core("[TRACE] Using protobuf for communication with plugins")
    for kind in ("azure", *teller.scenario.plan):
        yield from _launch(teller, kind)
        teller.wait(0.06)
    yield teller.core("Preparing build: azure-arm")
    for step in teller.scenario.steps:
        if step.provisioner == "powershell":
            form = "inline" if "inline" in step.template else "script"
            command = "execute command powershell -executionpolicy bypass"
            for kind in ("", "elevated "):
                yield teller.log("powershell", f"Using {form} default {kind}{command}")
    yield teller.tell("plain", "azure-arm: output will be in this color.")
    yield teller.tell("plain", "")
    yield teller.core("Build debug mode: false")
    yield teller.core("Force build: false")
    yield teller.core("On error: cleanup")
    yield from teller.telemetry("Starting builder azure-arm")
    yield teller.core("Waiting on builds to complete...")
    yield teller.core("Starting build run: azure-arm")
    yield teller.core("Running builder: azure-arm")
    yield teller.say("Running builder ...")
    for line in configuration(teller.scenario, teller.image):
        yield teller.azure(line)


def _banner(teller: Teller, plugin: str) -> Iterator[Record]:
    for line in (
        f"[INFO] Packer version: {teller.dialect.packer} [{teller.dialect.go} linux amd64]",
        *(f"[INFO] {line}" for line in _CONFIG),
        "[WARN] Config file doesn't exist: /root/.packerconfig",
        "[INFO] Setting cache directory: /root/.cache/packer",
    ):
        yield teller.log(plugin, line) if plugin else teller.core(line)


def _launch(teller: Teller, kind: str) -> Iterator[Record]:
    first, second, program = teller.dialect.launch(kind)
    yield teller.core(first)
    yield teller.core(second)
    yield teller.core(f"Waiting for RPC address for: {program}")
    if kind == "windows-update":
        yield teller.log(kind, f"Starting packer-plugin-windows-update (version {teller.dialect.windows_update})")
    elif kind != "azure":
        yield from _banner(teller, kind)
    socket = f"/tmp/packer-plugin{teller.random.randint(10**8, 4 * 10**9)}"
    yield teller.log(kind, f"Plugin address: unix {socket}")
    yield teller.core(f"Received unix RPC address for {program}: addr is {socket}")
    yield teller.log(kind, "Waiting for connection...")
    yield teller.log(kind, "Serving a plugin connection...")
    if kind == "azure":
        yield teller.log(kind, "[TRACE] starting builder arm")


def configuration(scenario: Scenario, image: str) -> Iterator[str]:
    """The builder's own block; ManagedImageName holds the run's start."""
    source: dict[str, Any] = dict(scenario.properties.get("source", {}))
    platform = source.get("type") == "PlatformImage"
    version = source.get("exactVersion") or source.get("version", "")
    values = {
        "CaptureNamePrefix": "",
        "CaptureContainerName": "",
        "SharedGalleryImageVersionEndOfLifeDate": "",
        "ImagePublisher": source.get("publisher", "") if platform else "",
        "ImageOffer": source.get("offer", "") if platform else "",
        "ImageSku": source.get("sku", "") if platform else "",
        "ImageVersion": version if platform else "",
        "ImageUrl": "",
        "CustomManagedImageName": "",
        "CustomManagedImageResourceGroupName": "",
        "Location": "",
        "VMSize": scenario.properties.get("vmProfile", {}).get("vmSize", ""),
        "ManagedImageResourceGroupName": scenario.staging_group,
        "ManagedImageName": image,
        "ManagedImageStorageAccountType": "",
        "ManagedImageOSDiskSnapshotName": f"{image}_os_disk",
        "ManagedImageDataDiskSnapshotPrefix": "",
        "ResourceGroupName": "",
        "StorageAccount": "",
        "TempComputeName": "",
        "TempNicName": "",
        "TempResourceGroupName": "",
        "BuildResourceGroupName": scenario.staging_group,
        "BuildKeyVaultName": "",
        "BuildKeyVaultSecretName": "********************",
        "BuildKeyVaultSKU": "standard",
        "DiskEncryptionSetId": "",
        "VirtualNetworkName": f"aibvnet{scenario.packer_suffix[:5]}",
        "VirtualNetworkSubnetName": "remotesubnet",
        "VirtualNetworkResourceGroupName": scenario.staging_group,
        "CustomDataFile": "",
        "UserDataFile": "",
        "CustomScript": "",
        "OSType": scenario.os,
        "TempOSDiskName": "",
        "DiskCachingType": "None",
        "BootDiagSTGAccount": "",
        "CustomResourcePrefix": "",
        "LicenseType": "",
        "PublicIpSKU": "",
        "SecurityType": "",
        "UserName": "packer",
        "Password": "********************************",
    }
    yield ":: Configuration"
    for name, value in values.items():
        yield f"{name}={value}"


def connect_to_arm(teller: Teller) -> Iterator[Record]:
    """From the ARM client to the resource group that the service made."""
    scenario = teller.scenario
    yield teller.say("Creating Azure Resource Manager (ARM) client ...")
    tenant = scenario.id("tenant")
    yield teller.azure(f"[DEBUG] POST https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
    yield teller.say("ARM Client successfully created")
    yield teller.request("GET", "")
    yield teller.request("GET", f"/providers/Microsoft.Compute/images/{teller.image}")
    yield teller.request("GET", f"/providers/Microsoft.Compute/snapshots/{teller.image}_os_disk")
    yield teller.say("Getting source image id for the deployment ...")
    yield teller.say(f" -> SourceImageName: '{source_image(scenario)}'")
    teller.wait(0.7)
    yield teller.request("GET", "")
    yield teller.say("Using existing resource group ...")
    yield teller.say(f" -> ResourceGroupName : '{scenario.staging_group}'")
    yield teller.say(f" -> Location          : '{scenario.location}'")


def source_image(scenario: Scenario) -> str:
    """The id of the image that the template starts from."""
    source: dict[str, Any] = dict(scenario.properties.get("source", {}))
    if source.get("type") != "PlatformImage":
        return str(source.get("imageVersionId") or source.get("imageId", ""))
    version = source.get("exactVersion") or source["version"]
    return (
        f"/subscriptions/{scenario.subscription}/providers/Microsoft.Compute/locations/{scenario.location}"
        f"/publishers/{source['publisher']}/ArtifactTypes/vmimage/offers/{source['offer']}/skus/{source['sku']}"
        f"/versions/{version}"
    )


def deploy(teller: Teller) -> Iterator[Record]:
    """The deployments: on Windows first a key vault with WinRM's certificate, then the VM. A failure is in
    `teller.failed`."""
    scenario = teller.scenario
    if scenario.os == "Windows":
        yield from _deployment(teller, teller.vault_deployment, scenario.vault, "vault")
        if teller.failed is not None:
            return
        yield teller.say("Getting the certificate's URL ...")
        yield teller.say(f" -> Key Vault Name        : '{teller.vault}'")
        yield teller.say(" -> Key Vault Secret Name : 'packerKeyVaultSecret'")
        yield teller.request("GET", f"/providers/Microsoft.KeyVault/vaults/{teller.vault}/secrets/packerKeyVaultSecret")
        url = f"https://{teller.vault}.vault.azure.net/secrets/packerKeyVaultSecret/{scenario.id('secret').hex}"
        yield teller.say(f" -> Certificate URL       : '{url}'")
        yield teller.say("Setting the certificate's URL ...")
    yield from _deployment(teller, teller.deployment, scenario.vm, "vm")
    if teller.failed is not None:
        return
    yield teller.say("Getting the VM's IP address ...")
    yield teller.say(f" -> ResourceGroupName   : '{scenario.staging_group}'")
    yield teller.say(f" -> PublicIPAddressName : 'pkrip{scenario.packer_suffix}'")
    yield teller.say(f" -> NicName             : '{teller.network_interface}'")
    yield teller.say(" -> Network Connection  : 'PrivateEndpoint'")
    yield teller.request("GET", f"/providers/Microsoft.Network/networkInterfaces/{teller.network_interface}")
    yield teller.say(" -> IP Address          : '10.0.1.4'")


def _deployment(teller: Teller, name: str, seconds: float, of: str) -> Iterator[Record]:
    where = (f" -> ResourceGroupName : '{teller.scenario.staging_group}'", f" -> DeploymentName    : '{name}'")
    path = f"/providers/Microsoft.Resources/deployments/{name}"
    yield teller.say("Validating deployment template ...")
    yield from map(teller.say, where)
    yield teller.request("POST", f"{path}/validate")
    teller.wait(1.2)
    if (error := teller.scenario.deploy_error) and error.of == of:
        yield from _refused(teller, error)
        return
    yield teller.say("Deploying deployment template ...")
    yield from map(teller.say, where)
    yield teller.request("PUT", path)
    yield from teller.poll(f"{path}/operationStatuses/0858{teller.random.randint(10**15, 10**16 - 1)}", seconds)


def _refused(teller: Teller, error: ArmError) -> Iterator[Record]:
    """ARM's nested error as the plug-in shows it, one record of several lines; then as the SDK tells it."""
    yield teller.say(f"ERROR: -> {error.outer} : {error.outer_message}\nERROR:   -> {error.code} : {error.message}\n")
    if teller.dialect.split:
        message = error.message.replace('"', '\\"')
        details = f'[{{"code":"{error.code}","message":"{message}"}}]'
        teller.failed = f'Code="{error.outer}" Message="{error.outer_message}" Details={details}'
    else:
        teller.failed = f"unexpected status 400 (400 Bad Request) with error: {error.outer}: {error.outer_message}"
    yield teller.tell("error", teller.failed)


def connect(teller: Teller) -> Iterator[Record]:
    """WinRM or SSH, with the refusals of a machine that still boots."""
    windows = teller.scenario.os == "Windows"
    protocol = "WinRM" if windows else "SSH"
    limit = "30m0s" if windows else "20m0s"
    yield teller.azure(f"{'' if windows else '[INFO] '}Waiting for {protocol}, up to timeout: {limit}")
    yield teller.say(f"Waiting for {protocol} to become available...")
    gives_up = teller.scenario.connect_gives_up
    end = teller.at + (1800 if windows else 1200) if gives_up else teller.at + teller.scenario.connect
    while teller.at + 5 < end:
        yield from _refusal(teller, windows, reached=not gives_up)
        teller.wait(5.0 if not gives_up else _UNANSWERED)
    teller.at = max(teller.at, end)
    if gives_up:
        yield teller.azure(f"[ERROR] Timeout waiting for {protocol}.")
        teller.failed = f"Timeout waiting for {protocol}."
        yield teller.tell("error", teller.failed)
        return
    if windows:
        command = "powershell.exe -EncodedCommand JABQAHIAbwBnAHIAZQBzAHMAUAByAGUAZgBlAHIAZQBuAGMAZQA9ACcAUwAnAA=="
        yield teller.azure(f"Checking that WinRM is connected with: '{command}'")
        yield teller.command_started(command)
        teller.wait(2.0)
        yield teller.tell("output", "WinRM connected.")
        yield from teller.command_ended("azure", command, 0, 16)
        yield teller.azure("Connected to machine")
    yield teller.say(f"Connected to {protocol}!")
    yield teller.azure("Running the provision hook")


def _refusal(teller: Teller, windows: bool, *, reached: bool) -> Iterator[Record]:
    if not windows:
        refused = "dial tcp 10.0.1.4:22: connect: connection refused"
        yield teller.azure(f"[DEBUG] TCP connection to SSH ip/port failed: {refused}")
        return
    error = "http response error: 401 - invalid content type"
    if not reached:
        error = 'unknown error Post "https://10.0.1.4:5986/wsman": dial tcp 10.0.1.4:5986: i/o timeout'
    yield teller.azure("[INFO] Attempting WinRM connection...")
    yield teller.azure("[DEBUG] connecting to remote shell using WinRM")
    yield teller.azure(f"[ERROR] connection error: {error}")
    yield teller.azure(f"[ERROR] WinRM connection err: {error}")
