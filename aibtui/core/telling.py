"""What a rule says where it holds: its texts, filled with what its line, the build and its own tables know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from aibtui.core.job_limits import stopped_after
from aibtui.core.moment import Moment
from aibtui.core.regex import regex
from aibtui.core.rulebook import Rule
from aibtui.core.updates import Alert

_LARGE_VM_CORES = 8
_MINUTE = _WORTH_SAYING = timedelta(minutes=1)
_COSTLY = {
    "microsoft.compute/virtualmachines": "the VM",
    "microsoft.compute/disks": "the disk",
    "microsoft.compute/snapshots": "the snapshot",
    "microsoft.network/publicipaddresses": "the public IP address",
    "microsoft.network/privateendpoints": "the private endpoint",
    "microsoft.network/loadbalancers": "the load balancer",
    "microsoft.network/natgateways": "the NAT gateway",
    "microsoft.containerinstance/containergroups": "the container group",
}
_DISTRIBUTING = " (it struck while the image was distributed, so the image is probably fine: check its regions)"
_PLACEHOLDER = regex(r"\{(\w+)(?:\|([^}]*))?\}")
_CORES = regex(r"_[A-Z]+(\d+)", re.IGNORECASE)


def known_of(now: Moment) -> dict[str, str | None]:
    """What is known of the build, for the texts of any rule."""
    template = now.status.template if now.status else None
    started_at = now.status.started_at if now.status else None
    return {
        "template": template.name if template else None,
        "template_id": template.id if template else None,
        "location": template.location if template else None,
        "run_started": f"{started_at:%Y-%m-%d %H:%M} UTC" if started_at else None,
        "operation_id": now.operation_id,
        "cancel": _cancel(now),
        "costs": _costs(now),
        "replicas": _replicas(now),
        "distributing": _DISTRIBUTING if now.status and now.status.sub_state == "Distributing" else None,
        "job": stopped_after(now.job_ran) if now.job_ran else None,
        "vm_size": now.vm_size,
        "source": now.source,
        "step": now.step.type if now.step else None,
        "vm_name": now.vm_name,
        "staging_group": now.staging_group,
        "left": f"another {minutes(now.left)} minutes" if now.left and now.left >= _WORTH_SAYING else None,
    }


def _cancel(now: Moment) -> str | None:
    cancel = now.around.cancel
    return f"{cancel.at:%Y-%m-%d %H:%M} UTC" + (f" by {cancel.by}" if cancel.by else "") if cancel else None


def _costs(now: Moment) -> str | None:
    """What stands in the staging group and costs money, by kind and name; None where nobody has looked."""
    if now.around.resources is None:
        return None
    standing = [
        f"{_COSTLY[kind]} {resource.name}"
        for resource in now.around.resources
        if (kind := resource.type.lower()) in _COSTLY
    ]
    if not standing:
        return "In the staging group nothing costs much."
    return f"In the staging group these still cost: {', '.join(standing)}."


def _replicas(now: Moment) -> str | None:
    """How far the regions are, as they were asked last."""
    copies = now.around.replicas
    if not copies:
        return None
    shares = [f" {copy.percent} %" if copy.percent and copy.percent < 100 else "" for copy in copies]
    told = (f"{copy.region} {copy.state}{share}" for copy, share in zip(copies, shares, strict=True))
    return f" (when asked last: {', '.join(told)})"


def remedy_of(rule: Rule, now: Moment) -> str:
    by_step = rule.step_remedies.get(now.step.type) if now.step else None
    large = rule.large_vm_remedy if _cores(now.vm_size) >= _LARGE_VM_CORES else None
    return by_step or large or rule.remedy


def joined(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> dict[str, str | None]:
    """What a rule's groups have found so far: the first finding stands, and a later line fills what is missing."""
    return {name: before.get(name) or value for name, value in now.items()}


def meanings(rule: Rule, values: Mapping[str, str | None]) -> dict[str, str | None]:
    """`{code_meaning}` for a `{code}` that the rule's own table explains."""
    found = {group: (values.get(group) or "").lower() for group in rule.meanings}
    return {f"{group}_meaning": rule.meanings[group].get(value) for group, value in found.items()}


def because(led: Alert | None) -> str:
    return f" What led to it: {led.title[:1].lower()}{led.title[1:]} (line {led.line})." if led else ""


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """`{name}` becomes its value, `{name|words}` the words where nothing is known of it."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or ("?" if match[2] is None else match[2]), text)


def filled(text: str, values: Mapping[str, str | None]) -> bool:
    """Whether all that the text names is known, as far as it ever will be: a meaning depends on its group alone."""
    return all(values.get(match[1]) or match[1].endswith("_meaning") for match in _PLACEHOLDER.finditer(text))


def minutes(span: timedelta) -> str:
    return str(span // _MINUTE)


def _cores(vm_size: str | None) -> int:
    """`Standard_D8ads_v5` has 8; 0 where the name does not say."""
    match = _CORES.search(vm_size) if vm_size else None
    return int(match[1]) if match else 0
