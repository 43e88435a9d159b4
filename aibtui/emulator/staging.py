"""What stands in the staging group: by its log Packer makes and deletes the build VM, the service does the rest."""

from __future__ import annotations

from collections.abc import Iterator

from aibtui.emulator.run import Run
from aibtui.emulator.service import Service

CONTAINER_GROUPS = "Microsoft.ContainerInstance/containerGroups"
STORAGE_ACCOUNTS = "Microsoft.Storage/storageAccounts"
_DEPLOYING = "Deploying deployment template"
_MACHINE = (
    # Kind, name before Packer's suffix, and how many seconds of the deployment it takes until it is there.
    ("Microsoft.Network/networkInterfaces", "pkrni", 5.0),
    ("Microsoft.Compute/disks", "pkros", 20.0),
    ("Microsoft.Compute/virtualMachines", "pkrvm", 20.0),
)


def standing(service: Service) -> list[tuple[str, str]]:
    """Type and name of every resource that is there now; an empty list where the group itself is gone."""
    if service.staging_gone:
        return []
    found = [(STORAGE_ACCOUNTS, service.scenario.storage_account)]
    if run := service.container_runs:
        found.append((CONTAINER_GROUPS, service.container_group))
        found += _machine(run, run.elapsed(service.now))
    return found


def _machine(run: Run, now: float) -> Iterator[tuple[str, str]]:
    scenario = run.scenario
    vault = "Microsoft.KeyVault/vaults"
    if scenario.os == "Windows" and _is_there(run, vault, run.said_at(_DEPLOYING), now):
        yield vault, f"pkrkv{scenario.packer_suffix}"
    deployed = None if scenario.deploy_error else run.last_said_at(_DEPLOYING)
    for kind, name, takes in _MACHINE:
        if deployed is not None and _is_there(run, kind, deployed + takes, now):
            yield kind, f"{name}{scenario.packer_suffix}"


def _is_there(run: Run, kind: str, since: float | None, now: float) -> bool:
    deleted = run.said_at(f"Deleted -> {kind} ")
    return since is not None and since <= now and (deleted is None or now < deleted)
