"""Keeps the limiter told of what the database knows as spent, so that no call has to wait for it."""

from __future__ import annotations

import asyncio
import logging
import time

from arouter.accounts.repository import SpendingRepository, Spent
from arouter.errors import StoreError
from arouter.limits.limiter import Limiter

POLL_INTERVAL = 1.0
"""Seconds between two looks for keys that are new or have another limit."""

REFRESH_INTERVAL = 60.0
"""Seconds between two reads of what all keys with a limit have spent."""

_READ_TIMEOUT = 10.0
_log = logging.getLogger(__name__)


class SpendingSync:
    """One background task that reads the sums.

    Args:
        limiter: Who is told.
        store: Where they are.
    """

    def __init__(self, limiter: Limiter, store: SpendingRepository) -> None:
        self._limiter = limiter
        self._store = store
        self._spent: dict[str, Spent] = {}
        self._revision = 0
        self._refresh_at = -float("inf")
        self._known = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads everything, waiting for the store if need be, and starts the task."""
        self._task = asyncio.create_task(self._follow())
        await self._known.wait()

    async def stop(self) -> None:
        """Ends the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_INTERVAL)

    async def look(self) -> None:
        """Reads what is new: of the keys that have changed or, from time to time, of all."""
        started = time.monotonic()
        everything = started >= self._refresh_at
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                changes = await self._store.limited(0 if everything else self._revision, self._limiter.now())
        except (StoreError, TimeoutError) as error:
            _log.warning("what keys have spent cannot be read: %s", error or "no answer in time")
            return
        self._spent = {**({} if everything else self._spent), **changes.spent}
        self._limiter.seed(self._spent)
        self._revision = changes.revision
        if everything:
            self._refresh_at = started + REFRESH_INTERVAL
        self._known.set()
