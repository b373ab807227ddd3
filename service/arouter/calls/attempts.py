"""The attempt loop, for unary and streaming calls (docs.arouter.ai: model-fallbacks).

If an attempt fails before the first chunk of a response, the next one is made: with another credential of the provider,
then with another provider, then with another model. If a provider rejects the request as invalid, no other is tried.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from arouter.calls.answer import Answer
from arouter.calls.call_record import Attempt, CallRecord
from arouter.calls.embedding_answer import EmbeddingAnswer
from arouter.calls.health_feedback import HealthFeedback
from arouter.calls.refused_parameters import RefusedParameters
from arouter.calls.spans import start_attempt
from arouter.config.schema import RoutingConfig
from arouter.errors import ARouterError, Failure, ProviderError, invalid_request, without_traceback
from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket
from arouter.health.snapshot import HealthSnapshot
from arouter.planning.plan import Candidate, Plan
from arouter.providers.driver import Upstream
from arouter.providers.error_mapping import UnreadError
from arouter.providers.native import NativeReader
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
"""Failures after which another provider may succeed."""

_REPEATABLE = frozenset({Failure.PROVIDER_ERROR, Failure.PROVIDER_UNREACHABLE, Failure.PROVIDER_BAD_RESPONSE})
"""Failures after which the same provider may succeed a moment later."""

_ANY_CREDENTIAL = frozenset({Failure.PROVIDER_UNREACHABLE, Failure.PROVIDER_TIMEOUT})
"""Failures that another credential of the same provider does not avoid."""

_ONE_CREDENTIAL = frozenset({Failure.PROVIDER_CREDENTIALS, Failure.RATE_LIMITED})
"""Failures that another credential of the same provider is likely to avoid."""

_MAX_CREDENTIALS = 2
"""Credentials of one provider that may fail in other ways before another provider is called."""

_BACKOFF = 0.1
"""Average seconds before the second round of attempts. There is no other pause between attempts."""

_ROUNDS = 2

_IN_METADATA = 6
"""Attempts that an error lists: they must fit into gRPC's metadata."""

_MAX_NAME = 64


