"""Accounts and keys as they are kept. Times are in seconds since the epoch; money is in nano-USD (1e-9 USD)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

KeyType = Literal["regular", "management"]
LimitReset = Literal["daily", "weekly", "monthly"]

NANOS = 1_000_000_000
"""Nano-USD in a USD. A token costs some hundred of them; integers add up exactly in every database."""


class RateLimit(Struct, frozen=True):
    """How often a key may be used; None where that is not limited.

    Attributes:
        requests_per_minute: In any 60 seconds.
        requests_per_day: In a day, UTC.
        tokens_per_minute: Of prompts and answers together, in a minute.
    """

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None


class Account(Struct, frozen=True):
    """What keys belong to.

    Attributes:
        id: What it is called.
        name: What people call it.
        providers: Ids of the providers enabled for it, or None for all that are on.
        default_model: What answers a request that names no model, or None for the configuration's.
        disabled: Whether its keys are refused for now.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    id: str
    name: str
    providers: tuple[str, ...] | None
    default_model: str | None
    disabled: bool
    created_at: int
    updated_at: int


class Key(Struct, frozen=True):
    """A key; never its secret.

    Attributes:
        hash: SHA-256 of the secret, in hexadecimal.
        name: What people call it.
        label: The secret's prefix and its last four characters.
        key_type: What it is for.
        account: What it belongs to; None for the operator's management key.
        disabled: Whether it is refused for now.
        limit: What it may spend in each period, in nano-USD, or None.
        limit_reset: The period of `limit`; None for the key's life.
        allowed_providers: Ids of the providers it may use, or None for all of its account's.
        allowed_models: Patterns of the models it may use, or None for all.
        rate_limit: How often it may be used.
        expires_at: When it stops to be valid, to the millisecond, or None.
        created_at: When it was made.
        updated_at: When it was last changed.
    """

    hash: str
    name: str
    label: str
    key_type: KeyType
    account: str | None
    disabled: bool
    limit: int | None
    limit_reset: LimitReset | None
    allowed_providers: tuple[str, ...] | None
    allowed_models: tuple[str, ...] | None
    rate_limit: RateLimit
    expires_at: float | None
    created_at: int
    updated_at: int


class Spending(Struct, frozen=True):
    """What a key has spent, in nano-USD, settled calls only.

    Attributes:
        total: Since it was made.
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
