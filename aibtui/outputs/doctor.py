"""What `doctor` found: a table or JSON, and the request to whoever may give the roles that are missing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aibtui.safetext import SafeText, clean, mask_secrets
from aibtui.sources.checkup import DATA_ROLE, Check, Grant

SCHEMA: Final = "aibtui.doctor/1"
_WORDS: Final = {"ok": "ok", "warn": "warn", "fail": "FAIL", "skipped": "-"}
_NAME_WIDE: Final = 16
_SAFE_SCOPE: Final = re.compile(r"(?i)/subscriptions/[a-z0-9-]+(/resourceGroups/[\w.()-]+)?")


def table_lines(check: Check) -> list[str]:
    """The row of a check, and what to do about it below."""
    lines = [f"{_WORDS[check.verdict]:<5} {clean(check.name):<{_NAME_WIDE}} {_said(check.text)}"]
    if check.remedy:
        lines.append(f"{'':<5} {'':<{_NAME_WIDE}} > {_said(check.remedy)}")
    return lines


def exit_code(checks: Iterable[Check]) -> int:
    """0 where a watch would work, else that of the first failure."""
    return next((check.code for check in checks if check.verdict == "fail" and check.code), 0)


def as_json(checks: Sequence[Check], request: Sequence[str]) -> str:
    """The whole result; `request` are its lines, none where nothing is missing."""
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "exit_code": exit_code(checks),
        "checks": [
            {
                "name": clean(check.name),
                "verdict": check.verdict,
                "text": _said(check.text),
                "remedy": _said(check.remedy) if check.remedy else None,
            }
            for check in checks
        ],
        "request": list(request),
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def request_lines(
    grants: Sequence[Grant], template: str | None, signed_in: tuple[str | None, bool, str | None]
) -> list[str]:
    """What to send to the owner: which roles, where, and the commands; only ids that are nothing but ids stand in them.

    `signed_in` is the object id of who needs them, whether that is an application, and a name for people.
    """
    usable = [grant for grant in grants if _SAFE_SCOPE.fullmatch(grant.scope)]
    if not usable:
        return []
    object_id, application, who = signed_in
    kind = "ServicePrincipal" if application else "User"
    assignee = f"--assignee-object-id {object_id} --assignee-principal-type {kind}"
    if object_id is None:
        assignee = "--assignee USER"
    of = f" of the image template {clean(template)}" if template else ""
    lines = [f"Please let {clean(who) if who else 'me'} watch the builds{of}. This takes, for reading alone:"]
    lines += [f"  {grant.role} on {_named(grant.scope)}" for grant in usable]
    lines.append("The commands:")
    lines += [
        f'  az role assignment create {assignee} --role "{grant.role}" --scope "{grant.scope}"' for grant in usable
    ]
    made = next((grant.scope for grant in usable if grant.scope.rpartition("/")[2].upper().startswith("IT_")), None)
    if made is not None:
        roles = " and ".join(dict.fromkeys(("Reader", DATA_ROLE)))
        lines += [
            f"Better than on {_named(made)}, which the service made and deletes with the template:",
            f"make a resource group for staging, give {roles} there once, and name it as stagingResourceGroup.",
        ]
    return lines


def _said(text: str) -> SafeText:
    """What Azure answered may be in it: it is made safe, and shown to many."""
    return clean(mask_secrets(text)[0])


def _named(scope: str) -> str:
    parts = scope.split("/")
    return f"the resource group {parts[4]}" if len(parts) > 4 else f"the subscription {parts[2]}"
