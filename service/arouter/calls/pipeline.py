"""The path of every chat call: count → admit → plan → reserve → attempt → settle.

Authentication and parsing happen before, in `rpc`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeAlias

from arouter.accounts.keys import AuthenticatedKey, no_longer_valid
from arouter.calls.admission import Admission, Admitted, shutting_down
from arouter.calls.answer import Answer
from arouter.calls.attempts import Attempts
from arouter.calls.call_record import CallRecord, route_header
from arouter.errors import ARouterError, Failure
from arouter.health.origin import Origin
from arouter.limits.limiter import Limiter
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.limits.worst_case import worst_case
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
        return await self._limiter.count(key)

    def answer(self, record: CallRecord, reservation: Reservation, remaining: float) -> AnsweredCall:
        """Returns a context manager with the answer, which has begun.

        On every way out the provider's call is ended and the call settled once.

        Args:
            record: The record of the call, which has just arrived.
            reservation: What `count` returned for the call.
            remaining: Seconds until the client stops waiting; may be infinite.

        Raises:
            ARouterError: Any `Failure`; from the context manager, like all others.
        """
        return AnsweredCall(self, record, reservation, remaining)

    async def begin(self, record: CallRecord, reservation: Reservation, remaining: float) -> Answer:
        """Plans, reserves and attempts an admitted call; returns the answer, which has begun."""
        deadline = asyncio.get_running_loop().time() + remaining
        key, request = record.key, record.request
        plan = record.plan = self._planner.plan(request, key, record.started, remaining)
        if reservation is not UNLIMITED:
            # Any of the candidates may serve the request.
            worst = worst_case(request, *[candidate.endpoint.details for candidate in plan.candidates])
            await self._limiter.reserve(key, worst, reservation)
        answer = await self._attempts.first_answer(record, plan, Origin(key.hash, request.body), deadline)
        answer.limit_headers = reservation.headers
        answer.on_complete = self._complete
        return answer

    def admit(self, record: CallRecord) -> Admitted:
        """Counts a call in.

        Raises:
            ARouterError: UNAVAILABLE, if this process is shutting down.
        """
        return self._admission.admit(record.key.hash)

    def failed(self, call: Admitted, record: CallRecord, error: BaseException) -> BaseException:
        """Notes in the record how a call failed, and returns the error that the client gets."""
        if isinstance(error, ARouterError):
            record.fail(error.failure)
            if record.attempts:
                error.headers += (route_header(record),)
        elif isinstance(error, Exception):
            record.fail(Failure.INTERNAL)
        elif isinstance(error, asyncio.CancelledError):
            if self._admission.expired:
                record.fail(Failure.UNAVAILABLE)
                return shutting_down()
            if self._admission.is_revoked(call):
                record.fail(Failure.INVALID_API_KEY)
                return no_longer_valid()
            # SDKs close the connection as soon as they have read the last event of a stream.
            if not (record.complete and record.request.stream):
                record.leave()
        return error

    def ended(self, call: Admitted, record: CallRecord, reservation: Reservation) -> None:
        """Records a call that has ended, and has it settled."""
        record.ended = time.monotonic()
        # Deferred until the loop is free, so that it does not delay a unary answer, which is sent after this.
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


class AnsweredCall:
    """The context manager of `Pipeline.answer`. A class, because a generator takes twice the time."""

    __slots__ = ("_answer", "_call", "_pipeline", "_record", "_remaining", "_reservation", "_timeout")

    def __init__(self, pipeline: Pipeline, record: CallRecord, reservation: Reservation, remaining: float) -> None:
        self._pipeline = pipeline
        self._record = record
        self._reservation = reservation
        self._remaining = remaining
        self._timeout: asyncio.Timeout | None = None

    async def __aenter__(self) -> Answer:
        self._call = self._pipeline.admit(self._record)
        try:
            answer = await self._pipeline.begin(self._record, self._reservation, self._remaining)
        except BaseException as error:
            if (seen := self._fail(error)) is not error:
                raise seen from None
            raise
        self._answer = answer
        if answer.deadline is not None:
            self._timeout = asyncio.timeout_at(answer.deadline)
            await self._timeout.__aenter__()
        return answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seen = error
        try:
            if self._timeout is not None:
                await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as raised:
            seen = raised
        if isinstance(seen, TimeoutError):
            reason = "The client did not read the response to its end in time."
            seen, cause = ARouterError(Failure.DEADLINE_EXCEEDED, reason), seen
            seen.__cause__ = cause
        try:
            self._answer.note()
            await self._answer.close()
        except BaseException as raised:
            seen = raised
        if seen is None:
            self._pipeline.ended(self._call, self._record, self._reservation)
            return
        seen = self._fail(seen)
        try:
            if seen is not error:
                raise seen
        finally:
            del seen, error  # The traceback of the error references this frame.

    def _fail(self, error: BaseException) -> BaseException:
        """Ends a call that has failed; returns the error that the client gets."""
        pipeline, call, record = self._pipeline, self._call, self._record
        try:
            return pipeline.failed(call, record, error)
        finally:
            pipeline.ended(call, record, self._reservation)
