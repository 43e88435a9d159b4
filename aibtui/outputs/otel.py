"""A run as OpenTelemetry's CI/CD conventions name it: one trace and its metrics, sent once by OTLP over HTTP.

The names are those of the semantic conventions for CI/CD (pipeline, task and result), written here because the Python
package with them is a preview. Endpoint, headers and certificates come from the standard `OTEL_EXPORTER_OTLP_*`. Ids
are made of the run's own identity, so that sending a run again repeats its trace instead of making another.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from aibtui import __version__
from aibtui.core.build import Outcome, State, Step
from aibtui.core.updates import Alert, Update
from aibtui.outputs.redaction import without_secrets
from aibtui.safetext import clean
from aibtui.wording import iso, phase_name, step_name

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Span

SERVICE: Final = "azure-image-builder"
_RESULTS: Final[Mapping[Outcome, str]] = {
    "succeeded": "success",
    "partially-succeeded": "failure",
    "failed": "failure",
    "timed-out": "timeout",
    "canceled": "cancellation",
    "stopped": "cancellation",
}
_TASK_RESULTS: Final[Mapping[State, str]] = {
    "done": "success",
    "failed": "failure",
    "stopped": "cancellation",
    "skipped": "skip",
}
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TEXT: Final = 1000


class CannotExport(Exception):
    """Why nothing was sent: one sentence, with what to do."""


def endpoint(environ: Mapping[str, str]) -> str | None:
    """Where the standard variables send traces, None where they name nothing or switch OpenTelemetry off."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    return next((environ[name] for name in reversed(_ENDPOINTS) if environ.get(name)), None)


