"""Limiters under test: in memory and on a real Valkey, with a clock that stands still."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from arouter.accounts.keys import ApiKey
from arouter.accounts.records import RateLimit
from arouter.config.secret import Secret
from arouter.limits.limiter import Limiter
from support.valkey import ValkeyServer, valkey_running

LONGEST_CALL = 100.0
NO_HURRY = 30.0

MakeLimiter = Callable[..., Limiter]
MakeKey = Callable[..., ApiKey]


class Clock:
    """Shows the time it is set to."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


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

    def make(*, limit: int | None = None, reset: Any = None, **rates: int) -> ApiKey:
        hash_ = secrets.token_hex(32)
        return ApiKey(hash_, "acme", rate_limit=RateLimit(**rates), limit=limit, limit_reset=reset)

    return make


@pytest.fixture
async def make_limiter(clock: Clock) -> AsyncIterator[MakeLimiter]:
    """Makes limiters that are closed after the test."""
    made: list[Limiter] = []

    def make(url: str | None, **options: Any) -> Limiter:
        options = {"longest_call": LONGEST_CALL, "patience": NO_HURRY, "clock": clock, **options}
        made.append(Limiter(Secret(url) if url else None, **options))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.close()


@pytest.fixture(params=["memory", "valkey"])
async def limiter(request: pytest.FixtureRequest, make_limiter: MakeLimiter) -> Limiter:
    """A limiter; each test has it with both stores."""
    url = request.getfixturevalue("valkey").url if request.param == "valkey" else None
    return make_limiter(url)
