"""The structured values of a chat request as data: tools, formats, messages and the preferences in `provider`.

Sources: `openai.types.chat.completion_create_params` of the official SDK; for the object forms in `provider`,
openrouter.ai, "Provider routing". `parameters.py` has the table of the parameters themselves.
"""

from __future__ import annotations

import math

from arouter.chat.types import (
    BOOLEAN,
    NAME,
    NAMES,
    OBJECT,
    OBJECTS,
    STRING,
    Kind,
    Range,
    Shape,
    number,
    object_of,
    word,
)

STRING_OR_STRINGS = Kind("a string or an array of strings", (str, list), items=STRING)
_NAMED = object_of({"name": NAME}, "name")
FUNCTION = object_of({"name": NAME, "description": STRING, "parameters": OBJECT, "strict": BOOLEAN}, "name")
_CUSTOM = object_of({"name": NAME, "description": STRING, "format": OBJECT}, "name")

# A tool of another type, or without one, is a provider's own.
TOOL = object_of(
    {"type": STRING},
    variants={
        "function": Shape({"function": FUNCTION}, ("function",)),
        "custom": Shape({"custom": _CUSTOM}, ("custom",)),
    },
)
_ALLOWED_TOOLS = object_of({"mode": STRING, "tools": OBJECTS}, "mode", "tools")
TOOL_CHOICE = Kind(
    "a string or an object",
    (str, dict),
    shape=Shape(
        {"type": STRING},
        ("type",),
        {
            "function": Shape({"function": _NAMED}, ("function",)),
            "custom": Shape({"custom": _NAMED}, ("custom",)),
            "allowed_tools": Shape({"allowed_tools": _ALLOWED_TOOLS}, ("allowed_tools",)),
        },
    ),
)
# Together and llama.cpp take the schema beside the type, without `json_schema`.
RESPONSE_FORMAT = object_of(
    {
        "type": STRING,
        "json_schema": object_of({"name": STRING, "description": STRING, "schema": OBJECT, "strict": BOOLEAN}),
    },
    "type",
)

PERCENTILES = ("p50", "p75", "p90", "p99")
"""What a preference about speed may be about, the most important first."""

_SORT = word("price", "throughput", "latency")
_SORT_BY = Shape({"by": _SORT, "partition": word("model", "none")}, closed=True)
_CUTOFF = Kind(
    "a number or an object",
    (int, float, dict),
    range=Range(0),
    shape=Shape(dict.fromkeys(PERCENTILES, number(0, math.inf)), closed=True),
)
_PRICE = Kind("a number", (int, float, str))

PROVIDER_FIELDS: dict[str, Kind] = {
    "allow_fallbacks": BOOLEAN,
    "data_collection": word("allow", "deny"),
    "ignore": NAMES,
    # A ceiling that is not understood must not go unheeded.
    "max_price": OBJECT._replace(shape=Shape({"prompt": _PRICE, "completion": _PRICE}, closed=True)),
    "only": NAMES,
    "order": NAMES,
    "preferred_max_latency": _CUTOFF,
    "preferred_min_throughput": _CUTOFF,
    "quantizations": NAMES,
    "require_parameters": BOOLEAN,
    "sort": Kind("a string or an object", (str, dict), words=_SORT.words, shape=_SORT_BY),
    "zdr": BOOLEAN,
}
"""The preferences in `provider`."""

_PART = object_of(
    {"type": STRING},
    "type",
    variants={
        "text": Shape({"text": STRING}, ("text",)),
        "refusal": Shape({"refusal": STRING}, ("refusal",)),
        # Mistral takes a bare URL, or bare data, in place of the object, and a file's id beside the type.
        "image_url": Shape(
            {
                "image_url": Kind(
                    "an object", (dict, str), filled=True, shape=Shape({"url": NAME, "detail": STRING}, ("url",))
                )
            },
            ("image_url",),
        ),
        "input_audio": Shape(
            {
                "input_audio": Kind(
                    "an object", (dict, str), filled=True, shape=Shape({"data": NAME, "format": STRING}, ("data",))
                )
            },
            ("input_audio",),
        ),
        "file": Shape({"file": object_of({"file_data": STRING, "file_id": STRING, "filename": STRING})}),
    },
)
_FUNCTION_CALL = object_of({"name": STRING, "arguments": STRING}, "name")
_TOOL_CALL = object_of(
    {"id": STRING, "type": STRING, "function": _FUNCTION_CALL},
    "id",
    variants={
        "function": Shape({}, ("function",)),
        "custom": Shape({"custom": object_of({"name": STRING, "input": STRING}, "name")}, ("custom",)),
    },
)

MESSAGE_FIELDS: dict[str, Kind] = {
    "audio": object_of({"id": STRING}),
    "content": Kind("a string or an array of parts", (str, list), items=_PART),
    "function_call": _FUNCTION_CALL,
    "name": STRING,
    "refusal": STRING,
    "tool_call_id": STRING,
    "tool_calls": OBJECTS._replace(items=_TOOL_CALL),
}
"""A message's, of any role."""

REQUIRED_OF_ROLE: dict[str, tuple[str, ...]] = {
    "assistant": (),
    "developer": ("content",),
    "function": ("name",),
    "system": ("content",),
    "tool": ("content", "tool_call_id"),
    "user": ("content",),
}
"""The roles, and what a message of each must have."""
