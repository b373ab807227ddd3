"""The one way of every chat call: admit → plan → attempt → settle. Authentication and parsing are the edge's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from arouter.accounts.keys import ApiKey
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure
from arouter.ledger.ledger import Ledger
from arouter.providers.driver import Upstream
from arouter.routing.admission import Admission, shutting_down
from arouter.routing.attempt import Answer, attempt
from arouter.routing.outcome import Outcome, Status, new_outcome, records
from arouter.routing.planner import plan

_log = logging.getLogger(__name__)


class Pipeline:
    """Answers chat requests. The three chat RPCs share it."""

    def __init__(self, catalogue: Catalogue, upstream: Upstream, admission: Admission, ledger: Ledger) -> None:
        self._catalogue = catalogue
        self._upstream = upstream
        self._admission = admission
        self._ledger = ledger

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
        outcome = new_outcome()
        try:
            candidates = plan(request, key, self._catalogue)
            answer = await attempt(candidates, request, self._upstream, deadline, outcome)
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
                outcome.fail(Failure.UNAVAILABLE)
                raise shutting_down() from None
            outcome.status = Status.CLIENT_CANCELLED
            raise
        except ARouterError as error:
            outcome.fail(error.failure)
            raise
        except Exception:
            outcome.fail(Failure.INTERNAL)
            raise
        finally:
            self._admission.settle()
            ended = time.monotonic()
            for record in records(outcome, key, request, ended):
                self._ledger.put(record)
            _report(request_id, key, request, outcome, ended - outcome.started)


def _report(request_id: str, key: ApiKey, request: ChatRequest, outcome: Outcome, seconds: float) -> None:
    """Writes the call's one line, with nothing that the client wrote: people paste keys everywhere."""
    _log.info(
        "chat request_id=%s key=%s model=%s stream=%s status=%s failure=%s ms=%.0f %s",
        request_id or "-",
        key.hash[:8],
        outcome.model.id if outcome.model else "-",
        request.stream,
        outcome.status.value,
        outcome.failure or "-",
        seconds * 1000,
        outcome.usage or "usage=-",
    )
