"""The record of one call: filled in while the call runs, and read by the observers once it has ended. Pure."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from enum import Enum

from arouter.accounts.keys import AuthenticatedKey
from arouter.catalogue.catalogue import Endpoint
from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage
from arouter.errors import Failure
from arouter.planning.plan import Plan
from arouter.telemetry.spans import NO_SPAN, Span
from arouter.usage.record import UsageRecord

_MAX_ROUTE = 512
"""Characters of a route in a header."""

_CHARGED_FAILURES = frozenset({Failure.DEADLINE_EXCEEDED, Failure.INVALID_API_KEY})
"""Failures that the client has caused: the provider has done its work and charges for it."""


class Status(Enum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    CLIENT_CANCELLED = "client_cancelled"


@dataclass(slots=True)
class Attempt:
    """One candidate that was tried. Times are by the monotonic clock.

    Attributes:
        model: The id of the model, as in the response.
        endpoint: The endpoint that was called.
        credential: The name of the credential that was used.
        started: When it began.
        asked: Whether the request was sent.
        sent: When the request was sent, or None.
        ended: When it failed, or when a unary response was complete. None before that, and for a stream.
        failure: Why it failed, or None.
        unread: Whether the provider closed the connection before it read the request, which may be sent again.
        added: Parameters of the request that the client did not send.
        repeatable: Whether the same endpoint may be called again immediately: the request was not read, or can be sent
            without an added parameter that the endpoint refused.
        span: Its span in the trace.
    """

    model: str
    endpoint: Endpoint
    credential: str
    started: float = field(default_factory=time.monotonic)
    asked: bool = False
    sent: float | None = None
    ended: float | None = None
    failure: Failure | None = None
    unread: bool = False
    added: frozenset[str] = frozenset()
    repeatable: bool = False
    span: Span = NO_SPAN

    @property
    def result(self) -> str:
        """`ok`, or the failure in lower case."""
        return "ok" if self.failure is None else self.failure.name.lower()

    @property
    def ms(self) -> int:
        """Milliseconds that it took, so far if it has not ended."""
        return round(((self.ended or time.monotonic()) - self.started) * 1000)


@dataclass(slots=True)
class CallRecord:
    """One call.

    Attributes:
        id: The generation's id.
        key: The key that called.
        request: The request.
        request_id: The request's id, for the log; empty if it has none.
        span: Its span in the trace.
        created: When it arrived, in seconds since the epoch.
        started: When it arrived, by the monotonic clock.
        ended: When it ended, by the monotonic clock; 0 before.
        status: How it ended.
        plan: Its plan, or None if planning failed.
        attempts: The attempts, in order.
        usage: The usage that the last provider reported, or None.
        exact: Whether that usage was complete and well-formed.
        delivered: Characters of a stream that were delivered to the client.
        complete: Whether the provider has sent all of the response.
        first_token: When the first chunk of a stream arrived, by the monotonic clock, or None.
        failure: The name of the error that the client got, or None.
        free: Whether it is not charged, because the provider or ARouter failed.
        finish_reasons: Why the completion's choices ended; filled in only if the span is recorded.
        usage_records: Its usage records; None until they are written.
    """

    id: str
    key: AuthenticatedKey
    request: ChatRequest
    request_id: str = ""
    span: Span = NO_SPAN
    created: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    status: Status = Status.OK
    plan: Plan | None = None
    attempts: list[Attempt] = field(default_factory=list)
    usage: Usage | None = None
    exact: bool = True
    delivered: int = 0
    complete: bool = False
    first_token: float | None = None
    failure: str | None = None
    free: bool = False
    finish_reasons: list[str] = field(default_factory=list)
    usage_records: list[UsageRecord] | None = None

    @property
    def last(self) -> Attempt | None:
        """The attempt that succeeded, or failed last; None if there was none."""
        return self.attempts[-1] if self.attempts else None

    def leave(self) -> None:
        """Records that the client cancelled. Between two attempts no provider is at work, so nothing is charged."""
        self.status = Status.CLIENT_CANCELLED
        self.free = self.last is not None and self.last.failure is not None

    def fail(self, failure: Failure) -> None:
        """Records the error that the client gets. The call is charged if the client's own deadline or key ended it."""
        self.status, self.failure = Status.FAILED, failure.name
        self.free = failure not in _CHARGED_FAILURES


def new_call_record(
    key: AuthenticatedKey, request: ChatRequest, request_id: str = "", span: Span = NO_SPAN
) -> CallRecord:
    """Returns the record of a call that has just arrived, with a new generation id."""
    now = time.time()
    return CallRecord(f"gen-{int(now)}-{os.urandom(12).hex()}", key, request, request_id, span, now)


def route(record: CallRecord) -> str:
    """Returns the attempts with their results: `groq/llama-4=rate_limited, together/llama-4=ok`."""
    attempts = record.attempts
    if len(attempts) == 1 and attempts[0].failure is None:
        return f"{attempts[0].endpoint.id}=ok"
    return ", ".join([f"{attempt.endpoint.id}={attempt.result}" for attempt in attempts])


def route_header(record: CallRecord) -> tuple[str, str]:
    """Returns the header with the route in printable ASCII, truncated at the front if it is long.

    If `auto` chose the model, the difficulty of the request comes first: `auto=medium; ollama/qwen3=ok`.
    """
    difficulty = record.plan.difficulty if record.plan else None
    start = f"auto={difficulty.level}; " if difficulty else ""
    tried = route(record)
    if not (tried.isascii() and tried.isprintable()):
        tried = "".join(character if " " <= character <= "~" else "?" for character in tried)
    room = _MAX_ROUTE - len(start)
    return "x-arouter-route", start + (tried if len(tried) <= room else f"...{tried[3 - room :]}")
