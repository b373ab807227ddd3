"""Where limits are counted: in this process, or where `valkey.py` says."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from arouter.limits.budget import BudgetStore, MemoryBudgetStore
from arouter.limits.windows import MemoryWindows, Windows


@dataclass(frozen=True)
class Store:
    """Counts requests and tokens, and money.

    Attributes:
        windows: For requests and tokens.
        budgets: For money.
        clock: Seconds since the epoch, the same for all that share the store.
        probe: Does once what calls will ask for, on entries of its own.
        close: Lets go of what it holds.
        errors: What it raises when it does not answer; empty if it always does, at once.
    """

    windows: Windows
    budgets: BudgetStore
    clock: Callable[[], float]
    probe: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    errors: tuple[type[Exception], ...] = ()


def memory_store(clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> Store:
    """Returns a store of this process alone."""
    return Store(MemoryWindows(clock, monotonic), MemoryBudgetStore(), clock, _nothing, _nothing)


def run_at_once(work: Coroutine[Any, Any, None]) -> None:
    """Does work in a store whose `errors` are empty, of which nothing ever waits: that needs no task."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a store in memory has waited")


async def _nothing() -> None:
    """Needs no preparation, and holds nothing."""
