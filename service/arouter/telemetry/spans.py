"""Spans of a call. Independent of OpenTelemetry; does nothing if tracing is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

Attributes: TypeAlias = "Mapping[str, str | bool | int | float | Sequence[str]]"


class Span(Protocol):
    """One step of a call. `end` must be called exactly once.

    Attributes:
        recorded: Whether the span is sampled. If not, attributes need not be computed.
        trace_id: Id of the sampled trace, 32 hexadecimal digits, or None.
        headers: Headers that make the receiver's spans children of this one (W3C Trace Context).
    """

    @property
    def recorded(self) -> bool: ...  # noqa: D102
    @property
    def trace_id(self) -> str | None: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102

    def child(self, name: str, attributes: Attributes) -> Span:
        """Starts a child span for an outgoing call."""

    def end(self, name: str, attributes: Attributes, *, ended: float, failed: bool = False) -> None:
        """Ends the span.

        Args:
            name: The span's name.
            attributes: Attributes that became known after the start.
            ended: End time by the monotonic clock.
            failed: Whether the status is error.
        """


class Tracer(Protocol):
    """Creates and exports spans."""

    def start(self, name: str, traceparent: str) -> Span:
        """Starts the root span of a call in this process.

        Args:
            name: The span's name.
            traceparent: The caller's `traceparent` header, unvalidated; empty if there was none.
        """

    async def close(self) -> None:
        """Exports the remaining spans, for a few seconds at most. Spans that end later are lost."""


class _NoSpan:
    recorded = False
    trace_id = None
    headers: Mapping[str, str] = {}

    def child(self, name: str, attributes: Attributes) -> Span:  # noqa: ARG002
        return self

    def end(self, name: str, attributes: Attributes, *, ended: float, failed: bool = False) -> None:
        pass


class _NoTracer:
    def start(self, name: str, traceparent: str) -> Span:  # noqa: ARG002
        return NO_SPAN

    async def close(self) -> None:
        pass


NO_SPAN: Span = _NoSpan()
NO_TRACER: Tracer = _NoTracer()
