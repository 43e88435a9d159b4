"""Line mode for a pipeline's runner: steps as groups, alerts as annotations, and at the end what is handed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TextIO

from aibtui.core.updates import (
    Alert,
    AlertOpened,
    AlertUpdated,
    Change,
    LogReplaced,
    Severity,
    StepBegan,
    StepEnded,
    Update,
)
from aibtui.news import sentence
from aibtui.outputs.diagnosis import ECHOES, Diagnosis, diagnose
from aibtui.outputs.fitting import plain_cause, short
from aibtui.outputs.markdown import summary
from aibtui.outputs.masking import Masker
from aibtui.outputs.plain import Plain
from aibtui.outputs.redaction import alert_without_secrets, without_secrets
from aibtui.outputs.runner import MOST_ISSUES, Facts, Kept, Runner
from aibtui.outputs.writer import LineWriter
from aibtui.safetext import clean, clean_lines
from aibtui.wording import EXIT_CODES, count, iso, outcome_sentence, step_phrase

_LINE = 600
_BAD = ("failed", "stopped", "timed-out", "canceled")
_OVER = ("done", "failed", "stopped", "skipped")
_ALMOST = 99  # percent, until it is sure


class Allowance:
    """How many annotations of each kind may still be made in this process; each build keeps one for its verdict."""

    def __init__(self, builds: int = 1, most: int = MOST_ISSUES) -> None:
        self._most = most
        self._kept_back = min(builds, most)
        self._made: dict[Severity, int] = {"error": 0, "warning": 0, "info": 0}

    def take(self, severity: Severity, *, verdict: bool = False) -> bool:
        """Whether one more is allowed; it counts as made then."""
        most = self._most if verdict or severity == "info" else self._most - self._kept_back
        if self._made[severity] >= most:
            return False
        self._made[severity] += 1
        return True


class Annotated(Plain):
    """What Plain says, without secrets, and around it what the runner is asked for.

    `commands` is the stream for these, where `stream` marks its lines; then steps are no groups, because those of
    several builds cannot be told apart. `source` names the build in full, `title` in short, `come_back` gives the
    command that goes on watching. `keep` puts the files of a watch that ended where the pipeline can take them.
    """

    def __init__(
        self,
        stream: TextIO,
        tail: Callable[[], list[str]],
        runner: Runner,
        *,
        source: str,
        title: str,
        come_back: Callable[[Update], str],
        keep: Callable[[Update, int], Kept | None],
        allowance: Allowance | None = None,
        commands: TextIO | None = None,
    ) -> None:
        super().__init__(stream, tail)
        self._commands = LineWriter(commands) if commands else self.writer
        self._grouping = commands is None
        self._runner = runner
        self._source = source
        self._title = title
        self._come_back = come_back
        self._keep = keep
        self._allowance = allowance or Allowance()
        self._in_group = False
        self._annotated: dict[tuple[str, int | None], Severity] = {}
        self._echoes: list[Alert] = []
        self._beyond = 0
        self._percent = -1

    def update(self, update: Update) -> None:
        """Write this look's changes, and how far the build is."""
        super().update(update)
        self._show_progress(update)

    def close(self, exit_code: int) -> None:
        """Write how it ended, the verdict as an annotation, and hand over summary, facts and files."""
        self._end_group()
        super().close(exit_code)
        update = self._last
        if update is None:
            return
        safe = without_secrets(update)
        self._judge(safe, exit_code)
        if self._beyond:
            more = count(self._beyond, "more alert")
            self.writer.write(f"{more} without an annotation: a runner shows {MOST_ISSUES} of a kind. All are above.")
        self._hand_over(update, safe, exit_code)

    def refuse(self, text: str, remedy: str) -> None:
        """The refusal as an annotation."""
        self._end_group()
        self._issue("error", f"{self._title}: {text}", [remedy], verdict=True)

    def _tell(self, change: Change, update: Update) -> bool:
        match change:
            case StepBegan(at) if self._grouping:
                self._end_group()
                self._in_group = True
                title = f"{iso(at)} {sentence(change, update.build)}"
                self._commands.command(self._runner.group(Masker().block(title)))
                return True
            case StepEnded() | LogReplaced():
                self._end_group()
        told = super()._tell(change, update)
        if isinstance(change, AlertOpened | AlertUpdated):
            self._annotate(alert_without_secrets(change.alert))
        return told

    def _end_group(self) -> None:
        if self._in_group:
            self._in_group = False
            self._commands.command(self._runner.end_group())

    def _annotate(self, alert: Alert) -> None:
        """An alert once, and again where it has become worse. What only echoes a cause waits for the verdict."""
        key = (alert.rule, alert.line)
        if self._annotated.get(key) in (alert.severity, "error"):
            return
        self._annotated[key] = alert.severity
        if alert.rule in ECHOES:
            self._echoes.append(alert)
        else:
            self._issue(alert.severity, f"{alert.title} ({_place(alert)})", _lines_of(alert))

    def _issue(self, severity: Severity, title: str, lines: Sequence[str], *, verdict: bool = False) -> None:
        masker = Masker()
        asked = self._runner.issue(severity, masker.block(title), [masker.block(line) for line in lines])
        if asked is None:
            return
        if self._allowance.take(severity, verdict=verdict):
            self._commands.command(asked)
        else:
            self._beyond += 1

    def _judge(self, update: Update, exit_code: int) -> None:
        """The last word on the build, in one annotation."""
        outcome, heading = update.build.outcome, f"{self._title}: {outcome_sentence(update)}"
        if outcome in _BAD:
            self._issue("error", heading, _lines_of_cause(diagnose(update)), verdict=True)
            return
        for alert in self._echoes:
            self._issue(alert.severity, f"{alert.title} ({_place(alert)})", _lines_of(alert))
        if outcome == "partially-succeeded":
            self._issue("warning", heading, _lines_of_cause(diagnose(update)), verdict=True)
        elif exit_code == 5:
            why = [update.transport.reason or "", update.transport.remedy or ""]
            self._issue("error", f"{heading}; {EXIT_CODES[5]}", [line for line in why if line], verdict=True)
        elif exit_code:
            severity: Severity = "error" if exit_code == 8 else "warning"
            said = f"{heading}; {EXIT_CODES.get(exit_code, 'ended')} (exit code {exit_code})"
            again = f"Come back with: {self._come_back(update)}"
            self._issue(severity, said, ["The build goes on.", again], verdict=True)

    def _show_progress(self, update: Update) -> None:
        percent = max(self._percent, share_done(update))
        if not self._grouping or percent == self._percent:
            return
        self._percent = percent
        step = update.build.step
        doing = step_phrase(step, len(update.build.steps)) if step else outcome_sentence(update)
        if asked := self._runner.progress(percent, Masker().block(doing)):
            self._commands.command(asked)

    def _hand_over(self, update: Update, safe: Update, exit_code: int) -> None:
        kept: Kept | None = None
        try:
            kept = self._keep(update, exit_code)
        except OSError as error:
            self._say_refusal("What the pipeline should keep", error)
        started = update.build.run_started_at
        pages = [path for path in kept.files if path.suffix == ".html"] if kept else []
        facts = Facts(
            outcome=update.build.outcome,
            exit_code=str(exit_code),
            template=clean(self._source),
            started_at=iso(started) if started else "",
            artifacts=str(kept.folder) if kept else "",
            report=str(pages[0]) if pages else "",
        )
        try:
            page = summary(safe, self._title, self._source, self._runner.page_limit)
            for line in self._runner.hand_over(page, facts, kept):
                self._commands.command(line)
        except OSError as error:
            self._say_refusal("The summary", error)
        if kept:
            names = ", ".join(path.name for path in kept.files)
            self.writer.write(clean(f"Kept in {kept.folder}: {names}", None))

    def _say_refusal(self, what: str, error: OSError) -> None:
        place = f" to {error.filename}" if error.filename else ""
        self.writer.write(clean(f"{what} could not be written{place}: {error.strerror or error}"))


