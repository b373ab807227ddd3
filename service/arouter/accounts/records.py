"""Accounts and keys as they are stored. Times are in seconds since the epoch; money is in nano-USD (`units`).

What a client may set is declared here once: REST JSON, patches, checks and SQL rows follow from it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Struct, structs

from arouter.accounts import validators
from arouter.accounts.fields import Field
from arouter.accounts.units import rfc3339, usd_of
from arouter.accounts.validators import check_fields, choice, nullable

KeyType = Literal["regular", "management"]
LimitReset = Literal["daily", "weekly", "monthly"]


class RateLimit(Struct, frozen=True):
    """The rate limits of a key; None where there is no limit.

    Attributes:
        requests_per_minute: In any 60 seconds.
        requests_per_day: In a day, UTC.
        tokens_per_minute: Of prompts and completions together, in a minute.
    """

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None


_COUNTS = dict.fromkeys(RateLimit.__struct_fields__, nullable(validators.count))


def _limit_reset(value: object, path: str) -> str | None:
    """Checks a period. `never` is another name of null, which the hosted product's documentation uses."""
    word: str = choice("daily", "weekly", "monthly", "never")(value, path)
    return None if word == "never" else word


def _rate_limit(value: object, path: str) -> dict[str, int | None]:
    return dict.fromkeys(_COUNTS) if value is None else check_fields(value, _COUNTS, path)


def _shown_rate_limit(limit: RateLimit) -> dict[str, Any] | None:
    return None if limit == RateLimit() else structs.asdict(limit)


class NewAccount(Struct, frozen=True):
    """An account to be created.

    Attributes:
        id: Its name in requests, which never changes.
        name: Its display name.
        providers: Ids of the providers enabled for it, or None for all enabled ones.
        default_model: The model of a request that names none, or None for the configuration's.
        disabled: Whether its keys are refused for now.
    """

    id: Annotated[str, Field(validators.account_id, fixed=True)]
    name: Annotated[str, Field(validators.name)]
    providers: Annotated[tuple[str, ...] | None, Field(validators.provider_ids)] = None
    default_model: Annotated[str | None, Field(validators.model)] = None
    disabled: Annotated[bool, Field(validators.boolean)] = False


class Account(NewAccount, frozen=True, kw_only=True):
    """An account, which owns keys.

    Attributes:
        created_at: When it was created.
        updated_at: When it was last changed.
    """

    created_at: int
    updated_at: int


class NewKey(Struct, frozen=True, kw_only=True):
    """A key to be created.

    Attributes:
        name: Its display name.
        key_type: Whether it calls models or manages keys.
        account: The account that it belongs to; None if the request names none, and for the operator's management keys.
        disabled: Whether it is refused for now.
        limit: The spending limit of each period, in nano-USD, or None.
        limit_reset: The period of `limit`; None for the key's lifetime.
        allowed_providers: Ids of the providers it may use, or None for all of its account's.
        allowed_models: Patterns of the models it may use, or None for all.
        rate_limit: Its rate limits.
        expires_at: When it ceases to be valid, to the millisecond, or None.
    """

    name: Annotated[str, Field(validators.name)]
    key_type: Annotated[KeyType, Field(choice("regular", "management"), fixed=True)] = "regular"
    account: Annotated[str | None, Field(validators.account_id, fixed=True)] = None
    disabled: Annotated[bool, Field(validators.boolean)] = False
    limit: Annotated[int | None, Field(validators.usd, usd_of, restricts=True)] = None
    limit_reset: Annotated[LimitReset | None, Field(_limit_reset, restricts=True)] = None
    allowed_providers: Annotated[tuple[str, ...] | None, Field(validators.provider_ids, restricts=True)] = None
    allowed_models: Annotated[tuple[str, ...] | None, Field(validators.model_patterns, restricts=True)] = None
    rate_limit: Annotated[RateLimit, Field(_rate_limit, _shown_rate_limit, restricts=True)] = RateLimit()
    expires_at: Annotated[float | None, Field(validators.future, rfc3339)] = None


class Key(NewKey, frozen=True, kw_only=True):
    """A key; never its secret.

    Attributes:
        hash: SHA-256 of the secret, in hexadecimal.
        label: The secret's prefix and its last four characters.
        created_at: When it was created.
        updated_at: When it was last changed.
    """

    hash: str
    label: str
    created_at: int
    updated_at: int


class Spending(Struct, frozen=True):
    """What a key has spent, in nano-USD, settled calls only.

    Attributes:
        total: Since it was created.
        daily: In the current day, UTC.
        weekly: In the current week, from Monday, UTC.
        monthly: In the current month, UTC.
    """

    total: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def since(self, reset: LimitReset | None) -> int:
        """Returns what was spent in the current period of a limit."""
        match reset:
            case "daily":
                return self.daily
            case "weekly":
                return self.weekly
            case "monthly":
                return self.monthly
            case None:
                return self.total
