"""Reads JSON of providers without relying on its shape: members of the wrong type are treated as absent."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]


def object_in(value: Any) -> JsonObject:
    """Returns `value` if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[JsonObject]:
    """Returns the objects in `value` if it is an array, otherwise nothing."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(value: Any) -> str | None:
    """Returns `value` if it is a non-empty string."""
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int:
    """Returns `value` if it is a positive integer, otherwise 0."""
    return value if type(value) is int and value > 0 else 0
