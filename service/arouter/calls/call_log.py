"""What is told about a call when it is over."""

from __future__ import annotations

import logging
from typing import Any

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.call_record import CallRecord, route
from arouter.chat.request import ChatRequest

_log = logging.getLogger(__name__)


def report(request_id: str, key: AuthenticatedKey, request: ChatRequest, outcome: CallRecord, seconds: float) -> None:
    """Writes the call's one line, with nothing that the client wrote: people paste keys everywhere."""
    first, last, usage = outcome.first_token, outcome.last, outcome.usage
    fields: dict[str, Any] = {
        "request_id": request_id or None,
        "key": key.hash[:8],
        "model": last.model if last else None,
        "attempts": route(outcome) or None,
        "stream": request.stream,
        "status": outcome.status.value,
        "failure": outcome.failure,
        "ms": round(seconds * 1000),
        "ttft_ms": None if first is None else round((first - outcome.started) * 1000),
    }
    if usage is not None and outcome.exact:
        fields |= usage.said()
    if outcome.span.trace_id is not None:
        fields["trace_id"] = outcome.span.trace_id
    _log.info("chat", extra={"fields": fields})
