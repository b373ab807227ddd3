"""Reservations: what a call may use of its key's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.periods import first_day
from arouter.limits.answers import Headers, rate_headers
from arouter.limits.budget import BudgetPeriod, Hold
from arouter.limits.windows import UNCOUNTED, Rates


class Reservation:
    """What a call may use. This class is for keys without limits; all their calls share one object."""

    __slots__ = ()

    @property
    def headers(self) -> Headers:
        """The response's headers about the key's limits."""
        return ()

    @property
    def request_headers(self) -> Headers:
        """The headers about the limits of requests alone, for a call that has failed."""
        return ()

    def settle(self, tokens: int, cost: int) -> None:
        """Replaces the reservation with the real usage, cost in nano-USD. Only the first call has an effect.

        Never blocks and never raises.
        """


UNLIMITED = Reservation()


def is_limited(key: AuthenticatedKey) -> bool:
    """Returns whether a key has any limit."""
    rates = key.rate_limit
    return (
        key.limit is not None
        or rates.requests_per_minute is not None
        or rates.requests_per_day is not None
        or rates.tokens_per_minute is not None
    )


class Held(Reservation):
    """A reservation of a key with limits.

    Attributes:
        key: The API key.
        at: When it was made, in seconds since the epoch.
        period: The budget period; None if the key has no spending limit.
        hold: The reserved amount; 0 after it is settled.
        answered: Whether the store has confirmed the hold.
        tokens: The number of reserved tokens.
        token_minute: The number of the minute in which the tokens count.
        rates: The windows with this call in them, as far as they are counted.
        unchecked: Whether the call goes on although its limits could not be checked.
    """

    __slots__ = (
        "_settle",
        "_settled",
        "answered",
        "at",
        "hold",
        "key",
        "period",
        "rates",
        "token_minute",
        "tokens",
        "unchecked",
    )

    def __init__(
        self, settle: Callable[[Held, int, int], None], key: AuthenticatedKey, at: float, token_minute: int, hold: Hold
    ) -> None:
        self._settle = settle
        self._settled = False
        self.key = key
        self.at = at
        self.period = None if key.limit is None else BudgetPeriod(key.hash, first_day(key.limit_reset, at))
        self.hold = hold
        self.answered = False
        self.tokens = 0
        self.token_minute = token_minute
        self.rates = UNCOUNTED
        self.unchecked = False

    @property
    @override
    def headers(self) -> Headers:
        return rate_headers(self.rates, self.at)

    @property
    @override
    def request_headers(self) -> Headers:
        return rate_headers(Rates(self.rates.minute, self.rates.day, None), self.at)

    @override
    def settle(self, tokens: int, cost: int) -> None:
        if not self._settled:
            self._settled = True
            self._settle(self, tokens, cost)

    def abandon(self, reserving: asyncio.Task[None]) -> None:
        """Settles a reservation whose call was cancelled; called once the task `reserving` is done."""
        if not reserving.cancelled() and reserving.exception() is None:
            self.settle(0, 0)
