"""Real logs, where a checkout has them beside it: outcome, plan and failed step as their README says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.run import explain

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
CASES = [
    ("w365claw-1-parse-error", "failed", 9, 2, 1),
    ("w365claw-3-download-404", "failed", 9, 4, 1),
    ("w365claw-4-npm-stderr", "failed", 9, 5, 1),
    ("w365claw-5-npm-install", "failed", 9, 5, 1),
    ("foundry-1-silent-timeout", "stopped", 5, 2, None),
    ("nmw-1105-winget-missing", "failed", 5, 2, 1),
    ("nmw-1106-upload-error", "failed", 4, 2, 1),
    ("nmw-1110-batch-pause", "failed", 42, 40, 1),
    ("nmw-1111b-scheduled-task", "failed", 43, 40, 1),
    ("nmw-1111c-scheduled-task", "failed", 43, 40, 1),
    ("nmw-1113-chatty-timeout", "stopped", 44, 41, None),
]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the real logs are not beside this checkout")
@pytest.mark.parametrize(("name", "outcome", "planned", "index", "code"), CASES, ids=[case[0] for case in CASES])
def test_a_real_log_is_told_right(name: str, outcome: str, planned: int, index: int, code: int | None) -> None:
    build = explain((CORPUS / f"{name}.log").read_bytes()).build
    step = build.step
    assert step is not None
    assert (build.outcome, len(build.steps), step.index, step.exit_code) == (outcome, planned, index, code)
    assert step.state == outcome
    assert build.probably_timed_out == (outcome == "stopped")
