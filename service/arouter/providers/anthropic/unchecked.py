"""Reads request fields whose types have not been validated yet."""

from __future__ import annotations

from typing import Any, TypeVar

from arouter.chat.types import name_of
from arouter.errors import ARouterError, invalid_request

Json = dict[str, Any]
_T = TypeVar("_T", str, int, bool, dict[str, Any], list[Any])

_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    dict: "an object",
    list: "an array",
}


def optional(holder: Json, field: str, kind: type[_T], path: str) -> _T | None:
    """Returns a field, or None if it is absent or null.

    Args:
        holder: The object.
        field: The field's name.
        kind: The Python type of its JSON type.
        path: The path of `holder`, for errors; empty for the request itself.

    Raises:
        ARouterError: INVALID_REQUEST if it has another type.
    """
    value = holder.get(field)
    # `type() is`, because a JSON boolean is an int in Python.
    if value is None or type(value) is kind:
        return value
    raise wrong_type(_join(path, field), kind, value)


def required(holder: Json, field: str, kind: type[_T], path: str) -> _T:
    """Returns a field like `optional`, but raises if it is absent."""
    value = optional(holder, field, kind, path)
    if value is None:
        at = _join(path, field)
        raise invalid_request(f"Missing required parameter: '{at}'.", at)
    return value


def wrong_type(path: str, kind: type, value: Any) -> ARouterError:
    """Returns the 400 error for a value of the wrong type."""
    return invalid_request(f"Invalid type for '{path}': expected {_NAMES[kind]}, got {name_of(value)}.", path)


def inexpressible(what: str, path: str) -> ARouterError:
    """Returns the 400 error for a part that Anthropic's protocol cannot express. `what` is the sentence's subject."""
    return invalid_request(f"{what} cannot be sent to this model: Anthropic's Messages API does not support it.", path)


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field
