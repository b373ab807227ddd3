"""The interface of the store for usage records; `arouter.sql` implements it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Literal, NamedTuple, Protocol

from arouter.usage.record import UsageRecord, UsageSum

Dimension = Literal["day", "model", "key", "account"]


class Scope(NamedTuple):
    """The records that a query covers. None means all.

    Attributes:
        account: Only those of this account.
        key_hash: Only those of the API key with this hash.
    """

    account: str | None = None
    key_hash: str | None = None


class UsageRepository(Protocol):
    """Stores usage records."""

    async def add(self, records: Sequence[UsageRecord], *, again: bool) -> int:
        """Stores records and adds them to the sums; returns how many of them are new.

        Args:
            records: The records.
            again: Whether some may be stored already, because an earlier write may have succeeded unnoticed. They are
                not stored twice.

        Raises:
            StoreError: No record was stored, or it is not known whether the records were stored.
        """

    async def recover(self, records: Sequence[UsageRecord]) -> int:
        """Does the same as `add` for records of a process that has ended, some of which may be stored already.

        Every process that counts the spending of keys reads the new sums at its next poll.

        Raises:
            StoreError: See `add`.
        """

    async def find(self, generation_id: str, scope: Scope) -> UsageRecord | None:
        """Returns the record of a generation's last attempt.

        Raises:
            StoreError: The record cannot be read.
        """

    async def summarize(self, scope: Scope, first: date, last: date, by: Collection[Dimension]) -> Sequence[UsageSum]:
        """Returns the sums of the days from `first` to `last` inclusive, grouped and sorted by the dimensions.

        Raises:
            StoreError: The sums cannot be read.
        """

    async def forget(self, before_ms: int) -> None:
        """Removes the records of calls that arrived before then; the sums are kept.

        Raises:
            StoreError: The records cannot be removed.
        """
