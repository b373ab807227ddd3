"""Windows of requests and tokens, and clocks that are wrong or set."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, date, datetime

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.records import RateLimit
from arouter.accounts.repository import Spent
from arouter.errors import ARouterError
from arouter.limits.limiter import Limiter
from arouter.limits.valkey import ValkeyWindows, entry
from arouter.limits.windows import DAY
from arouter.limits.worst_case import WorstCase
from support.valkey import ValkeyServer

from .conftest import LAST_SECONDS, Clock, MakeKey, MakeLimiter

SMALL = WorstCase(1, 1)
HOURS = 2 * 3600
YEARS = 3 * 365 * DAY


@pytest.fixture
async def windows(make_limiter: MakeLimiter, valkey: ValkeyServer) -> ValkeyWindows:
    """On Valkey; those in memory are tested by what the limiter does."""
    limiter = make_limiter(valkey.url)
    await limiter.start()
    left = 60 - limiter.now() % 60
    if left < LAST_SECONDS:
        await asyncio.sleep(left)
    return limiter._windows


@pytest.fixture
def name() -> str:
    return secrets.token_hex(32)


async def refused(limiter: Limiter, key: AuthenticatedKey) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        await limiter.reserve(key, SMALL)
    return caught.value


# --- What a window is -------------------------------------------------------------------------------------------------


async def test_each_day_has_its_own_requests(windows: ValkeyWindows, name: str, clock: Clock) -> None:
    for day in range(3):
        assert await windows.take_day(name, 1, clock.now + day * DAY) is not None
        assert await windows.take_day(name, 1, clock.now + day * DAY) is None

    await windows.return_day(name, clock.now + DAY)
    assert await windows.take_day(name, 1, clock.now + DAY) is not None
    assert await windows.take_day(name, 1, clock.now) is None


async def test_each_minute_has_its_own_tokens(windows: ValkeyWindows, name: str) -> None:
    minute = windows.minute()
    assert await windows.take_tokens(name, 10, 50, minute) is not None
    assert await windows.take_tokens(name, 10, 1, minute) is None

    await windows.add_tokens(name, -45, minute - 1)  # is over: nothing comes of it
    assert await windows.take_tokens(name, 10, 1, minute) is None
    await windows.add_tokens(name, -45, minute)
    taken = await windows.take_tokens(name, 10, 1, minute)
    assert taken is not None
    assert (taken.limit, taken.remaining) == (10, 4)
    assert 0 < taken.wait <= 60


async def test_more_is_not_given_back_than_was_taken(windows: ValkeyWindows, name: str) -> None:
    minute = windows.minute()
    await windows.take_tokens(name, 10, 3, minute)

    await windows.add_tokens(name, -5, minute)

    taken = await windows.take_tokens(name, 10, 1, minute)
    assert taken is not None
    assert taken.remaining == 9


async def test_each_day_has_its_own_requests_in_memory(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(requests_per_day=1)
    for _ in range(3):
        await limiter.reserve(key, SMALL)
        await refused(limiter, key)
        clock.now += DAY

    clock.now -= 2 * DAY
    await refused(limiter, key)


async def test_each_minute_has_its_own_tokens_in_memory(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(tokens_per_minute=10)
    before = await limiter.reserve(key, WorstCase(50, 0))
    await refused(limiter, key)

    clock.advance(60)
    now = await limiter.reserve(key, WorstCase(50, 0))
    before.settle(5, 0)  # Its minute is over: nothing comes of it.
    await refused(limiter, key)
    now.settle(5, 0)

    headers = dict((await limiter.reserve(key, SMALL)).headers)
    assert headers["x-ratelimit-limit-tokens"] == "10"
    assert headers["x-ratelimit-remaining-tokens"] == "4"
    assert headers["x-ratelimit-reset-tokens"] == "1m0s"


async def test_more_is_not_given_back_in_memory_than_was_taken(make_limiter: MakeLimiter, make_key: MakeKey) -> None:
    limiter, key = make_limiter(None), make_key(tokens_per_minute=10)
    (await limiter.reserve(key, WorstCase(3, 0))).settle(-5, 0)

    headers = dict((await limiter.reserve(key, SMALL)).headers)

    assert headers["x-ratelimit-remaining-tokens"] == "9"


async def test_requests_are_those_of_any_sixty_seconds(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(requests_per_minute=3)
    for _ in range(3):
        await limiter.reserve(key, SMALL)
        clock.advance(10)
    await refused(limiter, key)

    clock.advance(29)
    await refused(limiter, key)
    clock.advance(1)
    headers = dict((await limiter.reserve(key, SMALL)).headers)

    assert headers["x-ratelimit-limit"] == "3"
    assert headers["x-ratelimit-remaining"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "10s"
    await refused(limiter, key)


@pytest.mark.parametrize("limiter", ["valkey"], indirect=True)
async def test_requests_leave_valkey_one_by_one(limiter: Limiter, valkey: ValkeyServer, name: str) -> None:
    """What is older than a minute by the server's clock has gone; the rest counts."""
    now = int(time.time() * 1e6)
    for age in (90, 61, 59, 30):
        valkey.command("RPUSH", entry(name, "minute"), now - age * 1_000_000)

    taken = await limiter._windows.take_minute(name, 3)

    assert taken is not None
    assert taken.remaining == 0
    assert 0 <= taken.wait <= 1
    assert await limiter._windows.take_minute(name, 3) is None


