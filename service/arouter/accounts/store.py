"""Where accounts and keys are kept. An interface; `arouter.store` has the SQL behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple, Protocol

from arouter.accounts.records import Account, Key


class Changes(NamedTuple):
    """What has changed since a revision.

    Attributes:
        revision: Up to which these are all.
        accounts: By id; None for those removed.
        keys: By hash; None for those removed.
    """

    revision: int
    accounts: Mapping[str, Account | None]
    keys: Mapping[str, Key | None]


class DirectoryStore(Protocol):
    """What the processes that serve calls read, in the background."""

    async def changes(self, since: int) -> Changes:
        """Returns what has changed after revision `since`; 0 is before everything.

        Raises:
            StoreError: It cannot be read.
        """


class Spent(NamedTuple):
    """What a key has spent in a period.

    Attributes:
        first_day: Of the period.
        nanos: In nano-USD.
    """

    first_day: date
    nanos: int


class SpendingChanges(NamedTuple):
    """What keys with a spending limit have spent in their current periods.

    Attributes:
        revision: Of the keys, as in `Changes`.
        spent: By hash.
    """

    revision: int
    spent: Mapping[str, Spent]


class SpendingStore(Protocol):
    """What limits start from."""

    async def spent(self, key_hash: str, first_day: date) -> int:
        """Returns what a key has spent from that day on, in nano-USD.

        Raises:
            StoreError: It cannot be read.
        """

    async def limited(self, since: int, now: float) -> SpendingChanges:
        """Returns what the keys that have a limit have spent, of those changed after revision `since`; 0 for all.

        Args:
            since: A revision.
            now: Seconds since the epoch; in the periods of then.

        Raises:
            StoreError: It cannot be read.
        """
