"""The chat request's fields as data: their types, their ranges, and what they hold.

Sources: `openai.types.chat.completion_create_params` of the official SDK for types and for OpenAI's ranges;
docs.arouter.ai, "API reference: introduction" and "parameters", for the others; openrouter.ai, "Provider routing", for
the object forms in `provider`. Where two sources differ (whether 0 is
a `top_p`, or a `top_k`), the wider range counts. What only some providers limit, such as the number of stop sequences
or the levels of `reasoning_effort`, is theirs to refuse.
"""

from __future__ import annotations

import math

from arouter.chat.types import (
    ARRAY,
    BOOLEAN,
    INTEGER,
    NAME,
    NAMES,
    OBJECT,
    OBJECTS,
    STRING,
    STRINGS,
    Kind,
    Range,
    Shape,
    integer,
    number,
    object_of,
    word,
)

_STRING_OR_STRINGS = Kind("a string or an array of strings", (str, list), items=STRING)
_NAMED = object_of({"name": NAME}, "name")
_FUNCTION = object_of({"name": NAME, "description": STRING, "parameters": OBJECT, "strict": BOOLEAN}, "name")
_CUSTOM = object_of({"name": NAME, "description": STRING, "format": OBJECT}, "name")

# A tool of another type, or without one, is a provider's own.
_TOOL = object_of(
    {"type": STRING},
    variants={
        "function": Shape({"function": _FUNCTION}, ("function",)),
        "custom": Shape({"custom": _CUSTOM}, ("custom",)),
    },
)
_ALLOWED_TOOLS = object_of({"mode": STRING, "tools": OBJECTS}, "mode", "tools")
_TOOL_CHOICE = Kind(
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
_RESPONSE_FORMAT = object_of(
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

REQUEST_FIELDS: dict[str, Kind] = {
    "audio": object_of({"format": STRING, "voice": Kind("a string or an object", (str, dict))}),
    "frequency_penalty": number(-2, 2),
    "function_call": Kind("a string or an object", (str, dict), shape=Shape({"name": NAME}, ("name",))),
    "functions": OBJECTS._replace(items=_FUNCTION),
    "logit_bias": OBJECT._replace(values=number(-100, 100)),
    "logprobs": BOOLEAN,
    "max_completion_tokens": integer(1),
    "max_tokens": integer(1),
    "messages": ARRAY,
    "metadata": OBJECT._replace(values=STRING),
    "modalities": STRINGS,
    "model": NAME,
    "moderation": object_of({"model": STRING, "policy": OBJECT}),
    # 128: developers.openai.com, "Create chat completion".
    "n": integer(1, 128),
    "parallel_tool_calls": BOOLEAN,
    "prediction": object_of({"type": STRING, "content": Kind("a string or an array of parts", (str, list))}),
    "presence_penalty": number(-2, 2),
    "prompt_cache_key": STRING,
    "prompt_cache_options": object_of({"mode": STRING, "ttl": STRING}),
    "prompt_cache_retention": STRING,
    "reasoning_effort": STRING,
    "response_format": _RESPONSE_FORMAT,
    "safety_identifier": STRING,
    "seed": INTEGER,
    "service_tier": STRING,
    "stop": _STRING_OR_STRINGS,
    "store": BOOLEAN,
    "stream": BOOLEAN,
    "stream_options": object_of({"include_usage": BOOLEAN, "include_obfuscation": BOOLEAN}),
    "temperature": number(0, 2),
    "tool_choice": _TOOL_CHOICE,
    "tools": OBJECTS._replace(items=_TOOL),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "user": STRING,
    "verbosity": STRING,
    "web_search_options": object_of({"search_context_size": STRING, "user_location": OBJECT}),
    # What speaks to the router (docs.arouter.ai: provider-routing, model-fallbacks, plugins).
    "models": NAMES,
    "plugins": OBJECTS._replace(items=object_of({"id": NAME, "enabled": BOOLEAN, "allowed_models": NAMES}, "id")),
    "provider": object_of(PROVIDER_FIELDS),
    "route": word("fallback"),
    "transforms": STRINGS,
}
"""OpenAI's fields and the router's."""

EXTENSIONS: dict[str, Kind] = {
    "include_reasoning": BOOLEAN,
    "min_p": number(0, 1),
    # Its shape is OpenRouter's.
    "reasoning": object_of({"effort": STRING, "enabled": BOOLEAN, "exclude": BOOLEAN, "max_tokens": integer(0)}),
    "repetition_penalty": number(0, 2, open_=True),
    "top_a": number(0, 1),
    # vLLM writes -1 for "all" (docs.vllm.ai: SamplingParams).
    "top_k": integer(-1),
}
"""Fields that OpenAI lacks and many providers share."""

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
