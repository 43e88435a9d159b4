"""The job of Azure Pipelines in which this program runs, by the variables that its agent sets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_LIKELY_THIS_JOB = timedelta(minutes=50)  # a pipeline that is older has had other jobs before


def job_began_at(environ: Mapping[str, str], at: datetime) -> datetime | None:
    """When the job began: with its pipeline, else now, at the latest; None outside of a job."""
    if environ.get("TF_BUILD", "").lower() != "true" or not environ.get("SYSTEM_JOBID"):
        return None
    try:
        began = datetime.fromisoformat(environ.get("SYSTEM_PIPELINESTARTTIME", "").strip())
    except ValueError:
        return at
    began = began.replace(tzinfo=UTC) if began.tzinfo is None else began.astimezone(UTC)
    return began if timedelta() <= at - began <= _LIKELY_THIS_JOB else at
