"""The attempt loop: one for whole and for streamed answers (docs.arouter.ai: model-fallbacks).

Who fails before the first piece of an answer is followed by the next: another key of the provider, then another
provider, then another model. Who says that the request is wrong is believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from arouter.calls.answer import Answer
from arouter.calls.call_record import Attempt, CallRecord
from arouter.calls.health_feedback import HealthFeedback
from arouter.calls.refused_parameters import RefusedParameters
from arouter.calls.spans import start_attempt
from arouter.chat.request import ChatRequest
from arouter.config.schema import RoutingConfig
from arouter.errors import ARouterError, Failure, ProviderError, invalid_request, without_traceback
from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket
from arouter.health.snapshot import HealthSnapshot
from arouter.planning.plan import Candidate, Plan
from arouter.providers.driver import Upstream
from arouter.providers.error_mapping import UnreadError
from arouter.providers.provider import Credential

_FAIL_OVER = frozenset(
    {
        Failure.RATE_LIMITED,
        Failure.PROVIDER_ERROR,
        Failure.PROVIDER_UNREACHABLE,
        Failure.PROVIDER_CREDENTIALS,
        Failure.PROVIDER_BAD_RESPONSE,
        Failure.PROVIDER_TIMEOUT,
    }
)
"""What another provider may do better."""

_REPEATABLE = frozenset({Failure.PROVIDER_ERROR, Failure.PROVIDER_UNREACHABLE, Failure.PROVIDER_BAD_RESPONSE})
"""What the same provider may do better a moment later."""

_OF_NO_KEY = frozenset({Failure.PROVIDER_UNREACHABLE, Failure.PROVIDER_TIMEOUT})
"""What no other key of the same provider does better."""

_OF_THE_KEY = frozenset({Failure.PROVIDER_CREDENTIALS, Failure.RATE_LIMITED})
"""What another key of the same provider is likely to do better."""

_KEYS_OF_A_FAILING = 2
"""Keys with which a provider may fail otherwise, before another provider is asked."""

_BACKOFF = 0.1
"""Seconds before those that may do better are asked once more, on average. There is no other wait."""

_ROUNDS = 2

_IN_METADATA = 6
"""Attempts that an error lists: its metadata must fit into gRPC's."""

_MAX_NAME = 64


