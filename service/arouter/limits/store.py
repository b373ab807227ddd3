"""The store in which processes count limits together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from arouter.limits.budget import BudgetStore
from arouter.limits.windows import Windows


@dataclass(frozen=True)
class Store:
    """Counts requests, tokens and spending.

    Attributes:
        windows: Counts requests and tokens.
        budgets: Counts spending.
        clock: Seconds since the epoch, the same for all processes that share the store.
        probe: Runs each operation once, on entries of its own.
        close: Releases its resources.
        errors: The errors that it raises if it fails.
    """

    windows: Windows
    budgets: BudgetStore
    clock: Callable[[], float]
    probe: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    errors: tuple[type[Exception], ...]
