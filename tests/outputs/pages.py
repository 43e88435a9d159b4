"""HTML pages of small logs, and a log that attacks whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aibtui.cli.explaining import judged
from aibtui.cli.rulefiles import rules_over
from aibtui.core.forecast import Baseline
from aibtui.core.updates import Update
from aibtui.outputs.html import html
from aibtui.sources.whole import Whole
from tests.core.logs import Log

SOURCE = "customization.log"
ATTACKS = (
    "<script>window.pwned = 1; alert(1)</script>",
    "</script><script>window.pwned = 1; alert(2)</script>",
    "</style></code></li></ol><img src=x onerror='window.pwned = 1; alert(3)'>",
    "<svg onload=alert(4)><iframe src='javascript:alert(5)'></iframe>",
    "<a href='javascript:alert(6)'>x</a> <a href='data:text/html,<script>alert(7)</script>'>y</a>",
    "<link rel=stylesheet href=https://example.invalid/x.css><img src=https://example.invalid/x.png>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'><base href=https://example.invalid/>",
    "<form action=https://example.invalid/><button autofocus onfocus=alert(8)>z</button></form>",
    '" onmouseover="alert(9)" x=\'{{ 7*7 }}{% raw %}',
    "<!-- --><![CDATA[ ]]> &lt;script&gt; \\u003cscript\\u003e",
    "left \u202eright\u2066 \u200bzero\ufeff",
    "c1 \x9b31m \x1b]0;title\x07 \x00 \x7f",
    "\u2028\u2029 line ends",
    "{{ cycler.__init__.__globals__ }}",
    "###vso[task.complete result=Succeeded]x ##[error]\u034f \u6f22",
)


def attacking_log() -> bytes:
    """A build whose scripts print the attacks, and fail with one."""
    log = Log().prepare("file", "powershell", "powershell", "powershell").hidden_upload().powershell(ATTACKS[1])
    for attack in ATTACKS:
        log.out(attack).out(attack, error=True)
    log.returned(0).powershell("</script><script>alert(10)</script>.ps1")
    log.out(f"C:\\x.ps1 : {ATTACKS[1]}").out("    + CategoryInfo          : x").returned(3)
    return log.fail(f"Script exited with non-zero exit status: 3. {ATTACKS[0]}").data


def failing_log(*printed: str, before: int = 0) -> bytes:
    """A build whose second script fails; the first one prints `before` lines."""
    log = Log().prepare("file", "powershell", "powershell", "powershell").hidden_upload().powershell()
    for number in range(before):
        log.wait(0.01).out(f"harmless output {number}")
    log.returned(0).powershell("Install-Apps.ps1")
    for line in printed:
        log.out(line)
    log.out("C:\\x.ps1 : The needle is lost").out("    + CategoryInfo          : x").returned(3)
    return log.fail("Script exited with non-zero exit status: 3. Allowed exit codes are: [0]").data


@dataclass(frozen=True)
class Held:
    """A log in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


def judge(data: bytes) -> tuple[Update, Held]:
    """What is known of a log, and its bytes."""
    return judged(Whole(log=data).polls(), rules_over(())), Held(data)


def page_of(data: bytes, change: Callable[[Update], Update] | None = None, **options: Any) -> str:
    """The page of a log; `change` is made to what is known of it."""
    update, log = judge(data)
    return html(change(update) if change else update, SOURCE, log, options.pop("baseline", Baseline()), **options)
