"""The JSON texts of OpenAI's calls and results as the JSON objects that Gemini wants in their place."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.chat.types import name_of
from arouter.errors import invalid_request
from arouter.providers.gemini.lenient import JsonObject

_DEEPEST = 64
"""Nesting that both JSON here and protobuf there can take, with room for what is around it."""

_EXACT = 2**53
"""Above it Google's JSON values, which are doubles, lose digits."""


def arguments_object(arguments: Any, path: str) -> JsonObject:
    """Returns a call's arguments.

    What a model once wrote and is no JSON object stays readable to the next one, as the text it was.

    Raises:
        ARouterError: INVALID_REQUEST, if they are not even a text.
    """
    if arguments is None or arguments == "":
        return {}
    if not isinstance(arguments, str):
        raise invalid_request(f"Invalid type for '{path}': expected a string, got {name_of(arguments)}.", path)
    value = _object(arguments)
    return value if value is not None and _fits(value, exact=False) else {"arguments": arguments}


def result_object(text: str) -> JsonObject:
    """Returns a function's result: the object it is, or `{"output": text}` for any other text.

    An object that Gemini's JSON would change (a 64-bit id, say) is such a text too, and so is one with a member `$ref`,
    which to Gemini refers to a part of the response (ai.google.dev, "Function calling", multimodal responses).
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
    """Walks level by level: recursion would end at Python's limit before orjson's."""
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
