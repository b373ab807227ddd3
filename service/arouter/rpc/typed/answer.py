"""What whole and streamed completions share: OpenAI's JSON to the typed messages' fields.

Functions return the fields of a message as a dict, from which protobuf builds nested messages in one go, faster than
from message objects. They read well-formed JSON and fail on anything else with one of `MALFORMED`, upon which the
caller tries again with the JSON repaired. What a completion, choice, message or tool call has beside the typed fields
is kept as the text of its JSON; below these, unknown fields are not read.
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
"""What converting JSON of the wrong shape raises."""

ROLE_NUMBERS = {word: number for number, word in ROLES.items()}
"""The roles by OpenAI's words."""


def _names(descriptor: Descriptor) -> frozenset[str]:
    return frozenset(descriptor.fields_by_name)


def known_fields(descriptor: Descriptor, *others: str) -> frozenset[str]:
    """Returns the names that are not extra fields of a message: its own, and others that need no field."""
    return _names(descriptor) | {*others}


_TOOL_TYPES = frozenset({"function", "custom", "", None})
# The call's index is its place in the list, which some providers repeat in whole messages.
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
    """Returns the text of an object with the members that are not known, if any of them is more than null."""
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
    """Returns a message's or delta's reasoning, under either of the names that providers give it."""
    return value.get("reasoning_content") or value.get("reasoning")


def tool_call(value: Json) -> Fields:
    """Returns the fields of a `ToolCall`, or of a `ToolCallDelta` but for its index."""
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
    """Returns the fields of each `Annotation` that is a citation; providers have other kinds."""
    cited = (annotation.get("url_citation") for annotation in value or ())
    return [{"url_citation": _known(citation, _CITATION)} for citation in cited if citation]


def _known(value: Json, names: Set[str]) -> Fields:
    return value if value.keys() <= names else {name: item for name, item in value.items() if name in names}


def _token(value: Json) -> Fields:
    return {**_top_token(value), "top_logprobs": [_top_token(top) for top in value.get("top_logprobs") or ()]}


def _top_token(value: Json) -> Fields:
    utf8 = value.get("bytes")
    # `[*utf8]` because bytes(n) would reserve n bytes.
    return {
        "token": value.get("token"),
        "logprob": value.get("logprob"),
        "bytes": None if utf8 is None else bytes([*utf8]),
    }
