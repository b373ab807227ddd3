"""A store for limits in Valkey or Redis, which several processes share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from arouter.accounts.keys import AuthenticatedKey
from arouter.config.secret import Secret
from arouter.limits.address import open_pool
from arouter.limits.budget import BudgetPeriod, Hold, ReserveResult
from arouter.limits.connection import Arguments, Command, Keys, Valkey
from arouter.limits.outage import StoreLostError, StoreRefusedError
from arouter.limits.scripts import ADD, RESERVE, SETTLE, TAKE, TAKE_REQUEST, Script
from arouter.limits.windows import DAY, MINUTE, Rates, Window, fixed_window

_T = TypeVar("_T")

_PROBES = 20
"""Number of entries that the probe uses: in a cluster of several shards, some of them are on other shards."""


STORE_ERRORS = (StoreLostError, StoreRefusedError, TimeoutError)
"""The errors of a store that has failed, or did not respond in time."""


class ValkeyStore:
    """Counts requests, tokens and spending for several processes. It connects when it is first used.

    Args:
        url: The value of `AROUTER_REDIS_URL`.
        kept: Seconds after which an unused budget expires; longer than two buckets.
        clock: Seconds since the epoch, used until the server's time is known.

    Attributes:
        valkey: Runs the commands.
        windows: Counts requests and tokens.
        budgets: Counts spending.
    """

    def __init__(self, url: Secret, kept: int, clock: Callable[[], float] = time.time) -> None:
        """Raises ConfigError if the URL is not a supported URL of Valkey or Redis."""
        self.valkey = Valkey(open_pool(url), clock)
        self.windows = ValkeyWindows(self.valkey)
        self.budgets = ValkeyBudgets(self.valkey, kept)

    async def probe(self) -> None:
        """Runs each operation once, on entries of its own."""
        for _ in range(_PROBES):
            await self.windows.take_minute(f"probe-{secrets.token_hex(8)}", 1)
        name, minute = f"probe-{secrets.token_hex(8)}", self.windows.minute()
        await self.windows.take_tokens(name, 1, 1, minute)
        await self.windows.add_tokens(name, -1, minute)
        period, hold = BudgetPeriod(name, date(1970, 1, 1)), Hold("probe", 0, 1)
        await self.budgets.reserve(period, hold, 1, 0)
        await self.budgets.settle(period, hold, 0, 0, True)


def entry(key_hash: str, *parts: object) -> str:
    """Returns the name of an entry. All entries of an API key have the same hash tag."""
    return ":".join(["arouter", f"{{{key_hash}}}", *map(str, parts)])


class ValkeyWindows:
    """Counts each key's requests and tokens. Every operation is atomic, and by the server's clock.

    `take_…` returns the window after taking, or None if nothing remains; then nothing is taken.

    Raises:
        StoreLostError, StoreRefusedError: The store has failed.
    """

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    def minute(self) -> int:
        """Returns the number of the current minute for tokens."""
        return int(self._valkey.now() // MINUTE)

    async def take_minute(self, key_hash: str, limit: int) -> Window | None:
        """Takes one request from the sliding window of 60 seconds."""
        admitted, window = await self._requests(key_hash, limit, take=True)
        return window if admitted else None

    async def take_day(self, key_hash: str, limit: int, now: float) -> Window | None:
        """Takes one request from the window of the day in UTC."""
        admitted, taken = await self._take(_day(key_hash, now), limit, 1, DAY)
        return fixed_window(limit, taken, DAY, now) if admitted else None

    async def return_day(self, key_hash: str, now: float) -> None:
        """Gives back what `take_day` took at that time."""
        await self._command(ADD, [_day(key_hash, now)], [-1, 2 * DAY], _nothing)

    def take_tokens(self, key_hash: str, limit: int, tokens: int, minute: int) -> Command[Window | None]:
        """Takes tokens from the window of a minute. A call may take more than remains; later calls then get None."""

        def read(reply: list[Any]) -> Window | None:
            admitted, taken = reply
            return fixed_window(limit, taken, MINUTE, self._valkey.now()) if admitted == 1 else None

        return self._command(TAKE, [_tokens(key_hash, minute)], [limit, tokens, 2 * MINUTE], read)

    def add_tokens(self, key_hash: str, tokens: int, minute: int) -> Command[None]:
        """Adds tokens, which may be negative, to the count of a minute. Without effect if the minute is over."""
        return self._command(ADD, [_tokens(key_hash, minute)], [tokens, 2 * MINUTE], _nothing)

    async def look(self, key: AuthenticatedKey, now: float) -> Rates:
        """Returns the windows of a key without taking anything."""
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

    def _requests(self, key_hash: str, limit: int, *, take: bool) -> Command[tuple[bool, Window]]:
        def read(reply: list[Any]) -> tuple[bool, Window]:
            admitted, count, wait = reply
            return admitted == 1, Window(limit, max(limit - count, 0), int(wait) / 1e6)

        arguments = [limit, MINUTE * 1_000_000, int(take)]
        return self._command(TAKE_REQUEST, [entry(key_hash, "minute")], arguments, read)

    def _take(self, name: str, limit: int, amount: int, length: int) -> Command[tuple[bool, int]]:
        # Kept longer than the window, because other processes may be a little behind the server's time.
        return self._command(TAKE, [name], [limit, amount, 2 * length], lambda reply: (reply[0] == 1, reply[1]))

    def _command(
        self, script: Script, keys: Keys, arguments: Arguments, read: Callable[[list[Any]], _T]
    ) -> Command[_T]:
        return Command(self._valkey, script, keys, arguments, read)


class ValkeyBudgets:
    """Counts what keys spend and reserve. Every operation is atomic.

    A seed is what the key has spent according to the database. It may lag behind but is never too high. If it exceeds
    what was counted (after a restart of the store, or a settlement that failed), it replaces that.

    An operation without a reply may still be executed, even after later operations. A hold that was given back stays
    given back.
    """

    def __init__(self, valkey: Valkey, kept: int) -> None:
        self._valkey = valkey
        self._kept = kept

    def reserve(self, period: BudgetPeriod, hold: Hold, limit: int, seed: int) -> Command[ReserveResult]:
        """Reserves an amount, unless what is spent and reserved has reached the limit.

        Args:
            period: The key and period.
            hold: The hold.
            limit: The key's limit in nano-USD.
            seed: See the class.
        """

        def read(reply: list[Any]) -> ReserveResult:
            admitted, spent, held = reply
            return ReserveResult(admitted == 1, spent, held)

        return Command(self._valkey, RESERVE, *self._call(period, hold, seed, limit), read)

    def settle(self, period: BudgetPeriod, hold: Hold, cost: int, seed: int, answered: bool) -> Command[None]:
        """Replaces a hold with the real cost; adds the cost if there is no such hold.

        Args:
            period: The key and period.
            hold: The hold that `reserve` got.
            cost: The cost of the call in nano-USD.
            seed: See the class.
            answered: Whether `reserve` got a reply. If not, it may still be executed.
        """
        return Command(self._valkey, SETTLE, *self._call(period, hold, seed, cost, int(answered)), _nothing)

    async def give_back(self, period: BudgetPeriod, hold: Hold) -> None:
        """Ends a hold, if it exists, after `settle` has failed. It may be repeated, and executed before or after it.

        The cost is not added: the seed will include it, if it does not already.
        """
        await Command(self._valkey, SETTLE, *self._call(period, hold, 0, 0, 0), _nothing)

    def _call(self, period: BudgetPeriod, hold: Hold, seed: int, *more: int) -> tuple[list[str], list[str | int]]:
        """Returns the keys and arguments of a script."""
        keys = [
            entry(period.key_hash, "money", *parts) for parts in ([period.first_day], [period.first_day, hold.bucket])
        ]
        return keys, [self._kept, hold.id, hold.bucket, hold.amount, seed, *more]


def _nothing(_reply: list[Any]) -> None:
    """Reads a reply that has only the time."""


def _day(key_hash: str, now: float) -> str:
    return entry(key_hash, "day", int(now // DAY))


def _tokens(key_hash: str, minute: int) -> str:
    return entry(key_hash, "tokens", minute)
