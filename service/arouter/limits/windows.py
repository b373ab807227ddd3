"""Windows of requests and tokens: the interface, and a store for one process.

`valkey.py` has the store that several processes share.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey

MINUTE = 60
DAY = 86_400

_SWEEP_INTERVAL = 10.0
"""Seconds between two searches for what has expired in memory."""


class Window(NamedTuple):
    """The state of a limit.

    Attributes:
        limit: The limit.
        remaining: What remains of it.
        wait: Seconds until more is available.
    """

    limit: int
    remaining: int
    wait: float


class Rates(NamedTuple):
    """The windows of a key; None for limits that it does not have."""

    minute: Window | None
    day: Window | None
    tokens: Window | None


UNCOUNTED = Rates(None, None, None)


class Windows(Protocol):
    """Counts each key's requests and tokens. Every operation is atomic.

    `take_…` returns the window after taking, or None if nothing remains; then nothing is taken.

    Raises:
        StoreLostError, StoreRefusedError: A store that several processes share has failed.
    """

    def minute(self) -> int:
        """Returns the number of the current minute for tokens."""

    async def take_minute(self, key_hash: str, limit: int) -> Window | None:
        """Takes one request from the sliding window of 60 seconds."""

    async def take_day(self, key_hash: str, limit: int, now: float) -> Window | None:
        """Takes one request from the window of the day in UTC."""

    async def return_day(self, key_hash: str, now: float) -> None:
        """Gives back what `take_day` took at that time."""

    async def take_tokens(self, key_hash: str, limit: int, tokens: int, minute: int) -> Window | None:
        """Takes tokens from the window of a minute. A call may take more than remains; later calls then get None."""

    async def add_tokens(self, key_hash: str, tokens: int, minute: int) -> None:
        """Adds tokens, which may be negative, to the count of a minute, unless the minute is over."""

    async def look(self, key: AuthenticatedKey, now: float) -> Rates:
        """Returns the windows of a key without taking anything."""


def fixed_window(limit: int, taken: int, length: int, now: float) -> Window:
    """Returns the state of a window that is aligned to the clock, such as a day."""
    return Window(limit, min(max(limit - taken, 0), limit), length - now % length)


class _Count:
    """The count of a window, and when it can be dropped, in monotonic time."""

    __slots__ = ("taken", "until")

    def __init__(self, until: float) -> None:
        self.taken = 0
        self.until = until


class MemoryWindows(Windows):
    """Windows in memory, for one process. Never waits.

    Only days follow the clock. Minutes are measured in monotonic time, so that setting the clock neither locks a key
    out nor gives it more.

    Args:
        clock: Seconds since the epoch.
        monotonic: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._origin = clock() - monotonic()  # Aligns minutes to the clock, unless it is set later.
        self._requests: dict[str, deque[float]] = {}
        self._counts: dict[tuple[str, int, int], _Count] = {}
        self._sweep_at = 0.0

    @override
    def minute(self) -> int:
        return int(self._steady() // MINUTE)

    @override
    async def take_minute(self, key_hash: str, limit: int) -> Window | None:
        now = self._monotonic()
        self._sweep(now)
        times = self._requests.setdefault(key_hash, deque())
        _expire(times, now)
        if len(times) >= limit:
            return None
        times.append(now)
        return _sliding_window(limit, times, now)

    @override
    async def take_day(self, key_hash: str, limit: int, now: float) -> Window | None:
        count = self._take((key_hash, DAY, int(now // DAY)), limit, 1)
        return None if count is None else fixed_window(limit, count, DAY, now)

    @override
    async def return_day(self, key_hash: str, now: float) -> None:
        self._add((key_hash, DAY, int(now // DAY)), -1)

    @override
    async def take_tokens(self, key_hash: str, limit: int, tokens: int, minute: int) -> Window | None:
        count = self._take((key_hash, MINUTE, minute), limit, tokens)
        return None if count is None else fixed_window(limit, count, MINUTE, self._steady())

    @override
    async def add_tokens(self, key_hash: str, tokens: int, minute: int) -> None:
        if minute == self.minute():
            self._add((key_hash, MINUTE, minute), tokens)

    @override
    async def look(self, key: AuthenticatedKey, now: float) -> Rates:
        rates, hash_ = key.rate_limit, key.hash
        minute = day = tokens = None
        if rates.requests_per_minute is not None:
            monotonic = self._monotonic()
            times = self._requests.get(hash_, deque())
            _expire(times, monotonic)
            minute = _sliding_window(rates.requests_per_minute, times, monotonic)
        if rates.requests_per_day is not None:
            day = fixed_window(rates.requests_per_day, self._taken((hash_, DAY, int(now // DAY))), DAY, now)
        if rates.tokens_per_minute is not None:
            taken = self._taken((hash_, MINUTE, self.minute()))
            tokens = fixed_window(rates.tokens_per_minute, taken, MINUTE, self._steady())
        return Rates(minute, day, tokens)

    def _steady(self) -> float:
        return self._origin + self._monotonic()

    def _take(self, name: tuple[str, int, int], limit: int, amount: int) -> int | None:
        now = self._monotonic()
        self._sweep(now)
        count = self._counts.get(name)
        if count is None:
            # Longer than the window, because the clock may be set back into it.
            count = self._counts[name] = _Count(now + 2 * name[1])
        if count.taken >= limit:
            return None
        count.taken += amount
        return count.taken

    def _add(self, name: tuple[str, int, int], amount: int) -> None:
        count = self._counts.get(name)
        if count is not None:
            count.taken = max(count.taken + amount, 0)

    def _taken(self, name: tuple[str, int, int]) -> int:
        count = self._counts.get(name)
        return 0 if count is None else count.taken

    def _sweep(self, now: float) -> None:
        """Drops expired entries, once per interval."""
        if now < self._sweep_at:
            return
        self._sweep_at = now + _SWEEP_INTERVAL
        for hash_ in [hash_ for hash_, times in self._requests.items() if not times or times[-1] <= now - MINUTE]:
            del self._requests[hash_]
        for name in [name for name, count in self._counts.items() if count.until <= now]:
            del self._counts[name]


def _expire(times: deque[float], now: float) -> None:
    while times and times[0] <= now - MINUTE:
        times.popleft()


def _sliding_window(limit: int, times: deque[float], now: float) -> Window:
    oldest = times[0] if times else now
    return Window(limit, max(limit - len(times), 0), oldest + MINUTE - now)
