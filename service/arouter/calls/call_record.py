"""What became of a call: filled in while it runs, and turned into the records of its attempts at the end. Pure."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import Enum

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.units import NANOS
from arouter.catalogue.catalogue import Endpoint
from arouter.catalogue.cost import cost
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import delivered_tokens, likely_prompt_tokens
from arouter.chat.usage import Usage
from arouter.errors import Failure
from arouter.models import ModelDetails
from arouter.planning.plan import Plan
from arouter.telemetry.spans import NO_SPAN, Span
from arouter.usage.record import UsageRecord

_NOTHING = Usage()
_MAX_NANOS = 2**53
"""Some nine million USD: what every part of the way counts exactly."""

_MAX_ROUTE = 512
"""Characters of a route in a header."""


_OF_THE_CLIENT = frozenset({Failure.DEADLINE_EXCEEDED, Failure.INVALID_API_KEY})
"""What ends a call while its provider works and is to be paid."""


class Status(Enum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    CLIENT_CANCELLED = "client_cancelled"


@dataclass(slots=True)
class Attempt:
    """One candidate that was tried.

    Attributes:
        model: The id that its answer would have.
        endpoint: Who was asked.
        credential: The name of the provider's key that was used.
        asked: Whether the request was sent.
        sent: When it was, by the monotonic clock, or None.
        ended: When it failed, or a whole answer had come, by the same clock; None until then, and for a stream.
        failure: Why it gave no answer, or None.
        unread: Whether its provider closed the connection before it read the request, which may be sent again.
        added: Parameters of the request that the client did not send.
        repeatable: Whether its endpoint may be asked once more at once: the request was not read, or it can be sent
            without an added parameter that the endpoint refused.
        span: It in a trace.
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
        """How it went: `ok`, or the failure in lower case."""
        return "ok" if self.failure is None else self.failure.name.lower()

    @property
    def ms(self) -> int:
        """How long it took, in milliseconds; so far, if it has not ended."""
        return round(((self.ended or time.monotonic()) - self.started) * 1000)


@dataclass(slots=True)
class CallRecord:
    """One call.

    Attributes:
        id: The generation's id.
        caller: The hash of the key that called.
        created: When it came, in seconds since the epoch.
        started: The same by the monotonic clock.
        status: How it ended.
        plan: Who might have answered, or None if the planner found nobody.
        attempts: Who was tried, in this order.
        usage: What the last one said was used, or None.
        exact: Whether it said so in full, and nothing of it was malformed.
        delivered: Characters that the client was given of a streamed answer.
        complete: Whether all of the answer has come from its provider.
        first_token: When the first piece of a streamed answer was there, by the monotonic clock, or None.
        failure: The name of the error the client got, or None.
        free: Whether it costs nothing: its provider failed, or we did.
        span: It in a trace.
        finish_reasons: Why the answer's choices ended; only of calls whose span is recorded.
        records: What the usage_writer was given, or None: nothing yet.
    """

    id: str
    caller: str = ""
    created: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
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
    span: Span = NO_SPAN
    finish_reasons: list[str] = field(default_factory=list)
    records: list[UsageRecord] | None = None

    @property
    def last(self) -> Attempt | None:
        """The attempt that answered, or failed last; None if nobody was tried."""
        return self.attempts[-1] if self.attempts else None

    def leave(self) -> None:
        """Notes that the client has gone. Between two attempts nobody works for it, and it is charged nothing."""
        self.status = Status.CLIENT_CANCELLED
        self.free = self.last is not None and self.last.failure is not None

    def fail(self, failure: Failure) -> None:
        """Notes what the client is told. It is charged if its own deadline or key ended what its provider did."""
        self.status, self.failure = Status.FAILED, failure.name
        self.free = failure not in _OF_THE_CLIENT


def new_call_record(caller: str = "", span: Span = NO_SPAN) -> CallRecord:
    """Returns the outcome of a call that has just come.

    Args:
        caller: The hash of the key that called.
        span: It in a trace.
    """
    now = time.time()
    return CallRecord(id=f"gen-{int(now)}-{secrets.token_hex(12)}", caller=caller, created=now, span=span)


def route(outcome: CallRecord) -> str:
    """Returns who was tried, and how it went: `groq/llama-4=rate_limited, together/llama-4=ok`."""
    return ", ".join(f"{attempt.endpoint.id}={attempt.result}" for attempt in outcome.attempts)


