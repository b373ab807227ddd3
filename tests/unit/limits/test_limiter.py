"""What is let in and what is counted, in memory and on Valkey."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from datetime import UTC, date, datetime

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.periods import first_day, next_reset
from arouter.accounts.repository import Spent
from arouter.errors import ARouterError, Failure
from arouter.limits.limiter import Limiter
from arouter.limits.memory import MemoryLimiter
from arouter.limits.reservation import UNLIMITED, Reservation
from arouter.limits.worst_case import WorstCase
from support.valkey import ValkeyServer

from .conftest import Clock, MakeKey, MakeLimiter

SMALL = WorstCase(1, 1)


async def settled(limiter: Limiter, reservation: Reservation, tokens: int, cost: int) -> None:
    """Settles and waits until it is counted."""
    reservation.settle(tokens, cost)
    await limiter.settled()


async def refusal(limiter: Limiter, key: AuthenticatedKey, worst: WorstCase = SMALL) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        await limiter.reserve(key, worst)
    return caught.value


async def admitted(limiters: list[Limiter], key: AuthenticatedKey, calls: int, worst: WorstCase = SMALL) -> int:
    """Returns how many of many calls at once are let in; checks that the others are refused, not failed."""
    calls_ = (limiters[index % len(limiters)].reserve(key, worst) for index in range(calls))
    results = await asyncio.gather(*calls_, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert {type(error) for error in errors} <= {ARouterError}, errors
    assert {error.failure for error in errors if isinstance(error, ARouterError)} <= {
        Failure.RATE_LIMITED,
        Failure.SPENDING_LIMIT,
    }
    return len(results) - len(errors)


# --- Keys without limits ----------------------------------------------------------------------------------------------


async def test_a_key_without_limits_asks_nobody(make_limiter: MakeLimiter, make_key: MakeKey) -> None:
    limiter = make_limiter("valkey://127.0.0.1:1")

    reservation = await limiter.reserve(make_key(), SMALL)
    reservation.settle(1, 1)

    assert reservation is UNLIMITED
    assert reservation.headers == ()
    assert not limiter._tasks


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["requests_per_minute", "requests_per_day"])
async def test_as_many_requests_as_allowed_are_let_in(limiter: Limiter, make_key: MakeKey, rate: str) -> None:
    assert await admitted([limiter], make_key(**{rate: 50}), 200) == 50


@pytest.mark.parametrize("rate", ["requests_per_minute", "requests_per_day"])
async def test_processes_share_a_limit(
    make_limiter: MakeLimiter, valkey: ValkeyServer, make_key: MakeKey, rate: str
) -> None:
    processes = [make_limiter(valkey.url), make_limiter(valkey.url)]

    assert await admitted(processes, make_key(**{rate: 50}), 200) == 50


async def test_a_refused_request_says_when_to_come_back(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(requests_per_minute=1)
    await limiter.reserve(key, SMALL)

    error = await refusal(limiter, key)

    assert error.failure is Failure.RATE_LIMITED
    assert error.message.startswith("This key's limit of 1 requests per minute is reached. Try again in ")
    assert error.retry_after is not None
    assert error.retry_after >= 1
    assert dict(error.headers)["x-ratelimit-remaining"] == "0"


async def test_refusals_are_counted_by_limit(limiter: Limiter, make_key: MakeKey) -> None:
    keys = (make_key(requests_per_minute=1), make_key(requests_per_day=1), make_key(limit=1))
    for key in keys:
        await limiter.reserve(key, SMALL)
        await refusal(limiter, key)

    assert limiter.refused == {"minute": 1, "day": 1, "spending": 1}


async def test_a_new_day_begins_with_all_requests(make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock) -> None:
    limiter, key = make_limiter(None), make_key(requests_per_day=1)
    await limiter.reserve(key, SMALL)
    assert (await refusal(limiter, key)).retry_after == 11 * 3600 + 1800

    clock.advance(11 * 3600 + 1800)
    await limiter.reserve(key, SMALL)


async def test_a_refused_call_counts_against_nothing(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(requests_per_minute=1, requests_per_day=3, tokens_per_minute=1000, limit=1000)
    await limiter.reserve(key, WorstCase(10, 10))

    for _ in range(5):
        error = await refusal(limiter, key, WorstCase(100, 100))

    assert "requests per minute" in error.message
    rates = limiter.look(key) if isinstance(limiter, MemoryLimiter) else await limiter._windows.look(key, limiter.now())
    assert rates.day is not None
    assert rates.tokens is not None
    assert (rates.day.remaining, rates.tokens.remaining) == (2, 990)
    assert "reserved" not in (await refusal(limiter, key)).message


async def test_a_call_without_money_takes_no_tokens(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(tokens_per_minute=1000, limit=10)
    await settled(limiter, await limiter.reserve(key, WorstCase(100, 10)), 100, 10)

    error = await refusal(limiter, key, WorstCase(500, 1))

    assert error.failure is Failure.SPENDING_LIMIT
    allowed = await limiter.reserve(dataclasses.replace(key, limit=None), WorstCase(100, 0))
    assert dict(allowed.headers)["x-ratelimit-remaining-tokens"] == "800"


# --- Tokens -----------------------------------------------------------------------------------------------------------


async def test_tokens_are_reserved_and_settled(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(tokens_per_minute=100)
    first = await limiter.reserve(key, WorstCase(1000, 0))
    assert dict(first.headers)["x-ratelimit-remaining-tokens"] == "0"
    assert "100 tokens per minute" in (await refusal(limiter, key)).message

    await settled(limiter, first, 30, 0)

    second = await limiter.reserve(key, WorstCase(50, 0))
    assert dict(second.headers)["x-ratelimit-remaining-tokens"] == "20"


async def test_tokens_are_settled_in_their_own_minute(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(tokens_per_minute=100)
    first = await limiter.reserve(key, WorstCase(100, 0))

    clock.advance(60)
    await settled(limiter, first, 10, 0)

    second = await limiter.reserve(key, WorstCase(50, 0))
    assert dict(second.headers)["x-ratelimit-remaining-tokens"] == "50"


async def test_more_tokens_than_reserved_count_too(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(tokens_per_minute=100)

    await settled(limiter, await limiter.reserve(key, WorstCase(10, 0)), 100, 0)

    assert (await refusal(limiter, key)).failure is Failure.RATE_LIMITED


# --- Money ------------------------------------------------------------------------------------------------------------


async def test_money_is_reserved_and_settled(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(limit=2_000_000_000, reset="monthly")
    first = await limiter.reserve(key, WorstCase(1, 5_000_000_000))

    error = await refusal(limiter, key)

    assert error.failure is Failure.SPENDING_LIMIT
    assert error.retry_after is None
    reset = datetime.fromtimestamp(next_reset("monthly", limiter.now()) or 0, UTC)
    assert error.message == (
        "This key's monthly spending limit of $2.00 is reached: $0.00 are spent, and $5.00 are reserved by calls in "
        f"flight. It resets at {reset:%Y-%m-%d}T00:00:00Z."
    )
    await settled(limiter, first, 1, 1_999_999_999)
    second = await limiter.reserve(key, SMALL)
    await settled(limiter, second, 1, 1)
    assert "$2.00 are spent. It resets" in (await refusal(limiter, key)).message


@pytest.mark.parametrize("processes", [1, 2])
async def test_the_limit_is_passed_by_one_reservation_at_most(
    make_limiter: MakeLimiter, valkey: ValkeyServer, make_key: MakeKey, processes: int
) -> None:
    limiters = [make_limiter(valkey.url if processes > 1 else None) for _ in range(processes)]
    limit, most = 1000, 90
    key = make_key(limit=limit)
    randomness = random.Random(4)
    spent = 0

    async def call(limiter: Limiter) -> None:
        nonlocal spent
        worst = randomness.randint(1, most)
        try:
            reservation = await limiter.reserve(key, WorstCase(0, worst))
        except ARouterError:
            return
        cost = randomness.randint(0, worst)
        spent += cost
        await settled(limiter, reservation, 0, cost)

    for _ in range(10):
        await asyncio.gather(*(call(limiters[index % processes]) for index in range(50)))

    assert limit <= spent < limit + most


async def test_a_call_is_settled_once(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(limit=10, tokens_per_minute=10)
    reservation = await limiter.reserve(key, SMALL)

    for _ in range(20):
        await settled(limiter, reservation, 1, 1)

    assert dict((await limiter.reserve(key, SMALL)).headers)["x-ratelimit-remaining-tokens"] == "8"


async def test_a_cancelled_call_is_settled(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(limit=1)
    reserved = asyncio.Event()

    async def call() -> None:
        reservation = await limiter.reserve(key, WorstCase(1, 100))
        reserved.set()
        try:
            await asyncio.Event().wait()
        finally:
            reservation.settle(0, 0)

    task = asyncio.create_task(call())
    await reserved.wait()
    task.cancel()
    await asyncio.wait({task})
    await limiter.settled()

    await limiter.reserve(key, SMALL)


async def test_a_call_cancelled_while_it_is_let_in_leaves_nothing(
    make_limiter: MakeLimiter, valkey: ValkeyServer, make_key: MakeKey
) -> None:
    limiter, key = make_limiter(valkey.url), make_key(limit=1)

    with valkey.halted():
        task = asyncio.create_task(limiter.reserve(key, WorstCase(1, 100)))
        await asyncio.sleep(0)  # It starts, and cannot end.
        task.cancel()
        await asyncio.wait({task})
    await limiter.settled()
    await limiter.settled()

    assert task.cancelled()
    await limiter.reserve(key, SMALL)


# --- Periods and seeds ------------------------------------------------------------------------------------------------


async def test_what_the_database_knows_as_spent_counts(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(limit=100, reset="weekly")
    limiter.seed({key.hash: Spent(first_day("weekly", limiter.now()), 100)})

    assert (await refusal(limiter, key)).failure is Failure.SPENDING_LIMIT


async def test_a_seed_is_not_added_to_what_was_counted(limiter: Limiter, make_key: MakeKey) -> None:
    key = make_key(limit=100)
    await settled(limiter, await limiter.reserve(key, SMALL), 0, 60)
    limiter.seed({key.hash: Spent(date(1970, 1, 1), 60)})

    await limiter.reserve(key, SMALL)


async def test_a_new_period_begins_with_nothing_spent(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter, key = make_limiter(None), make_key(limit=100, reset="daily")
    limiter.seed({key.hash: Spent(date(2026, 11, 18), 60)})
    late = await limiter.reserve(key, WorstCase(0, 50))
    assert "$0.00000006 are spent" in (await refusal(limiter, key)).message

    clock.advance(12 * 3600)
    await settled(limiter, late, 0, 50)

    await settled(limiter, await limiter.reserve(key, SMALL), 0, 99)
    await limiter.reserve(key, SMALL)


async def test_the_longest_period_never_ends(make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock) -> None:
    limiter, key = make_limiter(None), make_key(limit=100)
    await settled(limiter, await limiter.reserve(key, SMALL), 0, 100)

    clock.advance(365 * 86_400)

    assert (await refusal(limiter, key)).message.endswith("It does not reset.")


# --- Memory -----------------------------------------------------------------------------------------------------------


async def test_what_has_expired_is_dropped_from_memory(
    make_limiter: MakeLimiter, make_key: MakeKey, clock: Clock
) -> None:
    limiter = make_limiter(None)
    minutes, days, money = (
        make_key(requests_per_minute=5, tokens_per_minute=5),
        make_key(requests_per_day=5),
        make_key(limit=5),
    )
    for key in (minutes, days, money):
        await limiter.reserve(key, SMALL)

    clock.advance(121)
    new = make_key(requests_per_minute=5)
    await limiter.reserve(new, SMALL)
    assert set(limiter._uses) == {days.hash, money.hash, new.hash}

    clock.advance(2 * 86_400)
    newer = make_key(requests_per_day=5)
    await limiter.reserve(newer, SMALL)
    assert set(limiter._uses) == {money.hash, newer.hash}
