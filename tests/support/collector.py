"""An OpenTelemetry collector: takes spans by OTLP over gRPC and keeps them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from support.ports import HOST


class Span(NamedTuple):
    """One span, as it was exported. Ids are in hexadecimal; `parent` is empty for the first of a trace."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    seconds: float


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What was exported. Tests ask from their own thread.

    Attributes:
        endpoint: What `OTEL_EXPORTER_OTLP_ENDPOINT` says.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self._lock = threading.Lock()
        self._requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(  # noqa: N802 -- grpc's
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        with self._lock:
            self._requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace_id: str) -> list[Span]:
        """Returns the spans of a trace so far, in the order of their starts."""
        with self._lock:
            found = [
                (span.start_time_unix_nano, _span(group.resource.attributes, span))
                for request in self._requests
                for group in request.resource_spans
                for scope in group.scope_spans
                for span in scope.spans
                if span.trace_id.hex() == trace_id
            ]
        return [span for _, span in sorted(found, key=lambda each: each[0])]

    def text(self) -> str:
        """Returns everything that was exported, for people and for `in`."""
        with self._lock:
            return "\n".join(str(request) for request in self._requests)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Runs a collector."""
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://{HOST}:{server.add_insecure_port(f'{HOST}:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _span(resource: Any, span: trace_pb2.Span) -> Span:
    return Span(
        service=_values(resource)["service.name"],
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
