"""Passes what keys have spent from the database to the limiter in the background, so that no call waits for it."""

from __future__ import annotations

import asyncio
import logging
import time

from arouter.accounts.repository import SpendingRepository, Spent
from arouter.errors import StoreError
from arouter.limits.limiter import Limiter
from arouter.periodic import PeriodicTask

REFRESH_INTERVAL = 60.0
"""Seconds between two reads of what all keys with a limit have spent."""

_RETRY = 1.0
"""Seconds after which a read that has failed is repeated."""

_READ_TIMEOUT = 10.0
_log = logging.getLogger(__name__)


class SpendingSync:
    """A background task that reads the sums of all keys periodically, and when it is woken those of changed keys.

    Args:
        limiter: Gets the sums.
        store: Has the sums.
    """

    def __init__(self, limiter: Limiter, store: SpendingRepository) -> None:
        self._limiter = limiter
        self._store = store
        self._spent: dict[str, Spent] = {}
        self._revision = 0
        self._refresh_at = -float("inf")
        self._known = asyncio.Event()
        self._task = PeriodicTask("read what keys have spent", self.look, REFRESH_INTERVAL)

    async def start(self) -> None:
        """Starts the task, and waits until all sums have been read once."""
        self._task.start()
        await self._known.wait()

    async def stop(self) -> None:
        """Ends the task."""
        await self._task.stop()

    def wake(self) -> None:
        """Makes the task read the sums of the keys that are new or have another limit."""
        self._task.wake()

    async def look(self) -> float:
        """Reads the sums of the keys that have changed; once per `REFRESH_INTERVAL`, those of all keys.

        Returns the seconds until the next read is due.
        """
        started = time.monotonic()
        everything = started >= self._refresh_at
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                changes = await self._store.limited(0 if everything else self._revision, self._limiter.now())
        except (StoreError, TimeoutError) as error:
            _log.warning("failed to read what keys have spent: %s", error or "no answer in time")
            return _RETRY
        self._spent = {**({} if everything else self._spent), **changes.spent}
        self._limiter.seed(self._spent)
        self._revision = changes.revision
        if everything:
            self._refresh_at = started + REFRESH_INTERVAL
        self._known.set()
        return max(self._refresh_at - time.monotonic(), 0.0)
