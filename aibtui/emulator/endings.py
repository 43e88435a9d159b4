"""How a log ends: the disk's snapshot, the clean-up and Packer's verdict; or the few lines of a terminated Packer."""

from __future__ import annotations

from collections.abc import Iterator

from aibtui.emulator.records import Record
from aibtui.emulator.teller import Teller


def query_disks(teller: Teller) -> Iterator[Record]:
    """On Linux before the connection, on Windows after the last step."""
    group = teller.scenario.staging_group
    disk = f"{teller.group_path}/providers/Microsoft.Compute/disks/{teller.disk}"
    where = (f" -> ResourceGroupName : '{group}'", f" -> ComputeName       : '{teller.computer}'")
    yield teller.say("Querying the machine's properties ...")
    yield from map(teller.say, where)
    yield teller.request("GET", f"/providers/Microsoft.Compute/virtualMachines/{teller.computer}")
    yield teller.say(f" -> Managed OS Disk   : '{disk}'")
    yield teller.say("Querying the machine's additional disks properties ...")
    yield from map(teller.say, where)
    yield teller.request("GET", f"/providers/Microsoft.Compute/virtualMachines/{teller.computer}")
    teller.wait(0.5)


def capture(teller: Teller) -> Iterator[Record]:
    """Power off and snapshot; AIB has Packer skip the image, which the service makes itself."""
    group = teller.scenario.staging_group
    virtual_machine = f"/providers/Microsoft.Compute/virtualMachines/{teller.computer}"
    disk = f"{teller.group_path}/providers/Microsoft.Compute/disks/{teller.disk}"
    snapshot = f"{teller.group_path}/providers/Microsoft.Compute/snapshots/{teller.image}_os_disk"
    yield teller.say("Powering off machine ...")
    yield teller.say(f" -> ResourceGroupName : '{group}'")
    yield teller.say(f" -> ComputeName       : '{teller.computer}'")
    yield teller.request("POST", f"{virtual_machine}/deallocate")
    yield from teller.poll(virtual_machine, 42.0)
    yield teller.say("Snapshotting OS disk ...")
    yield teller.say(f" -> OS Disk     : '{disk}'")
    yield teller.request("PUT", f"/providers/Microsoft.Compute/snapshots/{teller.image}_os_disk")
    yield from teller.poll(f"/providers/Microsoft.Compute/snapshots/{teller.image}_os_disk", 28.0)
    yield teller.say(f" -> Snapshot ID : '{snapshot}'")
    yield teller.say("Snapshotting data disk(s) ...")
    yield teller.say("Skipping image creation...")


def _deleted(teller: Teller, kind: str, name: str, seconds: float, shown: str = "") -> Iterator[Record]:
    path = f"/providers/{kind}/{name}"
    yield teller.azure(f"[INFO] Attempting deletion -> {kind} : {name}")
    yield teller.request("DELETE", path)
    yield from teller.poll(path, seconds)
    yield teller.say(f"Deleted -> {kind} : '{shown or name}'")


def clean_up(teller: Teller) -> Iterator[Record]:
    """The builder deletes what it made; about a minute. A deployment that ARM refused made nothing."""
    refused = teller.scenario.deploy_error
    if refused is None:
        yield from _delete_machine(teller)
    if teller.scenario.os == "Windows" and (refused is None or refused.of == "vm"):
        if not teller.dialect.split:
            yield teller.say("\nDeleting KeyVault created during build")
        yield from _deleted(teller, "Microsoft.KeyVault/vaults", teller.vault, 2.0)
        yield from _forget_deployment(teller, teller.vault_deployment)
    yield teller.say("\nThe resource group was not created by Packer, not deleting ...")


def _delete_machine(teller: Teller) -> Iterator[Record]:
    yield _clean_up_headline(teller)
    yield teller.request("GET", f"/providers/Microsoft.Compute/virtualMachines/{teller.computer}")
    yield teller.request("GET", f"/deployments/{teller.deployment}/operations")
    yield from _deleted(teller, "Microsoft.Compute/virtualMachines", teller.computer, 20.4)
    yield from _deleted(teller, "Microsoft.Network/networkInterfaces", teller.network_interface, 10.3)
    disk = f"{teller.group_path}/providers/Microsoft.Compute/disks/{teller.disk}"
    yield from _deleted(teller, "Microsoft.Compute/disks", teller.disk, 10.2, shown=disk)
    yield from _forget_deployment(teller, teller.deployment)


