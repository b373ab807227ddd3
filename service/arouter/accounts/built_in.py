"""Keys that are in no store: they are there before anything else is."""

from __future__ import annotations

from msgspec.structs import replace

from arouter.accounts.keys import LIVE_PREFIX, MANAGEMENT_PREFIX, hash_secret, hash_workload
from arouter.accounts.records import Key, KeyType

DEFAULT_ACCOUNT = "default"
"""The account that every database has from the start."""


def development_key(secret: str) -> Key:
    """Returns the key that `arouter up` prints: of the default account, and free to use all that is."""
    return _built_in(secret, "Development key", "regular", DEFAULT_ACCOUNT)


def operator_key(secret: str) -> Key:
    """Returns the management key of `AROUTER_MGMT_KEY`, which belongs to no account."""
    return _built_in(secret, "AROUTER_MGMT_KEY", "management", None)


def workload_key(spiffe_id: str, account: str) -> Key:
    """Returns what a workload calls with: of its account, and free to use all that this may."""
    key = _built_in(spiffe_id, spiffe_id, "regular", account)
    return replace(key, hash=hash_workload(spiffe_id), label=spiffe_id)


def label_of(secret: str) -> str:
    """Returns what may be shown of a secret: its prefix and its last four characters."""
    prefix = next((known for known in (LIVE_PREFIX, MANAGEMENT_PREFIX) if secret.startswith(known)), "")
    return f"{prefix}…{secret[-4:]}"


def _built_in(secret: str, name: str, key_type: KeyType, account: str | None) -> Key:
    return Key(
        hash=hash_secret(secret),
        name=name,
        label=label_of(secret),
        key_type=key_type,
        account=account,
        created_at=0,
        updated_at=0,
    )
