"""Reading what Gemini sent without trusting its shape: a field of the wrong type counts as absent."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.providers.provider_errors import bad_response

JsonObject = dict[str, Any]


def parse(body: bytes, what: str) -> JsonObject:
    """Returns the JSON object in `body`.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_response(f"{what} that is not JSON") from error
    if not isinstance(value, dict):
        raise bad_response(f"{what} that is not a JSON object")
    return value


def object_in(value: Any) -> JsonObject:
    """Returns `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[JsonObject]:
    """Returns the objects in `value`, if it is an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(value: Any) -> str | None:
    """Returns `value` if it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int:
    """Returns `value` if it is a positive integer, else 0."""
    return value if type(value) is int and value > 0 else 0
