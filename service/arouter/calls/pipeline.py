"""The path of every chat call: count → admit → plan → reserve → attempt → settle.

Authentication and parsing happen before, in `rpc`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import TypeAlias

from arouter.accounts.keys import AuthenticatedKey, no_longer_valid
from arouter.calls.admission import Admission, Admitted, shutting_down
from arouter.calls.answer import Answer
from arouter.calls.attempts import Attempts
from arouter.calls.call_record import CallRecord, route_header
from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure
from arouter.health.origin import Origin
from arouter.limits.limiter import Limiter
from arouter.limits.reservation import UNLIMITED, Reservation, is_limited
from arouter.limits.worst_case import WorstCase, worst_case
from arouter.planning.plan import Plan
from arouter.planning.planner import Planner

Observer: TypeAlias = Callable[[CallRecord], None]
"""Gets the record of a call. Must not block."""

_log = logging.getLogger(__name__)


class Pipeline:
    """Serves chat completions. All chat RPCs share it.

    Args:
        planner: Makes plans.
        attempts: Calls the candidates of a plan.
        admission: Counts calls in and out.
        limiter: Applies the limits of keys.
        recorder: Called when a response is complete, before its end is sent to the client, and again when the call has
            ended; it fills in `CallRecord.usage_records`, once.
        observers: Called with each call that has ended, once the event loop is free.
    """

    def __init__(
        self,
        planner: Planner,
        attempts: Attempts,
        admission: Admission,
        limiter: Limiter,
        recorder: Observer,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._planner = planner
        self._attempts = attempts
        self._admission = admission
        self._limiter = limiter
        self._recorder = recorder
        self._observers = observers

    async def count(self, key: AuthenticatedKey) -> Reservation:
        """Counts a call against its key's request limits, before anything else is done for it.

        Raises:
            ARouterError: RATE_LIMITED; UNAVAILABLE, if this process is shutting down or the call cannot be counted.
        """
        self._admission.check()
        return await self._limiter.count(key) if is_limited(key) else UNLIMITED

    @asynccontextmanager
    async def answer(self, record: CallRecord, reservation: Reservation, deadline: float) -> AsyncIterator[Answer]:
        """Yields the response, which has begun. On every exit the provider call is ended and the call is settled once.

        Args:
            record: The record of the call, which has just arrived.
            reservation: What `count` returned for the call.
            deadline: Loop time at which the client stops waiting; may be infinite.

        Raises:
            ARouterError: Any `Failure`.
        """
        key, request = record.key, record.request
        call = self._admission.admit(key.hash)
        try:
            remaining = deadline - asyncio.get_running_loop().time()
            plan = record.plan = self._planner.plan(request, key, record.started, remaining)
            if reservation is not UNLIMITED:
                await self._limiter.reserve(key, _worst_case(request, plan), reservation)
            answer = await self._attempts.first_answer(record, plan, Origin(key.hash, request.body), deadline)
            answer.limit_headers = reservation.headers
            answer.on_complete = self._complete
            try:
                async with nullcontext() if answer.deadline is None else asyncio.timeout_at(answer.deadline):
                    yield answer
            except TimeoutError as error:
                reason = "The client did not read the response to its end in time."
                raise ARouterError(Failure.DEADLINE_EXCEEDED, reason) from error
            finally:
                answer.note()
                await answer.close()
        except asyncio.CancelledError:
            if self._admission.expired:
                record.fail(Failure.UNAVAILABLE)
                raise shutting_down() from None
            if self._admission.is_revoked(call):
                record.fail(Failure.INVALID_API_KEY)
                raise no_longer_valid() from None
            # SDKs close the connection as soon as they have read the last event of a stream.
            if not (record.complete and request.stream):
                record.leave()
            raise
        except ARouterError as error:
            record.fail(error.failure)
            if record.attempts:
                error.headers += (route_header(record),)
            raise
        except Exception:
            record.fail(Failure.INTERNAL)
            raise
        finally:
            record.ended = time.monotonic()
            # Deferred until the loop is free, so that it does not delay a unary response, which is sent after this.
            asyncio.get_running_loop().call_soon(self._settle, call, record, reservation)
            # Not deferred: a call whose end the client has seen must be recorded even if this process is killed next.
            self._recorder(record)

    def _complete(self, answer: Answer) -> None:
        answer.note()
        self._recorder(answer.record)

    def _settle(self, call: Admitted, record: CallRecord, reservation: Reservation) -> None:
        """Counts the usage of a call, and settles it."""
        tokens = cost = 0
        try:
            for each in record.usage_records or ():
                tokens += 0 if record.free else each.tokens
                cost += each.cost
            for observer in self._observers:
                observer(record)
        except Exception:
            _log.exception("an observer of a call failed")
        finally:
            if reservation is not UNLIMITED:
                reservation.settle(tokens, cost)
            self._admission.settle(call)


def _worst_case(request: ChatRequest, plan: Plan) -> WorstCase:
    """Returns the maximum over all candidates, because any of them may serve the request."""
    cases = [worst_case(request, candidate.endpoint.details) for candidate in plan.candidates]
    return WorstCase(max(case.tokens for case in cases), max(case.cost for case in cases))