def _clean_up_headline(teller: Teller) -> Record:
    if teller.dialect.split:
        return teller.say("\nDeleting individual resources ...")
    return teller.say("\nDeleting Virtual Machine deployment and its attached resources...")


def _forget_deployment(teller: Teller, name: str) -> Iterator[Record]:
    yield teller.say(f"Removing the created Deployment object: '{name}'")
    yield teller.request("DELETE", f"/providers/Microsoft.Resources/deployments/{name}")
    yield from teller.poll(f"/providers/Microsoft.Resources/deployments/{name}", 10.6)


def verdict(teller: Teller, began: float) -> Iterator[Record]:
    """What Packer says of the build in the end; `began` is when its builder started."""
    lasted = spelled(teller.at - began)
    if teller.failed is None:
        yield teller.tell("plain", f"Build 'azure-arm' finished after {lasted}.")
    else:
        yield teller.tell("plain-error", f"Build 'azure-arm' errored after {lasted}: {teller.failed}")
    yield teller.tell("plain", f"\n==> Wait completed after {lasted}")
    if teller.failed is not None:
        yield teller.tell("machine", 'error-count []string{"1"}')
        yield teller.tell("plain-error", "\n==> Some builds didn't complete successfully and had errors:")
        quoted = teller.failed.replace("\\", "\\\\").replace('"', '\\"')
        yield teller.tell("machine", f'azure-arm,error []string{{"{quoted}"}}')
        yield teller.tell("plain-error", f"--> azure-arm: {teller.failed}")
    yield teller.tell("plain", "\n==> Builds finished but no artifacts were created.")
    yield from teller.telemetry("Finalizing.")
    yield teller.core("waiting for all plugin processes to complete...")
    exits = [teller.dialect.launch(kind)[2] for kind in ("azure", *teller.scenario.plan)]
    teller.random.shuffle(exits)
    for program in exits:
        yield teller.core(f"{program}: plugin process exited")
    yield done(teller)


def done(teller: Teller) -> Record:
    """The service's own last line, whatever the outcome."""
    teller.wait(0.4)
    return teller.tell("end", "")


def terminated(teller: Teller) -> Iterator[Record]:
    """The service stops Packer, at the time-out or because somebody cancelled: the log cannot tell which."""
    yield teller.tell("plain-error", "Cancelling build after receiving terminated")
    yield teller.core("Cancelling builder after context cancellation context canceled")
    plugins = ["azure", *teller.scenario.plan, *teller.scenario.plan]
    teller.random.shuffle(plugins)
    ignored = "Received interrupt signal (count: 1). Ignoring."
    for plugin in plugins[: len(plugins) // 2]:
        yield teller.log(plugin, ignored)
    yield teller.azure("Cancelling provisioning due to context cancellation: context canceled")
    yield teller.azure("Cancelling hook after context cancellation context canceled")
    for plugin in plugins[len(plugins) // 2 :]:
        yield teller.log(plugin, ignored)
    yield _clean_up_headline(teller)
    yield teller.core("Cancelling provisioner after context cancellation context canceled")
    virtual_machine = f"/providers/Microsoft.Compute/virtualMachines/{teller.computer}"
    yield teller.request("GET", virtual_machine)
    yield teller.azure(f"[INFO] Attempting deletion -> Microsoft.Compute/virtualMachines : {teller.computer}")
    yield teller.request("DELETE", virtual_machine)
    teller.wait(1.6)
    if teller.running:
        yield teller.azure("[INFO] RPC endpoint: Communicator ended with: 0")
        yield teller.log(teller.running, "Retryable error: context canceled")
        yield from teller.command_received(teller.running, 0, 24 * max(1, round(teller.at / 60)))
    yield done(teller)


def spelled(seconds: float) -> str:
    """A duration as Packer spells it: the two largest units, `1 hour 57 minutes`."""
    left = round(seconds)
    parts = []
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"