def export(update: Update, name: str) -> None:
    """Send the trace and the metrics of a run that is over; `name` stands for a template that is not known.

    Blocks until they are taken. Raises CannotExport: the extra is missing, the run still goes on, nobody takes it.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics.export import MetricExportResult
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise CannotExport("OpenTelemetry is not installed. Install it with: pip install 'aibtui[otel]'") from None
    if update.build.outcome == "running":
        raise CannotExport("The run has not ended, as far as it is recorded: there is no trace to send yet.")
    run = _Run(without_secrets(update), name)
    with _heard() as said:
        traces, metrics = OTLPSpanExporter(), OTLPMetricExporter()
        sent = traces.export(run.spans()) is SpanExportResult.SUCCESS
        sent = sent and metrics.export(run.metrics()) is MetricExportResult.SUCCESS
        traces.shutdown()  # type: ignore[no-untyped-call]
        metrics.shutdown()
    if not sent:
        why = clean(said[-1], _TEXT) if said else "no reason was given"
        raise CannotExport(f"The trace was not taken: {why} Look at the variables OTEL_EXPORTER_OTLP_*.")


class _Run:
    """One run in OpenTelemetry's words."""

    def __init__(self, update: Update, name: str) -> None:
        build = update.build
        template = build.status.template if build.status else None
        self._update = update
        self._build = build
        self._name = clean(template.name if template else name, _TEXT)
        self._began = build.run_started_at or build.started_at or update.at
        ends = [at for at in (build.ended_at, build.status.ended_at if build.status else None) if at is not None]
        self._ended = max([*ends, self._began])
        self._id = clean(build.facts.operation_id or f"{self._name}/{iso(self._began)}", _TEXT)
        self._resource = {
            "service.name": SERVICE,
            "cloud.provider": "azure",
            "cicd.pipeline.name": self._name,
            "cicd.pipeline.run.id": self._id,
        }
        if template is not None:
            self._resource["cloud.resource_id"] = clean(template.id, _TEXT)
        if template is not None and template.location:
            self._resource["cloud.region"] = clean(template.location, _TEXT)

    @property
    def result(self) -> str:
        """What became of the run."""
        return "timeout" if self._build.probably_timed_out else _RESULTS.get(self._build.outcome, "error")

    def spans(self) -> tuple[ReadableSpan, ...]:
        """The run, in it its phases, in the phase of customizing its steps; each begins and ends when it did."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        kept = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource.create(self._resource), id_generator=_ids(self._id))
        provider.add_span_processor(SimpleSpanProcessor(kept))
        tracer = provider.get_tracer("aibtui", __version__)
        attributes = {"cicd.pipeline.action.name": "BUILD", "cicd.pipeline.result": self.result}
        if self.result in ("failure", "error", "timeout"):
            cause = self._update.root_cause
            attributes["error.type"] = cause.rule if cause else self.result

        def begin(name: str, parent: Span, about: Mapping[str, str | int | bool], at: datetime) -> Span:
            context = set_span_in_context(parent)
            return tracer.start_span(name, context=context, attributes=about, start_time=_nanoseconds(at))

        root = tracer.start_span(
            f"BUILD {self._name}", kind=SpanKind.SERVER, attributes=attributes, start_time=_nanoseconds(self._began)
        )
        if self.result != "success":
            cause = self._update.root_cause
            root.set_status(StatusCode.ERROR, clean(cause.text if cause else self._build.outcome, _TEXT))
        phases: list[tuple[datetime, Span]] = []
        ends: list[tuple[Span, datetime]] = []
        for phase in self._build.phases:
            if phase.started_at is not None:
                about = {"aibtui.phase": phase.name, "aibtui.state": phase.state}
                span = begin(phase_name(phase.name), root, about, phase.started_at)
                phases.append((phase.started_at, span))
                ends.append((span, phase.ended_at or self._ended))
        spans: dict[int | None, Span] = {None: root}
        for step in self._build.steps:
            if step.started_at is not None:
                parent = next((span for began, span in reversed(phases) if began <= step.started_at), root)
                spans[step.index] = task = begin(step_name(step), parent, self._task(step), step.started_at)
                if step.state == "failed":
                    task.set_status(StatusCode.ERROR)
                ends.append((task, step.ended_at or self._ended))
        for alert in self._update.alerts:
            spans.get(alert.step, root).add_event(f"alert {alert.rule}", _alert(alert), _nanoseconds(alert.at))
        for span, at in reversed(ends):
            span.end(_nanoseconds(at))
        root.end(_nanoseconds(self._ended))
        return kept.get_finished_spans()

    def metrics(self) -> MetricsData:
        """How long the run was pending, executing and finalizing, and its error if it had one."""
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from opentelemetry.sdk.resources import Resource

        reader = InMemoryMetricReader()
        resource = {name: value for name, value in self._resource.items() if name != "cicd.pipeline.run.id"}
        meter = MeterProvider([reader], Resource.create(resource)).get_meter("aibtui", __version__)
        about = {"cicd.pipeline.name": self._name, "cicd.pipeline.result": self.result}
        took = meter.create_histogram("cicd.pipeline.run.duration", "s", "Duration of a pipeline run grouped by state")
        for state, duration in self._lasted():
            took.record(duration.total_seconds(), {**about, "cicd.pipeline.run.state": state})
        if self.result != "success":
            kind = self._update.root_cause.rule if self._update.root_cause else self.result
            errors = meter.create_counter(
                "cicd.pipeline.run.errors", "{error}", "The number of errors in pipeline runs"
            )
            errors.add(1, {"cicd.pipeline.name": self._name, "error.type": kind})
        measured = reader.get_metrics_data()
        if measured is None:
            raise RuntimeError("a run always has a duration")
        return measured

    def _lasted(self) -> Iterator[tuple[str, timedelta]]:
        """The states of the conventions, of which Image Builder has each at most once, and how long each lasted."""
        phases = [phase for phase in self._build.phases if phase.started_at is not None]
        first = next((phase.started_at for phase in phases if phase.started_at), self._ended)
        last = next(
            (phase.started_at for phase in phases if phase.name == "distribute" and phase.started_at), self._ended
        )
        for state, began, ended in (
            ("pending", self._began, first),
            ("executing", first, last),
            ("finalizing", last, self._ended),
        ):
            if ended > began:
                yield state, ended - began

    def _task(self, step: Step) -> dict[str, str | int | bool]:
        found: dict[str, str | int | bool] = {
            "cicd.pipeline.task.name": step_name(step),
            "cicd.pipeline.task.run.id": f"{self._id}/{step.index}",
            "cicd.pipeline.task.run.result": _TASK_RESULTS.get(step.state, "error"),
            "cicd.pipeline.task.type": "build",
            "aibtui.step.index": step.index,
            "aibtui.step.type": clean(step.type, _TEXT),
            "aibtui.step.hidden": step.hidden,
        }
        if step.exit_code is not None:
            found["process.exit.code"] = step.exit_code
        return found


def _alert(alert: Alert) -> dict[str, str | int]:
    texts = {
        "rule": alert.rule,
        "severity": alert.severity,
        "title": alert.title,
        "cause": alert.cause,
        "remedy": alert.remedy,
    }
    told: dict[str, str | int] = {f"aibtui.alert.{name}": clean(text, _TEXT) for name, text in texts.items()}
    if alert.line is not None:
        told["aibtui.alert.line"] = alert.line
    if alert.evidence:
        told["aibtui.alert.evidence"] = clean(alert.evidence[0].text, _TEXT)
    return told


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000


def _ids(run_id: str) -> IdGenerator:
    """Ids that follow from the run alone: the trace's, and one after the other those of its spans."""
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Derived(IdGenerator):
        def __init__(self) -> None:
            self._spans = 0

        def generate_span_id(self) -> int:
            self._spans += 1
            return self._digest(8, str(self._spans))

        def generate_trace_id(self) -> int:
            return self._digest(16, "trace")

        def _digest(self, size: int, part: str) -> int:
            return int.from_bytes(hashlib.blake2b(f"{run_id}\n{part}".encode(), digest_size=size).digest()) or 1

    return Derived()


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What OpenTelemetry logs meanwhile, which would else go to stderr and tear the screen."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("opentelemetry"), Listener(logging.WARNING)
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagated
