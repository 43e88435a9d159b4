"""The Markdown for an issue: the decisive things open, the evidence folded, nothing that the log could inject."""

from __future__ import annotations

from msgspec.structs import replace

from aibtui.core.updates import Evidence
from aibtui.outputs.markdown import markdown
from tests.outputs.updates import ALERT, failed_update


def with_evidence(*texts: str, **changed: str) -> str:
    lines = tuple(Evidence(310 + place, text) for place, text in enumerate(texts))
    alert = replace(ALERT, evidence=lines, **changed)  # type: ignore[arg-type]  # texts only
    return markdown(replace(failed_update(), alerts=(alert,)), "customization.log")


def test_a_failed_run_reads_from_the_headline_to_the_folded_timeline() -> None:
    text = with_evidence("one", "two")
    landmarks = [
        "## Failed after 11:00 in step 2 of 5",
        "**Cause** (script-failed, line 310)",
        "Cannot find path 'C:\\setup.msi' because it does not exist.",
        "**What to do**",
        "| VM size | Standard\\_D2s\\_v3 |",
        "<summary>Evidence: 2 lines of the log</summary>",
        "310  one\n311  two",
        "<summary>Timeline</summary>",
        "| step 2 powershell Install-Apps.ps1 | failed | 12:05:00 | 4:10 | 121-320 |",
    ]
    places = [text.find(landmark) for landmark in landmarks]
    assert -1 not in places
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") == 2


def test_a_line_of_the_log_cannot_leave_its_code() -> None:
    text = with_evidence("```", "</details><script>alert(1)</script>", "c")
    fence = text[text.index("<summary>Evidence") :].splitlines()[2]
    assert fence == "````text"


def test_words_from_the_log_are_no_markup_and_call_nobody() -> None:
    other = replace(ALERT, rule="other", title="<img src=x> [a](b) @someone *x* | y")
    text = markdown(replace(failed_update(), alerts=(ALERT, other)), "x.log")
    (row,) = (row for row in text.splitlines() if "someone" in row)
    assert "&lt;img src=x\\>" in row
    assert "\\[a\\](b) @<!-- -->someone \\*x\\* \\| y" in row


def test_secrets_are_hidden_and_counted() -> None:
    text = with_evidence("password=hunter22", "b", "c", remedy="Do not print token=abcdefgh12345.")
    assert "hunter22" not in text
    assert "abcdefgh12345" not in text
    assert text.endswith("_2 likely secrets are hidden; --no-redact shows them._")


def test_a_command_of_a_remedy_is_code() -> None:
    assert "Look:\n\n```text\naz vm list\n```\n\nThen." in with_evidence("a", "b", remedy="Look:\naz vm list\nThen.")
