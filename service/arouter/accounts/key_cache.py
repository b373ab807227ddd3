"""The accounts and keys in memory, and the background task that synchronises them with the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey, KeyStore
from arouter.accounts.records import Account, Key
from arouter.accounts.repository import Changes, KeyCacheRepository
from arouter.errors import NOT_BEGUN, ARouterError, Failure, StoreError
from arouter.periodic import PeriodicTask

POLL_INTERVAL = 1.0
"""Seconds between two polls of the store. Changes take effect within 5 (docs/accounts.md)."""

_OUT_OF_TURN = 0.15
"""Least seconds between polls that unknown keys cause, however many of them arrive."""

_UNKNOWN_TIMEOUT = 0.5
"""Most seconds that an unknown key waits before it is refused."""

_READ_TIMEOUT = 10.0
_RETRY_STALE = 5
_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class KeyCache(KeyStore):
    """Finds keys by their hash.

    Args:
        built_in: Keys that are in no store: those of the environment and of workloads.
        max_age: See the attribute.

    Attributes:
        max_age: Seconds for which the last state read may be used.
    """

    def __init__(self, built_in: Iterable[Key], max_age: float) -> None:
        self.max_age = max_age
        self._built_in = {key.hash: key for key in built_in}
        self._accounts: dict[str, Account] = {}
        self._keys: dict[str, Key] = {}
        self._usable: dict[str, AuthenticatedKey] = {}
        self._read_at = -float("inf")

    @property
    def age(self) -> float:
        """Seconds since the cached state was current; infinite before the first poll."""
        return time.monotonic() - self._read_at

    @property
    def is_fresh(self) -> bool:
        """Whether the cached state may be used."""
        return self.age <= self.max_age

    @override
    def find(self, key_hash: str) -> AuthenticatedKey | None:
        key = self._usable.get(key_hash)
        if not self.is_fresh:
            raise ARouterError(
                Failure.UNAVAILABLE,
                "The keys cannot be checked at the moment. Try again shortly.",
                retry_after=_RETRY_STALE,
                headers=(NOT_BEGUN,),
            )
        if key is None or (key.expires_at is not None and key.expires_at <= time.time()):
            return None
        return key

    def apply(self, changes: Changes, read_at: float) -> None:
        """Applies changes that were read from the store at monotonic time `read_at`."""
        if changes.is_complete:
            self._accounts.clear()
            self._keys.clear()
        for id_, account in changes.accounts.items():
            _put(self._accounts, id_, account)
        for hash_, key in changes.keys.items():
            _put(self._keys, hash_, key)
        self._read_at = read_at
        if changes.accounts or changes.keys or changes.is_complete:
            usable = ((key, self._use(key)) for key in (*self._keys.values(), *self._built_in.values()))
            self._usable = {key.hash: use for key, use in usable if use is not None}

    def _use(self, key: Key) -> AuthenticatedKey | None:
        """Returns a key as it may be used, or None if it may not be."""
        if key.disabled:
            return None
        if key.account is None:
            return AuthenticatedKey.of(key, None)
        account = self._accounts.get(key.account)
        if account is None or account.disabled:
            return None
        return AuthenticatedKey.of(key, account)


class KeyCacheSync:
    """One background task that polls the store every second, the only one that polls for the store's revision.

    Args:
        directory: The cache to update.
        store: The source of the changes.

    Attributes:
        is_away: Whether the last poll failed, or there was none yet.
    """

    def __init__(self, directory: KeyCache, store: KeyCacheRepository) -> None:
        self._directory = directory
        self._store = store
        self._revision = 0
        self._looked_at = -float("inf")
        self.is_away = True
        self._looking = asyncio.Lock()
        self._out_of_turn: asyncio.Task[None] | None = None
        self._known = asyncio.Event()
        self._on_change: Callable[[], None] | None = None
        self._task = PeriodicTask("poll the keys", self.look, POLL_INTERVAL)

    async def start(self) -> None:
        """Reads everything, waiting for the store if necessary, and starts the task."""
        self._task.start()
        await self._known.wait()

    def listen(self, on_change: Callable[[], None]) -> None:
        """Sets the function that is called after accounts or keys have changed and the cache has been updated."""
        self._on_change = on_change

    async def stop(self) -> None:
        """Stops the task."""
        out_of_turn = self._out_of_turn
        if out_of_turn is not None:
            out_of_turn.cancel()
            await asyncio.wait({out_of_turn})
        await self._task.stop()

    async def look(self) -> None:
        """Polls the store now, because this process has changed something itself."""
        # One at a time: the older of two answers must not be applied last.
        async with self._looking:
            await self._look()

    async def look_for_new(self) -> None:
        """Polls the store for an unknown key, which another process may just have created.

        Unknown keys share polls, and cause few of them, so that guessing keys cannot overload the store. While the
        store is away, they do not wait.
        """
        came_at = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_UNKNOWN_TIMEOUT):
                # A poll that was already running may have missed the key.
                while self._looked_at < came_at and not self.is_away:
                    if self._out_of_turn is None or self._out_of_turn.done():
                        self._out_of_turn = asyncio.create_task(self._look_out_of_turn())
                    await asyncio.wait({self._out_of_turn})

    async def _look_out_of_turn(self) -> None:
        await asyncio.sleep(self._looked_at + _OUT_OF_TURN - time.monotonic())
        await self.look()

    async def _look(self) -> None:
        read_at = time.monotonic()
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                changes = await self._store.changes(self._revision)
        except (StoreError, TimeoutError) as error:
            _log.warning("accounts and keys cannot be read: %s", error or "no answer in time")
            self.is_away = True
            # Its server may be replaced by one that lacks what was read last: everything is read again.
            self._revision = 0
            return
        self._looked_at, self.is_away = read_at, False
        self._directory.apply(changes, read_at)
        has_changed, self._revision = changes.revision != self._revision, changes.revision
        self._known.set()
        if has_changed and self._on_change is not None:
            self._on_change()


def _put(known: dict[str, _T], name: str, value: _T | None) -> None:
    if value is None:
        known.pop(name, None)
    else:
        known[name] = value
