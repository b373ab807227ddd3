"""Converts the JSON texts of OpenAI's calls and results to the JSON objects that Gemini requires."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.chat.types import name_of
from arouter.errors import invalid_request
from arouter.providers.lenient import JsonObject

_DEEPEST = 64
"""Maximum nesting that both Python's JSON and protobuf support, with room for the enclosing objects."""

_EXACT = 2**53
"""Above it Google's JSON numbers, which are doubles, lose digits."""


def arguments_object(arguments: Any, path: str) -> JsonObject:
    """Returns a call's arguments.

    Text of a model that is not a JSON object is wrapped in one, so that the next model can read it.

    Raises:
        ARouterError: INVALID_REQUEST if the value is not a string.
    """
    if arguments is None or arguments == "":
        return {}
    if not isinstance(arguments, str):
        raise invalid_request(f"Invalid type for '{path}': expected a string, got {name_of(arguments)}.", path)
    value = _object(arguments)
    return value if value is not None and _fits(value, exact=False) else {"arguments": arguments}


def result_object(text: str) -> JsonObject:
    """Returns a function's result: the object itself, or `{"output": text}` for any other text.

    The latter also for an object that Gemini's JSON would change (such as a 64-bit id), or with a member `$ref`, which
    in Gemini refers to a part of the response (ai.google.dev, "Function calling", multimodal responses).
    """
    value = _object(text)
    return value if value is not None and _fits(value, exact=True) else {"output": text}


def _object(text: str) -> JsonObject | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _fits(value: JsonObject, *, exact: bool) -> bool:
    """Iterates level by level: recursion would reach Python's limit before orjson's."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                if exact and "$ref" in item:
                    return False
                below += item.values()
            elif isinstance(item, list):
                below += item
            elif exact and isinstance(item, int | float) and abs(item) > _EXACT:
                return False
        if not below:
            return True
        level = below
    return False
