"""Limiters under test: in memory, with clocks that stand still, and on a real Valkey, whose clock counts."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.records import RateLimit
from arouter.config.secret import Secret
from arouter.errors import ARouterError
from arouter.limits.limiter import Limiter
from arouter.limits.memory import MemoryLimiter
from arouter.limits.shared import SharedLimiter
from arouter.limits.worst_case import WorstCase
from support.valkey import ValkeyServer, valkey_running

MAX_CALL = 100.0
NO_HURRY = 30.0

MakeLimiter = Callable[..., Limiter]
MakeKey = Callable[..., AuthenticatedKey]


LAST_SECONDS = 2.0
RECOVERY_LIMIT = 30.0


class Clock:
    """A wall clock that stands still, and may be set, beside one that only `advance` moves."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._monotonic = 1000.0

    def __call__(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += seconds
        self._monotonic += seconds


async def recovered(limiter: Limiter, key: AuthenticatedKey) -> None:
    """Calls until calls are checked again; the limiter finds out by itself."""
    deadline = time.monotonic() + RECOVERY_LIMIT
    while True:
        assert time.monotonic() < deadline, "no recovery"
        before = limiter.unchecked + limiter.denied
        with contextlib.suppress(ARouterError):
            (await limiter.reserve(key, WorstCase(10, 10))).settle(0, 0)
            await limiter.settled()
        if limiter.unchecked + limiter.denied == before:
            return
        await asyncio.sleep(0.02)  # Between tries: a store that is back does not notify its clients.


@pytest.fixture
def clock() -> Clock:
    """Half past noon on Wednesday, 18 November 2026, UTC."""
    return Clock(1_795_005_000.0)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_running() as server:
        yield server


@pytest.fixture
def make_key() -> MakeKey:
    """Makes a key that no other test knows."""

    def make(*, limit: int | None = None, reset: Any = None, **rates: int) -> AuthenticatedKey:
        hash_ = secrets.token_hex(32)
        return AuthenticatedKey(hash_, "acme", rate_limit=RateLimit(**rates), limit=limit, limit_reset=reset)

    return make


@pytest.fixture
async def make_limiter(clock: Clock) -> AsyncIterator[MakeLimiter]:
    """Makes limiters that are closed after the test."""
    made: list[Limiter] = []

    def make(url: str | None, **options: Any) -> Limiter:
        if url is None:
            made.append(MemoryLimiter(clock, clock.monotonic))
        else:
            options = {"longest_call": MAX_CALL, "timeout": NO_HURRY, **options}
            made.append(SharedLimiter(Secret(url), **options))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.close()


@pytest.fixture(params=["memory", "valkey"])
async def limiter(request: pytest.FixtureRequest, make_limiter: MakeLimiter) -> Limiter:
    """A limiter; each test has it with both stores."""
    if request.param == "memory":
        return make_limiter(None)
    limiter = make_limiter(request.getfixturevalue("valkey").url)
    await limiter.start()
    left = 60 - limiter.now() % 60
    if left < LAST_SECONDS:
        await asyncio.sleep(
            left
        )  # A test must not begin in one minute, or day, of the server's clock and end in the next.
    return limiter
