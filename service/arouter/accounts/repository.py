"""The interfaces of the stores of accounts and keys; `arouter.sql` implements them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from arouter.accounts.audit import Actor
from arouter.accounts.records import Account, Key, Spending
from arouter.accounts.specs import AccountPatch, KeyPatch


class Changes(NamedTuple):
    """Changes of accounts and keys since a revision.

    Attributes:
        revision: The revision up to which they are complete.
        accounts: The changed accounts by id; None for removed ones.
        keys: The changed keys by hash; None for removed ones.
        is_complete: Whether these are all accounts and keys: others do not exist.
    """

    revision: int
    accounts: Mapping[str, Account | None]
    keys: Mapping[str, Key | None]
    is_complete: bool = False


class KeyCacheRepository(Protocol):
    """Reads changes for the processes that serve calls, in the background."""

    async def changes(self, since: int) -> Changes:
        """Returns what has changed after revision `since`; 0 returns everything.

        Raises:
            StoreError: The store cannot be read.
        """


class Spent(NamedTuple):
    """The spending of a key in a period.

    Attributes:
        first_day: The first day of the period.
        nanos: The amount in nano-USD.
    """

    first_day: date
    nanos: int


class SpendingChanges(NamedTuple):
    """What keys with a spending limit have spent in their current periods.

    Attributes:
        revision: The revision of the keys, as in `Changes`.
        spent: The spending by the key's hash.
    """

    revision: int
    spent: Mapping[str, Spent]


class SpendingRepository(Protocol):
    """Reads the spending from which limits are restored."""

    async def spent(self, key_hash: str, first_day: date) -> int:
        """Returns what a key has spent from that day on, in nano-USD.

        Raises:
            StoreError: The store cannot be read.
        """

    async def limited(self, since: int, now: float) -> SpendingChanges:
        """Returns the spending of the keys with a limit that changed after revision `since`; 0 for all of them.

        Args:
            since: A revision.
            now: Seconds since the epoch, which determines the periods.

        Raises:
            StoreError: The store cannot be read.
        """


class KeyQuery(NamedTuple):
    """Which keys are listed.

    Attributes:
        account: The account that they belong to; None for all.
        include_disabled: Whether disabled ones are listed as well.
        before: `created_at` and hash of the last key of the previous page, or None.
        offset: The number of keys to skip.
        at_most: Maximum number of keys.
    """

    account: str | None
    include_disabled: bool
    before: tuple[int, str] | None
    offset: int
    at_most: int


class ManagementRepository(Protocol):
    """Manages accounts and keys. `account`, where it may be None, limits a method to the keys of that account.

    All methods raise `StoreError` if the store cannot be reached. `now` is in seconds since the epoch. A change is
    recorded in the audit log with its `actor`, in the same transaction.
    """

    async def create_key(self, key: Key, actor: Actor) -> bool:
        """Adds a key; False if its account does not exist."""

    async def get_key(self, key_hash: str, account: str | None) -> Key | None:
        """Returns a key."""

    async def list_keys(self, query: KeyQuery) -> Sequence[Key]:
        """Returns keys, newest first."""

    async def find_hashes(self, prefix: str) -> Sequence[str]:
        """Returns up to two hashes that begin with `prefix`, which must contain only hexadecimal digits."""

    async def update_key(
        self, key_hash: str, account: str | None, patch: KeyPatch, now: int, actor: Actor
    ) -> Key | None:
        """Changes a key and returns it."""

    async def delete_key(self, key_hash: str, account: str | None, now: int, actor: Actor) -> bool:
        """Revokes a key; False if it does not exist."""

    async def spending(self, hashes: Sequence[str], now: int) -> Mapping[str, Spending]:
        """Returns what keys have spent, by hash; keys that have not spent anything may be missing."""

    async def create_account(self, account: Account, actor: Actor) -> bool:
        """Adds an account; False if an account has, or a removed account had, that id."""

    async def get_account(self, id_: str) -> Account | None:
        """Returns an account."""

    async def list_accounts(self, after: str, count: int) -> Sequence[Account]:
        """Returns up to `count` accounts with ids greater than `after`, sorted by id."""

    async def update_account(self, id_: str, patch: AccountPatch, now: int, actor: Actor) -> Account | None:
        """Changes an account and returns it."""

    async def delete_account(self, id_: str, now: int, actor: Actor) -> bool:
        """Removes an account and revokes its keys; False if it does not exist."""
