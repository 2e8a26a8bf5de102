"""W3C trace context always; OpenTelemetry spans where its SDK is installed and the environment configures it."""

from __future__ import annotations

import os
from typing import Any

from modelwright.interfaces.http.identity import Ids
from modelwright.interfaces.http.replies import Reply
from modelwright.interfaces.http.request import Request

_SAYS_WHERE = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def configured(environment: dict[str, str]) -> bool:
    """Whether spans are wanted, by OpenTelemetry's own variables."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").lower()
    return exporter in ("otlp", "console") or (exporter != "none" and any(environment.get(one) for one in _SAYS_WHERE))


class Tracing:
    """Gives every traced request a span of its own inside the caller's trace."""

    def __init__(self, ids: Ids, environment: dict[str, str]) -> None:
        self._ids = ids
        self._spans: dict[int, Any] = {}
        self._provider = _provider() if configured(environment) else None
        self.exports = self._provider is not None
        self._tracer = self._provider.get_tracer("modelwright") if self._provider is not None else None

    def start(self, request: Request) -> None:
        """Join the caller's trace. Where the request has no id yet, it is named by the trace and our span, so that a
        record of the prediction log finds its trace."""
        trace = request.head.trace() if request.head.traceparent else None
        if self._tracer is not None:
            trace = self._open(request, trace)
        elif trace is not None:
            request.span = self._ids.span()
        request.trace = trace
        if trace is not None and not request.request_id:
            request.request_id = f"{trace[0]}-{request.span}"

    def _open(self, request: Request, trace: tuple[str, str, str] | None) -> tuple[str, str, str]:
        from opentelemetry import trace as otel

        parent = None
        if trace is not None:
            above = otel.SpanContext(int(trace[0], 16), int(trace[1], 16), True, otel.TraceFlags(int(trace[2], 16)))
            parent = otel.set_span_in_context(otel.NonRecordingSpan(above))
        assert self._tracer is not None
        name = f"{request.head.method} {request.route.pattern}"
        span = self._tracer.start_span(name, context=parent, kind=otel.SpanKind.SERVER)
        said = span.get_span_context()
        self._spans[id(request)] = span
        request.span = f"{said.span_id:016x}"
        return f"{said.trace_id:032x}", request.span, f"{int(said.trace_flags):02x}"

    def end(self, request: Request, reply: Reply) -> None:
        span = self._spans.pop(id(request), None)
        if span is None:
            return
        span.set_attribute("http.request.method", request.head.method)
        span.set_attribute("http.route", request.route.pattern)
        span.set_attribute("http.response.status_code", reply.status)
        span.set_attribute("modelwright.request_id", reply.request_id)
        if reply.model != "-":
            span.set_attribute("modelwright.model", reply.model)
        if reply.code:
            span.set_attribute("error.type", reply.code)
        span.end()

    def close(self) -> None:
        """Send what is still here."""
        if self._provider is not None:
            self._provider.shutdown()


def _provider() -> Any:
    """A tracer provider of our own, or None where the SDK is not installed."""
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
    except ImportError:
        return None
    exporter: SpanExporter
    if os.environ.get("OTEL_TRACES_EXPORTER", "").lower() == "console":
        exporter = ConsoleSpanExporter()
    else:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError:
            return None
        exporter = OTLPSpanExporter()
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "modelwright"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
