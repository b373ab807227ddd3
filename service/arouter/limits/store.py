"""The store in which limits are counted: this process, or a shared one (`valkey.py`)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from arouter.limits.budget import BudgetStore, MemoryBudgetStore
from arouter.limits.windows import MemoryWindows, Windows


@dataclass(frozen=True)
class Store:
    """Counts requests, tokens and spending.

    Attributes:
        windows: Counts requests and tokens.
        budgets: Counts spending.
        clock: Seconds since the epoch, the same for all processes that share the store.
        probe: Runs each operation once, on entries of its own.
        close: Releases its resources.
        errors: The errors that it raises if it fails; empty if it never fails and never waits.
    """

    windows: Windows
    budgets: BudgetStore
    clock: Callable[[], float]
    probe: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    errors: tuple[type[Exception], ...] = ()


def memory_store(clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> Store:
    """Returns a store for this process alone."""
    return Store(MemoryWindows(clock, monotonic), MemoryBudgetStore(), clock, _nothing, _nothing)


def run_at_once(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine of a store whose `errors` are empty. It never waits, so it needs no task."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a store in memory must not wait")


async def _nothing() -> None:
    """Does nothing: the store in memory needs no probe and has no resources to release."""
