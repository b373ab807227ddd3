"""Accounts and keys as rows of their tables. Columns have the fields' names, except for those written out here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec import structs
from sqlalchemy import Row

from arouter.accounts.records import Account, Key, RateLimit
from arouter.accounts.specs import AccountPatch, KeyPatch

_COUNTS = RateLimit.__struct_fields__
_OF_OTHER_NAMES = ("limit", "rate_limit", "expires_at")
_LISTS = frozenset(
    name for record in (Account, Key) for name, hint in get_type_hints(record).items() if hint == tuple[str, ...] | None
)
"""Fields that are kept as JSON."""

_ACCOUNT_FIELDS = Account.__struct_fields__
_KEY_FIELDS = tuple(name for name in Key.__struct_fields__ if name not in _OF_OTHER_NAMES)


def account_of(row: Row[Any]) -> Account:
    """Returns the account in a row of `accounts`."""
    return Account(**_values(row, _ACCOUNT_FIELDS))


def key_of(row: Row[Any]) -> Key:
    """Returns the key in a row of `keys`."""
    return Key(
        limit=row.limit_nanos,
        rate_limit=RateLimit(*[getattr(row, name) for name in _COUNTS]),
        expires_at=None if row.expires_at is None else row.expires_at + (row.expires_ms or 0) / 1000,
        **_values(row, _KEY_FIELDS),
    )


def account_columns(account: Account | AccountPatch) -> dict[str, Any]:
    """Returns an account's columns, or those that a patch changes."""
    return _columns(_as_dict(account))


def key_columns(key: Key | KeyPatch) -> dict[str, Any]:
    """Returns a key's columns, or those that a patch changes."""
    columns = _columns(_as_dict(key))
    columns |= _as_dict(columns.pop("rate_limit", {}))
    if "limit" in columns:
        columns["limit_nanos"] = columns.pop("limit")
    if columns.get("expires_at") is not None:
        columns["expires_at"], columns["expires_ms"] = divmod(round(columns["expires_at"] * 1000), 1000)
    return columns


def _values(row: Row[Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _list(getattr(row, name)) if name in _LISTS else getattr(row, name) for name in names}


def _list(document: str | None) -> tuple[str, ...] | None:
    return None if document is None else msgspec.json.decode(document, type=tuple[str, ...])


def _as_dict(record: msgspec.Struct | Mapping[str, Any]) -> dict[str, Any]:
    return structs.asdict(record) if isinstance(record, msgspec.Struct) else dict(record)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.json.encode(value).decode() if name in _LISTS and value is not None else value
        for name, value in values.items()
    }
