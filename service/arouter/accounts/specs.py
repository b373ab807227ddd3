"""Checks the documents that create and change accounts and keys; the same for REST, gRPC and the command line.

Every function takes a JSON document and raises `ARouterError` INVALID_REQUEST with the `param` at fault. Values are as
they are stored (`records`): nano-USD, seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from arouter.accounts.fields import fields_of
from arouter.accounts.records import NewAccount, NewKey, RateLimit
from arouter.accounts.validators import check_fields
from arouter.errors import invalid_request

KeyPatch: TypeAlias = Mapping[str, Any]
"""The fields of a key that change, by name; of `rate_limit`, the counts that change. None removes a restriction."""

AccountPatch: TypeAlias = Mapping[str, Any]
"""The fields of an account that change, by name."""


def new_key(document: object) -> NewKey:
    """Returns the key that a document describes."""
    found = _checked(document, NewKey)
    _require(found, "name")
    if found.get("key_type") == "management":
        refuse_restrictions(found)
    return NewKey(**found | {"rate_limit": RateLimit(**found.get("rate_limit", {}))})


def key_patch(document: object) -> KeyPatch:
    """Returns the changes of a merge patch (RFC 7396), which also applies to the members of `rate_limit`."""
    patch = _checked(document, NewKey, patch=True)
    return {name: value for name, value in patch.items() if value != {}}


def refuse_restrictions(patch: KeyPatch) -> None:
    """Raises if a management key, which cannot call models, has fields that restrict such calls."""
    for name, field in fields_of(NewKey).items():
        value = patch.get(name)
        values = value.values() if isinstance(value, dict) else (value,)
        if field.restricts and any(each is not None for each in values):
            raise invalid_request(f"'{name}' restricts calls to models, which a management key cannot make.", name)


def new_account(document: object) -> NewAccount:
    """Returns the account that a document describes. Without a name, its id is its name."""
    found = _checked(document, NewAccount)
    _require(found, "id")
    return NewAccount(**{"name": found["id"]} | found)


def account_patch(document: object) -> AccountPatch:
    """Returns the changes of a merge patch (RFC 7396)."""
    return _checked(document, NewAccount, patch=True)


def _checked(document: object, record: type[Struct], *, patch: bool = False) -> dict[str, Any]:
    checks = {name: field.check for name, field in fields_of(record).items() if not (patch and field.fixed)}
    return check_fields(document, checks)


def _require(found: dict[str, Any], field: str) -> None:
    if field not in found:
        raise invalid_request(f"Missing required parameter: '{field}'.", field)
