"""The one way of every chat call: count → admit → plan → reserve → attempt → settle.

AuthInterceptor and parsing are the edge's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from arouter.accounts.keys import AuthenticatedKey, no_longer_valid
from arouter.calls.admission import Admission, Admitted, shutting_down
from arouter.calls.answer import Answer
from arouter.calls.attempts import Attempts
from arouter.calls.call_log import report
from arouter.calls.call_record import CallRecord, new_call_record, records, route_header
from arouter.calls.spans import end_call
from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure
from arouter.health.origin import Origin
from arouter.limits.limiter import Limiter
from arouter.limits.reservation import UNLIMITED, Reservation, is_limited
from arouter.limits.worst_case import WorstCase, worst_case
from arouter.planning.plan import Plan
from arouter.planning.planner import Planner
from arouter.telemetry.genai import CHAT
from arouter.telemetry.spans import Tracer
from arouter.usage.writer import UsageWriter


class Pipeline:
    """Answers chat requests. The three chat RPCs share it.

    Args:
        planner: Decides who may answer.
        attempts: Asks them.
        admission: Counts calls in and out.
        limiter: Of keys with limits.
        usage_writer: Takes the records.
        tracer: Follows each call.
        measure: Is told of each call that has ended, whether it was streamed, and when that was by the monotonic clock.

    Attributes:
        planner: Who plans.
    """

    def __init__(
        self,
        planner: Planner,
        attempts: Attempts,
        admission: Admission,
        limiter: Limiter,
        usage_writer: UsageWriter,
        tracer: Tracer,
        measure: Callable[[CallRecord, bool, float], None] | None = None,
    ) -> None:
        self.planner = planner
        self._attempts = attempts
        self._admission = admission
        self._limiter = limiter
        self._usage_writer = usage_writer
        self._tracer = tracer
        self._measure = measure

    def configure(self, planner: Planner, attempts: Attempts) -> None:
        """Has others plan and try from now on. Calls in flight keep those that they began with."""
        self.planner = planner
        self._attempts = attempts

    async def count(self, key: AuthenticatedKey) -> Reservation:
        """Counts a call against its key's limits of requests, before anything else is done for it.

        Raises:
            ARouterError: RATE_LIMITED; UNAVAILABLE, while it is shutting down, or if the call cannot be counted.
        """
        self._admission.check()
        return await self._limiter.count(key) if is_limited(key) else UNLIMITED

    @asynccontextmanager
    async def answer(
        self,
        key: AuthenticatedKey,
        request: ChatRequest,
        reservation: Reservation,
        *,
        deadline: float,
        request_id: str,
        traceparent: str,
    ) -> AsyncIterator[Answer]:
        """Yields the answer, started. On every way out the provider's call is ended and the call settled once.

        Args:
            key: Who asks.
            request: What is asked.
            reservation: What `count` returned for the call.
            deadline: Loop time at which the caller stops waiting; may be infinite.
            request_id: For the log.
            traceparent: The caller's trace, as it came; empty if there is none.

        Raises:
            ARouterError: Any failure of the table.
        """
        call = self._admission.admit(key.hash)
        attempts = self._attempts
        outcome = new_call_record(key.hash, self._tracer.start(CHAT, traceparent))
        try:
            remaining = deadline - asyncio.get_running_loop().time()
            plan = outcome.plan = self.planner.plan(request, key, outcome.started, remaining)
            if reservation is not UNLIMITED:
                await self._limiter.reserve(key, _worst_case(request, plan), reservation)
            origin = Origin(key.hash, request.body)
            answer = await attempts.first_answer(request, origin, deadline, outcome, plan)
            answer.limit_headers = reservation.headers
            answer.on_complete = partial(self._record, outcome, key, request)
            try:
                async with nullcontext() if answer.deadline is None else asyncio.timeout_at(answer.deadline):
                    yield answer
            except TimeoutError as error:
                raise ARouterError(Failure.DEADLINE_EXCEEDED, "The answer was not read to its end in time.") from error
            finally:
                _note(outcome, answer)
                await answer.close()
        except asyncio.CancelledError:
            if self._admission.expired:
                outcome.fail(Failure.UNAVAILABLE)
                raise shutting_down() from None
            if self._admission.is_revoked(call):
                outcome.fail(Failure.INVALID_API_KEY)
                raise no_longer_valid() from None
            # SDKs hang up as soon as they have read the last event of a stream.
            if not (outcome.complete and request.stream):
                outcome.leave()
            raise
        except ARouterError as error:
            outcome.fail(error.failure)
            if outcome.attempts:
                error.headers += (route_header(outcome),)
            raise
        except Exception:
            outcome.fail(Failure.INTERNAL)
            raise
        finally:
            # Once the loop is free: a whole answer, which is sent when this is over, need not wait for it.
            asyncio.get_running_loop().call_soon(
                self._settle, call, outcome, key, request, request_id, reservation, time.monotonic()
            )
            # Now: what a client has seen the end of is to be on record even if this process is killed next.
            self._record(outcome, key, request)

    def _record(
        self, outcome: CallRecord, key: AuthenticatedKey, request: ChatRequest, answer: Answer | None = None
    ) -> None:
        """Gives the usage_writer the call's records, the first time it is called. They are final.

        Args:
            outcome: Of the call.
            key: Who asked.
            request: What was asked.
            answer: A streamed answer that is complete, the last piece of which has not been sent.
        """
        if outcome.records is None:
            if answer is not None:
                _note(outcome, answer)
            outcome.records = records(outcome, key, request, time.monotonic())
            self._usage_writer.put(outcome.records)

    def _settle(
        self,
        call: Admitted,
        outcome: CallRecord,
        key: AuthenticatedKey,
        request: ChatRequest,
        request_id: str,
        reservation: Reservation,
        ended: float,
    ) -> None:
        """Counts what a call has taken, and lets it out."""
        tokens = cost = 0
        try:
            for record in outcome.records or ():
                tokens += 0 if outcome.free else record.tokens
                cost += record.cost
            end_call(outcome, request, request_id, ended)
            report(request_id, key, request, outcome, ended - outcome.started)
            if self._measure is not None:
                self._measure(outcome, request.stream, ended)
        finally:
            if reservation is not UNLIMITED:
                reservation.settle(tokens, cost)
            self._admission.settle(call)


def _note(outcome: CallRecord, answer: Answer) -> None:
    outcome.usage, outcome.delivered, outcome.complete = answer.usage, answer.delivered, answer.complete
    outcome.exact = answer.exact


def _worst_case(request: ChatRequest, plan: Plan) -> WorstCase:
    """Returns what the dearest of the candidates may take: any of them may be the one that answers."""
    cases = [worst_case(request, candidate.endpoint.details) for candidate in plan.candidates]
    return WorstCase(max(case.tokens for case in cases), max(case.cost for case in cases))
