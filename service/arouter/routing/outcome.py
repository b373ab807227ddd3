"""What became of a call: filled in while it runs, and turned into the records of its attempts at the end. Pure."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import Enum

from arouter.accounts.keys import ApiKey
from arouter.accounts.records import NANOS
from arouter.catalogue.catalogue import Model
from arouter.catalogue.cost import cost
from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage
from arouter.errors import Failure
from arouter.ledger.record import UsageRecord
from arouter.limits.estimate import delivered_tokens, likely_prompt_tokens

_NOTHING = Usage()
_MOST_NANOS = 2**53
"""Some nine million USD: what every part of the way counts exactly."""


class Status(Enum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    CLIENT_CANCELLED = "client_cancelled"


@dataclass
class Outcome:
    """One call.

    Attributes:
        id: The generation's id.
        created: When it came, in seconds since the epoch.
        started: The same by the monotonic clock.
        status: How it ended.
        model: Who answered or was tried last, or None.
        asked: Whether that provider was sent the request.
        usage: What its provider said was used, or None.
        delivered: Characters that the client was given of a streamed answer.
        complete: Whether all of the answer has come from its provider.
        first_token: When the first piece of a streamed answer was there, by the monotonic clock, or None.
        failure: The name of the error the client got, or None.
        free: Whether it costs nothing: its provider failed, or we did.
        failed: The attempts before the last one, each with the monotonic time of its end.
    """

    id: str
    created: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    status: Status = Status.OK
    model: Model | None = None
    asked: bool = False
    usage: Usage | None = None
    delivered: int = 0
    complete: bool = False
    first_token: float | None = None
    failure: str | None = None
    free: bool = False
    failed: list[tuple[Model, float]] = field(default_factory=list)

    def try_next(self, model: Model) -> None:
        """Notes that a model is tried, and that the one before it has failed."""
        if self.model is not None and self.asked:
            self.failed.append((self.model, time.monotonic()))
        self.model, self.asked = model, False

    def fail(self, failure: Failure) -> None:
        """Notes what the client is told. It is charged only if its own deadline ended what its provider did."""
        self.status, self.failure = Status.FAILED, failure.name
        self.free = failure is not Failure.DEADLINE_EXCEEDED


def new_outcome() -> Outcome:
    """Returns the outcome of a call that has just come."""
    now = time.time()
    return Outcome(id=f"gen-{int(now)}-{secrets.token_hex(12)}", created=now)


def nanos(model: Model, usage: Usage) -> int | None:
    """Returns what an answer costs in nano-USD, or None if nobody knows the model's prices."""
    prices = model.details.prices
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
    return min(round(dollars * NANOS), _MOST_NANOS)


def records(outcome: Outcome, key: ApiKey, request: ChatRequest, ended: float) -> list[UsageRecord]:
    """Returns one record for each attempt of a call that has ended; none if no provider was asked.

    Args:
        outcome: Of the call.
        key: Who called.
        request: What was asked.
        ended: When, by the monotonic clock.
    """
    made = [
        _record(outcome, key, request, attempt, model, at)._replace(status=Status.FAILED.value)
        for attempt, (model, at) in enumerate(outcome.failed, 1)
    ]
    if outcome.model is not None and outcome.asked:
        used, guess = _used(outcome, request)
        last = _record(outcome, key, request, len(made) + 1, outcome.model, ended)
        if outcome.first_token is not None:
            last = last._replace(first_token_ms=round((outcome.first_token - outcome.started) * 1000))
        charged = 0 if outcome.free else nanos(outcome.model, used) or 0
        made.append(last._replace(usage=used, cost=charged, estimated=guess))
    return made


def _record(
    outcome: Outcome, key: ApiKey, request: ChatRequest, attempt: int, model: Model, ended: float
) -> UsageRecord:
    return UsageRecord(
        generation_id=outcome.id,
        attempt=attempt,
        account=key.account,
        key_hash=key.hash,
        model=model.id,
        provider=model.provider.id,
        created_ms=int(outcome.created * 1000),
        latency_ms=round((ended - outcome.started) * 1000),
        first_token_ms=None,
        status=outcome.status.value,
        stream=request.stream,
        usage=_NOTHING,
        cost=0,
        estimated=False,
    )


def _used(outcome: Outcome, request: ChatRequest) -> tuple[Usage, bool]:
    """Returns what the last attempt used, and whether that is an estimate: the prompt and what was delivered."""
    said_so = outcome.usage is not None and outcome.usage[:2] != (0, 0)
    if outcome.free or (said_so and outcome.complete):
        return outcome.usage or _NOTHING, False
    said = outcome.usage or _NOTHING
    # What a provider says in the middle of an answer may be older than what it has sent since.
    return said._replace(
        prompt_tokens=said.prompt_tokens or likely_prompt_tokens(request),
        completion_tokens=max(said.completion_tokens, delivered_tokens(outcome.delivered)),
    ), True
