"""The JSON types of OpenAI's chat request fields, as data.

Source: `openai.types.chat.completion_create_params` of the official SDK. Every field may also be null, which is the
same as leaving it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A JSON type.

    Attributes:
        expected: Its name for an error message.
        accepts: Whether a parsed JSON value is of it.
    """

    expected: str
    accepts: Callable[[Any], bool]


def is_object_list(value: Any) -> bool:
    """Says whether `value` is an array of objects."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_string_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


# `type(x) is int` because a JSON boolean is an int to Python.
_ARRAY = Kind("an array", lambda value: isinstance(value, list))
_BOOLEAN = Kind("a boolean", lambda value: isinstance(value, bool))
_INTEGER = Kind("an integer", lambda value: type(value) is int)
_NUMBER = Kind("a number", lambda value: type(value) is int or isinstance(value, float))
_OBJECT = Kind("an object", lambda value: isinstance(value, dict))
_OBJECTS = Kind("an array of objects", is_object_list)
_STRING = Kind("a string", lambda value: isinstance(value, str))
_STRINGS = Kind("an array of strings", _is_string_list)
_STRING_OR_STRINGS = Kind(
    "a string or an array of strings", lambda value: isinstance(value, str) or _is_string_list(value)
)
_STRING_OR_OBJECT = Kind("a string or an object", lambda value: isinstance(value, str | dict))

REQUEST_FIELDS: dict[str, Kind] = {
    "audio": _OBJECT,
    "frequency_penalty": _NUMBER,
    "function_call": _STRING_OR_OBJECT,
    "functions": _OBJECTS,
    "logit_bias": _OBJECT,
    "logprobs": _BOOLEAN,
    "max_completion_tokens": _INTEGER,
    "max_tokens": _INTEGER,
    "messages": _ARRAY,
    "metadata": _OBJECT,
    "modalities": _STRINGS,
    "model": _STRING,
    "moderation": _OBJECT,
    "n": _INTEGER,
    "parallel_tool_calls": _BOOLEAN,
    "prediction": _OBJECT,
    "presence_penalty": _NUMBER,
    "prompt_cache_key": _STRING,
    "prompt_cache_options": _OBJECT,
    "prompt_cache_retention": _STRING,
    "reasoning_effort": _STRING,
    "response_format": _OBJECT,
    "safety_identifier": _STRING,
    "seed": _INTEGER,
    "service_tier": _STRING,
    "stop": _STRING_OR_STRINGS,
    "store": _BOOLEAN,
    "stream": _BOOLEAN,
    "stream_options": _OBJECT,
    "temperature": _NUMBER,
    "tool_choice": _STRING_OR_OBJECT,
    "tools": _OBJECTS,
    "top_logprobs": _INTEGER,
    "top_p": _NUMBER,
    "user": _STRING,
    "verbosity": _STRING,
    "web_search_options": _OBJECT,
    # What speaks to the router (docs.arouter.ai: provider-routing, model-fallbacks, plugins).
    "models": _STRINGS,
    "plugins": _OBJECTS,
    "provider": _OBJECT,
    "route": _STRING,
    "transforms": _STRINGS,
}


def name_of(value: Any) -> str:
    """Returns the JSON type of `value` with its article, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
