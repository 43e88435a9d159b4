"""What a collector receives, read back from OTLP as it came over HTTP, against the report of the same run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from aibtui.cli import main
from aibtui.core.updates import Evidence
from aibtui.outputs.otel import CannotExport, endpoint, export
from aibtui.outputs.report import report
from aibtui.wording import iso
from tests.outputs.updates import ALERT, an_update, failed_update, running_build

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """An OTLP receiver on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.code = 200
        self.traces: list[Any] = []
        self.metrics: list[Any] = []


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        assert isinstance(server, Collector)
        if server.code == 200:
            kept, kind = {
                "/v1/traces": (server.traces, ExportTraceServiceRequest),
                "/v1/metrics": (server.metrics, ExportMetricsServiceRequest),
            }[self.path]
            kept.append(kind.FromString(body))
        self.send_response(server.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans(collector: Collector) -> dict[str, Any]:
    return {
        span.name: span
        for request in collector.traces
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def attributes(holder: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes}


def stamp(nanoseconds: int) -> str:
    return iso(datetime.fromtimestamp(nanoseconds / 1e9, UTC))


def test_a_trace_says_the_same_as_the_report(collector: Collector) -> None:
    update = failed_update()
    told = report(update, "win11")
    export(update, "win11")
    found = spans(collector)
    root = found["BUILD win11"]
    assert attributes(root)["cicd.pipeline.result"] == "failure"
    assert attributes(root)["error.type"] == told["root_cause"]["rule"]
    assert root.kind == root.SPAN_KIND_SERVER
    resource = attributes(collector.traces[0].resource_spans[0].resource)
    assert (resource["cicd.pipeline.name"], resource["service.name"]) == ("win11", "azure-image-builder")
    tasks = {
        attributes(span)["aibtui.step.index"]: span
        for span in found.values()
        if "aibtui.step.index" in attributes(span)
    }
    begun = [step for step in told["steps"] if step["started_at"]]
    assert sorted(tasks) == [step["index"] for step in begun]
    for step in begun:
        span = tasks[step["index"]]
        assert (stamp(span.start_time_unix_nano), stamp(span.end_time_unix_nano)) == (
            step["started_at"],
            step["ended_at"],
        )
        assert attributes(span).get("process.exit.code") == step["exit_code"]
    events = [(span, event) for span in found.values() for event in span.events]
    assert [attributes(event)["aibtui.alert.rule"] for _, event in events] == [
        alert["rule"] for alert in told["alerts"]
    ]
    assert events[0][0] is tasks[2]
    ids = {span.span_id for span in found.values()}
    assert all(span.parent_span_id in ids for span in found.values() if span is not root)


def test_its_metrics_are_the_durations_of_the_states(collector: Collector) -> None:
    update = failed_update()
    export(update, "win11")
    metrics = {
        metric.name: metric
        for resource in collector.metrics[0].resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    points = metrics["cicd.pipeline.run.duration"].histogram.data_points
    (root,) = [span for name, span in spans(collector).items() if name.startswith("BUILD")]
    whole = (root.end_time_unix_nano - root.start_time_unix_nano) / 1e9
    assert sum(point.sum for point in points) == whole
    assert metrics["cicd.pipeline.run.errors"].sum.data_points[0].as_int == 1


def test_sending_a_run_again_repeats_its_trace(collector: Collector) -> None:
    for _ in range(2):
        export(failed_update(), "win11")
    first, second = (request.SerializeToString() for request in collector.traces)
    assert len(collector.traces) == 2
    assert len({span.trace_id for span in spans(collector).values()}) == 1
    assert len(first) == len(second)


def test_no_secret_leaves(collector: Collector) -> None:
    line = Evidence(3, "az login --password=Sup3rSecret_9 \x1b]52;c;eA==\x07")
    export(replace(failed_update(), alerts=(replace(ALERT, evidence=(line,)),)), "win11")
    sent = collector.traces[0].SerializeToString()
    assert b"Sup3rSecret_9" not in sent
    (event,) = [event for span in spans(collector).values() for event in span.events]
    assert attributes(event)["aibtui.alert.evidence"].isprintable()


def test_what_still_runs_is_not_sent(collector: Collector) -> None:
    with pytest.raises(CannotExport, match="has not ended"):
        export(an_update(5, running_build()), "win11")
    assert collector.traces == []


def test_a_collector_that_refuses_is_told_of(collector: Collector, capfd: pytest.CaptureFixture[str]) -> None:
    collector.code = 403
    with pytest.raises(CannotExport, match="403"):
        export(failed_update(), "win11")
    assert capfd.readouterr() == ("", "")


def test_a_log_is_sent_by_the_command(collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBTUI_STATE_DIR", str(tmp_path))
    log = tmp_path / "customization.log"
    log.write_bytes(
        b"[0d2f7e0a-6f8c-4a35-9b1f-000000000001] PACKER 2026/03/04 12:00:00 [INFO] Packer version: 1.15.0\n"
        b"[0d2f7e0a-6f8c-4a35-9b1f-000000000001] PACKER 2026/03/04 12:03:00 ui error: "
        b"Build 'azure-arm' errored after 3 minutes 1 second: boom\n"
        b"[0d2f7e0a-6f8c-4a35-9b1f-000000000001] PACKER Done exporting Packer logs to Azure Storage.\n"
    )
    done = CliRunner().invoke(main, ["export", str(log), "--otlp"])
    assert (done.exit_code, done.stdout) == (0, "customization.log: sent to 127.0.0.1\n")
    assert attributes(spans(collector)["BUILD customization.log"])["cicd.pipeline.result"] == "failure"


def test_without_an_endpoint_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    refused = CliRunner().invoke(main, ["export", "x", "--otlp"])
    assert refused.exit_code == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=" in refused.stderr
    assert endpoint({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"}) is None
