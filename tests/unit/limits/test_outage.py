"""A store that does not answer: what becomes of calls, and how it is over."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.repository import Spent
from arouter.accounts.units import NANOS
from arouter.config.load import ConfigError
from arouter.config.secret import Secret
from arouter.errors import ARouterError, Failure
from arouter.limits import pending_releases as pending
from arouter.limits.budget import BudgetPeriod, Hold
from arouter.limits.limiter import Limiter
from arouter.limits.pending_releases import PendingRelease, PendingReleases
from arouter.limits.reservation import Reservation
from arouter.limits.shared import SharedLimiter
from arouter.limits.worst_case import WorstCase
from support.valkey import ValkeyServer, valkey_running

from .conftest import MakeKey, MakeLimiter, recovered

WORST = WorstCase(10, 10)


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A server of this test alone."""
    with valkey_running() as server:
        yield server


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
    limiter, key = make_limiter(server.url, timeout=1.0), make_key(requests_per_day=1000)

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


async def result(limiter: Limiter, key: AuthenticatedKey) -> tuple[int, int]:
    """Returns what is spent and what is held of a key's money."""
    assert key.limit is not None
    with pytest.raises(ARouterError) as caught:
        await limiter.reserve(replace(key, limit=0), WorstCase(0, 0))
    amounts = [round(float(amount) * NANOS) for amount in re.findall(r"\$(\d+\.\d+)", caught.value.message)[1:]]
    return amounts[0], sum(amounts[1:])


async def all_connected(limiter: Limiter, key: AuthenticatedKey) -> None:
    """Lets the store know the scripts on every connection: what is sent while it hangs will be done afterwards."""
    for reservation in await asyncio.gather(*(limiter.reserve(key, WorstCase(1, 1)) for _ in range(16))):
        reservation.settle(0, 0)
    await limiter.settled()


@pytest.mark.parametrize("when_down", ["open", "closed"])
async def test_reservations_that_a_hanging_store_did_not_answer_are_given_back(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, when_down: str
) -> None:
    """Calls let in or refused while the store hangs hold nothing when they are over."""
    limiter, key = make_limiter(server.url, timeout=1.0, when_down=when_down), make_key(limit=1000)
    other = make_limiter(server.url)
    await all_connected(limiter, key)

    with server.halted():
        asked = await asyncio.gather(*(limiter.reserve(key, WORST) for _ in range(16)), return_exceptions=True)
        for reservation in asked:
            if isinstance(reservation, Reservation):
                reservation.settle(0, 0)
    await limiter.settled()

    assert limiter.unchecked + limiter.denied == 16
    assert await result(other, key) == (0, 0)


async def test_a_call_let_in_by_a_hanging_store_holds_its_money_until_it_ends(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    """What the store reserved without an answer is replaced by the cost like any other reservation."""
    limiter, key = make_limiter(server.url, timeout=1.0), make_key(limit=1000)
    other = make_limiter(server.url)
    await all_connected(limiter, key)

    with server.halted():
        reservation = await limiter.reserve(key, WORST)
    await recovered(limiter, key)
    assert await result(other, key) == (0, 10)
    reservation.settle(0, 7)
    await limiter.settled()

    assert await result(other, key) == (7, 0)


async def test_settlements_that_a_hanging_store_did_not_answer_are_made_up_for(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    """Nothing stays held, and no cost counts twice, whether the store took the settlement or not."""
    limiter, key = make_limiter(server.url, timeout=1.0), make_key(limit=1000)
    other = make_limiter(server.url)
    await all_connected(limiter, key)
    under_way = [await limiter.reserve(key, WORST) for _ in range(20)]

    with server.halted():
        for reservation in under_way:
            reservation.settle(0, 7)
        await asyncio.wait(limiter._tasks, return_when=asyncio.FIRST_COMPLETED)
    await limiter.settled()

    spent, held = await result(other, key)
    assert held == 0
    assert spent in range(0, 141, 7)
    other.seed({key.hash: Spent(date(1970, 1, 1), 140)})
    assert await result(other, key) == (140, 0)


async def test_settlements_wait_for_a_store_that_is_down(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    """A call that ends during an outage, when nothing is even sent, holds nothing after it."""
    limiter, ended, key = make_limiter(server.url), make_limiter(server.url, timeout=1.0), make_key(limit=1000)
    await all_connected(ended, key)
    under_way = [await ended.reserve(key, WORST) for _ in range(3)]

    with server.halted():
        await ended.reserve(key, WORST)
        assert not ended._outage.may_try()
        for reservation in under_way:
            reservation.settle(0, 7)
        await asyncio.sleep(0)
    await ended.settled()

    assert await result(limiter, key) == (0, 10)


async def test_a_hold_that_has_expired_is_not_waited_for(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer
) -> None:
    """An outage of longer than two of the longest calls leaves nothing to give back."""
    limiter, key = make_limiter(server.url, longest_call=0.1), make_key(limit=1000)
    reservation = await limiter.reserve(key, WORST)
    server.stop()
    reservation.settle(0, 7)

    await limiter.settled()


async def test_more_holds_than_can_wait_are_left_to_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long an outage lasts, the memory it takes is bounded; the newest holds are kept."""
    monkeypatch.setattr(pending, "MAX", 3)
    given_back: list[str] = []

    async def give_back(each: PendingRelease) -> bool:
        given_back.append(each.hold.id)
        return True

    waiting = PendingReleases(give_back)
    for index in range(5):
        waiting.put(PendingRelease(BudgetPeriod("key", date(1970, 1, 1)), Hold(str(index), 0, 1)))
    await waiting.deliver()

    assert given_back == ["2", "3", "4"]


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
        SharedLimiter(Secret(url), longest_call=1)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_redis_and_valkey_are_the_same(
    make_limiter: MakeLimiter, make_key: MakeKey, server: ValkeyServer, scheme: str
) -> None:
    limiter = make_limiter(server.url.replace("valkey", scheme))

    assert (await limiter.reserve(make_key(requests_per_day=3), WORST)).headers
    assert limiter.unchecked == 0
