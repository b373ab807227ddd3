"""Traces by OpenTelemetry. Imported only where a collector is configured: it costs a tenth of a second and memory."""

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

from arouter import __version__
from arouter.telemetry.spans import Attributes, Span

_TIMEOUT = 1.0
"""Seconds that the end waits for the collector. One that is there takes a fraction of that."""

_W3C = TraceContextTextMapPropagator()
_NOWHERE = Context()


class OtelTracer:
    """Spans in batches, from a thread of their own, to the collector that the `OTEL_*` variables name.

    The SDK reads them itself: sampler, resource, headers and certificates of the exporter, size of the queue (2048
    spans; what does not fit is lost). To be made after the logs are configured.
    """

    def __init__(self) -> None:
        # A collector that is away is told of once per export that is given up, not once per try as well.
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").setLevel(logging.ERROR)
        ours = {"service.name": "arouter", "service.version": __version__}
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("arouter", __version__)

    def start(self, name: str, traceparent: str) -> Span:
        """Starts a span of the caller's trace, or a trace; whether it is recorded is the sampler's decision."""
        # Not `tracestate`: it is text of the client's, and would go on to providers.
        parent = _W3C.extract({"traceparent": traceparent}, _NOWHERE) if traceparent else _NOWHERE
        return _OtelSpan(self._tracer, self._tracer.start_span(name, parent, SpanKind.SERVER))

    async def close(self) -> None:
        """See `Tracer.close`."""
        closing = asyncio.ensure_future(asyncio.to_thread(self._provider.shutdown))
        await asyncio.wait({closing}, timeout=_TIMEOUT)
        if not closing.done():
            # Ends an export that is waiting to be repeated, and those that would follow it.
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
