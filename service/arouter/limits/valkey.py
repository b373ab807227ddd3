"""A store for limits in Valkey or Redis, which several processes share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import date

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.config.secret import Secret
from arouter.limits.address import open_pool
from arouter.limits.budget import BudgetPeriod, BudgetStore, Hold, ReserveResult
from arouter.limits.connection import Valkey
from arouter.limits.outage import StoreLostError, StoreRefusedError
from arouter.limits.scripts import ADD, RESERVE, SETTLE, TAKE, TAKE_REQUEST
from arouter.limits.store import Store
from arouter.limits.windows import DAY, MINUTE, Rates, Window, Windows, fixed_window

_PROBES = 20
"""Number of entries that the probe uses: in a cluster of several shards, some of them are on other shards."""


def valkey_store(url: Secret, kept: int, clock: Callable[[], float] = time.time) -> Store:
    """Returns the store behind a URL. It does not connect yet.

    Args:
        url: The value of `AROUTER_REDIS_URL`.
        kept: Seconds after which an unused budget expires; longer than two buckets.
        clock: Seconds since the epoch, used until the server's time is known.

    Raises:
        ConfigError: The URL is not a supported URL of Valkey or Redis.
    """
    valkey = Valkey(open_pool(url), clock)
    windows, budgets = ValkeyWindows(valkey), ValkeyBudgetStore(valkey, kept)

    async def probe() -> None:
        await _probe(windows, budgets)

    return Store(windows, budgets, valkey.now, probe, valkey.close, (StoreLostError, StoreRefusedError, TimeoutError))


def entry(key_hash: str, *parts: object) -> str:
    """Returns the name of an entry. All entries of an API key have the same hash tag."""
    return ":".join(["arouter", f"{{{key_hash}}}", *map(str, parts)])


async def _probe(windows: ValkeyWindows, budgets: ValkeyBudgetStore) -> None:
    for _ in range(_PROBES):
        await windows.take_minute(f"probe-{secrets.token_hex(8)}", 1)
    name, minute = f"probe-{secrets.token_hex(8)}", windows.minute()
    await windows.take_tokens(name, 1, 1, minute)
    await windows.add_tokens(name, -1, minute)
    period, hold = BudgetPeriod(name, date(1970, 1, 1)), Hold("probe", 0, 1)
    await budgets.reserve(period, hold, 1, 0)
    await budgets.settle(period, hold, 0, 0, True)


class ValkeyWindows(Windows):
    """Windows in Valkey, by the server's clock; see the scripts."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    @override
    def minute(self) -> int:
        return int(self._valkey.now() // MINUTE)

    @override
    async def take_minute(self, key_hash: str, limit: int) -> Window | None:
        admitted, window = await self._requests(key_hash, limit, take=True)
        return window if admitted else None

    @override
    async def take_day(self, key_hash: str, limit: int, now: float) -> Window | None:
        admitted, taken = await self._take(_day(key_hash, now), limit, 1, DAY)
        return fixed_window(limit, taken, DAY, now) if admitted else None

    @override
    async def return_day(self, key_hash: str, now: float) -> None:
        await self._valkey.run(ADD, [_day(key_hash, now)], [-1, 2 * DAY])

    @override
    async def take_tokens(self, key_hash: str, limit: int, tokens: int, minute: int) -> Window | None:
        admitted, taken = await self._take(_tokens(key_hash, minute), limit, tokens, MINUTE)
        return fixed_window(limit, taken, MINUTE, self._valkey.now()) if admitted else None

    @override
    async def add_tokens(self, key_hash: str, tokens: int, minute: int) -> None:
        if minute == self.minute():
            await self._valkey.run(ADD, [_tokens(key_hash, minute)], [tokens, 2 * MINUTE])

    @override
    async def look(self, key: AuthenticatedKey, now: float) -> Rates:
        rates, hash_ = key.rate_limit, key.hash
        minute = day = tokens = None
        if rates.requests_per_minute is not None:
            _, minute = await self._requests(hash_, rates.requests_per_minute, take=False)
        if rates.requests_per_day is not None:
            _, taken = await self._take(_day(hash_, now), rates.requests_per_day, 0, DAY)
            day = fixed_window(rates.requests_per_day, taken, DAY, now)
        if rates.tokens_per_minute is not None:
            _, taken = await self._take(_tokens(hash_, self.minute()), rates.tokens_per_minute, 0, MINUTE)
            tokens = fixed_window(rates.tokens_per_minute, taken, MINUTE, self._valkey.now())
        return Rates(minute, day, tokens)

    async def _requests(self, key_hash: str, limit: int, *, take: bool) -> tuple[bool, Window]:
        arguments = [limit, MINUTE * 1_000_000, int(take)]
        admitted, count, wait = await self._valkey.run(TAKE_REQUEST, [entry(key_hash, "minute")], arguments)
        return admitted == 1, Window(limit, max(limit - count, 0), int(wait) / 1e6)

    async def _take(self, name: str, limit: int, amount: int, length: int) -> tuple[bool, int]:
        # Kept longer than the window, because other processes may be a little behind the server's time.
        admitted, taken = await self._valkey.run(TAKE, [name], [limit, amount, 2 * length])
        return admitted == 1, taken


class ValkeyBudgetStore(BudgetStore):
    """Budgets in Valkey; see the scripts."""

    def __init__(self, valkey: Valkey, kept: int) -> None:
        self._valkey = valkey
        self._kept = kept

    @override
    async def reserve(self, period: BudgetPeriod, hold: Hold, limit: int, seed: int) -> ReserveResult:
        admitted, spent, held = await self._valkey.run(RESERVE, *self._call(period, hold, seed, limit))
        return ReserveResult(admitted == 1, spent, held)

    @override
    async def settle(self, period: BudgetPeriod, hold: Hold, cost: int, seed: int, answered: bool) -> None:
        await self._valkey.run(SETTLE, *self._call(period, hold, seed, cost, int(answered)))

    @override
    async def give_back(self, period: BudgetPeriod, hold: Hold) -> None:
        await self._valkey.run(SETTLE, *self._call(period, hold, 0, 0, 0))

    def _call(self, period: BudgetPeriod, hold: Hold, seed: int, *more: int) -> tuple[list[str], list[str | int]]:
        """Returns the keys and arguments of a script."""
        keys = [
            entry(period.key_hash, "money", *parts) for parts in ([period.first_day], [period.first_day, hold.bucket])
        ]
        return keys, [self._kept, hold.id, hold.bucket, hold.amount, seed, *more]


def _day(key_hash: str, now: float) -> str:
    return entry(key_hash, "day", int(now // DAY))


def _tokens(key_hash: str, minute: int) -> str:
    return entry(key_hash, "tokens", minute)
