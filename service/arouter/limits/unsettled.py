"""Holds of calls whose settlement did not reach the store: they are given back once it answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from arouter.limits.ledger import Hold, Purse

MOST = 10_000
"""Holds that wait. Of more the oldest are left to end with their bucket."""

INTERVAL = 0.25
"""Seconds between two tries."""


class Unsettled(NamedTuple):
    """A hold that may be in the store or not."""

    purse: Purse
    hold: Hold


class UnsettledHolds:
    """Waits for the store with them, in the order in which they came.

    Args:
        give_back: Gives one back, or says that the store did not answer. It may be asked for the same one again.
    """

    def __init__(self, give_back: Callable[[Unsettled], Awaitable[bool]]) -> None:
        self._give_back = give_back
        self._waiting: deque[Unsettled] = deque(maxlen=MOST)

    def put(self, unsettled: Unsettled) -> None:
        """Takes one more. `deliver` is to be started, unless it is under way."""
        self._waiting.append(unsettled)

    async def deliver(self) -> None:
        """Gives all of them back, however long that takes."""
        while self._waiting:
            unsettled = self._waiting[0]
            if not await self._give_back(unsettled):
                await asyncio.sleep(INTERVAL)
            elif self._waiting[0] is unsettled:  # and has not made room for others meanwhile
                self._waiting.popleft()
