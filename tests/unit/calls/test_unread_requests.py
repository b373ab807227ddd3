"""A request that its provider did not read is sent once more, and both count as attempts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from arouter.calls.call_record import route
from arouter.calls.usage_records import usage_records
from arouter.errors import Failure
from arouter.providers.driver import Upstream
from support.calls import Caller
from support.raw_provider import OK, Connection, raw_provider


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
        caller = Caller(raw.provider, upstream, max_attempts)
        assert route(await caller.call()) == "raw/m=ok"
        call = asyncio.ensure_future(caller.call())
        await asyncio.sleep(0)  # The request is written before the loop runs the server.
        closed.set()
        record = await call
        # It is not the provider's fault: nothing was held against it.
        after = await caller.call()
    await upstream.close()

    assert route(record) == said
    assert record.failure == (None if max_attempts > 1 else Failure.PROVIDER_UNREACHABLE.name)
    assert len(usage_records(record, record.started)) == len(record.attempts)
    assert route(after) == "raw/m=ok"


async def test_a_request_that_was_read_is_sent_once() -> None:
    upstream = Upstream(max_connections=4)

    async def handle(connection: Connection, _number: int) -> None:
        await connection.request()
        await connection.send(OK)
        await connection.request()

    async with raw_provider(handle) as raw:
        caller = Caller(raw.provider, upstream)
        await caller.call()
        record = await caller.call()
    await upstream.close()

    assert route(record) == "raw/m=provider_bad_response"
    assert raw.requests == 2
