"""Reservations: what a call may use of its key's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.periods import first_day
from arouter.limits.answers import Headers
from arouter.limits.budget import BudgetPeriod, Hold
from arouter.limits.windows import Window


class Reservation:
    """What a call may use. This class is for keys without limits; all their calls share one object.

    Attributes:
        headers: The response headers with the key's limits.
    """

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: Headers = ()

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
        minute: The window of requests per minute, including this one; None if they are not limited.
        day: The window of requests per day, including this one; None if they are not limited.
        unchecked: Whether the call goes on although its limits could not be checked.
    """

    __slots__ = (
        "_settle",
        "_settled",
        "answered",
        "at",
        "day",
        "hold",
        "key",
        "minute",
        "period",
        "token_minute",
        "tokens",
        "unchecked",
    )

    def __init__(
        self, settle: Callable[[Held, int, int], None], key: AuthenticatedKey, at: float, token_minute: int, hold: Hold
    ) -> None:
        super().__init__()
        self._settle = settle
        self._settled = False
        self.key = key
        self.at = at
        self.period = None if key.limit is None else BudgetPeriod(key.hash, first_day(key.limit_reset, at))
        self.hold = hold
        self.answered = False
        self.tokens = 0
        self.token_minute = token_minute
        self.minute: Window | None = None
        self.day: Window | None = None
        self.unchecked = False

    @override
    def settle(self, tokens: int, cost: int) -> None:
        if not self._settled:
            self._settled = True
            self._settle(self, tokens, cost)

    def abandon(self, reserving: asyncio.Task[None]) -> None:
        """Settles a reservation whose call was cancelled; called once the task `reserving` is done."""
        if not reserving.cancelled() and reserving.exception() is None:
            self.settle(0, 0)
