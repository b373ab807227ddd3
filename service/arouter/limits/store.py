"""Where limits are counted: in this process, or where `valkey.py` says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from limits.aio.storage import MemoryStorage, RedisStorage

from arouter.limits.ledger import Ledger, MemoryLedger

_SWEEP_INTERVAL = 10.0
"""Seconds between two looks for what has expired in memory."""


@dataclass(frozen=True)
class Store:
    """Counts requests and tokens (the package `limits`), and money.

    Attributes:
        storage: For requests and tokens.
        ledger: For money.
        close: Lets go of what it holds.
        errors: What it raises when it does not answer; empty if it always does, at once.
    """

    storage: MemoryStorage | RedisStorage
    ledger: Ledger
    close: Callable[[], Awaitable[None]]
    errors: tuple[type[Exception], ...] = ()


def memory_store() -> Store:
    """Returns a store of this process alone. Needs a running event loop."""
    storage = MemoryStorage()
    # `limits` looks through all keys after every operation, with a hop to a thread for each, unless its last look is
    # still under way: this one always is.
    sweeping = storage.timer = asyncio.create_task(_sweep_regularly(storage))

    async def close() -> None:
        sweeping.cancel()
        await asyncio.wait({sweeping})

    return Store(storage, MemoryLedger(), close)


def run_at_once(work: Coroutine[Any, Any, None]) -> None:
    """Does work in a store whose `errors` are empty, of which nothing ever waits: that needs no task."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a store in memory has waited")


async def _sweep_regularly(storage: MemoryStorage) -> None:
    while True:
        await asyncio.sleep(_SWEEP_INTERVAL)
        await sweep(storage)


async def sweep(storage: MemoryStorage) -> None:
    """Drops what has expired."""
    now = time.time()
    for key in [key for key, expiry in storage.expirations.items() if expiry <= now]:
        await storage.clear(key)
    for key, entries in list(storage.events.items()):
        while entries and entries[-1].expiry <= now:
            entries.pop()
        if not entries:
            await storage.clear(key)
