"""What keys have spent and hold reserved, in nano-USD. For one process; `valkey.py` has it for many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from typing_extensions import override


class Purse(NamedTuple):
    """One key's money in one period.

    Attributes:
        key_hash: The key.
        first_day: Of the period.
    """

    key_hash: str
    first_day: date


class Standing(NamedTuple):
    """What was found when an amount was to be reserved.

    Attributes:
        admitted: Whether it was.
        spent: Spent so far.
        held: Reserved by other calls.
    """

    admitted: bool
    spent: int
    held: int


class Ledger(Protocol):
    """Decides who may spend. Every operation is atomic.

    A seed is what the database knows of as spent. It may lag behind but is never too much: where it is more than what
    was counted (a restart of the store, a settlement that failed), it counts instead.
    """

    async def reserve(self, purse: Purse, amount: int, limit: int, seed: int, bucket: int) -> Standing:
        """Reserves an amount, unless what is spent and what others hold has reached the limit.

        Args:
            purse: Whose money.
            amount: The call's worst case.
            limit: The key's limit.
            seed: See above.
            bucket: When: reservations are forgotten together with their bucket, two buckets later.
        """

    async def settle(self, purse: Purse, amount: int, cost: int, seed: int, bucket: int) -> None:
        """Puts the real cost in the place of an amount that `reserve` took in that bucket."""


@dataclass
class _Account:
    first_day: date
    spent: int = 0
    held: int = 0


class MemoryLedger(Ledger):
    """Keeps it in memory. A process that is killed takes its reservations with it, so buckets do not matter."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    @override
    async def reserve(self, purse: Purse, amount: int, limit: int, seed: int, bucket: int) -> Standing:
        account = self._accounts.get(purse.key_hash)
        if account is None or account.first_day != purse.first_day:
            account = self._accounts[purse.key_hash] = _Account(purse.first_day)
        account.spent = max(account.spent, seed)
        standing = Standing(account.spent + account.held < limit, account.spent, account.held)
        if standing.admitted:
            account.held += amount
        return standing

    @override
    async def settle(self, purse: Purse, amount: int, cost: int, seed: int, bucket: int) -> None:
        account = self._accounts.get(purse.key_hash)
        # A call of the period before is of no interest any more.
        if account is not None and account.first_day == purse.first_day:
            account.held = max(account.held - amount, 0)
            account.spent = max(account.spent, seed) + cost
