"""The log line of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from arouter.calls.call_record import CallRecord, route

WriteEvent: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Writes a line with an event's name and its fields. Must not block or raise."""


class CallLog:
    """An observer that logs calls.

    Args:
        write: Writes the lines.
    """

    def __init__(self, write: WriteEvent) -> None:
        self._write = write

    def __call__(self, record: CallRecord) -> None:
        """Logs a call that has ended, without any text from the client, which may contain secrets."""
        attempts, usage = record.attempts, record.usage
        first, started = record.first_token, record.started
        fields: dict[str, Any] = {
            "request_id": record.request_id or None,
            "key": record.key.hash[:8],
            "model": attempts[-1].model if attempts else None,
            "attempts": route(record) or None,
            "stream": record.request.stream,
            "status": record.status.value,
            "failure": record.failure,
            "ms": round((record.ended - started) * 1000),
            "ttft_ms": None if first is None else round((first - started) * 1000),
        }
        if usage is not None and record.exact:
            fields |= usage.said()
        if record.span.trace_id is not None:
            fields["trace_id"] = record.span.trace_id
        self._write(record.request.operation, fields)
