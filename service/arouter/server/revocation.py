"""Ends the calls under way of keys that are no longer valid."""

from __future__ import annotations

import asyncio

from arouter.accounts.keys import KeyStore
from arouter.calls.admission import Admission
from arouter.errors import ARouterError

_INTERVAL = 1.0
"""Seconds between two checks. With those between two reads of the keys, fewer than the 5 of docs/accounts.md."""


class Revocation:
    """One background task that checks the keys of all calls under way, instead of a check or timer for each call.

    Keys expire without an event, so they are checked even while the database is away.

    Args:
        keys: Knows the keys.
        admission: Knows the calls.
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
            # What is known of the keys is too old. New calls are refused, but this one began with a valid key.
            return True
