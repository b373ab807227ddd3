"""Creates, shows, changes and removes the accounts and keys that the caller may see.

A caller is identified by its account (`by`), and sees only the keys of that account; None is the operator, and sees
everything. A change takes the complete actor, for the audit log. What a caller may not see is NOT_FOUND.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from msgspec import structs

from arouter.accounts.audit import Actor
from arouter.accounts.built_in import DEFAULT_ACCOUNT
from arouter.accounts.keys import hash_secret
from arouter.accounts.paging import Page, bad_token, checked_size, page_of, place_in
from arouter.accounts.prefixes import LIVE_PREFIX, MANAGEMENT_PREFIX, label_of
from arouter.accounts.records import Account, Key, NewAccount, NewKey, Spending
from arouter.accounts.repository import KeyQuery, ManagementRepository
from arouter.accounts.specs import AccountPatch, KeyPatch, refuse_restrictions
from arouter.accounts.validators import is_account_id, is_key_hash
from arouter.errors import ARouterError, Failure, invalid_request

T = TypeVar("T")

_RANDOM_BYTES = 32
_UNSPENT = Spending()
_MAX_OFFSET = 1_000_000
_ACCOUNTS = ("accounts",)


class KeyView(NamedTuple):
    """A key and what it has spent."""

    key: Key
    spending: Spending

    @property
    def remaining(self) -> int | None:
        """The rest of its limit in the current period, in nano-USD; None without a limit."""
        if self.key.limit is None:
            return None
        return max(0, self.key.limit - self.spending.since(self.key.limit_reset))


class NewSecret(NamedTuple):
    """A new key and its secret, which is not stored."""

    view: KeyView
    secret: str


async def _nothing() -> None:
    """The default of `changed`."""


class Management:
    """Manages the accounts and keys in a store.

    Args:
        store: The accounts and keys.
        built_in: Keys that are not in the store. They can see themselves, and cannot be changed.
        changed: Awaited after each change, before it is reported to the caller.
    """

    def __init__(
        self,
        store: ManagementRepository,
        built_in: Iterable[Key] = (),
        changed: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._store = store
        self._built_in = {key.hash: key for key in built_in}
        self._changed = changed

    async def create_key(self, new: NewKey, by: Actor) -> NewSecret:
        """Creates a key in the caller's account, unless the operator names another.

        The operator's regular keys are in the account `default` if no other is named, the management keys in none.

        Raises:
            ARouterError: INVALID_REQUEST, there is no such account; NOT_FOUND, it is not the caller's. StoreError.
        """
        _check_account(new.account, by.account)
        account = new.account or by.account
        if account is None and new.key_type == "regular":
            account = DEFAULT_ACCOUNT
        prefix = LIVE_PREFIX if new.key_type == "regular" else MANAGEMENT_PREFIX
        secret = prefix + secrets.token_urlsafe(_RANDOM_BYTES)
        now = int(time.time())
        key = Key(
            hash=hash_secret(secret),
            label=label_of(secret),
            created_at=now,
            updated_at=now,
            **structs.asdict(new) | {"account": account},
        )
        if not await self._store.create_key(key, by):
            raise invalid_request("There is no such account. Create it first.", "account")
        await self._changed()
        return NewSecret(KeyView(key, _UNSPENT), secret)

    async def list_keys(
        self,
        by: str | None,
        *,
        page_size: int = 0,
        page_token: str = "",
        offset: int = 0,
        include_disabled: bool = False,
        account: str | None = None,
    ) -> Page[KeyView]:
        """Returns keys, newest first.

        Raises:
            ARouterError: INVALID_REQUEST; NOT_FOUND, there is no such account, or it is not the caller's. StoreError.
        """
        size = checked_size(page_size)
        if not 0 <= offset <= _MAX_OFFSET:
            raise invalid_request(f"'offset' must be from 0 to {_MAX_OFFSET}.", "offset")
        query = ("keys", account or by, include_disabled)
        before = _key_place(place_in(page_token, query))
        if account is not None:
            _check_account(account, by)
            if by is None and not (is_account_id(account) and await self._store.get_account(account)):
                raise _missing("account")
        found = await self._store.list_keys(KeyQuery(account or by, include_disabled, before, offset, size + 1))
        keys, next_token = page_of(found, size, lambda key: f"{key.created_at}:{key.hash}", query)
        return Page(await self._views(keys), next_token)

    async def get_key(self, key_hash: str, by: str | None) -> KeyView:
        """Returns a key. Raises NOT_FOUND, StoreError."""
        return await self._view(_found(await self._store.get_key(_hash(key_hash), by), "hash"))

    async def current_key(self, key_hash: str) -> KeyView:
        """Returns the key that calls, which may be a built-in one. Raises INVALID_API_KEY, StoreError."""
        key = self._built_in.get(key_hash) or await self._store.get_key(key_hash, None)
        if key is None:  # Revoked a moment ago.
            raise ARouterError(Failure.INVALID_API_KEY, "Invalid API key.")
        return await self._view(key)

    async def find_key(self, prefix: str) -> str:
        """Returns the one hash that begins with `prefix`, for the operator.

        Raises:
            ARouterError: INVALID_REQUEST, there are several; NOT_FOUND. StoreError.
        """
        found = await self._store.find_hashes(prefix)
        if len(found) > 1 and prefix not in found:
            raise invalid_request("More than one key's hash begins with these digits. Give more digits.", "hash")
        return _found(prefix if prefix in found else next(iter(found), None), "hash")

    async def update_key(self, key_hash: str, patch: KeyPatch, by: Actor) -> KeyView:
        """Changes a key and returns it. Raises NOT_FOUND, INVALID_REQUEST, StoreError."""
        if not patch:
            return await self.get_key(key_hash, by.account)
        before = _found(await self._store.get_key(_hash(key_hash), by.account), "hash")
        if before.key_type == "management":
            refuse_restrictions(patch)
        key = _found(await self._store.update_key(key_hash, by.account, patch, int(time.time()), by), "hash")
        await self._changed()
        return await self._view(key)

    async def delete_key(self, key_hash: str, by: Actor) -> None:
        """Revokes a key, which may be the caller's own. Raises NOT_FOUND, StoreError."""
        _found(await self._store.delete_key(_hash(key_hash), by.account, int(time.time()), by) or None, "hash")
        await self._changed()

    async def create_account(self, new: NewAccount, by: Actor) -> Account:
        """Creates an account. Raises PERMISSION_DENIED, ALREADY_EXISTS, StoreError."""
        _require_operator(by.account)
        now = int(time.time())
        account = Account(**structs.asdict(new), created_at=now, updated_at=now)
        if not await self._store.create_account(account, by):
            raise ARouterError(
                Failure.ALREADY_EXISTS,
                "The id is taken. The id of a removed account cannot be used again, because usage records refer to it.",
                param="id",
            )
        await self._changed()
        return account

    async def list_accounts(self, by: str | None, *, page_size: int = 0, page_token: str = "") -> Page[Account]:
        """Returns accounts, sorted by id. Raises PERMISSION_DENIED, INVALID_REQUEST, StoreError."""
        _require_operator(by)
        size = checked_size(page_size)
        after = place_in(page_token, _ACCOUNTS)
        if after and not is_account_id(after):
            raise bad_token()
        found = await self._store.list_accounts(after, size + 1)
        return page_of(found, size, lambda account: account.id, _ACCOUNTS)

    async def get_account(self, id_: str, by: str | None) -> Account:
        """Returns an account. Raises NOT_FOUND, also if it is not the caller's; StoreError."""
        visible = by in (None, id_)
        return _found(await self._store.get_account(_id(id_)) if visible else None, "id")

    async def update_account(self, id_: str, patch: AccountPatch, by: Actor) -> Account:
        """Changes an account and returns it. Raises PERMISSION_DENIED, NOT_FOUND, StoreError."""
        _require_operator(by.account)
        if not patch:
            return await self.get_account(id_, by.account)
        account = _found(await self._store.update_account(_id(id_), patch, int(time.time()), by), "id")
        await self._changed()
        return account

    async def delete_account(self, id_: str, by: Actor) -> None:
        """Removes an account and revokes its keys.

        Raises:
            ARouterError: PERMISSION_DENIED; NOT_FOUND; INVALID_REQUEST, it is the account `default`. StoreError.
        """
        _require_operator(by.account)
        if id_ == DEFAULT_ACCOUNT:
            raise invalid_request(f"The account '{DEFAULT_ACCOUNT}' cannot be removed; it can be disabled.", "id")
        _found(await self._store.delete_account(_id(id_), int(time.time()), by) or None, "id")
        await self._changed()

    async def _view(self, key: Key) -> KeyView:
        [view] = await self._views([key])
        return view

    async def _views(self, keys: Sequence[Key]) -> list[KeyView]:
        spent = await self._store.spending([key.hash for key in keys], int(time.time())) if keys else {}
        return [KeyView(key, spent.get(key.hash, _UNSPENT)) for key in keys]


