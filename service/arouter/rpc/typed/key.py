"""Converts keys between protobuf and the management API's JSON documents and records."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from arouter.accounts.management import KeyView
from arouter.accounts.records import KeyType, LimitReset, RateLimit
from arouter.accounts.units import usd_of
from arouter.errors import invalid_request
from arouter.rpc.typed.patch import string_list, values_of
from arouter.rpc.typed.presence import set_fields
from arouter.v1 import key_pb2

_TYPES: dict[int, KeyType] = {
    key_pb2.KEY_TYPE_UNSPECIFIED: "regular",
    key_pb2.KEY_TYPE_REGULAR: "regular",
    key_pb2.KEY_TYPE_MANAGEMENT: "management",
}
_RESETS: dict[int, LimitReset | None] = {
    key_pb2.LIMIT_RESET_UNSPECIFIED: None,
    key_pb2.LIMIT_RESET_DAILY: "daily",
    key_pb2.LIMIT_RESET_WEEKLY: "weekly",
    key_pb2.LIMIT_RESET_MONTHLY: "monthly",
}
_COUNTS = RateLimit.__struct_fields__


def new_key_document(key: key_pb2.Key) -> dict[str, Any]:
    """Returns the JSON of a request that creates the same key."""
    type_and_account = {"key_type": _TYPES.get(key.key_type, key.key_type), "account": key.account or None}
    return key_fields(key) | type_and_account


def key_fields(key: key_pb2.Key) -> dict[str, Any]:
    """Returns the updatable fields, null where unset.

    Raises:
        ARouterError: INVALID_REQUEST if a timestamp is invalid.
    """
    limits: dict[str, Any] | None = None
    if key.HasField("rate_limit"):
        limits = dict.fromkeys(_COUNTS) | set_fields(key.rate_limit)
    return {
        "name": key.name,
        "disabled": key.disabled,
        "limit": key.limit if key.HasField("limit") else None,
        "limit_reset": _RESETS.get(key.limit_reset, key.limit_reset),
        "allowed_providers": values_of(key, "allowed_providers"),
        "allowed_models": values_of(key, "allowed_models"),
        "rate_limit": limits,
        "expires_at": _rfc3339(key.expires_at) if key.HasField("expires_at") else None,
    }


def key_to_proto(view: KeyView) -> key_pb2.Key:
    """Returns the protobuf message of a key with its spending."""
    key, spending, remaining = view.key, view.spending, view.remaining
    message = key_pb2.Key(
        hash=key.hash,
        name=key.name,
        label=key.label,
        key_type=key_pb2.KEY_TYPE_REGULAR if key.key_type == "regular" else key_pb2.KEY_TYPE_MANAGEMENT,
        account=key.account or "",
        disabled=key.disabled,
        limit=None if key.limit is None else usd_of(key.limit),
        limit_remaining=None if remaining is None else usd_of(remaining),
        limit_reset=_reset(key.limit_reset),
        allowed_providers=string_list(key.allowed_providers),
        allowed_models=string_list(key.allowed_models),
        usage=usd_of(spending.total),
        usage_daily=usd_of(spending.daily),
        usage_weekly=usd_of(spending.weekly),
        usage_monthly=usd_of(spending.monthly),
        # A built-in key has no creation time.
        created_at=_timestamp(key.created_at or None),
        updated_at=_timestamp(key.updated_at or None),
        expires_at=_timestamp(key.expires_at),
    )
    for name in _COUNTS:
        count = getattr(key.rate_limit, name)
        if count is not None:
            setattr(message.rate_limit, name, count)
    return message


def _reset(reset: LimitReset | None) -> key_pb2.LimitReset.ValueType:
    return (
        key_pb2.LIMIT_RESET_UNSPECIFIED if reset is None else key_pb2.LimitReset.Value(f"LIMIT_RESET_{reset.upper()}")
    )


def _rfc3339(timestamp: Timestamp) -> str:
    try:
        return timestamp.ToJsonString()
    except ValueError as error:
        raise invalid_request("'expires_at' is not a valid timestamp.", "expires_at") from error


def _timestamp(seconds: float | None) -> Timestamp | None:
    if seconds is None:
        return None
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return Timestamp(seconds=whole, nanos=milliseconds * 1_000_000)