def share_done(update: Update) -> int:
    """How far the build is, in percent: by the forecast where there is one, else by its steps."""
    build, told = update.build, update.forecast
    if build.outcome == "succeeded" and update.ended:
        return 100
    started = build.run_started_at
    if told is not None and started is not None and told.ends_at > started:
        now = update.at - started
        share = max(now, timedelta()) / max(told.ends_at - started, now, timedelta(seconds=1))
        return min(_ALMOST, int(100 * share))
    over = sum(step.state in _OVER for step in build.steps)
    return min(_ALMOST, 100 * over // len(build.steps)) if build.steps else 0


def _place(alert: Alert) -> str:
    return alert.rule if alert.line is None else f"{alert.rule}, line {alert.line}"


def _lines_of(alert: Alert) -> list[str]:
    """The line of the log, why it matters, what to do."""
    proof = [f"Line {line.line}: {short(line.text, _LINE)}" for line in alert.evidence[:1]]
    return [*proof, clean(alert.cause), f"What to do: {' '.join(clean_lines(alert.remedy))}"]


def _lines_of_cause(told: Diagnosis) -> list[str]:
    """The cause, the line of the log where that says more, why it matters, what to do."""
    lines = [f"{short(plain_cause(told.cause), _LINE)} ({told.place})"] if told.cause else []
    lines += [short(told.message, _LINE)] if told.message else []
    proof = next((line for line in told.evidence if line.line == told.line), next(iter(told.evidence), None))
    if proof and short(plain_cause(proof.text), _LINE) not in " ".join(lines):
        lines.append(f"Line {proof.line}: {short(proof.text, _LINE)}")
    lines += [clean(told.why)] if told.why else []
    return [*lines, f"What to do: {' '.join(clean_lines(told.remedy))}"] if told.remedy else lines
