"""What is told about a call when it is over."""

from __future__ import annotations

import logging

from arouter.accounts.keys import ApiKey
from arouter.chat.request import ChatRequest
from arouter.routing.outcome import Outcome, route

_log = logging.getLogger(__name__)


def report(request_id: str, key: ApiKey, request: ChatRequest, outcome: Outcome, seconds: float) -> None:
    """Writes the call's one line, with nothing that the client wrote: people paste keys everywhere."""
    _log.info(
        "chat request_id=%s key=%s model=%s attempts=%s stream=%s status=%s failure=%s ms=%.0f %s",
        request_id or "-",
        key.hash[:8],
        outcome.last.model if outcome.last else "-",
        route(outcome) or "-",
        request.stream,
        outcome.status.value,
        outcome.failure or "-",
        seconds * 1000,
        outcome.usage or "usage=-",
    )
