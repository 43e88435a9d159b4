"""The quick look at many lines says what the careful look at each says."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from aibtui.core.looks import NOISE, WARNING, is_progress, judge, signature
from aibtui.core.skim import GAP, HEAD, SAME, SILENCE, Skim, moment

GUID = "[0c6e1a52-7b1d-4a8e-9a43-5d0f4c8e2b17]"
FORMS = [
    "{guid} PACKER {stamp} ui: ==> azure-arm: {text}",
    "{guid} PACKER {stamp} ui:     azure-arm: {text}",
    "{guid} PACKER {stamp} ui error: ==> azure-arm: {text}",
    "{guid} PACKER {stamp} ui: {text}",
    "{guid} PACKER {stamp} {text}",
    "{guid} PACKER {stamp} [INFO] {text}",
    "{guid} PACKER {stamp}  {text}",
    "{guid} PACKER {stamp}{text}",
    "{guid} PACKER OUT     azure-arm: {text}",
    "{guid} PACKER OUT ==> azure-arm: {text}",
    "{guid} PACKER OUT {text}",
    "{guid} PACKER ERR {stamp} {text}",
    "{guid} PACKER ERR {text}",
    "{guid} PACKER {text}",
    "2026-03-22T13:04:38.1Z {guid} PACKER {stamp} ui: ==> azure-arm: {text}",
    "{text}",
]
TEXTS = [
    "",
    "   ",
    "Installing the agent",
    "Installing the agent, once more",
    "  Provisioning with Powershell...",
    "Restarting Machine",
    "Restarting Machine\r",
    "ERROR: no such share",
    "Error code: 0",
    "  Exception calling it",
    "Get-Item : Cannot find path",
    "    + CategoryInfo          : NotSpecified",
    "System.IO.IOException: disk full",
    "WARNING: restart pending",
    "A system shutdown is in progress.(1115)",
    "setup.exe 10 MB / 99 MB",
    "setup.exe 20 MB / 99 MB",
    "2026-03-22 13:04:38 - still waiting",
    "[13:04:39] still waiting",
    "[13:04:39] not joined",
    "[13:05:49] not joined",
    "3 files remaining",
    "x" * HEAD,
    "x" * HEAD + " 10 %",
    "umlaut \xe4\xf6 and \u2588\u2588\u2591 40 %",
]


def stamp(second: int) -> str:
    return f"{datetime(2026, 3, 22, 13) + timedelta(seconds=second):%Y/%m/%d %H:%M:%S}"


lines = st.builds(
    lambda form, second, text: form.format(guid=GUID, stamp=stamp(second), text=text).encode("latin-1", "replace"),
    st.sampled_from(FORMS),
    st.sampled_from([0, 1, 59, 60, 170, 180, 181, 400, 4000]),
    st.sampled_from(TEXTS) | st.text(st.characters(codec="latin-1", exclude_characters="\n"), max_size=30),
)


def slowly(log: list[bytes]) -> tuple[list[int], dict[int, timedelta]]:
    """The same by its definition, line by line."""
    found, gaps, recent = [], {}, []
    now: datetime | None = None
    shown: datetime | None = None
    for number, line in enumerate(log):
        kind, stamped, text = judge(line[:HEAD])
        now = moment(stamped) if stamped else now
        if kind == NOISE:
            found.append(kind)
            continue
        bits = 0
        if now and shown and now - shown >= SILENCE:
            bits, recent, gaps[number] = GAP, [], now - shown
        shown = now
        mark = signature(text, progress=kind < WARNING and is_progress(text))
        if mark in recent:
            bits |= SAME
        else:
            recent = [*recent, mark][-6:]
        found.append(kind | bits)
    return found, gaps


@given(st.lists(lines, max_size=40), st.integers(0, 40))
@settings(max_examples=80, deadline=None)
def test_many_lines_at_once_are_judged_as_one_by_one(log: list[bytes], cut: int) -> None:
    skim = Skim()
    made = b""
    for part in (log[:cut], log[cut:]):
        made += skim.take(b"".join(line + b"\n" for line in part))
    expected, gaps = slowly(log)
    assert list(made) == expected
    assert skim.gaps == gaps
    assert skim.lines == len(log)
