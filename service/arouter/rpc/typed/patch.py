"""Converts gRPC updates (a message and a field mask) to merge patches; and optional lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from arouter.accounts.validators import shown
from arouter.errors import invalid_request
from arouter.v1.key_pb2 import StringList

_UNSET = object()


def masked(fields: Mapping[str, Any], mask: FieldMask) -> dict[str, Any]:
    """Returns the merge patch (RFC 7396) for the masked fields of a message.

    Args:
        fields: All updatable fields, null where unset.
        mask: Names of fields or members of fields (`rate_limit.requests_per_day`), or only `*` for all fields
        (AIP-134).

    Raises:
        ARouterError: INVALID_REQUEST if the mask is empty or names another field.
    """
    if not mask.paths:
        raise invalid_request(f"'update_mask' must name the fields to change: {', '.join(fields)}.", "update_mask")
    if list(mask.paths) == ["*"]:
        return dict(fields)
    patch: dict[str, Any] = {}
    for path in mask.paths:
        name, dot, member = path.partition(".")
        if name not in fields or bool(dot) is not bool(member) or (member and name != "rate_limit"):
            raise invalid_request(
                f"'{shown(path)}' in 'update_mask' cannot be changed. These can: {', '.join(fields)}.", "update_mask"
            )
        if member and patch.get(name, _UNSET) is None:
            continue  # The whole field is already cleared.
        if member:
            patch.setdefault(name, {})[member] = (fields[name] or {}).get(member)
        else:
            patch[name] = fields[name]
    return patch


def values_of(message: Message, field: str) -> list[str] | None:
    """Returns the entries of a `StringList` field, or None if it is unset."""
    return list(getattr(message, field).values) if message.HasField(field) else None


def string_list(values: Iterable[str] | None) -> StringList | None:
    """Returns the message of an optional list."""
    return None if values is None else StringList(values=values)
