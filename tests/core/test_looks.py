"""What a line is by its looks, and what of it stays when it is printed again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aibtui.core.lines import parse_line
from aibtui.core.looks import (
    ERROR,
    NOISE,
    OUTPUT,
    WARNING,
    WORDS,
    is_progress,
    judge,
    judge_text,
    moving,
    remarkable,
    signature,
)

GUID = "[0c6e1a52-7b1d-4a8e-9a43-5d0f4c8e2b17]"
STAMP = "2026/03/22 13:04:38"

KINDS = [
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Installing the agent", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui:     azure-arm: text of the second generation", OUTPUT),
    (f"{GUID} PACKER OUT     azure-arm: text of the first generation", OUTPUT),
    (f"{GUID} PACKER ERR {STAMP} packer: Waiting for connection...", NOISE),
    (f"{GUID} PACKER {STAMP} [INFO] 0 bytes written for 'stderr'", NOISE),
    (f"{GUID} PACKER {STAMP} packer-provisioner-powershell plugin: Found command: throw 'ERROR: no'", NOISE),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: ", NOISE),
    (f"{GUID} PACKER ==> azure-arm: Deleting KeyVault created during build", WORDS),
    ("a line that has no prefix", OUTPUT),
    ("", NOISE),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: WARNING: restart pending", WARNING),
    (f"{GUID} PACKER {STAMP} ui error: ==> azure-arm: something on stderr", ERROR),
    (f"{GUID} PACKER {STAMP} ui error: ==> azure-arm: A system shutdown is in progress.(1115)", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: ERROR: no such share", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Get-Item : Cannot find path 'C:\\x'", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm:     + CategoryInfo          : NotSpecified: (:) [], X", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: System.IO.IOException: disk full", ERROR),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: Error code: 0", OUTPUT),
    (f"{GUID} PACKER {STAMP} ui: ==> azure-arm: 0 errors, 3 files copied", OUTPUT),
]


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_a_line_is_judged_by_its_looks(text: str, kind: int) -> None:
    assert judge(text.encode())[0] == kind


@pytest.mark.parametrize("text", [text for text, _ in KINDS])
def test_what_the_grammar_calls_log_is_noise(text: str) -> None:
    if parse_line(text.encode(), 1).stream == "log":
        assert judge(text.encode())[0] == NOISE


@given(
    st.sampled_from(["ui: ==> azure-arm: ", "ui:     azure-arm: ", "ui error: ==> azure-arm: "]), st.text(max_size=80)
)
def test_the_short_way_reads_what_the_grammar_reads(prefix: str, said: str) -> None:
    raw = f"{GUID} PACKER {STAMP} {prefix}{said}".replace("\n", " ").encode("utf-8", "replace")
    kind, stamp, text = judge(raw)
    assert stamp == STAMP.encode()
    assert text.decode().rstrip() == parse_line(raw, 1).text.rstrip()
    assert (kind == NOISE) == (not text.strip())


def test_a_bar_that_grows_says_the_same() -> None:
    assert signature(b"[####....] 40 %", progress=True) == signature(b"[######..] 61 %", progress=True)


@given(st.lists(st.sampled_from([text.rpartition("azure-arm: ")[2] for text, _ in KINDS]) | st.text(max_size=40)))
def test_what_is_found_in_many_texts_at_once_is_what_is_said_of_each(texts: list[str]) -> None:
    raw = [text.replace("\n", " ").encode() for text in texts]
    together = b"".join(text + b"\n" for text in raw)
    said = remarkable(together)
    assert len(said) == len(raw)
    assert all(said[place] for place, text in enumerate(raw) if judge_text(text) not in (OUTPUT, NOISE))
    assert moving(together) == [is_progress(text) for text in raw]
