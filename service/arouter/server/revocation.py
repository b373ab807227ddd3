"""Ends the calls in flight of keys that are no longer valid."""

from __future__ import annotations

import asyncio

from arouter.accounts.keys import KeyStore
from arouter.calls.admission import Admission
from arouter.errors import ARouterError

_INTERVAL = 1.0
"""Seconds between two checks. Together with the polling of keys, less than the 5 seconds of docs/accounts.md."""


class Revocation:
    """A single background task that checks the keys of all calls in flight, in place of a timer per call.

    Keys expire without an event, so they are checked even while the database is unreachable.

    Args:
        keys: The known keys.
        admission: The calls in flight.
    """

    def __init__(self, keys: KeyStore, admission: Admission) -> None:
        self._keys = keys
        self._admission = admission
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.create_task(self._check())

    async def stop(self) -> None:
        """Ends the task."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self._admission.revoke(self._is_valid)

    def _is_valid(self, key: str) -> bool:
        try:
            return self._keys.find(key) is not None
        except ARouterError:
            # The cached keys are too old. New calls are rejected, but this one started with a valid key.
            return True
