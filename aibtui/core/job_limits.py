"""How long a job of Azure Pipelines may take. The limit stops the job, and whoever watches in it; never the build."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aibtui.core.build import Build
from aibtui.core.updates import Alert

if TYPE_CHECKING:
    from aibtui.core.alerts import Alerts

_RULE = "job-limit-ahead"
_AHEAD = timedelta(minutes=10)
_NEAR = timedelta(minutes=2)
# learn.microsoft.com/azure/devops/pipelines/process/phases#timeouts
_LIMITS = {
    timedelta(minutes=60): "what a job has unless timeoutInMinutes gives it more, and the most that a private project "
    "has on a free hosted agent",
    timedelta(minutes=360): "the most that a job has on a hosted agent, whatever timeoutInMinutes says",
}


def stopped_after(ran: timedelta) -> str:
    """What a job that was stopped ran into, as a sentence."""
    minutes = round(ran.total_seconds() / 60)
    for limit, whose in _LIMITS.items():
        if abs(ran - limit) <= _NEAR:
            return f"The job was stopped after {minutes} minutes: {limit // timedelta(minutes=1)} are {whose}."
    return f"The job was stopped after {minutes} minutes, by somebody or by its own timeoutInMinutes."


def look_ahead(job_began_at: datetime | None, build: Build, at: datetime, alerts: Alerts) -> None:
    """Warn before a limit of the job is reached; once it is passed, it was not this job's."""
    for limit, whose in _LIMITS.items():
        left = job_began_at + limit - at if job_began_at else None
        if left is None or not timedelta() <= left <= _AHEAD:
            continue
        if not any(alert.rule == _RULE and alert.open for alert in alerts.all):
            alerts.note(_alert(limit, whose, left, build, at), anew=True)
        return
    alerts.end(_RULE, at)


def _alert(limit: timedelta, whose: str, left: timedelta, build: Build, at: datetime) -> Alert:
    template = build.status.template if build.status else None
    come_back = f"aibtui watch {template.id if template else 'TEMPLATE'}"
    return Alert(
        rule=_RULE,
        severity="warning",
        title=f"This pipeline's job may be stopped in {round(left.total_seconds() / 60)} minutes",
        cause=f"{limit // timedelta(minutes=1)} minutes are {whose}. The watch ends with the job; the build goes on.",
        remedy=f"Come back from elsewhere with: {come_back}. For the next run raise the job's timeoutInMinutes; "
        "0 is the most that its agent gives.",
        at=at,
    )
