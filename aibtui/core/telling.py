"""What a rule says where it holds: its texts, filled with what its line, the build and its own tables know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from aibtui.core.moment import Moment
from aibtui.core.rulebook import Rule
from aibtui.core.updates import Alert

_LARGE_VM_CORES = 8
_WORTH_SAYING = timedelta(minutes=1)
_PLACEHOLDER = re.compile(r"\{(\w+)(?:\|([^}]*))?\}")
_CORES = re.compile(r"_[A-Z]+(\d+)", re.IGNORECASE)


def known_of(now: Moment) -> dict[str, str | None]:
    """What is known of the build, for the texts of any rule."""
    return {
        "vm_size": now.vm_size,
        "source": now.source,
        "step": now.step.type if now.step else None,
        "vm_name": now.vm_name,
        "staging_group": now.staging_group,
        "left": f"another {minutes(now.left)} minutes" if now.left and now.left >= _WORTH_SAYING else None,
    }


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
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or match[2] or "?", text)


def minutes(span: timedelta) -> str:
    return str(int(span.total_seconds() // 60))


def _cores(vm_size: str | None) -> int:
    """`Standard_D8ads_v5` has 8; 0 where the name does not say."""
    match = _CORES.search(vm_size) if vm_size else None
    return int(match[1]) if match else 0