def _check_account(account: str | None, by: str | None) -> None:
    """Raises NOT_FOUND if the account is not the caller's, whether it exists or not."""
    if by is not None and account not in (None, by):
        raise _missing("account")


def _require_operator(by: str | None) -> None:
    if by is not None:
        raise ARouterError(
            Failure.PERMISSION_DENIED,
            "This management key belongs to an account. The call needs the operator's, which belongs to none.",
        )


def _key_place(place: str) -> tuple[int, str] | None:
    if not place:
        return None
    created_at, _, key_hash = place.partition(":")
    if not (created_at.isdecimal() and len(created_at) < 16 and is_key_hash(key_hash)):
        raise bad_token()
    return int(created_at), key_hash


def _hash(text: str) -> str:
    """Returns a text that can be a hash. Others are not sent to the database, which may not accept them."""
    if not is_key_hash(text):
        raise _missing("hash")
    return text


def _id(text: str) -> str:
    if not is_account_id(text):
        raise _missing("id")
    return text


def _found(what: T | None, param: str) -> T:
    if what is None:
        raise _missing(param)
    return what


def _missing(param: str) -> ARouterError:
    kind = "key" if param == "hash" else "account"
    return ARouterError(Failure.NOT_FOUND, f"There is no such {kind}.", param=param)
