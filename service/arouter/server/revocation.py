"""Ends the calls in flight of keys that are no longer valid."""

from __future__ import annotations

from arouter.accounts.keys import KeyStore
from arouter.calls.admission import Admission
from arouter.errors import ARouterError
from arouter.periodic import PeriodicTask

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
        self._task = PeriodicTask("end the calls of revoked keys", self._check, _INTERVAL)

    def start(self) -> None:
        """Starts the task."""
        self._task.start(delay=_INTERVAL)

    async def stop(self) -> None:
        """Ends the task."""
        await self._task.stop()

    async def _check(self) -> None:
        self._admission.revoke(self._is_valid)

    def _is_valid(self, key: str) -> bool:
        try:
            return self._keys.find(key) is not None
        except ARouterError:
            # The cached keys are too old. New calls are rejected, but this one started with a valid key.
            return True
