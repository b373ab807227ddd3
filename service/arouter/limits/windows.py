"""Windows of requests and tokens, and the interface of a store of them that several processes share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from arouter.accounts.keys import AuthenticatedKey

MINUTE = 60
DAY = 86_400


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
        StoreLostError, StoreRefusedError: The store has failed.
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
