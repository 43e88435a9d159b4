"""When the pipeline's job began in which the program runs, by the agent's variables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aibtui.sources.pipeline_job import job_began_at

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
JOB = {"TF_BUILD": "True", "SYSTEM_JOBID": "12f1170f-54f2-53f3-20dd-22fc7dff55f9"}


@pytest.mark.parametrize(
    ("environ", "began"),
    [
        ({}, None),
        ({"TF_BUILD": "True"}, None),
        ({"SYSTEM_JOBID": "x"}, None),
        (JOB, NOW),
        ({**JOB, "SYSTEM_PIPELINESTARTTIME": "2026-03-01 09:48:00+00:00"}, NOW - timedelta(minutes=12)),
        ({**JOB, "SYSTEM_PIPELINESTARTTIME": "2026-03-01 08:00:00+01:00"}, NOW),  # hours ago: another job's
        ({**JOB, "SYSTEM_PIPELINESTARTTIME": "2026-03-01 10:30:00+00:00"}, NOW),
        ({**JOB, "SYSTEM_PIPELINESTARTTIME": "yesterday"}, NOW),
    ],
)
def test_a_job_began_with_its_pipeline_or_with_the_watch(environ: dict[str, str], began: datetime | None) -> None:
    assert job_began_at(environ, NOW) == began
