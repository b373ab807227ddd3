"""Tracing with OpenTelemetry. Imported only if a collector is configured: it costs a tenth of a second and memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from arouter.telemetry.spans import Attributes, Span
from arouter.version import VERSION

_TIMEOUT = 1.0
"""Timeout of the final export in seconds. A reachable collector takes a fraction of that."""

_W3C = TraceContextTextMapPropagator()
_NOWHERE = Context()


class OtelTracer:
    """Exports spans in batches, from a background thread, to the collector that the `OTEL_*` variables name.

    The SDK reads the variables itself: sampler, resource, the exporter's headers and certificates, queue size (2048
    spans; more are dropped). Must be created after logging is configured.
    """

    def __init__(self) -> None:
        # Log an unreachable collector once per failed export, not also once per retry.
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").setLevel(logging.ERROR)
        ours = {"service.name": "arouter", "service.version": VERSION}
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("arouter", VERSION)

    def start(self, name: str, traceparent: str) -> Span:
        """Starts a span in the caller's trace or in a new one; the sampler decides whether it is recorded."""
        # Without `tracestate`: it is text from the client and would be forwarded to providers.
        parent = _W3C.extract({"traceparent": traceparent}, _NOWHERE) if traceparent else _NOWHERE
        return _OtelSpan(self._tracer, self._tracer.start_span(name, parent, SpanKind.SERVER))

    async def close(self) -> None:
        """See `Tracer.close`."""
        closing = asyncio.ensure_future(asyncio.to_thread(self._provider.shutdown))
        await asyncio.wait({closing}, timeout=_TIMEOUT)
        if not closing.done():
            # Aborts an export that waits for a retry, and those that would follow.
            await asyncio.to_thread(self._exporter.shutdown)
        await closing


class _OtelSpan:
    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self.recorded = span.is_recording()

    @property
    def trace_id(self) -> str | None:
        return trace.format_trace_id(self._span.get_span_context().trace_id) if self.recorded else None

    @property
    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, self._context())
        return carrier

    def child(self, name: str, attributes: Attributes) -> Span:
        made = self._tracer.start_span(name, self._context(), SpanKind.CLIENT, attributes)
        return _OtelSpan(self._tracer, made)

    def end(self, name: str, attributes: Attributes, *, ended: float, failed: bool = False) -> None:
        if self.recorded:
            self._span.update_name(name)
            self._span.set_attributes(attributes)
            if failed:
                self._span.set_status(StatusCode.ERROR)
        self._span.end(time.time_ns() - int((time.monotonic() - ended) * 1e9))

    def _context(self) -> Context:
        return trace.set_span_in_context(self._span, _NOWHERE)
