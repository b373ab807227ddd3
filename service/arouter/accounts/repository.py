"""Where accounts and keys are kept. An interface; `arouter.sql` has the SQL behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from arouter.accounts.audit import Actor
from arouter.accounts.records import Account, Key, Spending
from arouter.accounts.specs import AccountPatch, KeyPatch


class Changes(NamedTuple):
    """What has changed since a revision.

    Attributes:
        revision: Up to which these are all.
        accounts: By id; None for those removed.
        keys: By hash; None for those removed.
        is_complete: Whether these are all that there are: what is not among them is not there.
    """

    revision: int
    accounts: Mapping[str, Account | None]
    keys: Mapping[str, Key | None]
    is_complete: bool = False


class KeyCacheRepository(Protocol):
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


class SpendingRepository(Protocol):
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


class KeyQuery(NamedTuple):
    """Which keys are listed.

    Attributes:
        account: Whose; None for all.
        include_disabled: Whether disabled ones are listed as well.
        before: `created_at` and hash of the key behind which the list goes on, or None.
        offset: So many are passed over first.
        at_most: So many are returned.
    """

    account: str | None
    include_disabled: bool
    before: tuple[int, str] | None
    offset: int
    at_most: int


class ManagementRepository(Protocol):
    """What accounts and keys are managed in. `account`, where it may be None, limits a method to that account's keys.

    All methods raise `StoreError` if it cannot be reached. `now` is in seconds since the epoch. A change is noted in
    the audit log with its `actor`, in the same transaction.
    """

    async def create_key(self, key: Key, actor: Actor) -> bool:
        """Adds a key; False if its account is not there."""

    async def get_key(self, key_hash: str, account: str | None) -> Key | None:
        """Returns a key."""

    async def list_keys(self, query: KeyQuery) -> Sequence[Key]:
        """Returns keys, newest first."""

    async def find_hashes(self, prefix: str) -> Sequence[str]:
        """Returns up to two hashes that begin with `prefix`, of which only hexadecimal digits are allowed."""

    async def update_key(
        self, key_hash: str, account: str | None, patch: KeyPatch, now: int, actor: Actor
    ) -> Key | None:
        """Changes a key and returns it."""

    async def delete_key(self, key_hash: str, account: str | None, now: int, actor: Actor) -> bool:
        """Revokes a key; False if it is not there."""

    async def spending(self, hashes: Sequence[str], now: int) -> Mapping[str, Spending]:
        """Returns what keys have spent, by hash; those that have not spent anything may be left out."""

    async def create_account(self, account: Account, actor: Actor) -> bool:
        """Adds an account; False if one has that id, or had it before it was removed."""

    async def get_account(self, id_: str) -> Account | None:
        """Returns an account."""

    async def list_accounts(self, after: str, count: int) -> Sequence[Account]:
        """Returns up to `count` accounts with ids greater than `after`, sorted by id."""

    async def update_account(self, id_: str, patch: AccountPatch, now: int, actor: Actor) -> Account | None:
        """Changes an account and returns it."""

    async def delete_account(self, id_: str, now: int, actor: Actor) -> bool:
        """Removes an account and revokes its keys; False if it is not there."""
