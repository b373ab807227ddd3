"""Where usage records are kept. An interface; `arouter.sql` has the SQL behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Literal, NamedTuple, Protocol

from arouter.usage.record import UsageRecord, UsageSum

Dimension = Literal["day", "model", "key", "account"]


class Scope(NamedTuple):
    """Whose records are asked for. None does not narrow.

    Attributes:
        account: Of one account.
        key_hash: Of one key.
    """

    account: str | None = None
    key_hash: str | None = None


class UsageRepository(Protocol):
    """Keeps usage records."""

    async def add(self, records: Sequence[UsageRecord], *, again: bool) -> int:
        """Keeps records and adds them to the sums; returns how many were not there before.

        Args:
            records: Which.
            again: Whether some may be there already, because an earlier try may have worked without our learning of
                it. They are not kept twice.

        Raises:
            StoreError: None was kept, or it is not known whether they were.
        """

    async def recover(self, records: Sequence[UsageRecord]) -> int:
        """Is `add` for records of a process that has ended, some of which may be there already.

        Every process that counts what keys spend notices the new sums at its next look.

        Raises:
            StoreError: As `add`.
        """

    async def find(self, generation_id: str, scope: Scope) -> UsageRecord | None:
        """Returns the record of a generation's last attempt.

        Raises:
            StoreError: It cannot be read.
        """

    async def summarize(self, scope: Scope, first: date, last: date, by: Collection[Dimension]) -> Sequence[UsageSum]:
        """Returns the sums of the days from `first` to `last`, sorted by what they are grouped by.

        Raises:
            StoreError: They cannot be read.
        """

    async def forget(self, before_ms: int) -> None:
        """Removes the records of calls that came before; their sums stay.

        Raises:
            StoreError: They cannot be removed.
        """
