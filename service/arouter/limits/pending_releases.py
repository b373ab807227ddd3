"""Holds whose settlement did not reach the store; they are released once it responds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from arouter.limits.budget import BudgetPeriod, Hold

MAX = 10_000
"""Maximum number of waiting holds. If there are more, the oldest are dropped and expire with their bucket."""

INTERVAL = 0.25
"""Seconds between two attempts."""


class PendingRelease(NamedTuple):
    """A hold that may or may not be in the store."""

    period: BudgetPeriod
    hold: Hold


class PendingReleases:
    """A queue of holds to release. A hold that fails does not delay the others.

    Args:
        give_back: Releases a hold; returns False if the store failed. It may be called again with the same hold.
    """

    def __init__(self, give_back: Callable[[PendingRelease], Awaitable[bool]]) -> None:
        self._give_back = give_back
        self._waiting: deque[PendingRelease] = deque(maxlen=MAX)

    def put(self, pending: PendingRelease) -> None:
        """Queues a hold. The caller must start `deliver` unless it is running."""
        self._waiting.append(pending)

    async def deliver(self) -> None:
        """Releases all holds, however long that takes."""
        while self._waiting:
            pending = self._waiting.popleft()
            if not await self._give_back(pending):
                # At the end of the queue, because the store may refuse only this one.
                self._put_back(pending)
                await asyncio.sleep(INTERVAL)

    def _put_back(self, pending: PendingRelease) -> None:
        if len(self._waiting) < MAX:
            self._waiting.append(pending)
