"""The steps of a call, as a trace shows them. Nothing here knows OpenTelemetry, and nothing is done where it is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

Attributes: TypeAlias = "Mapping[str, str | bool | int | float | Sequence[str]]"


class Span(Protocol):
    """One step. It must be ended, once.

    Attributes:
        recorded: Whether anybody will see it: where nobody does, attributes need not be made.
        trace_id: Of the trace that will show it, 32 hexadecimal digits; None if none will.
        headers: What a request carries so that its receiver's spans become children of this one (W3C Trace Context).
    """

    @property
    def recorded(self) -> bool: ...  # noqa: D102
    @property
    def trace_id(self) -> str | None: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102

    def child(self, name: str, attributes: Attributes) -> Span:
        """Starts a call to somebody else that is a part of this step."""

    def end(self, name: str, attributes: Attributes, *, ended: float, failed: bool = False) -> None:
        """Ends it.

        Args:
            name: What it is called.
            attributes: What has become known of it since its start.
            ended: When it ended, by the monotonic clock.
            failed: Whether it is to be counted as an error.
        """


class Tracer(Protocol):
    """Makes spans and sends them away."""

    def start(self, name: str, traceparent: str) -> Span:
        """Starts the first span of a call here.

        Args:
            name: What it is called.
            traceparent: The caller's header of this name, as it came; empty if there was none.
        """

    async def close(self) -> None:
        """Sends what has not been sent yet, for a few seconds at most. Spans that end later are lost."""


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
