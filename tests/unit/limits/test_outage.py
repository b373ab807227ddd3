"""A store that does not answer: what becomes of calls, and how it is over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from datetime import date

import pytest

from arouter.accounts.keys import ApiKey
from arouter.accounts.store import Spent
from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.errors import ARouterError, Failure
from arouter.limits.estimate import WorstCase
from arouter.limits.limiter import Limiter
from support.valkey import ValkeyServer, valkey_running

from .conftest import MakeKey, MakeLimiter

WORST = WorstCase(10, 10)
RECOVERY_LIMIT = 30.0


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A server of this test alone."""
    with valkey_running() as server:
        yield server


async def recovered(limiter: Limiter, key: ApiKey) -> None:
    """Calls until calls are checked again; the limiter finds out by itself."""
    deadline = time.monotonic() + RECOVERY_LIMIT
    while True:
        assert time.monotonic() < deadline, "no recovery"
        before = limiter.unchecked + limiter.denied
        with contextlib.suppress(ARouterError):
            (await limiter.reserve(key, WORST)).settle(0, 0)
            await limiter.settled()
        if limiter.unchecked + limiter.denied == before:
            return
        await asyncio.sleep(0.02)  # Between tries: a store that is back tells nobody.


async def test_calls_go_on_unchecked(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    limiter, key = make_limiter(server.url), make_key(requests_per_minute=1000, limit=1000)
    caplog.set_level(logging.INFO)
    under_way = await limiter.reserve(key, WORST)

    server.stop()
    for _ in range(5):
        reservation = await limiter.reserve(key, WORST)
        assert reservation.headers == ()
        reservation.settle(1, 1)
    under_way.settle(1, 1)

    assert (limiter.unchecked, limiter.denied) == (5, 0)
    server.start()
    await recovered(limiter, key)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "limits cannot be checked",
        "limits can be checked again",
    ]


async def test_calls_are_refused_if_that_is_the_policy(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    limiter, key = make_limiter(server.url, when_down="closed"), make_key(requests_per_day=1000, tokens_per_minute=1000)
    await limiter.reserve(key, WORST)

    server.stop()
    for _ in range(5):
        with pytest.raises(ARouterError) as caught:
            await limiter.reserve(key, WORST)
        assert caught.value.failure is Failure.UNAVAILABLE
        assert caught.value.retry_after == 1

    assert (limiter.unchecked, limiter.denied) == (0, 5)
    server.start()
    await recovered(limiter, key)


async def test_a_store_that_hangs_does_not_hang_calls(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    limiter, key = make_limiter(server.url, patience=0.25), make_key(requests_per_day=1000)

    with server.halted():
        await asyncio.gather(*(limiter.reserve(key, WORST) for _ in range(100)))
        assert limiter.unchecked == 100

    await recovered(limiter, key)


async def test_a_store_that_was_restarted_learns_what_was_spent(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    limiter, key = make_limiter(server.url), make_key(limit=100)
    first = await limiter.reserve(key, WORST)
    first.settle(0, 99)
    await limiter.settled()

    server.stop()
    server.start()
    limiter.seed({key.hash: Spent(date(1970, 1, 1), 99)})
    await recovered(limiter, key)

    second = await limiter.reserve(key, WORST)
    second.settle(0, 1)
    await limiter.settled()
    with pytest.raises(ARouterError, match="is reached"):
        await limiter.reserve(key, WORST)


async def test_settlements_under_way_are_counted_before_the_end(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    ending, other, key = make_limiter(server.url), make_limiter(server.url), make_key(limit=100)
    for reservation in await asyncio.gather(*(ending.reserve(key, WorstCase(1, 1)) for _ in range(50))):
        reservation.settle(1, 2)

    await ending.close()

    with pytest.raises(ARouterError, match="is reached"):
        await other.reserve(key, WORST)


@pytest.mark.parametrize("url", ["http://h", "redis//h", "redis://:secret@h:port/0", "memory://"])
async def test_another_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError, match="AROUTER_REDIS_URL") as caught:
        Limiter(Secret(url), longest_call=1)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_redis_and_valkey_are_the_same(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, scheme: str
) -> None:
    limiter = make_limiter(server.url.replace("valkey", scheme))

    assert (await limiter.reserve(make_key(requests_per_day=3), WORST)).headers
    assert limiter.unchecked == 0
