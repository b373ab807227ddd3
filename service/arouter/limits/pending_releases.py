"""Holds of calls whose settlement did not reach the store: they are given back once it answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from arouter.limits.budget import BudgetPeriod, Hold

MAX = 10_000
"""Holds that wait. Of more the oldest are left to end with their bucket."""

INTERVAL = 0.25
"""Seconds between two tries."""


class PendingRelease(NamedTuple):
    """A hold that may be in the store or not."""

    period: BudgetPeriod
    hold: Hold


class PendingReleases:
    """Waits for the store with them. None of them keeps the others waiting.

    Args:
        give_back: Gives one back, or says that the store could not. It may be asked for the same one again.
    """

    def __init__(self, give_back: Callable[[PendingRelease], Awaitable[bool]]) -> None:
        self._give_back = give_back
        self._waiting: deque[PendingRelease] = deque(maxlen=MAX)

    def put(self, pending: PendingRelease) -> None:
        """Takes one more. `deliver` is to be started, unless it is under way."""
        self._waiting.append(pending)

    async def deliver(self) -> None:
        """Gives all of them back, however long that takes."""
        while self._waiting:
            pending = self._waiting.popleft()
            if not await self._give_back(pending):
                # Behind the others: the store may refuse this one alone.
                self._put_back(pending)
                await asyncio.sleep(INTERVAL)

    def _put_back(self, pending: PendingRelease) -> None:
        if len(self._waiting) < MAX:
            self._waiting.append(pending)