class Attempts:
    """Calls the candidates of a plan.

    Args:
        upstream: Calls providers.
        board: The health of the endpoints; the results of attempts are recorded there.
        config: How many attempts a request may have, and for how long.
        random: The source of randomness for the order of credentials and the backoff.
    """

    def __init__(self, upstream: Upstream, board: HealthBoard, config: RoutingConfig, random: Random) -> None:
        self._upstream = upstream
        self._board = board
        self._config = config
        self._random = random
        self._refused = RefusedParameters()

    def configure(self, config: RoutingConfig) -> None:
        """Applies another configuration, and forgets what endpoints have refused: they may have been replaced."""
        self._config = config
        self._refused = RefusedParameters()

    async def first_answer(self, record: CallRecord, plan: Plan, origin: Origin, deadline: float) -> Answer:
        """Returns the response of the first candidate that begins to respond. The caller must close it.

        Args:
            record: The call's record, to which the attempts are added.
            plan: The candidates, in order.
            origin: The origin of the call.
            deadline: Loop time at which the client stops waiting.

        Raises:
            ProviderError: The last candidate failed; `metadata` lists all attempts.
            ARouterError: The deadline has passed; no provider can express the request, or not all of its parameters
                although the request requires that; UNAVAILABLE, if other calls are probing all candidates.
        """
        failure: ARouterError | None = None
        candidates: Sequence[Candidate] = plan.candidates
        for again in range(_ROUNDS):
            if again:
                pause = _BACKOFF * self._random.uniform(0.5, 1.5)
                if asyncio.get_running_loop().time() + pause >= deadline:
                    break
                await asyncio.sleep(pause)
            for candidate, credential, ticket in self._tickets(candidates, record, deadline, origin):
                attempt = Attempt(candidate.model.id, candidate.endpoint, credential.name)
                record.attempts.append(attempt)
                feedback = HealthFeedback(ticket, attempt)
                try:
                    return await self._try(attempt, credential, deadline, record, feedback)
                except ARouterError as error:
                    feedback.failed(error)
                    attempt.ended, attempt.failure = time.monotonic(), error.failure
                    attempt.unread = isinstance(error, UnreadError)
                    attempt.repeatable = attempt.unread or self._refused.learn(
                        attempt.endpoint.id, error, attempt.added
                    )
                    failure = _with_attempts(error, record)
                    if attempt.asked and not attempt.repeatable and not _may_fail_over(error):
                        raise
                    without_traceback(error)
                except BaseException as error:
                    feedback.failed(error)
                    raise
            candidates = _repeatable(plan.candidates, record)
            if not candidates:
                break
        raise failure or ARouterError(
            Failure.UNAVAILABLE, "The endpoints for this request have just failed and are being probed.", retry_after=1
        )

    def _tickets(
        self, candidates: Iterable[Candidate], record: CallRecord, deadline: float, origin: Origin
    ) -> Iterator[tuple[Candidate, Credential, AttemptTicket]]:
        """Yields the next attempt, until the request's attempts or its time are used up.

        If no endpoint may be called, because their breakers are open or other calls probe them, one is called anyway.
        """
        for last_resort in (False, True):
            yield from self._tickets_in_turn(candidates, record, deadline, origin, last_resort=last_resort)
            if record.attempts:
                return

    def _tickets_in_turn(
        self,
        candidates: Iterable[Candidate],
        record: CallRecord,
        deadline: float,
        origin: Origin,
        *,
        last_resort: bool,
    ) -> Iterator[tuple[Candidate, Credential, AttemptTicket]]:
        for candidate in candidates:
            failed = 0
            credentials: Sequence[Credential] = candidate.endpoint.provider.credentials
            if len(credentials) > 1:
                snapshot = HealthSnapshot(self._board, time.monotonic(), origin)
                credentials = snapshot.keys(candidate.endpoint, self._random, last_resort=last_resort)
            for credential in credentials:
                if record.attempts and self._is_spent(record, deadline):
                    return
                ticket = self._begin(candidate, credential, origin, last_resort=last_resort)
                if ticket is None:
                    continue
                yield candidate, credential, ticket
                last = record.last
                if last is not None and last.repeatable and not self._is_spent(record, deadline):
                    ticket = self._begin(candidate, credential, origin, last_resort=last_resort)
                    if ticket is not None:
                        yield candidate, credential, ticket
                        last = record.last
                if last is None or last.endpoint is not candidate.endpoint or last.failure in _ONE_CREDENTIAL:
                    continue
                failed += 1
                if last.failure in _ANY_CREDENTIAL or failed == _MAX_CREDENTIALS:
                    break

    def _begin(
        self, candidate: Candidate, credential: Credential, origin: Origin, *, last_resort: bool
    ) -> AttemptTicket | None:
        return self._board.begin(
            candidate.endpoint.id, credential.name, time.monotonic(), origin, last_resort=last_resort
        )

    def _is_spent(self, record: CallRecord, deadline: float) -> bool:
        """Returns whether a request that was tried may not be tried again."""
        tried = record.attempts
        over = time.monotonic() >= record.started + self._config.failover_window
        return over or len(tried) >= self._config.max_attempts or asyncio.get_running_loop().time() >= deadline

    async def _try(
        self,
        attempt: Attempt,
        credential: Credential,
        deadline: float,
        record: CallRecord,
        feedback: HealthFeedback,
    ) -> Answer:
        endpoint, request = attempt.endpoint, record.request
        provider, operation = endpoint.provider, request.operation
        encoder = provider.adapter if operation == "chat" else provider.encoders[operation]
        wire = encoder.encode(request, endpoint.native_name, without=self._refused.of(endpoint.id))
        attempt.added = wire.added
        passed = isinstance(wire.reader, NativeReader)
        dropped = (request.unserved_natively if passed else request.unserved) + wire.dropped
        if dropped and request.preferences.require_parameters:
            raise _unsupported(attempt.model, dropped)
        attempt.asked, attempt.sent = True, time.monotonic()
        start_attempt(record.span, operation, attempt)
        if attempt.span.headers:
            wire = wire._replace(headers={**wire.headers, **attempt.span.headers})
        fresh = len(record.attempts) > 1 and record.attempts[-2].unread
        caller = record.key.hash
        if request.stream:
            stream = await self._upstream.open_stream(
                endpoint.provider, credential, wire, deadline, caller=caller, fresh=fresh
            )
            record.first_token = time.monotonic()
            feedback.opened()
            return Answer(record, attempt, dropped, None, stream, feedback)
        completion = await self._upstream.complete(
            endpoint.provider, credential, wire, deadline, caller=caller, fresh=fresh
        )
        attempt.ended = time.monotonic()
        kind = EmbeddingAnswer if operation == "embeddings" else Answer
        answer = kind(record, attempt, dropped, completion, None, feedback)
        feedback.finished(answer.usage)
        return answer


def _may_fail_over(error: ARouterError) -> bool:
    if error.failure is Failure.UNAVAILABLE:
        # There is no free connection to this provider, or to any.
        return True
    return isinstance(error, ProviderError) and error.failure in _FAIL_OVER


def _repeatable(candidates: Sequence[Candidate], record: CallRecord) -> list[Candidate]:
    """Returns the candidates worth a second attempt. If only one was tried, the client repeats the request."""
    tried = record.attempts
    if len(tried) < 2:
        return []
    transient = {attempt.endpoint.id for attempt in tried if attempt.failure in _REPEATABLE}
    return [candidate for candidate in candidates if candidate.endpoint.id in transient]


def _with_attempts(error: ARouterError, record: CallRecord) -> ARouterError:
    if len(record.attempts) > 1:
        error.metadata["attempts"] = [
            {
                "model": _shortened(attempt.model),
                "provider": _shortened(attempt.endpoint.provider.id),
                "result": attempt.result,
                "ms": attempt.ms,
            }
            for attempt in record.attempts[-_IN_METADATA:]
        ]
    return error


def _shortened(name: str) -> str:
    # In metadata every other character takes six bytes or more.
    return name if name.isascii() and len(name) <= _MAX_NAME else ascii(name)[1 : _MAX_NAME + 1]


def _unsupported(model: str, dropped: tuple[str, ...]) -> ARouterError:
    names = ", ".join(f"'{name}'" for name in dropped)
    return invalid_request(
        f"'{model}' does not support {names}, and the request has provider.require_parameters.", dropped[0]
    )
