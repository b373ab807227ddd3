"""The log line of a call."""

from __future__ import annotations

import logging
from typing import Any

from arouter.calls.call_record import CallRecord, route

_log = logging.getLogger(__name__)


def log_call(record: CallRecord) -> None:
    """Logs a call that has ended, with nothing that the client wrote: people paste keys everywhere."""
    first, last, usage = record.first_token, record.last, record.usage
    fields: dict[str, Any] = {
        "request_id": record.request_id or None,
        "key": record.key.hash[:8],
        "model": last.model if last else None,
        "attempts": route(record) or None,
        "stream": record.request.stream,
        "status": record.status.value,
        "failure": record.failure,
        "ms": round((record.ended - record.started) * 1000),
        "ttft_ms": None if first is None else round((first - record.started) * 1000),
    }
    if usage is not None and record.exact:
        fields |= usage.said()
    if record.span.trace_id is not None:
        fields["trace_id"] = record.span.trace_id
    _log.info("chat", extra={"fields": fields})
