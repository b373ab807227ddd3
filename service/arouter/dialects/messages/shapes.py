"""The shapes of a Messages API request as data, as far as the translation depends on them.

Sources: `anthropic.types.MessageCreateParams` and `MessageCountTokensParams` of the official SDK 2.12.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.parameters import PARAMETERS
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.types import (
    BOOLEAN,
    INTEGER,
    NAME,
    OBJECT,
    OBJECTS,
    STRING,
    STRINGS,
    Kind,
    Shape,
    check_document,
    integer,
    number,
    object_of,
    word,
)
from arouter.errors import invalid_request

_SOURCE_MEMBERS = {"type": STRING, "media_type": STRING, "data": STRING, "url": STRING, "file_id": STRING}
_SOURCES = {
    "base64": Shape({}, ("media_type", "data")),
    "file": Shape({}, ("file_id",)),
    "text": Shape({}, ("data",)),
    "url": Shape({}, ("url",)),
}
_TEXT = Shape({"text": STRING}, ("text",))
_INNER_IMAGE = Shape({"source": object_of(_SOURCE_MEMBERS, "type", variants=_SOURCES)}, ("source",))
_INNER_BLOCK = object_of(
    {"type": word("text", "image"), "cache_control": OBJECT}, "type", variants={"text": _TEXT, "image": _INNER_IMAGE}
)
_CONTENT_SOURCE = Shape(
    {"content": Kind("a string or an array of blocks", (str, list), items=_INNER_BLOCK)}, ("content",)
)
_SOURCE = object_of(_SOURCE_MEMBERS, "type", variants={**_SOURCES, "content": _CONTENT_SOURCE})
_MEDIA = Shape({"source": _SOURCE}, ("source",))
_SEARCH_RESULT = Shape(
    {"source": STRING, "title": STRING, "content": OBJECTS._replace(items=object_of({"text": STRING}, "text"))},
    ("source", "title", "content"),
)
_RESULT_BLOCK = object_of(
    {"type": STRING, "cache_control": OBJECT},
    "type",
    variants={"text": _TEXT, "image": _MEDIA, "document": _MEDIA, "search_result": _SEARCH_RESULT},
)
_RESULT_CONTENT = Kind("a string or an array of blocks", (str, list), items=_RESULT_BLOCK)
BLOCK = object_of(
    {"type": STRING, "cache_control": OBJECT},
    "type",
    variants={
        "text": _TEXT,
        "image": _MEDIA,
        "document": Shape({"source": _SOURCE, "title": STRING, "citations": OBJECT}, ("source",)),
        "search_result": _SEARCH_RESULT,
        "thinking": Shape({"thinking": STRING, "signature": STRING}, ("thinking",)),
        "redacted_thinking": Shape({"data": STRING}, ("data",)),
        "tool_use": Shape({"id": NAME, "name": NAME, "input": OBJECT}, ("id", "name")),
        "tool_result": Shape(
            {"tool_use_id": NAME, "content": _RESULT_CONTENT, "is_error": BOOLEAN},
            ("tool_use_id",),
        ),
    },
)
_CONTENT = Kind("a string or an array of blocks", (str, list), items=BLOCK)
_MESSAGE = object_of(
    {"role": word("user", "assistant", "system"), "content": _CONTENT},
    "role",
    "content",
)
_SYSTEM = Kind(
    "a string or an array of text blocks",
    (str, list),
    items=object_of({"type": word("text"), "text": STRING, "cache_control": OBJECT}, "type", "text"),
)
_CUSTOM_TOOL = Shape({"description": STRING, "input_schema": OBJECT, "strict": BOOLEAN}, ("name", "input_schema"))
_TOOL = object_of({"type": STRING, "name": NAME}, variants={"": _CUSTOM_TOOL, "custom": _CUSTOM_TOOL})
_TOOL_CHOICE = object_of(
    {"type": STRING, "disable_parallel_tool_use": BOOLEAN},
    "type",
    variants={"tool": Shape({"name": NAME}, ("name",))},
)
_FORMAT = object_of({"type": STRING}, "type", variants={"json_schema": Shape({"schema": OBJECT}, ("schema",))})
_THINKING = object_of(
    {"type": STRING, "budget_tokens": integer(1), "display": STRING},
    "type",
)

KINDS: dict[str, Kind] = {
    "max_tokens": integer(0),
    "messages": OBJECTS._replace(items=_MESSAGE),
    "metadata": object_of({"user_id": STRING}),
    "model": NAME,
    "output_config": object_of({"effort": STRING, "format": _FORMAT}),
    "output_format": _FORMAT,
    "service_tier": STRING,
    "stop_sequences": STRINGS,
    "stream": BOOLEAN,
    "system": _SYSTEM,
    "temperature": number(0, 1),
    "thinking": _THINKING,
    "tool_choice": _TOOL_CHOICE,
    "tools": OBJECTS._replace(items=_TOOL),
    "top_k": INTEGER,
    "top_p": number(0, 1),
    **{name: PARAMETERS[name].kind for name in ROUTER_FIELDS},
}


def check_request(body: Any, required: tuple[str, ...]) -> None:
    """Validates a request.

    Args:
        body: The JSON value of its body.
        required: The required parameters.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the first member that is missing or invalid.
    """
    check_document(body, KINDS, *required)
    if not body["messages"]:
        raise invalid_request("Parameter 'messages' must hold at least one message.", "messages")