class Attempts:
    """Tries candidates.

    Args:
        upstream: Through whom.
        board: Is told how providers do, and says which of their keys may be used.
        config: How many attempts a request may have, and for how long.
        random: For the order of keys and the backoff.
    """

    def __init__(self, upstream: Upstream, board: HealthBoard, config: RoutingConfig, random: Random) -> None:
        self._upstream = upstream
        self._board = board
        self._config = config
        self._random = random
        self._refused = RefusedParameters()

    async def first_answer(
        self, request: ChatRequest, origin: Origin, deadline: float, outcome: CallRecord, plan: Plan
    ) -> Answer:
        """Returns the first candidate's answer that starts well. The caller must close it.

        Args:
            request: What to ask.
            origin: Where it comes from.
            deadline: Loop time at which the caller stops waiting.
            outcome: Is told who is tried.
            plan: Whom to ask, in this order.

        Raises:
            ProviderError: The last candidate's failure, with `metadata` about all that were tried.
            ARouterError: The caller's deadline passed, or no provider can express the request, or not all of its
                parameters although the request requires it; UNAVAILABLE if all are being tried by others.
        """
        failure: ARouterError | None = None
        candidates: Sequence[Candidate] = plan.candidates
        for again in range(_ROUNDS):
            if again:
                pause = _BACKOFF * self._random.uniform(0.5, 1.5)
                if asyncio.get_running_loop().time() + pause >= deadline:
                    break
                await asyncio.sleep(pause)
            for candidate, credential, call in self._calls(candidates, outcome, deadline, origin):
                attempt = Attempt(candidate.model.id, candidate.endpoint, credential.name)
                outcome.attempts.append(attempt)
                watched = HealthFeedback(call, attempt)
                try:
                    return await self._try(attempt, credential, request, deadline, outcome, watched)
                except ARouterError as error:
                    watched.failed(error)
                    attempt.ended, attempt.failure = time.monotonic(), error.failure
                    attempt.unread = isinstance(error, UnreadError)
                    attempt.repeatable = attempt.unread or self._refused.learn(
                        attempt.endpoint.id, error, attempt.added
                    )
                    failure = _with_attempts(error, outcome)
                    if attempt.asked and not attempt.repeatable and not _may_fail_over(error):
                        raise
                    without_traceback(error)
                except BaseException as error:
                    watched.failed(error)
                    raise
            candidates = _repeatable(plan.candidates, outcome)
            if not candidates:
                break
        raise failure or ARouterError(
            Failure.UNAVAILABLE, "Those who could answer have just failed and are being tried again.", retry_after=1
        )

    def _calls(
        self, candidates: Iterable[Candidate], outcome: CallRecord, deadline: float, origin: Origin
    ) -> Iterator[tuple[Candidate, Credential, AttemptTicket]]:
        """Yields whom to ask next, until the request's attempts or its time are used up.

        If nobody may be asked, because all are left alone or being tried by others, one of them is asked all the same.
        """
        for last_resort in (False, True):
            yield from self._tries(candidates, outcome, deadline, origin, last_resort=last_resort)
            if outcome.attempts:
                return

    def _tries(
        self,
        candidates: Iterable[Candidate],
        outcome: CallRecord,
        deadline: float,
        origin: Origin,
        *,
        last_resort: bool,
    ) -> Iterator[tuple[Candidate, Credential, AttemptTicket]]:
        for candidate in candidates:
            failed = 0
            standings = HealthSnapshot(self._board, time.monotonic(), origin)
            for credential in standings.keys(candidate.endpoint, self._random, last_resort=last_resort):
                if self._is_spent(outcome, deadline):
                    return
                call = self._begin(candidate, credential, origin, last_resort=last_resort)
                if call is None:
                    continue
                yield candidate, credential, call
                last = outcome.last
                if last is not None and last.repeatable and not self._is_spent(outcome, deadline):
                    call = self._begin(candidate, credential, origin, last_resort=last_resort)
                    if call is not None:
                        yield candidate, credential, call
                        last = outcome.last
                if last is None or last.endpoint is not candidate.endpoint or last.failure in _OF_THE_KEY:
                    continue
                failed += 1
                if last.failure in _OF_NO_KEY or failed == _KEYS_OF_A_FAILING:
                    break

    def _begin(
        self, candidate: Candidate, credential: Credential, origin: Origin, *, last_resort: bool
    ) -> AttemptTicket | None:
        return self._board.begin(
            candidate.endpoint.id, credential.name, time.monotonic(), origin, last_resort=last_resort
        )

    def _is_spent(self, outcome: CallRecord, deadline: float) -> bool:
        tried = outcome.attempts
        if not tried:
            return False
        over = time.monotonic() >= outcome.started + self._config.failover_window
        return over or len(tried) >= self._config.max_attempts or asyncio.get_running_loop().time() >= deadline

    async def _try(
        self,
        attempt: Attempt,
        credential: Credential,
        request: ChatRequest,
        deadline: float,
        outcome: CallRecord,
        watched: HealthFeedback,
    ) -> Answer:
        endpoint = attempt.endpoint
        wire = endpoint.provider.adapter.encode(request, endpoint.native_name, without=self._refused.of(endpoint.id))
        attempt.added = wire.added
        dropped = request.unserved + wire.dropped
        if dropped and request.preferences.require_parameters:
            raise _unsupported(attempt.model, dropped)
        attempt.asked, attempt.sent = True, time.monotonic()
        start_attempt(outcome.span, attempt)
        if attempt.span.headers:
            wire = wire._replace(headers=attempt.span.headers)
        fresh = len(outcome.attempts) > 1 and outcome.attempts[-2].unread
        caller = outcome.caller
        if request.stream:
            stream = await self._upstream.open_stream(
                endpoint.provider, credential, wire, deadline, caller=caller, fresh=fresh
            )
            outcome.first_token = time.monotonic()
            watched.opened()
            return Answer(outcome, attempt, request, dropped, None, stream, watched)
        completion = await self._upstream.complete(
            endpoint.provider, credential, wire, deadline, caller=caller, fresh=fresh
        )
        attempt.ended = time.monotonic()
        answer = Answer(outcome, attempt, request, dropped, completion, None, watched)
        watched.finished(answer.usage)
        return answer


def _may_fail_over(error: ARouterError) -> bool:
    if error.failure is Failure.UNAVAILABLE:
        # Its provider, or all of them, have no connection free.
        return True
    return isinstance(error, ProviderError) and error.failure in _FAIL_OVER


def _repeatable(candidates: Sequence[Candidate], outcome: CallRecord) -> list[Candidate]:
    """Returns those worth a second attempt, once: a single provider's failure is for its client to repeat."""
    tried = outcome.attempts
    if len(tried) < 2:
        return []
    transient = {attempt.endpoint.id for attempt in tried if attempt.failure in _REPEATABLE}
    return [candidate for candidate in candidates if candidate.endpoint.id in transient]


def _with_attempts(error: ARouterError, outcome: CallRecord) -> ARouterError:
    if len(outcome.attempts) > 1:
        error.metadata["attempts"] = [
            {
                "model": _shortened(attempt.model),
                "provider": _shortened(attempt.endpoint.provider.id),
                "result": attempt.result,
                "ms": attempt.ms,
            }
            for attempt in outcome.attempts[-_IN_METADATA:]
        ]
    return error


def _shortened(name: str) -> str:
    # As metadata carries it, every other character takes six bytes or more.
    return name if name.isascii() and len(name) <= _MAX_NAME else ascii(name)[1 : _MAX_NAME + 1]


def _unsupported(model: str, dropped: tuple[str, ...]) -> ARouterError:
    names = ", ".join(f"'{name}'" for name in dropped)
    return invalid_request(
        f"'{model}' does not support {names}, and the request has provider.require_parameters.", dropped[0]
    )
