"""What keys have spent and reserved, in nano-USD, in a store that several processes share: the interface."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple, Protocol


class BudgetPeriod(NamedTuple):
    """The budget of one key in one period.

    Attributes:
        key_hash: The hash of the API key.
        first_day: The first day of the period.
    """

    key_hash: str
    first_day: date


class Hold(NamedTuple):
    """An amount that one call reserves.

    Attributes:
        id: A unique id.
        bucket: The number of the time bucket. All holds of a bucket expire together, two buckets later.
        amount: The call's worst case in nano-USD.
    """

    id: str
    bucket: int
    amount: int


class ReserveResult(NamedTuple):
    """The result of reserving an amount.

    Attributes:
        admitted: Whether the amount was reserved.
        spent: Nano-USD spent so far.
        held: Nano-USD reserved by other calls.
    """

    admitted: bool
    spent: int
    held: int


class BudgetStore(Protocol):
    """Counts what keys spend and reserve. Every operation is atomic.

    A seed is what the key has spent according to the database. It may lag behind but is never too high. If it exceeds
    what was counted (after a restart of the store, or a settlement that failed), it replaces that.

    An operation without a reply may still be executed, even after later operations. A hold that was given back stays
    given back.
    """

    async def reserve(self, period: BudgetPeriod, hold: Hold, limit: int, seed: int) -> ReserveResult:
        """Reserves an amount, unless what is spent and reserved has reached the limit.

        Args:
            period: The key and period.
            hold: The hold.
            limit: The key's limit in nano-USD.
            seed: See the class.
        """

    async def settle(self, period: BudgetPeriod, hold: Hold, cost: int, seed: int, answered: bool) -> None:
        """Replaces a hold with the real cost; adds the cost if there is no such hold.

        Args:
            period: The key and period.
            hold: The hold that `reserve` got.
            cost: The cost of the call in nano-USD.
            seed: See the class.
            answered: Whether `reserve` got a reply. If not, it may still be executed.
        """

    async def give_back(self, period: BudgetPeriod, hold: Hold) -> None:
        """Ends a hold, if it exists, after `settle` has failed. It may be repeated, and executed before or after it.

        The cost is not added: the seed will include it, if it does not already.
        """
