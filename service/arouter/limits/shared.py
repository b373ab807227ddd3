"""Counts the limits of keys in a store that several processes share, and that may be down."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, Literal, ParamSpec

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.config.secret import Secret
from arouter.errors import ARouterError
from arouter.limits.answers import RateLimit, rate_limited, spending_limit, unavailable
from arouter.limits.budget import BudgetPeriod, Hold, ReserveResult
from arouter.limits.connection import Command
from arouter.limits.limiter import Limiter
from arouter.limits.outage import Outage
from arouter.limits.pending_releases import PendingRelease, PendingReleases
from arouter.limits.reservation import UNLIMITED, Held, Reservation, is_limited
from arouter.limits.valkey import STORE_ERRORS, ValkeyStore
from arouter.limits.windows import Rates, Window
from arouter.limits.worst_case import WorstCase

_AT_ONCE = 16
"""Calls that use a shared store at the same time. Others wait; their wait does not count towards the timeout."""

_LAST_SETTLEMENTS = 2.0
"""Seconds to wait for settlements when the process ends."""

_PROBE_TIMEOUT = 1.0
"""Seconds that a shared store may take to respond when the process starts."""

_SPARE_TIME = 3600

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")


class SharedLimiter(Limiter):
    """A limiter for several processes. Needs a running event loop.

    Args:
        storage_url: The URL of a Valkey or Redis.
        longest_call: Maximum duration of a call in seconds. The reservations of a killed process expire after twice
            that time.
        when_down: Whether calls go on unchecked (`open`) or are refused (`closed`) while the store does not respond.
        timeout: Seconds that the store may take for all operations of one call.
        clock: Seconds since the epoch, until the store's own time is known.
    """

    def __init__(
        self,
        storage_url: Secret,
        *,
        longest_call: float,
        when_down: Literal["open", "closed"] = "open",
        timeout: float = 0.25,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Does not connect yet.

        Raises:
            ConfigError: `storage_url` is not a supported URL of Valkey or Redis.
        """
        super().__init__()
        self._longest_call = longest_call
        self.configure(when_down, timeout)
        self._store = ValkeyStore(storage_url, int(3 * longest_call) + _SPARE_TIME, clock)
        self._clock = self._store.valkey.now
        self._windows = self._store.windows
        # The ids of holds: the first part is unique to the process, the second within it.
        self._name, self._numbers = secrets.token_hex(8), itertools.count()
        self._outage = Outage()
        self._pending = PendingReleases(self._give_back)
        self._delivery: asyncio.Task[None] | None = None
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @override
    def configure(self, when_down: Literal["open", "closed"], timeout: float) -> None:
        self._closed_when_down = when_down == "closed"
        self._timeout = timeout

    @override
    def now(self) -> float:
        return self._clock()

    @override
    async def start(self) -> None:
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT):
                await self._store.probe()
        except STORE_ERRORS as error:
            self._outage.note(error)

    @override
    async def count(self, key: AuthenticatedKey) -> Reservation:
        if not is_limited(key):
            return UNLIMITED
        now = self._clock()
        hold = Hold(f"{self._name}-{next(self._numbers)}", self._bucket(now), 0)
        held = Held(self._settle_later, key, now, self._windows.minute(), hold)
        rates = key.rate_limit
        if rates.requests_per_minute is not None or rates.requests_per_day is not None:
            await self._ask(held, self._count)
        return held

    @override
    async def reserve(self, key: AuthenticatedKey, worst: WorstCase, counted: Reservation | None = None) -> Reservation:
        held = await self.count(key) if counted is None else counted
        if not isinstance(held, Held) or (held.period is None and key.rate_limit.tokens_per_minute is None):
            return held
        # A call that is cancelled here must not leave a reservation behind.
        task = self._start(self._ask(held, self._reserve, worst))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(held.abandon)
            raise
        return held

    @override
    async def settled(self, patience: float | None = None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    @override
    async def close(self) -> None:
        await self.settled(_LAST_SETTLEMENTS)
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await self._store.valkey.close()

    async def _ask(
        self, held: Held, work: Callable[Concatenate[Held, _P], Awaitable[None]], *args: _P.args, **kwargs: _P.kwargs
    ) -> None:
        """Counts or reserves in a store that may be down."""
        if await self._answers(work, held, *args, **kwargs):
            return
        if not self._closed_when_down:
            if not held.unchecked:
                held.unchecked = True
                self.unchecked += 1
            return
        self.denied += 1
        held.settle(0, 0)
        raise unavailable()

    async def _answers(self, work: Callable[_P, Awaitable[None]], *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Runs work in a store that may be down; returns whether the store responded."""
        async with self._turn:
            if not self._outage.may_try():
                return False
            try:
                async with asyncio.timeout(self._timeout):
                    await work(*args, **kwargs)
            except STORE_ERRORS as error:
                self._outage.note(error)
                return False
            except ARouterError:
                self._outage.end()
                raise
            self._outage.end()
            return True

    async def _count(self, held: Held) -> None:
        key, rates = held.key, held.key.rate_limit
        minute = day = None
        if rates.requests_per_day is not None:
            day = await self._windows.take_day(key.hash, rates.requests_per_day, held.at)
            if day is None:
                raise await self._refusal(held, "day")
        if rates.requests_per_minute is not None:
            # Last, because it cannot be given back.
            minute = await self._windows.take_minute(key.hash, rates.requests_per_minute)
            if minute is None:
                if day is not None:
                    await self._windows.return_day(key.hash, held.at)
                raise await self._refusal(held, "minute")
        held.rates = Rates(minute, day, None)

    async def _reserve(self, held: Held, worst: WorstCase) -> None:
        key = held.key
        result, tokens = await self._take(held, worst)
        if tokens is not None:
            held.tokens = worst.tokens
            held.rates = Rates(held.rates.minute, held.rates.day, tokens)
        if result is not None and not result.admitted and key.limit is not None:
            held.hold = held.hold._replace(amount=0)
            self.refused["spending"] += 1
            with contextlib.suppress(*STORE_ERRORS):  # The call stays refused.
                await self._settle(held, 0, 0)
            raise spending_limit(key.limit, key.limit_reset, result, held.at)
        if tokens is None and key.rate_limit.tokens_per_minute is not None:
            raise await self._refusal(held, "tokens")

    async def _take(self, held: Held, worst: WorstCase) -> tuple[ReserveResult | None, Window | None]:
        """Reserves money and takes tokens, in one write.

        Each result is None if the key has no such limit; that of the tokens also if too few remain.
        """
        key, limit = held.key, held.key.rate_limit.tokens_per_minute
        take = None
        if limit is not None:
            take = self._windows.take_tokens(key.hash, limit, worst.tokens, held.token_minute)
        if held.period is None or key.limit is None:
            return None, None if take is None else await take
        # Set before the store is called: it may reserve the amount even if its reply is lost.
        held.hold = Hold(held.hold.id, held.hold.bucket, worst.cost)
        reserve = self._store.budgets.reserve(held.period, held.hold, key.limit, self._seed_of(held.period))
        result, tokens = (await reserve, None) if take is None else await self._store.valkey.together(reserve, take)
        held.answered = True
        return result, tokens

    async def _refusal(self, held: Held, limit: RateLimit) -> ARouterError:
        """Gives back what was reserved and returns the 429."""
        self.refused[limit] += 1
        await self._settle(held, 0, 0)
        rates = await self._windows.look(held.key, held.at)
        # The call stays refused even if other calls have given something back by now.
        return rate_limited(limit, rates, held.at)

    async def _settle(self, held: Held, tokens: int, cost: int) -> None:
        commands: list[Command[None]] = []
        if held.period is not None and (held.hold.amount or cost):
            seed = self._seed_of(held.period)
            commands.append(self._store.budgets.settle(held.period, held.hold, cost, seed, held.answered))
        surplus, has_limit = tokens - held.tokens, held.key.rate_limit.tokens_per_minute is not None
        if surplus and has_limit and held.token_minute == self._windows.minute():
            commands.append(self._windows.add_tokens(held.key.hash, surplus, held.token_minute))
        if commands:
            await self._store.valkey.run(commands)
        held.hold = Hold(held.hold.id, held.hold.bucket, 0)
        held.tokens = 0

    def _settle_later(self, held: Held, tokens: int, cost: int) -> None:
        counts = held.period is not None or held.key.rate_limit.tokens_per_minute is not None
        if not counts or self._is_closed:
            return
        self._start(self._settle_safely(held, tokens, cost))

    async def _settle_safely(self, held: Held, tokens: int, cost: int) -> None:
        try:
            if not await self._answers(self._settle, held, tokens, cost) and held.period and held.hold.amount:
                # The cost is not needed: it is in the database, and the next seed includes it.
                self._pending.put(PendingRelease(held.period, held.hold))
                if self._delivery is None or self._delivery.done():
                    self._delivery = self._start(self._pending.deliver())
        except Exception:
            _log.exception("failed to settle a call")

    async def _give_back(self, pending: PendingRelease) -> bool:
        if pending.hold.bucket < self._bucket(self._clock()) - 1:
            return True  # It has expired with its bucket.
        return await self._answers(self._store.budgets.give_back, pending.period, pending.hold)

    def _bucket(self, at: float) -> int:
        return int(at // self._longest_call)

    def _seed_of(self, period: BudgetPeriod) -> int:
        return self._seed(period.key_hash, period.first_day)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