def route_header(outcome: CallRecord) -> tuple[str, str]:
    """Returns the header that says the same in printable ASCII; the end of it, if it is long.

    Where `auto` chose, how demanding it found the request comes first: `auto=medium; ollama/qwen3=ok`.
    """
    difficulty = outcome.plan.difficulty if outcome.plan else None
    start = f"auto={difficulty.level}; " if difficulty else ""
    tried = route(outcome)
    if not (tried.isascii() and tried.isprintable()):
        tried = "".join(character if " " <= character <= "~" else "?" for character in tried)
    room = _MAX_ROUTE - len(start)
    return "x-arouter-route", start + (tried if len(tried) <= room else f"...{tried[3 - room :]}")


def nanos(details: ModelDetails, usage: Usage) -> int | None:
    """Returns what an answer costs in nano-USD, or None if nobody knows the model's prices."""
    prices = details.prices
    if prices is None:
        return None
    dollars = cost(
        prices,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        prompt_audio_tokens=usage.prompt_audio_tokens,
        completion_audio_tokens=usage.completion_audio_tokens,
    )
    return min(round(dollars * NANOS), _MAX_NANOS)


def charged_usage(said: Usage | None, exact: bool, request: ChatRequest, delivered: int) -> tuple[Usage, bool]:
    """Returns what a complete answer is charged for, and whether that is an estimate.

    Args:
        said: What its provider says it used.
        exact: Whether that is all of it; else an estimate takes the place of what is missing or malformed.
        request: What was asked.
        delivered: Characters of the answer.
    """
    if exact and said is not None and said[:2] != (0, 0):
        return said, False
    return _estimate(said, request, delivered), True


def records(outcome: CallRecord, key: AuthenticatedKey, request: ChatRequest, ended: float) -> list[UsageRecord]:
    """Returns one record for each attempt of a call that has ended; none if no provider was asked.

    Args:
        outcome: Of the call.
        key: Who called.
        request: What was asked.
        ended: When, by the monotonic clock.
    """
    made = [
        _record(outcome, key, request, number, attempt)
        for number, attempt in enumerate(outcome.attempts, 1)
        if attempt.asked
    ]
    last = outcome.last
    if last is not None and last.asked:
        used, guess = _used(outcome, request)
        charged = 0 if outcome.free else nanos(last.endpoint.details, used) or 0
        first = outcome.first_token
        made[-1] = made[-1]._replace(
            status=outcome.status.value,
            latency_ms=round((ended - outcome.started) * 1000),
            first_token_ms=None if first is None else round((first - outcome.started) * 1000),
            usage=used,
            cost=charged,
            estimated=guess,
        )
    return made


def _record(
    outcome: CallRecord, key: AuthenticatedKey, request: ChatRequest, number: int, attempt: Attempt
) -> UsageRecord:
    """Returns the record of an attempt that failed."""
    return UsageRecord(
        generation_id=outcome.id,
        attempt=number,
        account=key.account,
        key_hash=key.hash,
        model=attempt.model,
        provider=attempt.endpoint.provider.id,
        created_ms=int(outcome.created * 1000),
        latency_ms=round(((attempt.ended or attempt.started) - outcome.started) * 1000),
        first_token_ms=None,
        status=Status.FAILED.value,
        stream=request.stream,
        usage=_NOTHING,
        cost=0,
        estimated=False,
    )


def _used(outcome: CallRecord, request: ChatRequest) -> tuple[Usage, bool]:
    """Returns what the last attempt used, and whether that is an estimate: the prompt and what was delivered."""
    if outcome.free:
        return outcome.usage or _NOTHING, False
    if outcome.complete:
        return charged_usage(outcome.usage, outcome.exact, request, outcome.delivered)
    return _estimate(outcome.usage, request, outcome.delivered), True


def _estimate(said: Usage | None, request: ChatRequest, delivered: int) -> Usage:
    said = said or _NOTHING
    # What a provider says in the middle of an answer may be older than what it has sent since.
    return said._replace(
        prompt_tokens=said.prompt_tokens or likely_prompt_tokens(request),
        completion_tokens=max(said.completion_tokens, delivered_tokens(delivered)),
    )
