"""A request that its provider did not read is sent once more, and both count as attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from arouter.accounts.keys import ApiKey
from arouter.catalogue.catalogue import Catalogue
from arouter.chat.request import ChatRequest
from arouter.config.load import parse_config
from arouter.errors import ARouterError, Failure
from arouter.providers.adapter import ListedModel
from arouter.providers.driver import Upstream
from arouter.routing.attempt import Attempts
from arouter.routing.health import HealthBoard
from arouter.routing.origin import Origin
from arouter.routing.outcome import Outcome, new_outcome, records, route
from arouter.routing.planner import Planner
from arouter.server.live import cooling
from support.raw_provider import OK, Connection, RawProvider, raw_provider

KEY = ApiKey("hash", "acme")
BODY = {"model": "raw/m", "messages": [{"role": "user", "content": "hi"}]}
REQUEST = ChatRequest(BODY, stream=False, include_usage=False)


class Caller:
    """Makes calls as the pipeline does."""

    def __init__(self, raw: RawProvider, upstream: Upstream, max_attempts: int) -> None:
        config = parse_config(f"routing: {{max_attempts: {max_attempts}}}", {})
        catalogue = Catalogue([raw.provider], 1)
        catalogue.replace(raw.provider, [ListedModel("m")], 1)
        self._board = HealthBoard(cooling(config.routing.breaker))
        self._planner = Planner(catalogue, self._board, config.routing, Random(1))
        self._attempts = Attempts(upstream, self._board, config.routing, Random(1))

    async def call(self) -> Outcome:
        outcome = new_outcome(KEY.hash)
        deadline = asyncio.get_running_loop().time() + 10
        plan = outcome.plan = self._planner.plan(REQUEST, KEY, outcome.started, 10)
        try:
            answer = await self._attempts.first_answer(REQUEST, Origin(KEY.hash, BODY), deadline, outcome, plan)
        except ARouterError as error:
            outcome.fail(error.failure)
        else:
            await answer.close()
        return outcome


def closing(end: Callable[[Connection], None], closed: asyncio.Event) -> Callable[..., object]:
    """Returns what answers one request on each connection, and ends the first one once the next is on its way."""

    async def handle(connection: Connection, number: int) -> None:
        await connection.request()
        await connection.send(OK)
        if number == 1:
            await closed.wait()
            end(connection)
        else:
            await connection.request()

    return handle


@pytest.mark.parametrize(
    ("max_attempts", "said"),
    [(3, "raw/m=provider_unreachable, raw/m=ok"), (1, "raw/m=provider_unreachable")],
    ids=["within the budget", "beyond it"],
)
async def test_it_is_an_attempt_of_its_own(max_attempts: int, said: str) -> None:
    closed = asyncio.Event()
    upstream = Upstream(max_connections=4)
    async with raw_provider(closing(Connection.reset, closed)) as raw:  # type: ignore[arg-type]
        caller = Caller(raw, upstream, max_attempts)
        assert route(await caller.call()) == "raw/m=ok"
        call = asyncio.ensure_future(caller.call())
        await asyncio.sleep(0)  # The request is written before the loop runs the server.
        closed.set()
        outcome = await call
        # It is not the provider's fault: nothing was held against it.
        after = await caller.call()
    await upstream.close()

    assert route(outcome) == said
    assert outcome.failure == (None if max_attempts > 1 else Failure.PROVIDER_UNREACHABLE.name)
    assert len(records(outcome, KEY, REQUEST, outcome.started)) == len(outcome.attempts)
    assert route(after) == "raw/m=ok"


async def test_a_request_that_was_read_is_sent_once() -> None:
    upstream = Upstream(max_connections=4)

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(OK)
        await connection.request()

    async with raw_provider(handle) as raw:
        caller = Caller(raw, upstream, 6)
        await caller.call()
        outcome = await caller.call()
    await upstream.close()

    assert route(outcome) == "raw/m=provider_bad_response"
    assert raw.requests == 2
