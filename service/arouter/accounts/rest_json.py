"""Accounts and keys as JSON: what REST answers, and the command line with `--json`.

Every field is always there; what is not set is null. Money is in USD, times are RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from arouter.accounts.management import KeyView
from arouter.accounts.records import NANOS, Account, Key, RateLimit, Spending

_NEVER_CHANGED = frozenset({"hash", "id", "created_at", "updated_at"})
_OF_SPENDING = frozenset({"limit_remaining", "usage", "usage_daily", "usage_weekly", "usage_monthly"})


def changed_values(
    before: Key | Account | None, after: Key | Account | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Returns the fields that differ between two states of a key or an account, as they were and as they are.

    Of what was not there before, or is not there any more, these are all fields that can be set; None stands for the
    other side.
    """
    old, new = _settable_values(before), _settable_values(after)
    if old is None or new is None:
        return old, new
    changed = [name for name in new if old[name] != new[name]]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def _settable_values(subject: Key | Account | None) -> dict[str, Any] | None:
    if subject is None:
        return None
    document = account_document(subject) if isinstance(subject, Account) else key_document(KeyView(subject, Spending()))
    return {name: value for name, value in document.items() if name not in _NEVER_CHANGED | _OF_SPENDING}


def key_document(view: KeyView) -> dict[str, Any]:
    """Returns a key's object."""
    key, spending = view.key, view.spending
    return {
        "hash": key.hash,
        "name": key.name,
        "label": key.label,
        "key_type": key.key_type,
        "account": key.account,
        "disabled": key.disabled,
        "limit": _usd(key.limit),
        "limit_remaining": _usd(view.remaining),
        "limit_reset": key.limit_reset,
        "allowed_providers": key.allowed_providers,
        "allowed_models": key.allowed_models,
        "rate_limit": None if key.rate_limit == RateLimit() else structs.asdict(key.rate_limit),
        "expires_at": rfc3339(key.expires_at),
        "usage": _usd(spending.total),
        "usage_daily": _usd(spending.daily),
        "usage_weekly": _usd(spending.weekly),
        "usage_monthly": _usd(spending.monthly),
        # A built-in key was never made.
        "created_at": rfc3339(key.created_at or None),
        "updated_at": rfc3339(key.updated_at or None),
    }


def current_key_document(view: KeyView) -> dict[str, Any]:
    """Returns the calling key's object, with what clients of the hosted product look for."""
    is_management_key = view.key.key_type == "management"
    return key_document(view) | {"is_management_key": is_management_key, "is_free_tier": False}


def account_document(account: Account) -> dict[str, Any]:
    """Returns an account's object."""
    times = {"created_at": rfc3339(account.created_at), "updated_at": rfc3339(account.updated_at)}
    return structs.asdict(account) | times


def rfc3339(seconds: float | None) -> str | None:
    """Returns a time in UTC, such as 2027-01-31T12:00:00Z or, with a fraction, 2027-01-31T12:00:00.500Z."""
    if seconds is None:
        return None
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _usd(nanos: int | None) -> float | None:
    return None if nanos is None else nanos / NANOS
