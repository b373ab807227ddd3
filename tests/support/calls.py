"""Makes calls as the pipeline does, in this process."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.attempts import Attempts
from arouter.calls.call_record import CallRecord, new_call_record
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.config.load import parse_config
from arouter.errors import ARouterError
from arouter.health.board import HealthBoard
from arouter.health.origin import Origin
from arouter.models import ModelDetails, Prices
from arouter.planning.planner import Planner
from arouter.providers.adapter import ListedModel
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider
from arouter.server.parts import cooling

KEY = AuthenticatedKey("hash", "acme")
PRICES = Prices(prompt=1, completion=10)


def chat_of(provider: Provider, *, stream: bool = False) -> ChatRequest:
    body = {"model": f"{provider.id}/m", "messages": [{"role": "user", "content": "hi"}]}
    return ChatRequest(body, stream=stream, include_usage=stream)


class Caller:
    """Calls the model `m` of a provider.

    Attributes:
        told: The usage of the last answer, as its client is told it.
    """

    def __init__(self, provider: Provider, upstream: Upstream, max_attempts: int = 6) -> None:
        config = parse_config(f"routing: {{max_attempts: {max_attempts}}}", {})
        catalogue = Catalogue([provider], 1)
        catalogue.replace(provider, [ListedModel("m", details=ModelDetails(prices=PRICES))], 1)
        board = HealthBoard(cooling(config.routing.breaker))
        self.told: Any = None
        self._provider = provider
        self._planner = Planner(catalogue, board, config.routing, Random(1))
        self._attempts = Attempts(upstream, board, config.routing, Random(1))

    async def call(self, *, stream: bool = False) -> CallRecord:
        """Returns how a call went, when its answer has been read."""
        self.told = None
        request = chat_of(self._provider, stream=stream)
        record = new_call_record(KEY, request)
        deadline = asyncio.get_running_loop().time() + 10
        plan = record.plan = self._planner.plan(request, KEY, record.started, 10)
        try:
            answer = await self._attempts.first_answer(record, plan, Origin(KEY.hash, request.body), deadline)
        except ARouterError as error:
            record.fail(error.failure)
            return record
        try:
            documents = [answer.completion]
            while not answer.complete:
                if (arrival := answer.arrival()) is not None:
                    await arrival
                documents += answer.take()
        except ARouterError as error:
            record.fail(error.failure)
        finally:
            await answer.close()
        told = [document["usage"] for document in documents if document.get("usage") is not None]
        self.told = told[-1] if told else None
        answer.note()
        return record
