"""The part of Azure Resource Manager that a watcher asks: template, runs, staging group, storage account, container."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from aibtui.emulator.activity import BadFilter, events
from aibtui.emulator.answers import Answer, Ask, arm_error, as_json
from aibtui.emulator.gallery import image_version, image_versions, version_of
from aibtui.emulator.run import Run, service_time
from aibtui.emulator.scenario import Step
from aibtui.emulator.service import CONTAINER_NAME, DEVELOPMENT_KEY, Service
from aibtui.emulator.staging import CONTAINER_GROUPS, standing

TEMPLATES = "Microsoft.VirtualMachineImages/imageTemplates"
_MOST_LOG = 4 * 1024 * 1024
"""The container API returns no more of a log than this."""

Handler = Callable[["Arm", Ask, re.Match[str]], Answer]


class Arm:
    """Answers ARM requests for one service. Paths are matched without regard to case, as ARM does."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._operations: dict[str, tuple[str, Run]] = {}

    def answer(self, ask: Ask) -> Answer:
        """Answer one request. Raises nothing: what is unknown is a 404 with ARM's words."""
        if "api-version" not in {key.lower() for key in ask.query}:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            return arm_error(400, "MissingApiVersionParameter", text)
        path = ask.path.rstrip("/")
        if missing := self._missing(path) or self._forbidden(path):
            return missing
        for method, pattern, handler in _ROUTES:
            match = pattern.fullmatch(path)
            if match and method == ask.method:
                return handler(self, ask, match)
        return arm_error(404, "InvalidResourceType", f"The resource type of {path!r} could not be found here.")

    def _missing(self, path: str) -> Answer | None:
        """A subscription, group or template that is not there, told as ARM tells it."""
        scenario = self._service.scenario
        parts = path.split("/")[1:]
        if len(parts) > 1 and parts[0].lower() == "subscriptions" and parts[1].lower() != scenario.subscription:
            return arm_error(404, "SubscriptionNotFound", f"The subscription '{parts[1]}' could not be found.")
        if len(parts) < 4 or parts[2].lower() != "resourcegroups":
            return None
        group = parts[3]
        groups = {scenario.group.lower()}
        if not self._service.staging_gone:
            groups.add(scenario.staging_group.lower())
        if group.lower() not in groups:
            return arm_error(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")
        if len(parts) >= 8 and f"{parts[5]}/{parts[6]}".lower() == TEMPLATES.lower():
            here = group.lower() == scenario.group.lower() and parts[7].lower() == scenario.template.lower()
            if not here or self._service.template_deleted:
                return self._resource_not_found(TEMPLATES, parts[7], group)
        return None

    def _forbidden(self, path: str) -> Answer | None:
        """A role on the template's group gives nothing in the staging group."""
        parts = path.lower().split("/")[1:]
        group = self._service.scenario.staging_group.lower()
        if self._service.scenario.access.staging or parts[2:4] != ["resourcegroups", group]:
            return None
        text = (
            f"The client does not have authorization to perform action over scope '{path}' or the scope is invalid. "
            "If access was recently granted, please refresh your credentials."
        )
        return arm_error(403, "AuthorizationFailed", text)

    def _resource_not_found(self, kind: str, name: str, group: str) -> Answer:
        text = (
            f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
            "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
        return arm_error(404, "ResourceNotFound", text)

    @property
    def template_id(self) -> str:
        scenario = self._service.scenario
        group = f"/subscriptions/{scenario.subscription}/resourceGroups/{scenario.group}"
        return f"{group}/providers/{TEMPLATES}/{scenario.template}"

    @property
    def staging_id(self) -> str:
        scenario = self._service.scenario
        return f"/subscriptions/{scenario.subscription}/resourceGroups/{scenario.staging_group}"

    def _template_json(self, ago: timedelta = timedelta()) -> dict[str, Any]:
        service, scenario = self._service, self._service.scenario
        properties: dict[str, Any] = dict(scenario.properties)
        properties["customize"] = [_customizer(step) for step in scenario.steps]
        properties["exactStagingResourceGroup"] = self.staging_id
        properties["provisioningState"] = "Succeeded"
        if service.run is not None:
            properties["lastRunStatus"] = service.run.status(service.now - ago)
        return {
            "id": self.template_id,
            "name": scenario.template,
            "type": TEMPLATES,
            "location": scenario.location,
            "tags": dict(scenario.tags),
            "identity": {"type": "None"},
            "properties": properties,
        }

    def graph_row(self, ago: timedelta) -> dict[str, Any] | None:
        """The template as Resource Graph has it; None where it is gone."""
        if self._service.template_deleted:
            return None
        scenario, template = self._service.scenario, self._template_json(ago)
        known = {key: template[key] for key in ("id", "name", "location", "tags")}
        known |= {key: template["properties"].get(key) for key in ("provisioningState", "lastRunStatus")}
        place = {"resourceGroup": scenario.group, "subscriptionId": scenario.subscription}
        return {**known, **place, "subscriptionName": self._subscription_json()["displayName"]}

    def template(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json(self._template_json())

    def templates(self, ask: Ask, match: re.Match[str]) -> Answer:
        group = match.groupdict().get("group", self._service.scenario.group)
        here = not self._service.template_deleted and group.lower() == self._service.scenario.group.lower()
        return as_json({"value": [self._template_json()] if here else []})

    def subscriptions(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json({"value": [self._subscription_json()]})

    def subscription(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json(self._subscription_json())

    def _subscription_json(self) -> dict[str, Any]:
        subscription = self._service.scenario.subscription
        return {
            "id": f"/subscriptions/{subscription}",
            "subscriptionId": subscription,
            "displayName": "Emulated subscription",
            "state": "Enabled",
        }

    def _group_json(self, name: str) -> dict[str, Any]:
        scenario = self._service.scenario
        staging = name.lower() == scenario.staging_group.lower()
        tags = {
            "createdBy": "AzureVMImageBuilder",
            "imageTemplateName": scenario.template,
            "imageTemplateResourceGroupName": scenario.group,
        }
        return {
            "id": f"/subscriptions/{scenario.subscription}/resourceGroups/{name}",
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": scenario.location,
            "tags": tags if staging else {},
            "properties": {"provisioningState": "Succeeded"},
        }

    def group(self, ask: Ask, match: re.Match[str]) -> Answer:
        scenario = self._service.scenario
        staging = match["group"].lower() == scenario.staging_group.lower()
        return as_json(self._group_json(scenario.staging_group if staging else scenario.group))

    def groups(self, ask: Ask, match: re.Match[str]) -> Answer:
        """All groups, or by `$filter` those with the tag that marks a template's staging group."""
        scenario = self._service.scenario
        names = [scenario.group] + ([] if self._service.staging_gone else [scenario.staging_group])
        groups = [self._group_json(name) for name in names]
        wanted = re.fullmatch(r"tagName eq '([^']*)' and tagValue eq '([^']*)'", ask.query.get("$filter", ""))
        if wanted:
            groups = [group for group in groups if group["tags"].get(wanted[1]) == wanted[2]]
        return as_json({"value": groups})

    def resources(self, ask: Ask, match: re.Match[str]) -> Answer:
        scenario = self._service.scenario
        if match["group"].lower() == scenario.group.lower():
            template = self._template_json()
            return as_json({"value": [{key: template[key] for key in ("id", "name", "type", "location", "tags")}]})
        return as_json({"value": [self._resource_json(kind, name) for kind, name in standing(self._service)]})

    def _resource_json(self, kind: str, name: str) -> dict[str, Any]:
        location = self._service.scenario.location
        return {"id": f"{self.staging_id}/providers/{kind}/{name}", "name": name, "type": kind, "location": location}

    def storage_accounts(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json({"value": [self._storage_account_json()]})

    def storage_account(self, ask: Ask, match: re.Match[str]) -> Answer:
        if match["name"].lower() != self._service.scenario.storage_account:
            return self._resource_not_found("Microsoft.Storage/storageAccounts", match["name"], match["group"])
        return as_json(self._storage_account_json())

    def _storage_account_json(self) -> dict[str, Any]:
        name = self._service.scenario.storage_account
        account = self._resource_json("Microsoft.Storage/storageAccounts", name)
        properties = {
            "primaryEndpoints": {"blob": self._service.blob_endpoint},
            "provisioningState": "Succeeded",
            "allowSharedKeyAccess": self._service.scenario.access.storage != "keys-off",
            "publicNetworkAccess": "Disabled" if self._service.scenario.access.storage == "private" else "Enabled",
            "networkAcls": {
                "defaultAction": "Deny" if self._service.scenario.access.storage == "firewall" else "Allow",
                "bypass": "AzureServices",
            },
            "privateEndpointConnections": [],
        }
        return account | {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": properties}

    def storage_keys(self, ask: Ask, match: re.Match[str]) -> Answer:
        if match["name"].lower() != self._service.scenario.storage_account:
            return self._resource_not_found("Microsoft.Storage/storageAccounts", match["name"], match["group"])
        return as_json({"keys": [{"keyName": "key1", "value": DEVELOPMENT_KEY, "permissions": "FULL"}]})

    def container_groups(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json({"value": [self._container_group_json()] if self._service.container_runs else []})

    def container_group(self, ask: Ask, match: re.Match[str]) -> Answer:
        if self._container_run(match) is None:
            return self._resource_not_found(CONTAINER_GROUPS, match["name"], match["group"])
        return as_json(self._container_group_json())

    def _container_run(self, match: re.Match[str]) -> Run | None:
        return self._service.container_runs if match["name"].lower() == self._service.container_group else None

    def _container_group_json(self) -> dict[str, Any]:
        group = self._resource_json(CONTAINER_GROUPS, self._service.container_group)
        container = {
            "name": CONTAINER_NAME,
            "properties": {"instanceView": {"restartCount": 0, "currentState": {"state": "Running"}}},
        }
        return group | {"properties": {"provisioningState": "Succeeded", "osType": "Linux", "containers": [container]}}

    def container_logs(self, ask: Ask, match: re.Match[str]) -> Answer:
        """The container's output, whole or its last `tail` lines; it is there without the blob's lag."""
        run = self._container_run(match)
        if run is None:
            return self._resource_not_found(CONTAINER_GROUPS, match["name"], match["group"])
        if match["container"].lower() != CONTAINER_NAME:
            return arm_error(404, "ContainerNotFound", f"Container '{match['container']}' was not found.")
        count = run.lines_written(run.elapsed(self._service.now))
        tail = ask.query.get("tail")
        lines = run.timeline.lines[max(0, count - int(tail)) if tail else 0 : count]
        stamped = ask.query.get("timestamps", "").lower() == "true"
        content = "".join(
            (f"{run.timestamp(at)} " if stamped else "") + line.decode("utf-8", "replace") for at, line in lines
        )
        return as_json({"content": content[-_MOST_LOG:]})

    def start(self, ask: Ask, match: re.Match[str]) -> Answer:
        run = self._service.start_run()
        return self._accepted("run", run) if run else self._not_allowed("run")

    def cancel(self, ask: Ask, match: re.Match[str]) -> Answer:
        run = self._service.cancel_run()
        return self._accepted("cancel", run) if run else self._not_allowed("cancel")

    def _not_allowed(self, action: str) -> Answer:
        run = self._service.run
        state = run.state(self._service.now).run_state if run else ""
        states = f"provisioning state: 'Succeeded' or run state: '{state}'"
        return arm_error(409, "Conflict", f"Operation '{TEMPLATES}/{action}' is not allowed in {states}")

    def _accepted(self, kind: str, run: Run) -> Answer:
        scenario = self._service.scenario
        name = str(scenario.id(f"{kind}-{len(self._operations)}"))
        self._operations[name] = (kind, run)
        where = (
            f"{self._service.endpoint}/subscriptions/{scenario.subscription}/providers"
            f"/Microsoft.VirtualMachineImages/locations/{scenario.location}"
        )
        speed = self._service.clock.speed
        headers = {
            "Azure-AsyncOperation": f"{where}/operations/{name}?api-version=2025-10-01",
            "Location": f"{where}/operationResults/{name}?api-version=2025-10-01",
            # The client waits in real time; a faster clock wants to be asked sooner, but never less than 1 s apart.
            "Retry-After": str(max(1, round(10 / speed))) if speed else "1",
        }
        return Answer(202, b"", headers)

    def operation(self, ask: Ask, match: re.Match[str]) -> Answer:
        found = self._operations.get(match["name"])
        if found is None:
            return arm_error(404, "NotFound", f"The operation '{match['name']}' was not found.")
        kind, run = found
        now = self._service.now
        body: dict[str, Any] = {"name": match["name"], "startTime": service_time(run.started_at)}
        state = run.state(now)
        if not run.over(now):
            body["status"] = "InProgress"
        elif kind == "cancel" or state.run_state == "Succeeded":
            body["status"] = "Succeeded"
        else:
            body["status"] = "Failed"
            code = "PackerBuildFailed" if "Packer build logs" in state.message else "InternalOperationError"
            body["error"] = {"code": code, "message": state.message or f"The run ended {state.run_state}."}
        return as_json(body)

    def operation_result(self, ask: Ask, match: re.Match[str]) -> Answer:
        found = self._operations.get(match["name"])
        done = found is not None and found[1].over(self._service.now)
        return Answer(204 if done else 202)

    def run_outputs(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json({"value": self._run_outputs()})

    def run_output(self, ask: Ask, match: re.Match[str]) -> Answer:
        for output in self._run_outputs():
            if output["name"].lower() == match["name"].lower():
                return as_json(output)
        return self._resource_not_found(f"{TEMPLATES}/runOutputs", match["name"], match["group"])

    def _run_outputs(self) -> list[dict[str, Any]]:
        now = self._service.now
        built = [run for run in self._service.runs if run.state(now).run_state == "Succeeded"]
        if not built:
            return []
        version = version_of(built[-1])
        outputs = []
        for target in self._service.scenario.properties.get("distribute", ()):
            artifact = target.get("imageId") or f"{target.get('galleryImageId', '')}/versions/{version}"
            name = target["runOutputName"]
            outputs.append(
                {
                    "id": f"{self.template_id}/runOutputs/{name}",
                    "name": name,
                    "type": f"{TEMPLATES}/runOutputs",
                    "properties": {"artifactId": artifact, "provisioningState": "Succeeded"},
                }
            )
        return outputs

    def activity(self, ask: Ask, match: re.Match[str]) -> Answer:
        try:
            found = events(self._service, self.template_id, ask.query.get("$filter", ""), ask.query.get("$select", ""))
        except BadFilter:
            return arm_error(400, "BadRequest", "The $filter query parameter value is invalid.")
        return as_json({"value": found})

    def image_versions(self, ask: Ask, match: re.Match[str]) -> Answer:
        return as_json({"value": image_versions(self._service, ask.path.rstrip("/").rsplit("/", 1)[0])})

    def image_version(self, ask: Ask, match: re.Match[str]) -> Answer:
        image_id = ask.path.rstrip("/").rsplit("/", 2)[0]
        replication = ask.query.get("$expand", "").lower() == "replicationstatus"
        found = image_version(self._service, image_id, match["version"], replication=replication)
        if found is None:
            kind = f"Microsoft.Compute/galleries/{match['gallery']}/images/{match['image']}/versions"
            return self._resource_not_found(kind, match["version"], match["group"])
        return as_json(found)


def _customizer(step: Step) -> dict[str, Any]:
    """A customizer as the template has it; the service adds the defaults of PowerShell's flags."""
    flags = {"runElevated": False, "runAsSystem": False} if step.type == "PowerShell" else {}
    return flags | dict(step.template)


def _route(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
    return method, re.compile(pattern, re.IGNORECASE), handler


_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
_TEMPLATE = f"{_GROUP}/providers/{TEMPLATES}/{{template}}"
_CONTAINERS = f"{_GROUP}/providers/{CONTAINER_GROUPS}"
_ACTIVITY = "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values"
_GALLERIES = f"{_GROUP}/providers/Microsoft.Compute/galleries"
_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.VirtualMachineImages/locations/{location}"

_ROUTES: tuple[tuple[str, re.Pattern[str], Handler], ...] = (
    _route("GET", "/subscriptions", Arm.subscriptions),
    _route("GET", "/subscriptions/{subscription}", Arm.subscription),
    _route("GET", "/subscriptions/{subscription}/resourceGroups", Arm.groups),
    _route("GET", _GROUP, Arm.group),
    _route("GET", f"{_GROUP}/resources", Arm.resources),
    _route("GET", f"/subscriptions/{{subscription}}/providers/{TEMPLATES}", Arm.templates),
    _route("GET", f"{_GROUP}/providers/{TEMPLATES}", Arm.templates),
    _route("GET", _TEMPLATE, Arm.template),
    _route("POST", f"{_TEMPLATE}/run", Arm.start),
    _route("POST", f"{_TEMPLATE}/cancel", Arm.cancel),
    _route("GET", f"{_TEMPLATE}/runOutputs", Arm.run_outputs),
    _route("GET", f"{_TEMPLATE}/runOutputs/{{name}}", Arm.run_output),
    _route("GET", f"{_LOCATION}/operations/{{name}}", Arm.operation),
    _route("GET", f"{_LOCATION}/operationResults/{{name}}", Arm.operation_result),
    _route("GET", f"{_GROUP}/providers/Microsoft.Storage/storageAccounts", Arm.storage_accounts),
    _route("GET", f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{name}}", Arm.storage_account),
    _route("POST", f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{name}}/listKeys", Arm.storage_keys),
    _route("GET", _ACTIVITY, Arm.activity),
    _route("GET", f"{_GALLERIES}/{{gallery}}/images/{{image}}/versions", Arm.image_versions),
    _route("GET", f"{_GALLERIES}/{{gallery}}/images/{{image}}/versions/{{version}}", Arm.image_version),
    _route("GET", _CONTAINERS, Arm.container_groups),
    _route("GET", f"{_CONTAINERS}/{{name}}", Arm.container_group),
    _route("GET", f"{_CONTAINERS}/{{name}}/containers/{{container}}/logs", Arm.container_logs),
)
