"""Traces: a span for each answer, with nothing in it that the log does not have."""

import sys
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.app import create_app
from service.config import VARIABLES, Settings, SettingsError
from service.metrics import SHARED_FOLDER

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALL = "/cds-services/scnen-discharge"


@pytest.fixture
def spans():
    """What a collector would get."""
    return InMemorySpanExporter()


@pytest.fixture
def client(spans, monkeypatch):
    """A service that is traced."""
    for name in [*VARIABLES, SHARED_FOLDER]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SCNEN_TRACING", "true")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    settings = Settings.from_env(is_open=True)
    return create_app(settings, traces=provider).test_client()


def test_an_answer_is_a_span_with_the_fields_of_its_log_line(
    client, spans, example_request
):
    """Names are those of OpenTelemetry's conventions where there are any."""
    client.post(CALL, json=example_request)
    (span,) = spans.get_finished_spans()
    assert span.name == "POST /cds-services/<service_id>"
    assert span.kind.name == "SERVER"
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/cds-services/<service_id>",
        "http.response.status_code": 200,
        "scnen.service": "scnen-discharge",
    }
    assert 0 < span.end_time - span.start_time < 60e9


def test_the_span_stands_in_the_trace_of_the_caller(client, spans, example_request):
    """W3C Trace Context; what the caller did not sample is not recorded."""
    for flags in ("01", "00"):
        sent = {"Traceparent": f"00-{TRACE}-{SPAN}-{flags}"}
        client.post(CALL, json=example_request, headers=sent)
    (span,) = spans.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN


@pytest.mark.parametrize("sent", ["", "canary-4711", f"00-{TRACE}-{SPAN}", "00-" * 900])
def test_what_is_no_trace_begins_one(client, spans, sent):
    """A header that cannot be read is not an error of the call."""
    assert client.get("/model", headers={"Traceparent": sent}).status_code == 200
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_no_span_holds_what_a_client_sent(client, spans):
    """Neither path, query, header nor body, whatever becomes of the request."""
    for path in ("/canary-4711", f"{CALL}?canary-4711", "/cds-services/canary-4711"):
        headers = {"X-Canary": "canary-4711", "Tracestate": "a=canary-4711"}
        client.post(path, data="canary-4711", headers=headers)
    found = spans.get_finished_spans()
    assert len(found) == 3
    assert "canary" not in "".join(span.to_json() for span in found)


def test_a_fault_of_ours_is_an_error_and_one_of_the_client_is_not(
    client, spans, monkeypatch, example_request
):
    """As the conventions for servers have it."""

    def broken(*_):
        raise RuntimeError("canary-4711")

    client.post(CALL, json={})
    monkeypatch.setattr("service.recording.decision_row", broken)
    client.post(CALL, json=example_request)
    theirs, ours = spans.get_finished_spans()
    assert (theirs.status.is_ok, theirs.attributes["http.response.status_code"]) == (
        True,
        400,
    )
    assert (ours.status.is_ok, ours.attributes["http.response.status_code"]) == (
        False,
        500,
    )
    assert "canary" not in ours.to_json()


def test_without_the_packages_the_start_names_the_extra(monkeypatch):
    """A wish that cannot be honoured is not passed over."""
    monkeypatch.setenv("SCNEN_TRACING", "true")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"SCNEN_TRACING.*scnen-cds\[tracing\]"):
        create_app(Settings.from_env(is_open=True))


@pytest.mark.server
def test_workers_send_their_spans_to_a_collector(start, example_request):
    """Over the wire, after a fork, under a name that the site chose."""
    got: Future[bytes] = Future()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            if not got.done():
                got.set_result((self.path, body))

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        service = start(
            SCNEN_TRACING="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
            OTEL_BSP_SCHEDULE_DELAY="100",
            OTEL_SERVICE_NAME="cds-north",
        )
        requests.post(service.url + CALL, json=example_request, timeout=30)
        path, body = got.result(30)
        server.shutdown()
    assert path == "/v1/traces"
    (told,) = ExportTraceServiceRequest.FromString(body).resource_spans
    resource = {item.key: item.value.string_value for item in told.resource.attributes}
    assert resource["service.name"] == "cds-north"
    names = [span.name for scope in told.scope_spans for span in scope.spans]
    assert set(names) <= {
        "POST /cds-services/<service_id>",
        "GET /healthz/live",
        "GET /healthz/ready",
    }
