"""Counts the limits of keys in memory, for one process. It never waits, and ends with the process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import date

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.periods import first_day
from arouter.errors import ARouterError
from arouter.limits.answers import Headers, RateLimit, rate_headers, rate_limited, spending_limit
from arouter.limits.budget import ReserveResult
from arouter.limits.limiter import Limiter
from arouter.limits.reservation import UNLIMITED, Reservation, is_limited
from arouter.limits.windows import DAY, MINUTE, Rates, Window, fixed_window
from arouter.limits.worst_case import WorstCase

_SWEEP_INTERVAL = 10.0
"""Seconds between two searches for what has expired."""

_MAX_DAYS = 8
"""Days that are remembered of a key. It is more than one only where the clock is set."""


class MemoryLimiter(Limiter):
    """A limiter for one process.

    Only days and budget periods follow the clock. Minutes are measured in monotonic time, so that setting the clock
    neither locks a key out nor gives it more.

    Args:
        clock: Seconds since the epoch.
        monotonic: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._monotonic = monotonic
        self._origin = clock() - monotonic()  # Aligns minutes to the clock, unless it is set later.
        self._uses: dict[str, KeyUse] = {}
        self._sweep_at = 0.0

    @override
    def configure(self, when_down: object, timeout: object) -> None:
        """Does nothing, as `start`, `settled` and `close`: there is no store that may not respond."""

    @override
    async def start(self) -> None:
        """Does nothing."""

    @override
    async def settled(self, patience: float | None = None) -> None:
        """Does nothing."""

    @override
    async def close(self) -> None:
        """Does nothing."""

    @override
    def now(self) -> float:
        return self._clock()

    @override
    async def count(self, key: AuthenticatedKey) -> Reservation:
        if not is_limited(key):
            return UNLIMITED
        now, monotonic = self._clock(), self._monotonic()
        if monotonic >= self._sweep_at:
            self._sweep(monotonic)
        use = self._uses.get(key.hash)
        if use is None:
            use = self._uses[key.hash] = KeyUse()
        held = Counted(self, key, use, now, int((self._origin + monotonic) // MINUTE))
        rates = key.rate_limit
        per_day, per_minute = rates.requests_per_day, rates.requests_per_minute
        # Longer than a window, because the clock may be set back into it.
        use.until = monotonic + 2 * (MINUTE if per_day is None else DAY)
        if per_day is not None and use.days.get(held.day, 0) >= per_day:
            raise self._refusal(held, "day")
        if per_minute is not None:
            times = use.times_since(monotonic - MINUTE)
            if len(times) >= per_minute:
                raise self._refusal(held, "minute")
            times.append(monotonic)
            held.minute = Window(per_minute, per_minute - len(times), times[0] + MINUTE - monotonic)
        if per_day is not None:
            held.of_day = use.take_day(held.day)
        return held

    @override
    async def reserve(self, key: AuthenticatedKey, worst: WorstCase, counted: Reservation | None = None) -> Reservation:
        held = await self.count(key) if counted is None else counted
        if not isinstance(held, Counted):
            return held
        use, limit, per_minute = held.use, key.limit, key.rate_limit.tokens_per_minute
        if limit is not None:
            held.period = period = first_day(key.limit_reset, held.at)
            if use.period != period:
                use.period, use.spent, use.held = period, 0, 0
            spent = use.spent = max(use.spent, self._seed(key.hash, period))
            if spent + use.held >= limit:
                self.refused["spending"] += 1
                raise spending_limit(limit, key.limit_reset, ReserveResult(False, spent, use.held), held.at)
            held.amount = worst.cost
            use.held += worst.cost
        if per_minute is not None:
            if use.minute != held.minute_number:
                use.minute, use.tokens = held.minute_number, 0
            if use.tokens >= per_minute:
                held.settle(0, 0)
                raise self._refusal(held, "tokens")
            held.tokens = worst.tokens
            use.tokens += worst.tokens
            held.of_minute = use.tokens
        return held

    def settle(self, held: Counted, tokens: int, cost: int) -> None:
        """Replaces what a call has reserved with what it has used."""
        use = held.use
        if held.period is not None and use.period == held.period:  # Calls of an earlier period no longer count.
            use.held = max(use.held - held.amount, 0)
            use.spent = max(use.spent, self._seed(held.key.hash, held.period)) + cost
        if held.key.rate_limit.tokens_per_minute is not None and use.minute == held.minute_number == self.minute():
            use.tokens = max(use.tokens + tokens - held.tokens, 0)

    def minute(self) -> int:
        """Returns the number of the current minute for tokens."""
        return int(self.steady() // MINUTE)

    def steady(self) -> float:
        """Returns seconds since the epoch by a clock that was not set since the start."""
        return self._origin + self._monotonic()

    def look(self, key: AuthenticatedKey) -> Rates:
        """Returns the windows of a key without taking anything."""
        use, rates, now, monotonic = (
            self._uses.get(key.hash) or KeyUse(),
            key.rate_limit,
            self._clock(),
            self._monotonic(),
        )
        minute = day = tokens = None
        if rates.requests_per_minute is not None:
            times = use.times_since(monotonic - MINUTE)
            oldest = times[0] if times else monotonic
            minute = Window(
                rates.requests_per_minute, max(rates.requests_per_minute - len(times), 0), oldest + MINUTE - monotonic
            )
        if rates.requests_per_day is not None:
            day = fixed_window(rates.requests_per_day, use.days.get(int(now // DAY), 0), DAY, now)
        if rates.tokens_per_minute is not None:
            taken = use.tokens if use.minute == self.minute() else 0
            tokens = fixed_window(rates.tokens_per_minute, taken, MINUTE, self.steady())
        return Rates(minute, day, tokens)

    def _refusal(self, held: Counted, limit: RateLimit) -> ARouterError:
        self.refused[limit] += 1
        return rate_limited(limit, self.look(held.key), held.at)

    def _sweep(self, now: float) -> None:
        """Drops what has expired, once per interval. What keys have spent does not."""
        self._sweep_at = now + _SWEEP_INTERVAL
        for key_hash in [key_hash for key_hash, use in self._uses.items() if use.until <= now and use.period is None]:
            del self._uses[key_hash]


class KeyUse:
    """What one key has used.

    Attributes:
        times: When it called in the last minute, monotonic.
        days: Requests by the number of the day.
        minute: The number of the minute that `tokens` were used in.
        tokens: Tokens used and reserved in that minute.
        period: The first day of the budget period that the amounts belong to; None if nothing was reserved.
        spent: Nano-USD spent.
        held: Nano-USD reserved by calls in flight.
        until: When all but the amounts has expired, monotonic.
    """

    __slots__ = ("days", "held", "minute", "period", "spent", "times", "tokens", "until")

    def __init__(self) -> None:
        self.times: deque[float] = deque()
        self.days: dict[int, int] = {}
        self.minute = self.tokens = self.spent = self.held = 0
        self.period: date | None = None
        self.until = 0.0

    def times_since(self, since: float) -> deque[float]:
        """Returns when it called, without what is older."""
        times = self.times
        while times and times[0] <= since:
            times.popleft()
        return times

    def take_day(self, day: int) -> int:
        """Takes a request of a day; returns how many are taken."""
        taken = self.days[day] = self.days.get(day, 0) + 1
        if len(self.days) > _MAX_DAYS:
            del self.days[next(iter(self.days))]
        return taken


class Counted(Reservation):
    """A reservation in memory.

    Attributes:
        key: The API key.
        use: What the key has used.
        at: When the call arrived, in seconds since the epoch.
        minute_number: The number of the minute in which its tokens count.
        minute: The window of requests, with this call in it.
        of_day: Requests of the day, with this one.
        of_minute: Tokens of the minute, with those reserved here.
        period: The first day of the budget period; None if the key has no spending limit.
        amount: The reserved nano-USD.
        tokens: The reserved tokens.
    """

    __slots__ = (
        "_limiter",
        "_settled",
        "amount",
        "at",
        "key",
        "minute",
        "minute_number",
        "of_day",
        "of_minute",
        "period",
        "tokens",
        "use",
    )

    def __init__(
        self, limiter: MemoryLimiter, key: AuthenticatedKey, use: KeyUse, at: float, minute_number: int
    ) -> None:
        self._limiter = limiter
        self._settled = False
        self.key = key
        self.use = use
        self.at = at
        self.minute_number = minute_number
        self.minute: Window | None = None
        self.of_day: int | None = None
        self.of_minute: int | None = None
        self.period: date | None = None
        self.amount = self.tokens = 0

    @property
    def day(self) -> int:
        """The number of the day in UTC in which the call counts."""
        return int(self.at // DAY)

    @property
    @override
    def headers(self) -> Headers:
        per_minute, tokens = self.key.rate_limit.tokens_per_minute, None
        if self.of_minute is not None and per_minute is not None:
            tokens = fixed_window(per_minute, self.of_minute, MINUTE, self._limiter.steady())
        return rate_headers(Rates(self.minute, self._day_window(), tokens), self.at)

    @property
    @override
    def request_headers(self) -> Headers:
        return rate_headers(Rates(self.minute, self._day_window(), None), self.at)

    @override
    def settle(self, tokens: int, cost: int) -> None:
        if not self._settled:
            self._settled = True
            self._limiter.settle(self, tokens, cost)

    def _day_window(self) -> Window | None:
        limit = self.key.rate_limit.requests_per_day
        return None if self.of_day is None or limit is None else fixed_window(limit, self.of_day, DAY, self.at)