# --- A clock that is set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-YEARS, -HOURS, HOURS, YEARS])
@pytest.mark.parametrize("rate", ["requests_per_minute", "tokens_per_minute"])
async def test_a_clock_that_is_set_changes_no_minute(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock, rate: str, jump: float
) -> None:
    """The key is let in neither later nor earlier."""
    limiter, key = make_limiter(None), make_key(**{rate: 1})
    await limiter.reserve(key, SMALL)
    wait = (await refused(limiter, key)).retry_after
    assert wait is not None

    clock.now += jump
    assert (await refused(limiter, key)).retry_after == wait <= 60
    clock.advance(wait - 1)
    assert (await refused(limiter, key)).retry_after == 1
    clock.advance(1)
    await limiter.reserve(key, SMALL)


async def test_tokens_are_settled_though_the_clock_is_set(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(tokens_per_minute=100)
    reservation = await limiter.reserve(key, WorstCase(1000, 0))

    clock.now -= HOURS
    reservation.settle(10, 0)

    assert dict((await limiter.reserve(key, SMALL)).headers)["x-ratelimit-remaining-tokens"] == "89"


async def test_a_day_follows_the_clock(make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock) -> None:
    """A clock that was days ahead leaves nothing behind; back on the same day, what was taken of it is taken."""
    limiter, key = make_limiter(None), make_key(requests_per_day=1)
    await limiter.reserve(key, SMALL)
    clock.now += 3 * DAY
    await limiter.reserve(key, SMALL)

    clock.now -= 3 * DAY + HOURS
    assert (await refused(limiter, key)).retry_after == 13 * 3600 + 1800
    clock.now -= DAY
    await limiter.reserve(key, SMALL)


async def test_a_spending_period_follows_the_clock(make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock) -> None:
    limiter, key = make_limiter(None), make_key(limit=10, reset="daily")
    limiter.seed({key.hash: Spent(date(2026, 11, 18), 10)})

    clock.now -= HOURS
    assert "It resets at 2026-11-19T00:00:00Z" in (await refused(limiter, key)).message
    clock.now += DAY
    await limiter.reserve(key, SMALL)


@pytest.mark.parametrize("jump", [5, HOURS, YEARS])
@pytest.mark.parametrize("limiter", ["valkey"], indirect=True)
async def test_a_server_whose_clock_is_set_back_locks_no_key_out(
    limiter: Limiter, valkey: ValkeyServer, name: str, jump: int
) -> None:
    """Entries from its future count as made now: they are over a minute later, and no more is let in until then."""
    now = int(time.time() * 1e6)
    for age in (30, -jump, -jump):
        valkey.command("RPUSH", entry(name, "minute"), now - age * 1_000_000)

    assert await limiter._windows.take_minute(name, 3) is None

    times = [int(each) for each in valkey.command("LRANGE", entry(name, "minute"), 0, -1)]
    assert len(times) == 3
    assert times == sorted(times)
    assert times[-1] <= int(time.time() * 1e6)


# --- Processes with different clocks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong_by", [-YEARS, -HOURS, HOURS, YEARS])
async def test_processes_with_different_clocks_share_every_limit(
    make_limiter: MakeLimiter, valkey: ValkeyServer, wrong_by: float
) -> None:
    """The store's clock counts, so that a wrong one neither locks a key out nor gives it more."""
    right = make_limiter(valkey.url)
    wrong = make_limiter(valkey.url, clock=lambda: time.time() + wrong_by)
    for limiter in (right, wrong):
        await limiter.start()
    assert abs(wrong.now() - right.now()) < 5

    for first, second in ((right, wrong), (wrong, right)):
        for rates, limit in (
            (RateLimit(requests_per_minute=1), None),
            (RateLimit(requests_per_day=1), None),
            (RateLimit(tokens_per_minute=1), None),
            (RateLimit(), 1),
        ):
            key = AuthenticatedKey(secrets.token_hex(32), "acme", rate_limit=rates, limit=limit, limit_reset="daily")
            await first.reserve(key, SMALL)
            error = await refused(second, key)
            if rates.requests_per_day:
                midnight = DAY - time.time() % DAY
                assert error.retry_after is not None
                assert abs(error.retry_after - midnight) < 60
            if limit:
                assert f"{datetime.fromtimestamp(time.time() + DAY, UTC):%Y-%m-%d}T00:00:00Z" in error.message


async def test_a_clock_that_is_set_while_the_store_is_used_changes_nothing(
    make_limiter: MakeLimiter, make_key: MakeKey, valkey: ValkeyServer
) -> None:
    clock = Clock(time.time())
    limiter, key = make_limiter(valkey.url, clock=clock), make_key(tokens_per_minute=100, limit=100, reset="daily")
    await limiter.start()
    reservation = await limiter.reserve(key, WorstCase(100, 100))

    clock.now -= HOURS
    await refused(limiter, key)
    reservation.settle(0, 0)
    await asyncio.sleep(0)
    await limiter.settled()

    await limiter.reserve(key, SMALL)


@pytest.mark.parametrize("limiter", ["valkey"], indirect=True)
async def test_tokens_of_a_store_that_forgot_are_not_given_back(
    limiter: Limiter, make_key: MakeKey, valkey: ValkeyServer
) -> None:
    """Calls that end after the store was emptied leave their minute as full as a new one, not fuller."""
    key = make_key(tokens_per_minute=10_000)
    under_way = [await limiter.reserve(key, WorstCase(500, 0)) for _ in range(12)]

    valkey.command("FLUSHALL")
    for reservation in under_way:
        reservation.settle(10, 0)
    await limiter.settled()

    assert dict((await limiter.reserve(key, SMALL)).headers)["x-ratelimit-remaining-tokens"] == "9999"
