"""What keys have spent and reserved, in nano-USD, in a store that several processes share."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


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
