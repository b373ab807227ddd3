"""The one way of every chat call: admit → plan → reserve → attempt → settle.

Authentication and parsing are the edge's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from arouter.accounts.keys import ApiKey
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure
from arouter.limits.estimate import worst_case
from arouter.limits.limiter import UNLIMITED, Limiter, is_limited
from arouter.providers.driver import Upstream
from arouter.routing.admission import Admission, Outcome, Status, shutting_down
from arouter.routing.attempt import Answer, attempt
from arouter.routing.planner import plan
from arouter.routing.settlement import taken

_log = logging.getLogger(__name__)


class Pipeline:
    """Answers chat requests. The three chat RPCs share it."""

    def __init__(self, catalogue: Catalogue, upstream: Upstream, admission: Admission, limiter: Limiter) -> None:
        self._catalogue = catalogue
        self._upstream = upstream
        self._admission = admission
        self._limiter = limiter

    @asynccontextmanager
    async def answer(
        self, key: ApiKey, request: ChatRequest, *, deadline: float, request_id: str
    ) -> AsyncIterator[Answer]:
        """Yields the answer, started. On every way out the provider's call is ended and the call settled once.

        Args:
            key: Who asks.
            request: What is asked.
            deadline: Loop time at which the caller stops waiting; may be infinite.
            request_id: For the log.

        Raises:
            ARouterError: Any failure of the table.
        """
        self._admission.admit()
        started = time.monotonic()
        outcome = Outcome()
        reservation = UNLIMITED
        try:
            candidates = plan(request, key, self._catalogue)
            model = candidates[0]
            outcome.model = model.id
            if is_limited(key):
                reservation = await self._limiter.reserve(key, worst_case(request, model.details))
            answer = await attempt(candidates, request, self._upstream, deadline)
            model = answer.model
            outcome.model = model.id
            answer.limit_headers = reservation.headers
            try:
                async with asyncio.timeout_at(answer.deadline):
                    yield answer
            except TimeoutError as error:
                raise ARouterError(Failure.DEADLINE_EXCEEDED, "The answer was not read to its end in time.") from error
            finally:
                outcome.usage, outcome.delivered = answer.usage, answer.delivered
                await answer.close()
        except asyncio.CancelledError:
            if self._admission.expired:
                outcome.status, outcome.failure = Status.FAILED, Failure.UNAVAILABLE.name
                raise shutting_down() from None
            outcome.status = Status.CLIENT_CANCELLED
            raise
        except ARouterError as error:
            outcome.status, outcome.failure = Status.FAILED, error.failure.name
            raise
        except Exception:
            outcome.status, outcome.failure = Status.FAILED, Failure.INTERNAL.name
            raise
        finally:
            self._admission.settle()
            if reservation is not UNLIMITED:
                reservation.settle(*taken(request, model.details, outcome))
            _report(request_id, key, request, outcome, time.monotonic() - started)


def _report(request_id: str, key: ApiKey, request: ChatRequest, outcome: Outcome, seconds: float) -> None:
    """Writes the call's one line, with nothing that the client wrote: people paste keys everywhere."""
    usage = outcome.usage or {}
    _log.info(
        "chat request_id=%s key=%s model=%s stream=%s status=%s failure=%s ms=%.0f"
        " prompt_tokens=%s completion_tokens=%s",
        request_id or "-",
        key.hash[:8],
        outcome.model or "-",
        request.stream,
        outcome.status.value,
        outcome.failure or "-",
        seconds * 1000,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _count(tokens: Any) -> int | str:
    """Returns a number of tokens, or a dash for anything else that a provider may say."""
    return tokens if type(tokens) is int else "-"
