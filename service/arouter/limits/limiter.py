"""Lets calls in as far as their key's limits allow, and counts what they really took."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Concatenate, Literal, ParamSpec

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.repository import Spent
from arouter.config.secret import Secret
from arouter.errors import ARouterError
from arouter.limits.answers import rate_headers, rate_limited, spending_limit, unavailable
from arouter.limits.budget import BudgetPeriod, Hold
from arouter.limits.outage import Outage
from arouter.limits.pending_releases import PendingRelease, PendingReleases
from arouter.limits.reservation import UNLIMITED, Held, Reservation, is_limited
from arouter.limits.store import memory_store, run_at_once
from arouter.limits.windows import Rates
from arouter.limits.worst_case import WorstCase

_AT_ONCE = 16
"""Calls that ask a shared store at the same time. The others wait their turn, which does not count as its slowness."""

_LAST_SETTLEMENTS = 2.0
"""Seconds that settlements get when the process ends."""

_PROBE_TIMEOUT = 1.0
"""Seconds that a shared store gets to answer when the process starts."""

_SPARE_TIME = 3600

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")


class Limiter:
    """Checks and counts. Needs a running event loop.

    Args:
        storage_url: Valkey or Redis, where several processes share it; None: this process counts for itself.
        longest_call: Seconds that no call outlasts. What a killed process had reserved is given back after twice that.
        when_down: Whether calls go on unchecked (`open`) or are refused (`closed`) while the store does not answer.
        patience: Seconds that a shared store gets for all it is asked for one call.
        clock: Seconds since the epoch. A shared store has its own.
        monotonic: Seconds of a clock that is never set.

    Attributes:
        unchecked: Calls that went on unchecked.
        denied: Calls that were refused because the store did not answer.
        refused: Calls that were refused because of a limit, by which: `minute`, `day` (requests in it), `tokens` (per
            minute) or `spending`.
    """

    def __init__(
        self,
        storage_url: Secret | None,
        *,
        longest_call: float,
        when_down: Literal["open", "closed"] = "open",
        patience: float = 0.25,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect yet.

        Raises:
            ConfigError: `storage_url` is no URL of Valkey or Redis.
        """
        self.unchecked = 0
        self.denied = 0
        self.refused: Counter[str] = Counter()
        self._longest_call = longest_call
        self.configure(when_down, patience)
        if storage_url is None:
            self._store = memory_store(clock, monotonic)
        else:
            from arouter.limits.valkey import valkey_store

            self._store = valkey_store(storage_url, int(3 * longest_call) + _SPARE_TIME, clock)
        self._clock = self._store.clock
        self._windows = self._store.windows
        # Its holds are told from other processes' by the first part, from one another by the second.
        self._name, self._numbers = secrets.token_hex(8), itertools.count()
        self._seeds: Mapping[str, Spent] = {}
        self._outage = Outage()
        self._pending = PendingReleases(self._give_back)
        self._delivery: asyncio.Task[None] | None = None
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def configure(self, when_down: Literal["open", "closed"], patience: float) -> None:
        """Takes another policy and patience; see the class."""
        self._closed_when_down = when_down == "closed"
        self._patience = patience

    def seed(self, spent: Mapping[str, Spent]) -> None:
        """Takes what the database knows the keys with a spending limit to have spent, by hash."""
        self._seeds = spent

    def now(self) -> float:
        """Returns the time by which days and spending periods are told, in seconds since the epoch."""
        return self._clock()

    async def start(self) -> None:
        """Asks the store once for all that calls will ask for, and logs what it refuses. It need not be there."""
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT):
                await self._store.probe()
        except self._store.errors as error:
            self._outage.note(error)

    async def count(self, key: AuthenticatedKey) -> Reservation:
        """Counts a request, before it is read. Nothing is reserved yet.

        Raises:
            ARouterError: RATE_LIMITED, and then it does not count; UNAVAILABLE, if the store does not answer and that
                is the policy.
        """
        if not is_limited(key):
            return UNLIMITED
        now = self._clock()
        hold = Hold(f"{self._name}-{next(self._numbers)}", self._bucket(now), 0)
        held = Held(self._settle_later, key, now, self._windows.minute(), hold)
        rates = key.rate_limit
        if rates.requests_per_minute is not None or rates.requests_per_day is not None:
            if self._store.errors:
                await self._ask(held, self._count)
            else:
                await self._count(held)
        return held

    async def reserve(self, key: AuthenticatedKey, worst: WorstCase, counted: Reservation | None = None) -> Reservation:
        """Lets a call in: what was used, and what other calls under way have reserved, is below each of its limits.

        Args:
            key: Whose.
            worst: What it may take.
            counted: What `count` returned; None: it is counted now.

        Raises:
            ARouterError: RATE_LIMITED; SPENDING_LIMIT; UNAVAILABLE, if the store does not answer and that is the
                policy. A call that is refused has reserved nothing, but its request counts.
        """
        held = await self.count(key) if counted is None else counted
        if not isinstance(held, Held) or (held.period is None and key.rate_limit.tokens_per_minute is None):
            return held
        if not self._store.errors:
            await self._reserve(held, worst)
            return held
        # A call that is given up in the middle must not leave a reservation behind.
        task = self._start(self._ask(held, self._reserve, worst))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(held.abandon)
            raise
        return held

    async def settled(self, patience: float | None = None) -> None:
        """Waits until everything that was settled is counted, for `patience` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._tasks:
                    await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Waits, for a while, until what was settled is counted, and lets go of the store."""
        await self.settled(_LAST_SETTLEMENTS)
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await self._store.close()

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
        """Does work in a store that may be down, and says whether that was possible."""
        async with self._turn:
            if not self._outage.may_try():
                return False
            try:
                async with asyncio.timeout(self._patience):
                    await work(*args, **kwargs)
            except self._store.errors as error:
                self._outage.note(error)
                return False
            except ARouterError:
                self._outage.end()
                raise
            self._outage.end()
            return True

    async def _count(self, held: Held) -> None:
        key, rates = held.key, held.key.rate_limit
        if rates.requests_per_day is not None:
            held.day = await self._windows.take_day(key.hash, rates.requests_per_day, held.at)
            if held.day is None:
                raise await self._refusal(held, "day")
        if rates.requests_per_minute is not None:
            # Last, since it cannot be given back.
            held.minute = await self._windows.take_minute(key.hash, rates.requests_per_minute)
            if held.minute is None:
                if held.day is not None:
                    await self._windows.return_day(key.hash, held.at)
                raise await self._refusal(held, "minute")
        held.headers = rate_headers(Rates(held.minute, held.day, None), held.at)

    async def _reserve(self, held: Held, worst: WorstCase) -> None:
        key, now = held.key, held.at
        rates = key.rate_limit
        if held.period is not None and key.limit is not None:
            # Noted before the store is asked: without an answer it may reserve all the same.
            held.hold = held.hold._replace(amount=worst.cost)
            result = await self._store.budgets.reserve(held.period, held.hold, key.limit, self._seed(held.period))
            held.answered = True
            if not result.admitted:
                held.hold = held.hold._replace(amount=0)
                self.refused["spending"] += 1
                raise spending_limit(key.limit, key.limit_reset, result, now)
        if rates.tokens_per_minute is not None:
            tokens = await self._windows.take_tokens(key.hash, rates.tokens_per_minute, worst.tokens, held.token_minute)
            if tokens is None:
                raise await self._refusal(held, "tokens")
            held.tokens = worst.tokens
            held.headers = rate_headers(Rates(held.minute, held.day, tokens), now)

    async def _refusal(self, held: Held, which: Literal["minute", "day", "tokens"]) -> ARouterError:
        """Gives back what was reserved and returns the 429."""
        self.refused[which] += 1
        await self._settle(held, 0, 0)
        rates = await self._windows.look(held.key, held.at)
        window = getattr(rates, which)
        what = {"minute": "requests per minute", "day": "requests per day", "tokens": "tokens per minute"}[which]
        # By now others may have given something back; what counts is that there was nothing.
        return rate_limited(what, window, rate_headers(rates, held.at))

    async def _settle(self, held: Held, tokens: int, cost: int) -> None:
        if held.period is not None and (held.hold.amount or cost):
            await self._store.budgets.settle(held.period, held.hold, cost, self._seed(held.period), held.answered)
            held.hold = held.hold._replace(amount=0)
        surplus = tokens - held.tokens
        if surplus and held.key.rate_limit.tokens_per_minute is not None:
            await self._windows.add_tokens(held.key.hash, surplus, held.token_minute)
        held.tokens = 0

    def _settle_later(self, held: Held, tokens: int, cost: int) -> None:
        counts = held.period is not None or held.key.rate_limit.tokens_per_minute is not None
        if not counts or self._is_closed:
            return
        settling = self._settle_safely(held, tokens, cost)
        if self._store.errors:
            self._start(settling)
        else:
            run_at_once(settling)

    async def _settle_safely(self, held: Held, tokens: int, cost: int) -> None:
        try:
            if not self._store.errors:
                await self._settle(held, tokens, cost)
            elif not await self._answers(self._settle, held, tokens, cost) and held.period and held.hold.amount:
                # Not the cost: the database knows it, and the next seed brings it.
                self._pending.put(PendingRelease(held.period, held.hold))
                if self._delivery is None or self._delivery.done():
                    self._delivery = self._start(self._pending.deliver())
        except Exception:
            _log.exception("a call could not be settled")

    async def _give_back(self, pending: PendingRelease) -> bool:
        if pending.hold.bucket < self._bucket(self._clock()) - 1:
            return True  # forgotten with its bucket
        return await self._answers(self._store.budgets.give_back, pending.period, pending.hold)

    def _bucket(self, at: float) -> int:
        return int(at // self._longest_call)

    def _seed(self, period: BudgetPeriod) -> int:
        spent = self._seeds.get(period.key_hash)
        return spent.nanos if spent is not None and spent.first_day == period.first_day else 0

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
