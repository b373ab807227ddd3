"""Accounts and keys as JSON, for REST and for the command line with `--json`.

Every field is always present; those that are not set are null. Money is in USD, times are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

from arouter.accounts.fields import document_of
from arouter.accounts.management import KeyView
from arouter.accounts.records import Account, Key
from arouter.accounts.units import rfc3339, usd_of


def changed_values(
    before: Key | Account | None, after: Key | Account | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Returns the fields that differ between two states of a key or an account, as they were and as they are.

    For a key or an account that was created or removed, these are all its fields; the other side is None.
    """
    old, new = _settable_values(before), _settable_values(after)
    if old is None or new is None:
        return old, new
    changed = [name for name in new if old[name] != new[name]]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def _settable_values(subject: Key | Account | None) -> dict[str, Any] | None:
    if subject is None:
        return None
    document = document_of(subject)
    if isinstance(subject, Key):
        return document | {"label": subject.label}
    del document["id"]
    return document


def key_document(view: KeyView) -> dict[str, Any]:
    """Returns a key's object."""
    key, spending = view.key, view.spending
    document: dict[str, Any] = {"hash": key.hash}
    for name, value in document_of(key).items():
        document[name] = value
        if name == "name":
            document["label"] = key.label
        elif name == "limit":
            document["limit_remaining"] = None if view.remaining is None else usd_of(view.remaining)
    return document | {
        "usage": usd_of(spending.total),
        "usage_daily": usd_of(spending.daily),
        "usage_weekly": usd_of(spending.weekly),
        "usage_monthly": usd_of(spending.monthly),
        # Built-in keys have no such time.
        "created_at": rfc3339(key.created_at) if key.created_at else None,
        "updated_at": rfc3339(key.updated_at) if key.updated_at else None,
    }


def current_key_document(view: KeyView) -> dict[str, Any]:
    """Returns the calling key's object, with the members that clients of the hosted product expect."""
    is_management_key = view.key.key_type == "management"
    return key_document(view) | {"is_management_key": is_management_key, "is_free_tier": False}


def account_document(account: Account) -> dict[str, Any]:
    """Returns an account's object."""
    times = {"created_at": rfc3339(account.created_at), "updated_at": rfc3339(account.updated_at)}
    return document_of(account) | times
