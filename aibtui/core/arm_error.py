"""Which of ARM's nested errors a deployment failed of: the innermost code and its message.

A deployment's error wraps another's. The azure plug-in prints them as lines, each deeper one indented further
(`builder/azure/arm/azure_error_response.go`), or as the JSON that ARM sent, and Packer repeats it all in its verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from aibtui.core.build import Build
from aibtui.core.lines import Line
from aibtui.core.regex import regex
from aibtui.core.scan import Needle
from aibtui.core.updates import Alert, RootCause

# For the scanner: lines that may hold a code, and the message of one that stands on a line before it.
NEEDLES: tuple[Needle, ...] = tuple(
    map(
        Needle.anywhere,
        (
            r"ERROR: +-> ",
            r'\b[Cc]ode(?:\\*" ?: ?|=|: )\\*"\w',
            r'\b[Mm]essage(?:\\*" ?: |: )\\*"',
            r"unexpected status \d+ ",
        ),
    )
)
_ARROW = regex(r"ERROR: (?P<indent> *)-> (?P<code>\w+)(?: : (?P<message>.*))?$")
_STATUS = regex(r"unexpected status \d+ (?:\([^)]*\) )?with (?:error: )?(?P<code>\w+): (?P<message>.*)")
_CODE = regex(r'\bcode(?:" ?: ?|=|: )"(?P<code>\w+)"', re.IGNORECASE)
_MESSAGE = regex(r'\bmessage(?:" ?: ?|=|: )"(?P<message>.*?)"(?=\s*[,}\]]|\s+\w+=|\s*$)', re.IGNORECASE)
_ESCAPED_QUOTE = regex(r'\\+"')
_VERDICT = regex(r"Build '[^']*' errored|ERROR: |--> ")
# Where the deployment and what follows it fail; in clean-up the same form tells what is no longer there.
_PHASES = frozenset({"prepare", "deploy", "connect", "capture"})
# Codes that say only that something inside failed.
_WRAPPERS = frozenset(
    {"deploymentfailed", "invalidtemplatedeployment", "resourcedeploymentfailure", "resourceoperationfailure"}
    | {"conflict", "badrequest", "forbidden", "failed", "multipleerrorsoccurred", "validationforresourcefailed"}
)
_MOST_FOUND = 200
_LONGEST_TEXT = 1000
# Alerts that say that something failed, not what.
_CARRIERS = frozenset({"deployment-failed", "packer-build-failed", "script-failed", "provisioning-failed"})


class ArmError(Struct, frozen=True):
    """One code of an error, how deep it was found, and its message, empty where it has none of its own."""

    line: int
    code: str
    message: str
    depth: int

    @property
    def _rank(self) -> tuple[bool, int]:
        return (self.code.lower() not in _WRAPPERS, self.depth)


class ArmErrors:
    """The errors of ARM in one log."""

    def __init__(self) -> None:
        self._found: list[ArmError] = []

    def see(self, line: Line, build: Build) -> None:
        """Take a candidate line. What a script prints, and what the clean-up meets, is none of them."""
        if line.stream not in ("ui", "error") or len(self._found) >= _MOST_FOUND:
            return
        phase = build.phase
        if line.builder and (phase is None or phase.name not in _PHASES) and not line.text.startswith("--> "):
            return
        if not line.builder and not _VERDICT.match(line.text):
            return
        errors = list(_errors(line))
        message = None if errors else _MESSAGE.search(_ESCAPED_QUOTE.sub('"', line.text))
        last = self._found[-1] if self._found else None
        if message and last and not last.message and line.number - last.line <= 2:
            self._found[-1] = ArmError(last.line, last.code, message["message"], last.depth)
        self._found += errors

    @property
    def innermost(self) -> ArmError | None:
        """The deepest code that is more than a wrapper, at its first line; None while there is no error."""
        if not self._found:
            return None
        deepest = max(self._found, key=lambda error: error._rank)
        same = [error for error in self._found if error.code == deepest.code]
        message = next((error.message for error in same if error.message), "")
        return ArmError(same[0].line, deepest.code, message, deepest.depth)


def _errors(line: Line) -> Iterator[ArmError]:
    arrow = _ARROW.search(line.text)
    if arrow:
        depth = len(arrow["indent"])
        yield ArmError(line.number, arrow["code"], (arrow["message"] or "").strip(), depth)
        yield from _in_json(line.number, arrow["message"] or "", depth)
        return
    status = _STATUS.search(line.text)
    if status:
        yield ArmError(line.number, status["code"], status["message"].strip(), 0)
    yield from _in_json(line.number, line.text, 0)


def _in_json(number: int, text: str, depth: int) -> Iterator[ArmError]:
    """Codes of JSON, or of Go's `Code="..." Message="..." Details=[...]`; JSON in a message is escaped once more."""
    text = _ESCAPED_QUOTE.sub('"', text)
    codes = list(_CODE.finditer(text))
    ends = [*(code.start() for code in codes[1:]), len(text)]
    for code, end in zip(codes, ends, strict=False):
        message = _MESSAGE.search(text, code.end(), end)
        before = text[: code.start()]
        inside = sum(before.count(opening) for opening in "{[") - sum(before.count(closing) for closing in "}]")
        yield ArmError(number, code["code"], message["message"] if message else "", depth + max(inside, 0))


def root_cause(build: Build, alerts: Sequence[Alert], errors: ArmErrors) -> RootCause | None:
    """The innermost error of a build that failed of one; None where it failed of something else, or did not fail."""
    innermost = errors.innermost
    step = build.step
    if build.outcome != "failed" or innermost is None or (step and step.state in ("failed", "stopped")):
        return None
    named = [alert for alert in alerts if alert.severity == "error" and alert.rule not in _CARRIERS]
    here = (alert for alert in named if any(evidence.line == innermost.line for evidence in alert.evidence))
    rule = next((alert.rule for alert in (*here, *named) if alert.line is not None), "deployment-failed")
    text = f"{innermost.code}: {innermost.message}" if innermost.message else innermost.code
    return RootCause(rule, innermost.line, None, text[:_LONGEST_TEXT])
