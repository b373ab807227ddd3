"""Requests and tokens in their windows, counted by the package `limits`."""

from __future__ import annotations

from typing import NamedTuple

from limits.aio.storage import MemoryStorage, RedisStorage

from arouter.accounts.keys import ApiKey

MINUTE = 60
DAY = 86_400


class Window(NamedTuple):
    """How far a limit is used up.

    Attributes:
        limit: How much there is.
        remaining: What is left of it.
        reset: When there is more again, in seconds since the epoch.
    """

    limit: int
    remaining: int
    reset: float


class Rates(NamedTuple):
    """The windows of a key; None where it has no such limit."""

    minute: Window | None
    day: Window | None
    tokens: Window | None


class Windows:
    """Counts each key's requests and tokens.

    `take_…` return the window with what was taken, or None if nothing is left, and then nothing is taken.
    Whatever the storage raises passes through.
    """

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._storage = storage

    async def take_minute(self, key_hash: str, limit: int) -> Window | None:
        """Takes one request of those in any 60 seconds."""
        name = f"minute:{key_hash}"
        if not await self._storage.acquire_entry(name, limit, MINUTE):
            return None
        return await self._moving(name, limit)

    async def take_day(self, key_hash: str, limit: int, now: float) -> Window | None:
        """Takes one request of those of the day, UTC."""
        return await self._take(f"day:{key_hash}", limit, 1, DAY, now)

    async def return_day(self, key_hash: str, now: float) -> None:
        """Gives back what `take_day` took at that time."""
        await self._give_back(f"day:{key_hash}", 1, DAY, now)

    async def take_tokens(self, key_hash: str, limit: int, tokens: int, now: float) -> Window | None:
        """Takes tokens of those of the minute. One call may take more than is left; then the others wait."""
        return await self._take(f"tokens:{key_hash}", limit, tokens, MINUTE, now)

    async def add_tokens(self, key_hash: str, tokens: int, now: float) -> None:
        """Adds tokens, or a negative number of them, to the minute of `now`."""
        if tokens < 0:
            await self._give_back(f"tokens:{key_hash}", -tokens, MINUTE, now)
        else:
            await self._add(f"tokens:{key_hash}", tokens, MINUTE, now)

    async def look(self, key: ApiKey, now: float) -> Rates:
        """Returns the windows of a key as they are."""
        rates, hash_ = key.rate_limit, key.hash
        minute = day = tokens = None
        if rates.requests_per_minute is not None:
            minute = await self._moving(f"minute:{hash_}", rates.requests_per_minute)
        if rates.requests_per_day is not None:
            day = await self._fixed(f"day:{hash_}", rates.requests_per_day, DAY, now)
        if rates.tokens_per_minute is not None:
            tokens = await self._fixed(f"tokens:{hash_}", rates.tokens_per_minute, MINUTE, now)
        return Rates(minute, day, tokens)

    async def _take(self, name: str, limit: int, amount: int, length: int, now: float) -> Window | None:
        taken = await self._add(name, amount, length, now)
        if taken - amount >= limit:
            await self._give_back(name, amount, length, now)
            return None
        return _window(limit, taken, length, now)

    async def _fixed(self, name: str, limit: int, length: int, now: float) -> Window:
        return _window(limit, await self._storage.get(f"{name}:{int(now // length)}"), length, now)

    async def _moving(self, name: str, limit: int) -> Window:
        oldest, count = await self._storage.get_moving_window(name, limit, MINUTE)
        return Window(limit, max(limit - count, 0), oldest + MINUTE)

    async def _give_back(self, name: str, amount: int, length: int, now: float) -> None:
        left = await self._add(name, -amount, length, now)
        if left < 0:
            # The storage has forgotten what was taken. Each who finds that undoes no more than its own part.
            await self._add(name, min(-left, amount), length, now)

    async def _add(self, name: str, amount: int, length: int, now: float) -> int:
        # Kept for longer than the window: other processes' clocks may be behind.
        return await self._storage.incr(f"{name}:{int(now // length)}", 2 * length, amount)


def _window(limit: int, taken: int, length: int, now: float) -> Window:
    return Window(limit, min(max(limit - taken, 0), limit), (now // length + 1) * length)
