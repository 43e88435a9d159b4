"""What `explain` says of a run, in whatever form: how it ended, why, by which lines, what to do, where to look next."""

from __future__ import annotations

import re
import shlex

from msgspec import Struct

from aibtui.core.build import Build
from aibtui.core.updates import Alert, Evidence, Severity, Update
from aibtui.outputs.fitting import plain_cause, short
from aibtui.safetext import clean
from aibtui.wording import SEVERITIES, cause_alert, duration, outcome_sentence, reason, run_elapsed

# Packer's and the service's last words: that something failed, not what. Beside a cause they say nothing new.
ECHOES = frozenset({"script-failed", "packer-build-failed", "build-timeout", "deployment-failed", "devops-call-failed"})
_FEW_LINES = 3
_ROW = 60  # characters that a row of evidence shows on 80 columns
_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_LOG_PLACE = re.compile(
    r"(?i)(?:storageAccounts/([a-z0-9]{3,24})/\S*?|https://([a-z0-9]{3,24})\.blob\.[a-z.]+/)"
    r"packerlogs/([\w-]+)/customization\.log"
)


class Diagnosis(Struct, frozen=True):
    """The texts of a diagnosis, none of them safe to draw yet. `label` is Cause, or what an open alert is.

    `why` explains the cause where it is not plain by itself, `message` is what the log or the service says of it;
    `missing` tells of a log that was not given, and `commands` fetch it.
    """

    headline: str
    label: str = "Cause"
    cause: str | None = None
    rule: str | None = None
    line: int | None = None
    why: str | None = None
    evidence: tuple[Evidence, ...] = ()
    remedy: str | None = None
    doc: str | None = None
    message: str | None = None
    missing: str | None = None
    commands: tuple[str, ...] = ()
    others: tuple[Alert, ...] = ()

    @property
    def place(self) -> str:
        """Rule and line, for brackets: `script-failed, line 12`."""
        return ", ".join(filter(None, (self.rule, f"line {self.line}" if self.line is not None else None)))

    def evidence_beyond(self, said: str) -> tuple[Evidence, ...]:
        """The evidence without lines that `said` holds already; all of it where hardly any would be left."""
        beyond = tuple(line for line in self.evidence if short(plain_cause(line.text)).strip() not in said)
        return beyond if len(beyond) >= _FEW_LINES else self.evidence


def diagnose(update: Update) -> Diagnosis:
    """Put together what is known at `update`."""
    cause, alert, said = update.root_cause, cause_alert(update), reason(update)
    label = "Cause"
    if said is None and alert is None:
        alert = _open_alert(update)
        label = SEVERITIES[alert.severity] if alert else label
    words = plain_cause(said) if said else None
    # A rule that knows the cause says it better than the log; that a script failed says nothing.
    known = alert if alert and alert.rule != "script-failed" else None
    text = known.title if known else words
    missing, commands = _log_to_fetch(update)
    evidence = alert.evidence if alert else ()
    if len(evidence) == 1 and words and plain_cause(clean(evidence[0].text)) == words:
        evidence = ()
    return Diagnosis(
        headline=_headline(update),
        label=label,
        cause=text,
        rule=cause.rule if cause else alert.rule if alert else None,
        line=cause.line if cause else alert.line if alert else None,
        why=known.cause if known else None,
        evidence=evidence,
        remedy=alert.remedy if alert else None,
        doc=alert.doc if alert else None,
        message=_message(update, words or "") if text == words else _unless_shown(words, evidence),
        missing=missing,
        commands=commands,
        others=tuple(_others(update, alert)),
    )


def _headline(update: Update) -> str:
    build, status = update.build, update.build.status
    if status and status.run_state is None and status.started_at is None and build.format is None:
        if build.outcome == "failed":
            return "The template could not be provisioned; it never ran"
        if status.template and not build.bytes:
            return "The template has not run yet"
    if status and build.format is None and build.outcome == "running":
        if not build.bytes:
            return "Running when this was saved"
        took = run_elapsed(update)
        return "Running when this log ends" + (f", {duration(took)} after the start" if took is not None else "")
    return outcome_sentence(update)


def _others(update: Update, told: Alert | None) -> list[Alert]:
    """The alerts besides the one that was told, without those that would only say it again."""
    again = ECHOES if update.root_cause else frozenset()
    return [alert for alert in update.alerts if alert is not told and alert.rule not in again]


def _open_alert(update: Update) -> Alert | None:
    """What to see to first in a run that goes on."""
    still = [alert for alert in update.alerts if alert.open and alert.severity != "info"]
    if update.build.outcome != "running" or not still:
        return None
    return min(still, key=lambda alert: _RANK[alert.severity])


def _unless_shown(words: str | None, evidence: tuple[Evidence, ...]) -> str | None:
    """The words of the cause, where no row of the evidence shows them whole."""
    shown = any(plain_cause(line.text).strip() == words for line in evidence)
    return None if words is None or (shown and len(words) <= _ROW) else words


def _message(update: Update, said: str) -> str | None:
    status = update.build.status
    if status is None or update.build.format is not None:
        return None
    message = status.message or status.provisioning_error
    return message if message and plain_cause(message) not in said else None


def _log_to_fetch(update: Update) -> tuple[str | None, tuple[str, ...]]:
    """Where the log is that tells more, when it was not among what was given."""
    build = update.build
    status = build.status
    if status is None or build.format is not None or build.outcome == "succeeded":
        return None, ()
    place = _LOG_PLACE.search(status.message or "")
    if place:
        fetch = ["az", "storage", "blob", "download", "--auth-mode", "login", "--account-name", place[1] or place[2]]
        fetch += ["--container-name", "packerlogs", "--name", f"{place[3]}/customization.log"]
        fetch += ["--file", "customization.log"]
        text = "The build's log tells more, as long as its template is not deleted. Fetch and explain it:"
        return text, (shlex.join(fetch), "aibtui explain customization.log")
    if status.run_state is None and status.started_at is None:  # it never ran
        return None, ()
    return "The build's own log tells more, as long as its template is not deleted. Read it with:", (_watch(build),)


def _watch(build: Build) -> str:
    template = build.status.template if build.status else None
    if template and template.id:
        return shlex.join(["aibtui", "watch", clean(template.id)])
    return f"aibtui watch {shlex.quote(clean(template.name)) if template else 'TEMPLATE'} -g GROUP"
