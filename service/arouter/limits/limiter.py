"""The interface of a limiter, which admits calls within the limits of their keys and counts what they use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Literal

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.repository import Spent
from arouter.limits.reservation import Reservation
from arouter.limits.worst_case import WorstCase


class Limiter(ABC):
    """Checks and counts the limits of keys.

    Attributes:
        unchecked: Number of calls that went on unchecked because the store did not respond.
        denied: Number of calls that were refused because the store did not respond.
        refused: Number of calls that were refused because of a limit: `minute` or `day` (requests), `tokens` (per
            minute) or `spending`.
    """

    def __init__(self) -> None:
        self.unchecked = 0
        self.denied = 0
        self.refused: Counter[str] = Counter()
        self._seeds: Mapping[str, Spent] = {}

    @abstractmethod
    def configure(self, when_down: Literal["open", "closed"], timeout: float) -> None:
        """Applies another policy and timeout for a store that does not respond, if there is one."""

    def seed(self, spent: Mapping[str, Spent]) -> None:
        """Sets what keys with a spending limit have spent according to the database, by key hash."""
        self._seeds = spent

    @abstractmethod
    def now(self) -> float:
        """Returns the time that determines days and budget periods, in seconds since the epoch."""

    @abstractmethod
    async def start(self) -> None:
        """Probes the store, if there is one, and logs errors. It need not be available."""

    @abstractmethod
    async def count(self, key: AuthenticatedKey) -> Reservation:
        """Counts a request before its body is read. Nothing is reserved yet.

        Raises:
            ARouterError: RATE_LIMITED, and then the request does not count; UNAVAILABLE, if the store does not respond
                and the policy is `closed`.
        """

    @abstractmethod
    async def reserve(self, key: AuthenticatedKey, worst: WorstCase, counted: Reservation | None = None) -> Reservation:
        """Admits a call if what was used, plus what calls in flight have reserved, is below each limit of its key.

        Args:
            key: The API key.
            worst: What the call may use at most.
            counted: What `count` returned; if None, the request is counted now.

        Raises:
            ARouterError: RATE_LIMITED; SPENDING_LIMIT; UNAVAILABLE, if the store does not respond and the policy is
                `closed`. A refused call has reserved nothing, but its request counts.
        """

    @abstractmethod
    async def settled(self, patience: float | None = None) -> None:
        """Waits until all settlements are counted, for `patience` seconds at most."""

    @abstractmethod
    async def close(self) -> None:
        """Waits briefly until all settlements are counted, and closes the store."""

    def _seed(self, key_hash: str, period: date | None) -> int:
        """Returns the nano-USD that a key has spent in a period according to the database."""
        spent = self._seeds.get(key_hash)
        return spent.nanos if spent is not None and spent.first_day == period else 0
