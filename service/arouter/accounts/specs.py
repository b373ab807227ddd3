"""What a client may set of accounts and keys, checked; the same over REST, gRPC and on the command line.

Every function takes a JSON document and raises `ARouterError` INVALID_REQUEST with the `param` at fault. Values are as
they are kept (`records`): nano-USD, seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, structs

from arouter.accounts import validators as fields
from arouter.accounts.records import KeyType, LimitReset, RateLimit
from arouter.accounts.validators import Check, check_fields, nullable
from arouter.errors import invalid_request


class NewKey(Struct, frozen=True, kw_only=True):
    """A key to be made. `account` is None where the caller has named none."""

    name: str
    key_type: KeyType = "regular"
    account: str | None = None
    disabled: bool = False
    limit: int | None = None
    limit_reset: LimitReset | None = None
    allowed_providers: tuple[str, ...] | None = None
    allowed_models: tuple[str, ...] | None = None
    rate_limit: RateLimit = RateLimit()
    expires_at: float | None = None


class RateLimitPatch(Struct, frozen=True, kw_only=True):
    """Changes to how often a key may be used. UNSET stays, None is no limit."""

    requests_per_minute: int | UnsetType | None = UNSET
    requests_per_day: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET


class KeyPatch(Struct, frozen=True, kw_only=True):
    """Changes to a key. UNSET stays, None is taken away."""

    name: str | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    limit: int | UnsetType | None = UNSET
    limit_reset: LimitReset | UnsetType | None = UNSET
    allowed_providers: tuple[str, ...] | UnsetType | None = UNSET
    allowed_models: tuple[str, ...] | UnsetType | None = UNSET
    rate_limit: RateLimitPatch = RateLimitPatch()
    expires_at: float | UnsetType | None = UNSET


class NewAccount(Struct, frozen=True, kw_only=True):
    """An account to be made."""

    id: str
    name: str
    providers: tuple[str, ...] | None = None
    default_model: str | None = None
    disabled: bool = False


class AccountPatch(Struct, frozen=True, kw_only=True):
    """Changes to an account. UNSET stays, None is taken away."""

    name: str | UnsetType = UNSET
    providers: tuple[str, ...] | UnsetType | None = UNSET
    default_model: str | UnsetType | None = UNSET
    disabled: bool | UnsetType = UNSET


def new_key(document: object) -> NewKey:
    """Returns the key that a document asks for."""
    found = check_fields(document, _NEW_KEY)
    _require(found, "name")
    key = NewKey(**found | {"rate_limit": RateLimit(**found.get("rate_limit", {}))})
    if key.key_type == "management":
        refuse_restrictions(key)
    return key


def key_patch(document: object) -> KeyPatch:
    """Returns the changes of a merge patch (RFC 7396): of `rate_limit`, too, only what is named changes."""
    found = check_fields(document, _KEY)
    return KeyPatch(**found | {"rate_limit": RateLimitPatch(**found.get("rate_limit", {}))})


def refuse_restrictions(key: NewKey | KeyPatch) -> None:
    """Raises for what restricts calls of models, in a management key: it makes none."""
    for field in _RESTRICTIONS:
        value = getattr(key, field)
        counts = structs.asdict(value).values() if field == "rate_limit" else (value,)
        if any(each is not None and each is not UNSET for each in counts):
            raise invalid_request(f"'{field}' restricts calls of models, which a management key cannot make.", field)


def new_account(document: object) -> NewAccount:
    """Returns the account that a document asks for. Without a name, people call it by its id."""
    found = check_fields(document, {"id": fields.account_id, **_ACCOUNT})
    _require(found, "id")
    return NewAccount(**{"name": found["id"]} | found)


def account_patch(document: object) -> AccountPatch:
    """Returns the changes of a merge patch (RFC 7396)."""
    return AccountPatch(**check_fields(document, _ACCOUNT))


def _limit_reset(value: object, path: str) -> str | None:
    """Takes a period. `never` is what one page of the hosted product says for null."""
    word: str = fields.choice("daily", "weekly", "monthly", "never")(value, path)
    return None if word == "never" else word


def _rate_limit(value: object, path: str) -> dict[str, int | None]:
    return dict.fromkeys(_COUNTS) if value is None else check_fields(value, _COUNTS, path)


def _require(found: dict[str, Any], field: str) -> None:
    if field not in found:
        raise invalid_request(f"Missing required parameter: '{field}'.", field)


_RESTRICTIONS = ("limit", "limit_reset", "allowed_providers", "allowed_models", "rate_limit")
_COUNTS: dict[str, Check] = dict.fromkeys(RateLimit.__struct_fields__, nullable(fields.count))
_KEY: dict[str, Check] = {
    "name": fields.name,
    "disabled": fields.boolean,
    "limit": nullable(fields.usd),
    "limit_reset": nullable(_limit_reset),
    "allowed_providers": nullable(fields.provider_ids),
    "allowed_models": nullable(fields.model_patterns),
    "rate_limit": _rate_limit,
    "expires_at": nullable(fields.future),
}
_NEW_KEY: dict[str, Check] = {
    **_KEY,
    "key_type": fields.choice("regular", "management"),
    "account": nullable(fields.account_id),
}
_ACCOUNT: dict[str, Check] = {
    "name": fields.name,
    "providers": nullable(fields.provider_ids),
    "default_model": nullable(fields.model),
    "disabled": fields.boolean,
}
