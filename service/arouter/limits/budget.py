"""What keys have spent and hold reserved, in nano-USD. For one process; `valkey.py` has it for many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from typing_extensions import override


class BudgetPeriod(NamedTuple):
    """One key's money in one period.

    Attributes:
        key_hash: The key.
        first_day: Of the period.
    """

    key_hash: str
    first_day: date


class Hold(NamedTuple):
    """An amount that one call reserves.

    Attributes:
        id: Of this call alone.
        bucket: When: holds are forgotten together with their bucket, two buckets later.
        amount: The call's worst case.
    """

    id: str
    bucket: int
    amount: int


class ReserveResult(NamedTuple):
    """What was found when an amount was to be reserved.

    Attributes:
        admitted: Whether it was.
        spent: Spent so far.
        held: Reserved by other calls.
    """

    admitted: bool
    spent: int
    held: int


class BudgetStore(Protocol):
    """Decides who may spend. Every operation is atomic.

    A seed is what the database knows of as spent. It may lag behind but is never too much: where it is more than what
    was counted (a restart of the store, a settlement that failed), it counts instead.

    An operation that was asked for and not answered may take place all the same, also after later ones. A hold that
    was given back stays so.
    """

    async def reserve(self, period: BudgetPeriod, hold: Hold, limit: int, seed: int) -> ReserveResult:
        """Reserves an amount, unless what is spent and what others hold has reached the limit.

        Args:
            period: Whose money.
            hold: What.
            limit: The key's limit.
            seed: See above.
        """

    async def settle(self, period: BudgetPeriod, hold: Hold, cost: int, seed: int, answered: bool) -> None:
        """Puts the real cost in the place of a hold, if there is that hold; else adds the cost.

        Args:
            period: Whose money.
            hold: What `reserve` was asked for.
            cost: What the call cost.
            seed: See above.
            answered: Whether `reserve` answered. If not, it may still take place.
        """

    async def give_back(self, period: BudgetPeriod, hold: Hold) -> None:
        """Ends a hold, if there is one, whose `settle` has failed. It may be done again, and come before or after it.

        The cost is left to the seed, which may know it by now.
        """


@dataclass
class _Account:
    first_day: date
    spent: int = 0
    held: int = 0


class MemoryBudgetStore(BudgetStore):
    """Keeps it in memory, always answers, and ends with its process: ids and buckets do not matter."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    @override
    async def reserve(self, period: BudgetPeriod, hold: Hold, limit: int, seed: int) -> ReserveResult:
        account = self._accounts.get(period.key_hash)
        if account is None or account.first_day != period.first_day:
            account = self._accounts[period.key_hash] = _Account(period.first_day)
        account.spent = max(account.spent, seed)
        result = ReserveResult(account.spent + account.held < limit, account.spent, account.held)
        if result.admitted:
            account.held += hold.amount
        return result

    @override
    async def settle(self, period: BudgetPeriod, hold: Hold, cost: int, seed: int, answered: bool) -> None:
        await self.give_back(period, hold)
        if account := self._account(period):
            account.spent = max(account.spent, seed) + cost

    @override
    async def give_back(self, period: BudgetPeriod, hold: Hold) -> None:
        if account := self._account(period):
            account.held = max(account.held - hold.amount, 0)

    def _account(self, period: BudgetPeriod) -> _Account | None:
        account = self._accounts.get(period.key_hash)
        # A call of the period before is of no interest any more.
        return account if account is not None and account.first_day == period.first_day else None
