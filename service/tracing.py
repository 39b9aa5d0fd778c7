"""Spans of answered requests for a collector, if the extra ``tracing`` is installed.

A span says what the log line of the request says, and nothing else: no path, query,
address, text of an exception. Where spans go, and how many, the variables of
OpenTelemetry say (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``).
"""

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from flask import request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["TracingMissingError", "collector", "tracer_of"]

#: Fields of the log line, under the names of OpenTelemetry's conventions where there
#: are any.
_ATTRIBUTES: Final = {
    "method": "http.request.method",
    "route": "http.route",
    "service": "scnen.service",
    "client": "scnen.client",
    "tenant": "scnen.tenant",
    "refusal": "scnen.refusal",
    "withheld": "scnen.withheld",
}
_FAULT: Final = 500


class TracingMissingError(ImportError):
    """The packages of the extra ``tracing`` are not installed."""


def collector(version: str) -> "TracerProvider":
    """
    Send spans to the collector that OpenTelemetry's variables name.

    Parameters
    ----------
    version : str
        Version of the software.

    Returns
    -------
    TracerProvider
        Sends them in groups, from a thread of its own in each worker.

    Raises
    ------
    TracingMissingError
        If the packages are not there.
    """
    try:
        trace = import_module("opentelemetry.sdk.trace")
        export = import_module("opentelemetry.sdk.trace.export")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = import_module("opentelemetry.sdk.resources")
    except ImportError:
        raise TracingMissingError from None
    # A name in OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES counts before ours.
    told = resources.Resource.create(
        {"service.name": "scnen-cds", "service.version": version}
    ).merge(resources.OTELResourceDetector().detect())
    provider: TracerProvider = trace.TracerProvider(resource=told)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return provider


def tracer_of(
    provider: "TracerProvider",
) -> Callable[[Mapping[str, Any], int, float], None]:
    """
    Make what records a span for each answer.

    Parameters
    ----------
    provider : TracerProvider
        Where spans go.

    Returns
    -------
    callable
        Takes what the log line says of a request, the status, and the time in seconds,
        while the request is the current one.
    """
    api = import_module("opentelemetry.trace")
    propagation = import_module("opentelemetry.trace.propagation.tracecontext")
    tracer = provider.get_tracer("service")
    parent_of = propagation.TraceContextTextMapPropagator().extract

    def record(told: Mapping[str, Any], status: int, seconds: float) -> None:
        ended = time.time_ns()
        sent = {"traceparent": request.headers.get("Traceparent", "")}
        span = tracer.start_span(
            f"{told['method']} {told['route']}" if told["route"] else "unknown",
            context=parent_of(sent),
            kind=api.SpanKind.SERVER,
            start_time=ended - int(seconds * 1e9),
        )
        for name, attribute in _ATTRIBUTES.items():
            if told.get(name) is not None:
                span.set_attribute(attribute, told[name])
        span.set_attribute("http.response.status_code", status)
        if status >= _FAULT:
            span.set_status(api.StatusCode.ERROR)
        span.end(ended)

    return record
