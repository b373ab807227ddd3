"""Converts the parts that unary and streamed completions share from OpenAI's JSON to typed fields.

Functions return the fields of a message as a dict, because protobuf builds nested messages faster from dicts than from
message objects. They expect well-formed JSON and raise one of `MALFORMED` otherwise; the caller then retries with
repaired JSON. Unknown members of a completion, choice, message or tool call are kept as JSON text; in deeper objects
they are dropped.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor

from arouter.rpc.typed.message import ROLES
from arouter.v1.chat_completion_pb2 import CompletionTokensDetails, CompletionUsage, PromptTokensDetails
from arouter.v1.chat_message_pb2 import Audio, UrlCitation
from arouter.v1.chat_tool_pb2 import ToolCallDelta

Json = dict[str, Any]
Fields = dict[str, Any]

MALFORMED = (AttributeError, TypeError, ValueError)
"""The exceptions raised by converting JSON of the wrong shape."""

ROLE_NUMBERS = {word: number for number, word in ROLES.items()}
"""Roles by OpenAI's names."""


def _names(descriptor: Descriptor) -> frozenset[str]:
    return frozenset(descriptor.fields_by_name)


def known_fields(descriptor: Descriptor, *others: str) -> frozenset[str]:
    """Returns the names that are not extra fields of a message: its own fields and `others`."""
    return _names(descriptor) | {*others}


_TOOL_TYPES = frozenset({"function", "custom", "", None})
# The index of a call is its position in the list; some providers repeat it in complete messages.
_TOOL_CALL = known_fields(ToolCallDelta.DESCRIPTOR, "type")
_TYPED_TOOL_CALL = _TOOL_CALL - {"type"}
_AUDIO = _names(Audio.DESCRIPTOR)
_CITATION = _names(UrlCitation.DESCRIPTOR)
_USAGE = _names(CompletionUsage.DESCRIPTOR)
_USAGE_DETAILS = (
    ("prompt_tokens_details", _names(PromptTokensDetails.DESCRIPTOR)),
    ("completion_tokens_details", _names(CompletionTokensDetails.DESCRIPTOR)),
)


def extra_fields(value: Json, known: Set[str]) -> str | None:
    """Returns the JSON text of the unknown members, if any of them is not null."""
    extra = {name: item for name, item in value.items() if name not in known and item is not None}
    return orjson.dumps(extra).decode() if extra else None


def usage(value: Json | None) -> Fields | None:
    """Returns the fields of `CompletionUsage`."""
    fields = value and _known(value, _USAGE)
    if not fields:
        return None
    for name, known in _USAGE_DETAILS:
        details = fields.get(name)
        if details and not details.keys() <= known:
            fields = {**fields, name: _known(details, known)}
    return fields


def logprobs(value: Json | None) -> Fields | None:
    """Returns the fields of `Logprobs`."""
    if value is None:
        return None
    return {side: [_token(token) for token in value.get(side) or ()] for side in ("content", "refusal")}


def reasoning(value: Json) -> str | None:
    """Returns the reasoning of a message or delta, under either of the names that providers use."""
    return value.get("reasoning_content") or value.get("reasoning")


def tool_call(value: Json) -> Fields:
    """Returns the fields of a `ToolCall`, or of a `ToolCallDelta` except its index."""
    known = _TOOL_CALL if value.get("type") in _TOOL_TYPES else _TYPED_TOOL_CALL
    fields = {"id": value.get("id")}
    if not known.issuperset(value):
        fields["extra_fields_json"] = extra_fields(value, known)
    function = value.get("function")
    if function is not None:
        fields["function"] = function_call(function)
        return fields
    custom = value.get("custom")
    if custom is not None:
        fields["custom"] = {"name": custom.get("name"), "input": custom.get("input")}
    return fields


def function_call(value: Json | None) -> Fields | None:
    """Returns the fields of a `FunctionCall`."""
    return value and {"name": value.get("name"), "arguments": value.get("arguments")}


def audio(value: Json | None) -> Fields | None:
    """Returns the fields of an `Audio`."""
    return value and _known(value, _AUDIO)


def citations(value: list[Json] | None) -> list[Fields]:
    """Returns the fields of each `Annotation` that is a citation; providers have other types too."""
    cited = (annotation.get("url_citation") for annotation in value or ())
    return [{"url_citation": _known(citation, _CITATION)} for citation in cited if citation]


def _known(value: Json, names: Set[str]) -> Fields:
    return value if value.keys() <= names else {name: item for name, item in value.items() if name in names}


def _token(value: Json) -> Fields:
    return {**_top_token(value), "top_logprobs": [_top_token(top) for top in value.get("top_logprobs") or ()]}


def _top_token(value: Json) -> Fields:
    utf8 = value.get("bytes")
    # `[*utf8]`, because bytes(n) would allocate n bytes.
    return {
        "token": value.get("token"),
        "logprob": value.get("logprob"),
        "bytes": None if utf8 is None else bytes([*utf8]),
    }
